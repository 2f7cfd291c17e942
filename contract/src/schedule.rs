//! What an honest orderer says next: a function of the contract, the time, and the little that only the orderer knows.
//!
//! Anyone who holds the contract can compute it, and see for whom a run waits ([`awaited`]). Whoever orders transactions
//! may wait longer than the contract asks, and does so after a restart: a collection or a stage has its whole time again,
//! so that everyone finds the way back.

use std::collections::BTreeSet;

use consilium_hash::Pseudonym;
use consilium_proto::v1::{
    Abandon, BeginKeygen, BlobRef, CloseRound, EndStage, OpenRound, transaction::Action,
};
use sha2::{Digest, Sha256};

use crate::{
    contract::Contract,
    keygen::{Keygen, Stage, first_members},
    parameters::Parameters,
    phase::Phase,
    round::{Collecting, Opened, model::encode_sums},
};

/// What the orderer knows and the contract does not.
#[derive(Debug, Clone, Copy)]
pub struct Situation {
    /// Milliseconds since the epoch.
    pub now_ms: u64,
    /// When the run came to where it stands, or this orderer was started there.
    pub since_ms: u64,
    /// Whether the wait for institutions that have not enrolled is over.
    pub enrolment_over: bool,
    /// Whether a body that came before [`deadline_ms`] is still being verified.
    pub verifying: bool,
}

/// What is to be said.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "made once an order, and taken apart at once")]
pub enum Due {
    /// This, as it is.
    Order(Action),
    /// `CloseCollection` at that time. It carries a certificate of the sum, which only the evaluation key makes.
    CloseCollection {
        /// Milliseconds since the epoch.
        time_ms: u64,
    },
}

/// The next transaction of the orderer, if it is time for one.
///
/// Nothing is due where the run waits for others, is paused, has finished, or stands at a sum that does not open, which only a
/// broken proof system or a defect brings about.
pub fn due(contract: &Contract, situation: &Situation) -> Option<Due> {
    match contract.phase() {
        Phase::Idle if contract.succession().is_due(contract.step(), contract.parameters()) => {
            begin_keygen(contract, situation)
        }
        Phase::Idle => open(contract, situation),
        Phase::Keygen(keygen) => end_stage(contract, keygen, situation),
        Phase::Collecting(collecting) => end_collection(contract, collecting, situation),
        Phase::Opening(opening) => match opening.outcome() {
            Some(Ok(opened)) => close(contract, opened, situation),
            Some(Err(_)) | None => None,
        },
        Phase::Sealed(_) | Phase::Finished => None,
    }
}

/// Until when the orderer waits for updates: the whole time of a collection after it was opened, and after the orderer
/// was started. `None` while no updates are taken.
pub fn deadline_ms(contract: &Contract, since_ms: u64) -> Option<u64> {
    let Phase::Collecting(collecting) = contract.phase() else { return None };
    let begin_ms = collecting.opened_ms().max(since_ms);
    Some(begin_ms.saturating_add(contract.parameters().collection_timeout_ms))
}

/// Before the first committee, everyone has enrolled, or enough for a quorum have when the wait for the others is over.
fn begin_keygen(contract: &Contract, situation: &Situation) -> Option<Due> {
    if contract.committee().is_none() {
        let parameters = contract.parameters();
        let members = first_members(parameters, contract.roster()).len();
        let is_everyone = members >= parameters.institutions as usize;
        let is_enough = members >= parameters.quorum as usize;
        let may_begin = is_everyone || (situation.enrolment_over && is_enough);
        if !may_begin {
            return None;
        }
    }
    let committee = contract.succession().next_number();
    let begin = BeginKeygen { committee, time_ms: situation.now_ms };
    Some(Due::Order(Action::BeginKeygen(begin)))
}

/// A stage ends when everyone has spoken, or its whole time is over and the contract lets it end.
fn end_stage(contract: &Contract, keygen: &Keygen, situation: &Situation) -> Option<Due> {
    let parameters = contract.parameters();
    if !keygen.progress().is_complete() {
        let begin_ms = keygen.since_ms().max(situation.since_ms);
        let is_over = situation.now_ms >= begin_ms.saturating_add(parameters.collection_timeout_ms);
        if !is_over || !keygen.may_end_late(parameters, contract.roster()) {
            return None;
        }
    }
    Some(Due::Order(Action::EndStage(EndStage {
        committee: keygen.number(),
        attempt: keygen.attempt(),
        stage: keygen.stage().name().into(),
        time_ms: situation.now_ms,
    })))
}

fn open(contract: &Contract, situation: &Situation) -> Option<Due> {
    if contract.pausing().is_paused() {
        return None;
    }
    // Those that have not enrolled, or join in the place of others, may still come.
    let roster = contract.roster();
    if !contract.parameters().is_enough(roster.able(), roster.able_rows()) {
        return None;
    }
    Some(Due::Order(Action::OpenRound(OpenRound {
        step: contract.step(),
        attempt: contract.attempt(),
        model_sha256: contract.model().hash().to_vec(),
        time_ms: situation.now_ms,
        standings: contract.roster().standings(),
    })))
}

fn end_collection(
    contract: &Contract,
    collecting: &Collecting,
    situation: &Situation,
) -> Option<Due> {
    let time_ms = situation.now_ms;
    let roster = contract.roster();
    let parameters = contract.parameters();
    let is_complete = collecting.is_complete(roster, parameters);
    if !collecting.is_enough(roster, parameters) {
        // Those whose updates were refused have another try; those who have not spoken are waited for.
        let abandon = Abandon { step: contract.step(), attempt: contract.attempt(), time_ms };
        return is_complete.then_some(Due::Order(Action::Abandon(abandon)));
    }
    // What arrived in time is not too late because the node was slow to verify it.
    let is_over = deadline_ms(contract, situation.since_ms)
        .is_some_and(|deadline_ms| time_ms >= deadline_ms && !situation.verifying);
    (is_complete || is_over).then_some(Due::CloseCollection { time_ms })
}

