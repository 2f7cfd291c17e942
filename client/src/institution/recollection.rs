//! What an institution finds on the chain under its own name.

use consilium_contract::transaction::{CandidateTransaction, parse_entry};
use consilium_crypto::VerifyingKey;
use consilium_hash::{ChainId, OathHash, Pseudonym};
use consilium_ledger::Block;
use consilium_proto::{
    hash32,
    v1::{Contribute, contribute::Part, transaction::Action},
};

use crate::state::memory::{About, Place, UNKNOWN};

/// What its memory holds of everything that this institution has signed and the block holds: each was remembered before
/// it was sent. What binds nobody (enrolments) and what another file keeps (updates) is not among it.
pub(crate) fn statements(
    block: &Block,
    chain: &ChainId,
    name: &Pseudonym,
    key: &VerifyingKey,
) -> Vec<(About, OathHash)> {
    let own = |entry: &Vec<u8>| {
        let (transaction, _) = parse_entry(entry).ok()?;
        // The coordinator may put anything under a name.
        let is_own =
            transaction.author().as_ref() == Some(name) && transaction.is_signed_by(key, chain);
        is_own.then(|| about(&transaction)).flatten()
    };
    block.entries.iter().filter_map(own).collect()
}

fn about(transaction: &CandidateTransaction) -> Option<(About, OathHash)> {
    match transaction.action() {
        Action::Countersign(said) => Some((
            About::Step(said.step),
            OathHash(hash32("sealed block", &said.sealed_block).ok()?),
        )),
        Action::SubmitShare(said) => Some((
            About::Step(said.step),
            OathHash(hash32("sealed block", &said.sealed_block).ok()?),
        )),
        Action::Contribute(Contribute { committee, attempt, part, .. }) => {
            let place = Place { number: *committee, attempt: *attempt };
            let about = match part.as_ref()? {
                Part::Agreement(_) | Part::Product(_) => About::Dealings(place),
                Part::Confirmation(_) => About::Committee(place.number),
                // Whoever comes after the products has sworn nothing about the dealings, and has secrets all the same.
                Part::Offer(_)
                | Part::Dealing(_)
                | Part::Complaints(_)
                | Part::Answers(_)
                | Part::ShareKey(_) => About::Secrets(place),
            };
            // The words do not name what was sworn.
            Some((about, UNKNOWN))
        }
        _ => None,
    }
}
