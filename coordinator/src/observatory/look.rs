//! From the contract, the record and what calls read to a snapshot.

use std::{collections::BTreeMap, fs, path::Path};

use consilium_contract::{
    Committee, Contract, Phase,
    roster::{INITIAL_CREDIT, Institution as Enrolled},
    schedule::{Wait, awaited},
};
use consilium_hash::Pseudonym;

use super::{
    record::{Record, reason},
    snapshot::{self, Budget, Countersigned, Head, Institution, Run, Snapshot, Waiting},
};
use crate::{executor::Executor, shared::Shared};

/// What an institution that is asked for something has not done yet.
const AWAITED: &str = "awaited";

/// How things stand. The record learns who has countersigned, which the contract forgets with the phase.
pub(super) fn look(
    executor: &Executor,
    record: &mut Record,
    shared: &Shared,
    is_listening: bool,
    now_ms: u64,
) -> Snapshot {
    let contract = executor.contract();
    let parameters = contract.parameters();
    let since_ms = executor.phase_since_ms();
    if let Some(countersigned) = countersigned(contract, since_ms) {
        let same = |known: &&Countersigned| known.block == countersigned.block;
        let known = record.countersigned.as_ref().filter(same);
        let since_ms = known.map_or(countersigned.since_ms, |known| known.since_ms);
        record.countersigned = Some(Countersigned { since_ms, ..countersigned });
    }
    let committee = contract.committee();
    let institutions: Vec<Institution> = contract
        .roster()
        .iter()
        .map(|(name, enrolled)| institution(contract, record, name, enrolled))
        .collect();
    let position = executor.position();
    Snapshot {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        chain: parameters.chain_id.to_string(),
        time_ms: now_ms,
        started_ms: record.started_ms,
        run: Run {
            step: position.step,
            steps: parameters.steps,
            attempt: position.attempt,
            purpose: parameters.agenda().purpose(position.step).label().to_owned(),
            phase: position.phase.to_owned(),
            since_ms,
            is_listening,
            is_finished: executor.is_finished(),
            last_round_ms: record.last_round_ms,
            places: parameters.institutions,
            min_updates: parameters.min_updates,
        },
        waiting: waiting(contract, &institutions, since_ms),
        institutions,
        head: head(shared, record),
        committee: committee.map(|committee| held_by(executor, committee)),
        budget: parameters.epsilon(contract.succession()).map(|epsilon| Budget {
            epsilon: epsilon.0 as f64 / 1000.0,
            says: parameters.describe_privacy(contract.succession()).unwrap_or_default(),
        }),
        rounds: record.rounds.iter().cloned().collect(),
        evaluations: Vec::new(),
        rejections: record.rejections.iter().cloned().collect(),
        counts: record.counts.clone(),
        machine: snapshot::Machine::default(),
        durations: record.durations.clone(),
    }
}

fn head(shared: &Shared, record: &Record) -> Option<Head> {
    let chain = shared.chain();
    let head = chain.head()?;
    Some(Head {
        height: head.height,
        hash: head.hash().to_string(),
        time_ms: (head.height > 0).then_some(head.time_ms),
        countersigned: record.countersigned.clone(),
    })
}

fn held_by(executor: &Executor, committee: &Committee) -> snapshot::Committee {
    let contract = executor.contract();
    let since = contract.step().saturating_sub(1);
    let silent = executor.attendance().silent(committee, contract.roster(), since);
    snapshot::Committee {
        number: committee.number,
        members: committee.members().values().map(Pseudonym::to_string).collect(),
        threshold: committee.threshold(),
        quorum: committee.quorum(),
        silent: silent.iter().map(Pseudonym::to_string).collect(),
    }
}

fn institution(
    contract: &Contract,
    record: &Record,
    name: &Pseudonym,
    enrolled: &Enrolled,
) -> Institution {
    Institution {
        name: name.to_string(),
        rows: enrolled.certificate.rows,
        credit: enrolled.credit,
        full_credit: INITIAL_CREDIT,
        is_revoked: enrolled.revoked,
        is_connected: record.present.contains(name),
        connected_since_ms: record.since.get(name).copied(),
        seat: contract.committee().and_then(|committee| committee.place_of(name)),
        standing: standing(contract, name, enrolled),
        uploaded_ms: record.uploads.get(name).copied(),
    }
}