fn close(contract: &Contract, opened: &Opened, situation: &Situation) -> Option<Due> {
    let (sums, model) = blobs(opened)?;
    let reference =
        |blob: &[u8]| BlobRef { sha256: Sha256::digest(blob).to_vec(), length: blob.len() as u64 };
    let findings = opened.findings(contract.step(), contract.findings(), contract.parameters());
    Some(Due::Order(Action::CloseRound(CloseRound {
        ends_run: findings.end_run(contract.parameters().agenda()),
        step: contract.step(),
        mask_key_sum: opened.mask_key_sum.encode(),
        sums: Some(reference(&sums)),
        model: Some(reference(&model)),
        time_ms: situation.now_ms,
    })))
}

/// The blobs that `CloseRound` names: the sums and the model. `None` where a sum does not fit its four bytes, which no
/// verified update brings about.
pub fn blobs(opened: &Opened) -> Option<(Vec<u8>, Vec<u8>)> {
    Some((encode_sums(&opened.sums)?, opened.model.to_bytes()))
}

/// What a run waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Institutions that enrol, so that the key can be made.
    Enrolments,
    /// The authority, which has paused the run.
    Resumption,
    /// Institutions that may submit updates, in the place of those that are revoked or expelled.
    Institutions,
    /// Rows of those whose updates are in, or may come.
    Rows,
    /// Members, in a stage of making a committee.
    Members,
    /// Members who confirm a committee.
    Confirmations,
    /// Updates.
    Updates,
    /// Trustees' countersignatures.
    Countersignatures,
    /// Trustees' shares.
    Shares,
}

impl Wait {
    /// For people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Enrolments => "institutions to enrol",
            Self::Resumption => "the authority, which has paused the run",
            Self::Institutions => "institutions that may submit updates",
            Self::Rows => "rows of institutions whose updates a sum may hold",
            Self::Members => "members of the committee",
            Self::Confirmations => "confirmations of the committee",
            Self::Updates => "updates",
            Self::Countersignatures => "countersignatures",
            Self::Shares => "key shares",
        }
    }
}

/// For whom a run waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    /// For what.
    pub wait: Wait,
    /// How many there are.
    pub present: usize,
    /// How many are needed; more may be welcome.
    pub needed: usize,
    /// Pseudonyms of those who could speak and have not, in order; nobody knows those who have not enrolled.
    pub absent: Vec<Pseudonym>,
}

/// For whom the run waits; `None` where nobody is missing whom the phase needs.
pub fn awaited(contract: &Contract) -> Option<Awaited> {
    let parameters = contract.parameters();
    let roster = contract.roster();
    let (wait, present, needed, absent) = match contract.phase() {
        Phase::Idle if contract.committee().is_none() => {
            let members = first_members(parameters, roster).len();
            (Wait::Enrolments, members, parameters.quorum as usize, BTreeSet::new())
        }
        Phase::Idle if contract.pausing().is_paused() => (Wait::Resumption, 0, 1, BTreeSet::new()),
        Phase::Idle => {
            let (wait, present, needed) =
                fewest(Wait::Institutions, roster.able(), roster.able_rows(), parameters);
            (wait, present, needed, BTreeSet::new())
        }
        Phase::Keygen(keygen) => {
            let progress = keygen.progress();
            let is_last = matches!(keygen.stage(), Stage::Confirming { .. });
            let wait = if is_last { Wait::Confirmations } else { Wait::Members };
            (wait, progress.present, progress.needed, keygen.absent())
        }
        Phase::Collecting(collecting) => {
            let silent = collecting.awaited(roster, parameters).copied().collect();
            let updates = collecting.accepted().len();
            let (wait, present, needed) =
                fewest(Wait::Updates, updates, collecting.rows(roster), parameters);
            (wait, present, needed, silent)
        }
        Phase::Sealed(sealed) => {
            let committee = sealed.committee();
            let countersigners = sealed.countersigners();
            let members = committee.members().values();
            let silent = members.filter(|name| !countersigners.contains(*name)).copied().collect();
            let needed = committee.quorum() as usize;
            (Wait::Countersignatures, countersigners.len(), needed, silent)
        }
        Phase::Opening(opening) => {
            let committee = opening.committee();
            let shares = opening.shares();
            let has_given = |place: u32| shares.iter().any(|share| share.index() == place);
            let silent = committee.members().iter().filter(|(place, _)| !has_given(**place));
            let silent = silent.map(|(_, name)| *name).collect();
            (Wait::Shares, shares.len(), committee.threshold() as usize, silent)
        }
        Phase::Finished => return None,
    };
    let absent: Vec<Pseudonym> = BTreeSet::into_iter(absent).collect();
    (present < needed).then_some(Awaited { wait, present, needed, absent })
}

/// Numbers of the certificates with which the first committee is made and nobody has enrolled: before they enrol, the register
/// of the authority alone knows whose they are.
pub fn missing_numbers(contract: &Contract) -> Vec<u32> {
    let members = first_members(contract.parameters(), contract.roster());
    (1..=contract.parameters().institutions).filter(|place| !members.contains_key(place)).collect()
}

/// What a sum lacks first: updates, or the rows behind them.
fn fewest(wait: Wait, updates: usize, rows: u64, parameters: &Parameters) -> (Wait, usize, usize) {
    let needed = parameters.min_updates as usize;
    if updates < needed {
        return (wait, updates, needed);
    }
    let count = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
    (Wait::Rows, count(rows), count(parameters.min_rows))
}
