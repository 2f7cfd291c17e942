//! What the coordinator itself has to say next: a function of the contract and the time, and of nothing else.

use std::collections::BTreeSet;

use consilium_contract::{
    Contract, Keygen, Phase,
    keygen::Stage,
    model::encode_sums,
    round::{Collecting, Opened},
};
use consilium_crypto::{EvaluationKey, Hash, VerifiedHeader};
use consilium_ledger::sha256;
use consilium_proto::v1::{
    Abandon, BeginKeygen, BlobRef, CloseCollection, CloseRound, EndStage, OpenRound,
    transaction::Action,
};

use crate::CoordinatorError;

/// What the contract does not know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation {
    /// Milliseconds since the epoch.
    pub(crate) now_ms: u64,
    /// When the run came into its present phase, or the node was started in it.
    pub(crate) phase_since_ms: u64,
    /// Whether the wait for institutions that have not enrolled is over.
    pub(crate) enrolment_over: bool,
    /// Whether a body that came before the deadline is still being verified.
    pub(crate) verifying: bool,
    /// Collection timeouts for which a sealed sum waits for trustees, and a committee for its members' confirmations.
    pub(crate) max_retries: u32,
}

impl Situation {
    /// How long the run has been in its phase, or the node up in it.
    fn waited_ms(&self) -> u64 {
        self.now_ms.saturating_sub(self.phase_since_ms)
    }
}

/// The coordinator's next transaction, and the blobs that it names.
#[derive(Debug, PartialEq)]
pub(crate) struct Next {
    pub(crate) action: Action,
    pub(crate) blobs: Vec<Vec<u8>>,
}

impl From<Action> for Next {
    fn from(action: Action) -> Self {
        Self { action, blobs: Vec::new() }
    }
}

/// The next transaction, if it is time for one.
///
/// # Errors
/// Where the run cannot go on: too few institutions, trustees that do not answer, a sum that does not open.
pub(crate) fn due(
    contract: &Contract,
    key: &EvaluationKey,
    situation: &Situation,
) -> Result<Option<Next>, CoordinatorError> {
    let parameters = contract.parameters();
    match contract.phase() {
        Phase::Idle if contract.succession().is_due(contract.step(), parameters) => {
            begin_keygen(contract, situation)
        }
        Phase::Idle => open(contract, situation),
        Phase::Keygen(keygen) => end_stage(contract, keygen, situation),
        Phase::Collecting(collecting) => end_collection(contract, collecting, key, situation),
        Phase::Sealed(sealed) => {
            let committee = sealed.committee();
            let countersigners = sealed.countersigners();
            let absent = committee
                .members()
                .values()
                .filter(|name| !countersigners.contains(*name))
                .copied();
            let answered = (countersigners.len(), committee.quorum() as usize);
            await_trustees(contract, "sealed", answered, absent, situation)
        }
        Phase::Opening(opening) => match opening.outcome() {
            None => {
                let committee = opening.committee();
                let shares = opening.shares();
                let has_given = |place: u32| shares.iter().any(|share| share.index() == place);
                let absent = committee
                    .members()
                    .iter()
                    .filter(|(place, _)| !has_given(**place))
                    .map(|(_, name)| *name);
                let answered = (shares.len(), committee.threshold() as usize);
                await_trustees(contract, "opening", answered, absent, situation)
            }
            Some(Ok(opened)) => close(contract, opened, situation).map(Some),
            Some(Err(error)) => Err(CoordinatorError::NotOpened {
                step: contract.step(),
                detail: error.to_string(),
            }),
        },
        Phase::Finished => Ok(None),
        Phase::Stopped if contract.committee().is_none() => {
            Err(CoordinatorError::NoKey { attempts: parameters.max_attempts })
        }
        Phase::Stopped => Err(CoordinatorError::Stopped {
            step: contract.step(),
            attempts: parameters.max_attempts,
        }),
    }
}

