//! What a log's records mean: inputs of the engine that must not be forgotten.
//!
//! Encoding: kind u8, then for 0 a message (vote, proposal or quorum); for 1 a verdict: round u32 ‖ seat u8 ‖
//! some u8 ‖ earlier round u32 ‖ valid u8 ‖ header; for 2 a timeout: step u8 ‖ round u32.

use arc_malachitebft_core_consensus::ProposedValue;
use arc_malachitebft_core_types::{Round, Timeout, TimeoutKind, Validity, ValueOrigin};
use consilium_ledger::Header;

use crate::{
    bytes::{take, take_u8, take_u32},
    context::{self, Height, Input, Value},
    message::Message,
    validators::Seat,
};

/// The record of an input; `None` for inputs that nothing rests on.
pub(crate) fn encode(input: &Input) -> Option<Vec<u8>> {
    let message = |message: Message| Some([&[0], message.encode().as_slice()].concat());
    match input {
        Input::Vote(vote) => message(Message::Vote(context::vote_out(vote))),
        Input::Proposal(proposal) => {
            let (signed, header) = context::proposal_out(proposal);
            message(Message::Proposal(signed, header))
        }
        Input::PolkaCertificate(quorum) => message(Message::Quorum(context::quorum_out(quorum))),
        Input::ProposedValue(value, _) => {
            let valid_round = value.valid_round.as_u32();
            let fields: [&[u8]; 7] = [
                &[1],
                &value.round.as_u32()?.to_be_bytes(),
                &[value.proposer.0],
                &[u8::from(valid_round.is_some())],
                &valid_round.unwrap_or_default().to_be_bytes(),
                &[u8::from(value.validity.is_valid())],
                &value.value.0.encode(),
            ];
            Some(fields.concat())
        }
        Input::TimeoutElapsed(Timeout { kind, round }) => {
            let step = match kind {
                TimeoutKind::Propose => 0,
                TimeoutKind::Prevote => 1,
                TimeoutKind::Precommit => 2,
                TimeoutKind::Rebroadcast | TimeoutKind::FinalizeHeight(_) => return None,
            };
            Some([&[2, step], round.as_u32()?.to_be_bytes().as_slice()].concat())
        }
        Input::StartHeight(..)
        | Input::RoundCertificate(_)
        | Input::Propose(_)
        | Input::SyncValueResponse(_) => None,
    }
}

/// The input of a record; `None` for what is no record.
pub(crate) fn decode(record: &[u8]) -> Option<Input> {
    let mut rest = record;
    match take_u8(&mut rest)? {
        0 => match Message::decode(rest).ok()? {
            Message::Vote(signed) => context::vote_in(&signed).map(Input::Vote),
            Message::Proposal(signed, header) => {
                Some(Input::Proposal(context::proposal_in(&signed, header)))
            }
            Message::Quorum(quorum) => Some(Input::PolkaCertificate(context::quorum_in(&quorum))),
            Message::RoundChange(_) | Message::Ask(_) => None,
        },
        1 => {
            let round = take_u32(&mut rest)?;
            let seat = Seat(take_u8(&mut rest)?);
            let has_valid_round = take_u8(&mut rest)? == 1;
            let valid_round = take_u32(&mut rest)?;
            let valid = take_u8(&mut rest)? == 1;
            let header = Header::decode(&take::<{ Header::LEN }>(&mut rest)?).ok()?;
            let valid_round = has_valid_round.then_some(valid_round);
            rest.is_empty().then(|| judged(seat, round, valid_round, header, valid))
        }
        2 => {
            let step = take_u8(&mut rest)?;
            let round = Round::new(take_u32(&mut rest)?);
            let timeout = match step {
                0 => Timeout::propose(round),
                1 => Timeout::prevote(round),
                2 => Timeout::precommit(round),
                _ => return None,
            };
            rest.is_empty().then_some(Input::TimeoutElapsed(timeout))
        }
        _ => None,
    }
}

/// The application's verdict on what a validator has proposed.
pub(crate) fn judged(
    seat: Seat,
    round: u32,
    valid_round: Option<u32>,
    header: Header,
    valid: bool,
) -> Input {
    let value = ProposedValue {
        height: Height(header.height),
        round: Round::new(round),
        valid_round: Round::from(valid_round),
        proposer: seat,
        value: Value(header),
        validity: Validity::from_bool(valid),
    };
    Input::ProposedValue(value, ValueOrigin::Consensus)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{message::tests::some_messages, testing::header};

    #[test]
    fn every_input_that_is_logged_is_read_as_it_was() {
        let mut inputs = vec![
            judged(Seat(3), 4, None, header(5, 1), true),
            judged(Seat(3), 4, Some(2), header(5, 1), false),
            Input::TimeoutElapsed(Timeout::propose(Round::new(3))),
            Input::TimeoutElapsed(Timeout::prevote(Round::new(0))),
            Input::TimeoutElapsed(Timeout::precommit(Round::new(9))),
        ];
        for message in some_messages() {
            let record = [&[0], message.encode().as_slice()].concat();
            inputs.extend(decode(&record));
        }
        assert_eq!(inputs.len(), 9);
        for input in inputs {
            let record = encode(&input).unwrap();
            assert_eq!(decode(&record).unwrap(), input);
            for length in 0..record.len() {
                assert!(decode(&record[..length]).is_none());
            }
        }
    }

    #[test]
    fn what_nothing_rests_on_is_not_logged() {
        let rebroadcast = Input::TimeoutElapsed(Timeout::rebroadcast(Round::new(3)));
        assert_eq!(encode(&rebroadcast), None);
    }
}