/// What an institution has done of what the phase asks of it; `None` where it asks nothing.
fn standing(contract: &Contract, name: &Pseudonym, enrolled: &Enrolled) -> Option<String> {
    let done = |is_done: bool, what: &str| (if is_done { what } else { AWAITED }).to_owned();
    match contract.phase() {
        Phase::Keygen(keygen) => {
            let is_awaited = keygen.absent().contains(name);
            let takes_part = is_awaited || keygen.has_heard(name);
            takes_part.then(|| done(!is_awaited, "heard"))
        }
        Phase::Collecting(collecting) => match collecting.verdicts().get(name) {
            Some(verdict) => Some(reason(*verdict)),
            None => enrolled.may_submit().then(|| AWAITED.to_owned()),
        },
        Phase::Sealed(sealed) => sealed
            .committee()
            .place_of(name)
            .map(|_| done(sealed.countersigners().contains(name), "countersigned")),
        Phase::Opening(opening) => opening.committee().place_of(name).map(|place| {
            done(opening.shares().iter().any(|share| share.index() == place), "share given")
        }),
        Phase::Idle | Phase::Finished => None,
    }
}

/// For whom the run waits: those whom it needs, and while updates are taken also those that are welcome.
fn waiting(contract: &Contract, institutions: &[Institution], since_ms: u64) -> Option<Waiting> {
    if let Some(awaited) = awaited(contract) {
        return Some(Waiting {
            what: awaited.wait.label().to_owned(),
            since_ms,
            present: awaited.present,
            needed: awaited.needed,
            absent: awaited.absent.iter().map(Pseudonym::to_string).collect(),
        });
    }
    let Phase::Collecting(collecting) = contract.phase() else { return None };
    let is_awaited = |institution: &&Institution| {
        institution.standing.as_deref().is_some_and(|standing| standing == AWAITED)
    };
    let absent: Vec<String> =
        institutions.iter().filter(is_awaited).map(|other| other.name.clone()).collect();
    let present = collecting.accepted().len();
    (!absent.is_empty()).then(|| Waiting {
        what: Wait::Updates.label().to_owned(),
        since_ms,
        present,
        needed: present + absent.len(),
        absent,
    })
}

fn countersigned(contract: &Contract, since_ms: u64) -> Option<Countersigned> {
    let (block, committee, by) = match contract.phase() {
        Phase::Sealed(sealed) => {
            (sealed.sealed_block()?, sealed.committee(), sealed.countersigners())
        }
        Phase::Opening(opening) => {
            (opening.sealed_block(), opening.committee(), opening.countersigners())
        }
        _ => return None,
    };
    Some(Countersigned {
        step: contract.step(),
        block: block.to_string(),
        needed: committee.quorum(),
        by: by.iter().map(Pseudonym::to_string).collect(),
        since_ms,
    })
}

/// Bytes of the files in a folder and in the folders in it. What cannot be read counts nothing.
pub(super) fn folder_bytes(folder: &Path) -> u64 {
    fn of(folder: &Path, depth: u32) -> u64 {
        let Ok(entries) = fs::read_dir(folder) else { return 0 };
        let bytes = |entry: fs::DirEntry| match entry.metadata() {
            Ok(found) if found.is_dir() && depth > 0 => of(&entry.path(), depth - 1),
            Ok(found) if found.is_file() => found.len(),
            _ => 0,
        };
        entries.filter_map(Result::ok).map(bytes).sum()
    }
    of(folder, 3)
}

/// How often each standing occurs.
pub(super) fn standings(institutions: &[Institution]) -> BTreeMap<&str, u64> {
    let mut counts = BTreeMap::new();
    for standing in institutions.iter().filter_map(|other| other.standing.as_deref()) {
        *counts.entry(standing).or_default() += 1;
    }
    counts
}