/// Before the first committee, everyone has enrolled, or enough for a quorum have when the wait for the others is over.
fn begin_keygen(
    contract: &Contract,
    situation: &Situation,
) -> Result<Option<Next>, CoordinatorError> {
    if contract.committee().is_none() {
        let parameters = contract.parameters();
        let roster = contract.roster();
        let places = 1..=parameters.institutions;
        let is_member = |revoked: bool, number: u32| !revoked && places.contains(&number);
        let numbers =
            roster.iter().map(|(_, other)| (other.revoked, other.certificate.trustee_index));
        let members = numbers.filter(|(revoked, number)| is_member(*revoked, *number)).count();
        let enough = members >= parameters.quorum as usize;
        if members < parameters.institutions as usize && !(situation.enrolment_over && enough) {
            return Ok(None);
        }
    }
    let begin =
        BeginKeygen { committee: contract.succession().next_number(), time_ms: situation.now_ms };
    Ok(Some(Action::BeginKeygen(begin).into()))
}

/// A stage has its whole time again after a restart, so that members find their way back.
fn end_stage(
    contract: &Contract,
    keygen: &Keygen,
    situation: &Situation,
) -> Result<Option<Next>, CoordinatorError> {
    let progress = keygen.progress();
    if !progress.is_complete() {
        if let Stage::Confirming { settled, held, handed_over, .. } = keygen.stage() {
            let names = |place: &u32| keygen.members().get(place);
            let holders =
                settled.dealt.ceremony.recipients().keys().filter(|place| !held.contains(place));
            let old = keygen.old().into_iter().flat_map(|old| old.members());
            let leaving =
                old.filter(|(place, _)| !handed_over.contains(place)).map(|(_, name)| name);
            let absent = holders.filter_map(names).chain(leaving).copied();
            return await_trustees(
                contract,
                "confirming",
                (progress.present, progress.needed),
                absent,
                situation,
            );
        }
        if situation.waited_ms() < contract.parameters().collection_timeout_ms {
            return Ok(None);
        }
    }
    let committee = keygen.number();
    let attempt = keygen.attempt();
    let stage = keygen.stage().name().into();
    Ok(Some(
        Action::EndStage(EndStage { committee, attempt, stage, time_ms: situation.now_ms }).into(),
    ))
}

fn open(contract: &Contract, situation: &Situation) -> Result<Option<Next>, CoordinatorError> {
    let parameters = contract.parameters();
    let roster = contract.roster();
    let able = roster.iter().filter(|(_, institution)| institution.may_submit()).count();
    if able < parameters.min_updates as usize {
        // Those that have not enrolled, or join in the place of others, may still come.
        let step = contract.step();
        let needed = parameters.min_updates;
        let over = situation.enrolment_over && roster.len() >= parameters.institutions as usize;
        return if over {
            Err(CoordinatorError::TooFewInstitutions { step, able, needed })
        } else {
            Ok(None)
        };
    }
    let open = OpenRound {
        step: contract.step(),
        attempt: contract.attempt(),
        model_sha256: contract.model().hash().to_vec(),
        time_ms: situation.now_ms,
        standings: contract.roster().standings(),
    };
    Ok(Some(Action::OpenRound(open).into()))
}

fn end_collection(
    contract: &Contract,
    collecting: &Collecting,
    key: &EvaluationKey,
    situation: &Situation,
) -> Result<Option<Next>, CoordinatorError> {
    let parameters = contract.parameters();
    let deadline_ms = collecting.opened_ms().saturating_add(parameters.collection_timeout_ms);
    // What arrived in time is not too late because the node was slow to verify it.
    let over = situation.now_ms >= deadline_ms && !situation.verifying;
    if !over && !collecting.is_complete(contract.roster()) {
        return Ok(None);
    }
    let step = contract.step();
    let attempt = contract.attempt();
    let time_ms = situation.now_ms;
    if collecting.accepted().len() < parameters.min_updates as usize {
        return Ok(Some(Action::Abandon(Abandon { step, attempt, time_ms }).into()));
    }
    let headers: Vec<&VerifiedHeader> = collecting.accepted().iter().collect();
    let evaluation = key
        .evaluate(collecting.round(), &headers)
        .map_err(|error| CoordinatorError::Refused {
            action: "CloseCollection",
            reason: error.to_string(),
        })?
        .encode();
    Ok(Some(Action::CloseCollection(CloseCollection { step, attempt, evaluation, time_ms }).into()))
}

fn close(
    contract: &Contract,
    opened: &Opened,
    situation: &Situation,
) -> Result<Next, CoordinatorError> {
    let step = contract.step();
    let sums = encode_sums(&opened.sums).ok_or_else(|| CoordinatorError::NotOpened {
        step,
        detail: "a sum does not fit four bytes".to_owned(),
    })?;
    let model = opened.model.to_bytes();
    let reference =
        |blob: &[u8]| BlobRef { sha256: sha256(blob).to_vec(), length: blob.len() as u64 };
    let action = Action::CloseRound(CloseRound {
        step,
        mask_key_sum: opened.mask_key_sum.encode().to_vec(),
        sums: Some(reference(&sums)),
        model: Some(reference(&model)),
        time_ms: situation.now_ms,
    });
    Ok(Next { action, blobs: vec![sums, model] })
}

/// A sealed step is never abandoned, nor a committee that members have confirmed; the node only stops waiting for it.
fn await_trustees(
    contract: &Contract,
    phase: &'static str,
    (present, needed): (usize, usize),
    absent: impl Iterator<Item = Hash>,
    situation: &Situation,
) -> Result<Option<Next>, CoordinatorError> {
    let patience_ms =
        contract.parameters().collection_timeout_ms.saturating_mul(situation.max_retries.into());
    let waited_ms = situation.waited_ms();
    if waited_ms < patience_ms {
        return Ok(None);
    }
    // Who leaves the committee and stays in the next one is asked twice.
    let absent: BTreeSet<Hash> = absent.collect();
    let absent = absent.into_iter().collect();
    Err(CoordinatorError::TrusteesAbsent {
        step: contract.step(),
        phase,
        present,
        needed,
        absent,
        waited_ms,
    })
}

#[cfg(test)]
mod tests {
    use consilium_contract::keygen::StageName;
    use consilium_proto::v1::{ChangeCommittee, Revoke};

    use super::*;
    use crate::fixture::{Founded, TIMEOUT_MS};

    fn at(now_ms: u64) -> Situation {
        Situation {
            now_ms,
            phase_since_ms: 0,
            enrolment_over: false,
            verifying: false,
            max_retries: 1,
        }
    }

    fn next(founded: &Founded, situation: &Situation) -> Option<Action> {
        let key = &founded.ceremony.coordinator.evaluation;
        due(&founded.contract, key, situation).unwrap().map(|next| next.action)
    }

    fn error(founded: &Founded, situation: &Situation) -> CoordinatorError {
        due(&founded.contract, &founded.ceremony.coordinator.evaluation, situation).unwrap_err()
    }

    /// A run whose key is being made, once `stage` has begun at 100 ms.
    fn in_stage(stage: StageName) -> Founded {
        let mut founded = Founded::new(4, 4);
        founded.play(100, |contract| match contract.phase() {
            Phase::Keygen(keygen) => keygen.stage().name() == stage,
            _ => false,
        });
        founded
    }

    #[test]
    fn the_key_is_made_with_everyone_or_after_the_timeout_with_a_quorum() {
        let over = Situation { enrolment_over: true, ..at(5) };
        for (enrolled, in_time, late) in [(2, false, false), (3, false, true), (4, true, true)] {
            let founded = Founded::new(4, enrolled);
            let begin = Action::BeginKeygen(BeginKeygen { committee: 0, time_ms: 5 });
            assert_eq!(
                next(&founded, &at(5)),
                in_time.then_some(begin.clone()),
                "{enrolled} in time"
            );
            assert_eq!(
                next(&founded, &over),
                late.then_some(begin),
                "{enrolled} after the timeout"
            );
        }
    }

    #[test]
    fn a_stage_ends_when_everyone_has_spoken_or_its_whole_time_is_over() {
        for stage in
            [StageName::Offering, StageName::Dealing, StageName::Checking, StageName::Products]
        {
            let founded = in_stage(stage);
            let since = |waited_ms: u64| Situation { phase_since_ms: 100, ..at(100 + waited_ms) };
            assert_eq!(next(&founded, &since(TIMEOUT_MS - 1)), None, "{stage:?}");
            let end = |time_ms| {
                Action::EndStage(EndStage {
                    committee: 0,
                    attempt: 0,
                    stage: stage.into(),
                    time_ms,
                })
            };
            assert_eq!(
                next(&founded, &since(TIMEOUT_MS)),
                Some(end(100 + TIMEOUT_MS)),
                "{stage:?}"
            );
            // A node that was down for long gives everyone time to come back.
            let back = Situation { phase_since_ms: 50_000, ..at(50_000) };
            assert_eq!(next(&founded, &back), None, "{stage:?} after a restart");
        }
        let mut founded = in_stage(StageName::Offering);
        founded.play(100, |contract| match contract.phase() {
            Phase::Keygen(keygen) => keygen.progress().is_complete(),
            _ => false,
        });
        assert!(
            matches!(next(&founded, &at(101)), Some(Action::EndStage(_))),
            "everyone has spoken"
        );
    }

    #[test]
    fn a_committee_that_is_not_confirmed_is_waited_for_and_those_who_are_absent_are_named() {
        let mut founded = in_stage(StageName::Confirming);
        // One has confirmed.
        founded.play(100, |contract| match contract.phase() {
            Phase::Keygen(keygen) => keygen.progress().present == 1,
            _ => false,
        });
        assert_eq!(next(&founded, &Situation { max_retries: 2, ..at(TIMEOUT_MS) }), None);
        let CoordinatorError::TrusteesAbsent {
            phase: "confirming",
            present: 1,
            needed: 3,
            absent,
            ..
        } = error(&founded, &at(TIMEOUT_MS))
        else {
            panic!("another error")
        };
        let Phase::Keygen(keygen) = founded.contract.phase() else { panic!("no ceremony") };
        let silent = keygen.members().values().filter(|name| !keygen.has_heard(name)).copied();
        assert_eq!(absent, silent.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>());
        assert_eq!(absent.len(), 3);
    }

    #[test]
    fn what_the_authority_asks_for_is_begun_before_the_next_round() {
        let mut founded = Founded::new(4, 4);
        founded.play(100, |contract| contract.committee().is_some());
        assert!(matches!(next(&founded, &at(200)), Some(Action::OpenRound(_))));
        let members = founded.contract.roster().iter().map(|(name, _)| name.to_vec()).collect();
        let change = ChangeCommittee { committee: 1, members, threshold: 2 };
        founded.decree(Action::ChangeCommittee(change));
        let begin = Action::BeginKeygen(BeginKeygen { committee: 1, time_ms: 200 });
        assert_eq!(next(&founded, &at(200)), Some(begin));
    }

    #[test]
    fn a_run_that_got_no_key_says_so() {
        let mut founded = Founded::new(4, 4);
        for attempt in 0..founded.contract.parameters().max_attempts {
            let time_ms = u64::from(attempt) * TIMEOUT_MS;
            let since = Situation { phase_since_ms: time_ms, ..at(time_ms) };
            if attempt == 0 {
                let begin = next(&founded, &since).unwrap();
                founded.say(begin);
            }
            let end = next(&founded, &Situation { now_ms: time_ms + TIMEOUT_MS, ..since }).unwrap();
            founded.say(end);
        }
        assert!(matches!(error(&founded, &at(1 << 40)), CoordinatorError::NoKey { attempts: 3 }));
    }

    #[test]
    fn a_collection_ends_at_its_deadline_but_not_before_what_arrived_in_time_is_verified() {
        let mut founded = Founded::new(4, 4);
        founded.play(100, |contract| contract.committee().is_some());
        let open = next(&founded, &at(100)).unwrap();
        founded.say(open);
        assert_eq!(next(&founded, &at(100 + TIMEOUT_MS - 1)), None);
        let verifying = Situation { verifying: true, ..at(100 + TIMEOUT_MS) };
        assert_eq!(next(&founded, &verifying), None);
        let abandon = Abandon { step: 0, attempt: 0, time_ms: 100 + TIMEOUT_MS };
        assert_eq!(next(&founded, &at(100 + TIMEOUT_MS)), Some(Action::Abandon(abandon)));
    }

    #[test]
    fn a_run_that_too_few_may_still_submit_to_waits_for_others_to_join_and_then_ends_with_an_error_that_says_so()
     {
        let mut founded = Founded::new(4, 4);
        founded.play(100, |contract| contract.committee().is_some());
        for place in 0..2 {
            let pseudonym = founded.ceremony.institutions[place].identity.pseudonym.to_vec();
            founded.decree(Action::Revoke(Revoke { pseudonym }));
        }
        assert_eq!(next(&founded, &at(200)), None);
        let error = error(&founded, &Situation { enrolment_over: true, ..at(200) });
        assert!(
            matches!(error, CoordinatorError::TooFewInstitutions { step: 0, able: 2, needed: 3 }),
            "{error}"
        );
    }
}
