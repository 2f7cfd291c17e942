//! The members of ceremonies, and the words of the coordinator and the authority.
use std::convert::Infallible;

use consilium_contract::{
    Phase, Receipt,
    keygen::member::{Member, Oath, Secrets},
};
use consilium_crypto::KeyShare;
use consilium_hash::Pseudonym;
use consilium_proto::v1::{
    BeginKeygen, ChangeCommittee, Contribute, EndStage, Reason, Stage as Name, contribute::Part,
    transaction::Action,
};
use consilium_testkit::{DIMENSION, Run, TIMEOUT_MS};
use rand_core::OsRng;

/// The members of a ceremony, each with its secrets, as honest as the test lets them be.
pub struct Cast {
    pub members: Vec<Option<Member>>,
    pub shares: Vec<Option<KeyShare>>,
    /// Transactions that cost somebody credit, with the one who lost it.
    pub blamed: Vec<(Reason, Pseudonym)>,
}

impl Cast {
    pub fn new(run: &Run) -> Self {
        let members = run.shares.iter().map(|_| None).collect();
        let share = |share: &Option<KeyShare>| {
            share.as_ref().map(|share| KeyShare::from_bytes(&share.to_bytes()).unwrap())
        };
        Self { members, shares: run.shares.iter().map(share).collect(), blamed: Vec::new() }
    }

    /// What an honest member would say now.
    pub fn honest(&mut self, run: &Run, i: usize) -> Option<Contribute> {
        let Phase::Keygen(keygen) = run.contract.phase() else { return None };
        let kept = self.members[i].take().filter(|member| member.is_of(keygen));
        let fresh = || {
            let secrets = Secrets::generate(keygen.number(), keygen.attempt(), &mut OsRng);
            Member::new(run.name(i), secrets)
        };
        let member = self.members[i].insert(kept.unwrap_or_else(fresh));
        let old = self.shares[i].as_ref();
        let mut next = None;
        let said = member.next(keygen, old, true, &mut OsRng, |oath| {
            if let Oath::Committee { share: Some(share), .. } = oath {
                next = Some(KeyShare::from_bytes(&share.to_bytes()).unwrap());
            }
            Ok::<_, Infallible>(())
        });
        let said = said.unwrap();
        if next.is_some() {
            self.shares[i] = next;
        }
        said
    }

    pub fn say(&mut self, run: &mut Run, i: usize, contribution: Contribute) -> Receipt {
        let receipt = run.apply(&run.by_member(i, Action::Contribute(contribution)));
        self.blamed.extend(receipt.culprit.map(|culprit| (receipt.reason, culprit)));
        receipt
    }

    /// Everybody speaks in the present stage, or what the test makes of it; the receipts.
    pub fn speak(
        &mut self,
        run: &mut Run,
        twist: &mut dyn FnMut(usize, Contribute) -> Option<Contribute>,
    ) -> Vec<Receipt> {
        let mut receipts = Vec::new();
        for i in 0..run.institutions() {
            let Some(contribution) = self.honest(run, i).and_then(|said| twist(i, said)) else {
                continue;
            };
            receipts.push(self.say(run, i, contribution));
        }
        receipts
    }

    /// Plays until the ceremony is over or one attempt of it has failed; how often its time had to run out.
    pub fn play(
        &mut self,
        run: &mut Run,
        mut twist: impl FnMut(usize, Contribute) -> Option<Contribute>,
    ) -> usize {
        let mut timeouts = 0;
        let attempt = attempt(run);
        while matches!(run.contract.phase(), Phase::Keygen(keygen) if keygen.attempt() == attempt) {
            self.speak(run, &mut twist);
            if !end_stage(run).is_accepted() {
                timeouts += 1;
                run.time_ms += TIMEOUT_MS;
                let receipt = end_stage(run);
                assert!(receipt.is_accepted(), "{receipt:?} in {}", run.contract.phase().name());
            }
        }
        timeouts
    }

    /// Speaks honestly up to a stage.
    pub fn until(&mut self, run: &mut Run, name: Name) {
        while stage(run) != Some(name) {
            self.speak(run, &mut |_, said| Some(said));
            let receipt = end_stage(run);
            assert!(receipt.is_accepted(), "{receipt:?} in {}", run.contract.phase().name());
        }
    }

    /// The shares go to the test kit, which opens sums with them.
    pub fn hand_over(self, run: &mut Run) {
        run.shares = self.shares;
    }
}

pub fn attempt(run: &Run) -> u32 {
    match run.contract.phase() {
        Phase::Keygen(keygen) => keygen.attempt(),
        other => panic!("no ceremony in {}", other.name()),
    }
}

pub fn stage(run: &Run) -> Option<Name> {
    match run.contract.phase() {
        Phase::Keygen(keygen) => Some(keygen.stage().name()),
        _ => None,
    }
}

pub fn begin(run: &mut Run) -> Receipt {
    let committee = run.contract.succession().next_number();
    let time_ms = run.time_ms;
    run.apply(&run.by_coordinator(Action::BeginKeygen(BeginKeygen { committee, time_ms })))
}

pub fn end_stage(run: &mut Run) -> Receipt {
    let Phase::Keygen(keygen) = run.contract.phase() else { panic!("no ceremony") };
    let committee = keygen.number();
    let attempt = keygen.attempt();
    let stage = keygen.stage().name().into();
    let end = EndStage { committee, attempt, stage, time_ms: run.time_ms };
    run.apply(&run.by_coordinator(Action::EndStage(end)))
}

/// Everyone enrolled, the ceremony begun.
pub fn begun() -> (Run, Cast) {
    let mut run = Run::founded(2).with_everyone();
    assert!(begin(&mut run).is_accepted());
    let cast = Cast::new(&run);
    (run, cast)
}

/// A whole round with the committee that stands.
pub fn round(run: &mut Run) {
    assert!(run.open().is_accepted());
    for i in 0..run.institutions() {
        assert!(run.submit(i, &[i as i64; DIMENSION]).is_accepted());
    }
    assert!(run.close_collection().is_accepted());
    run.end_block();
    let block = run.sealed_hash();
    for i in 0..run.institutions() {
        run.countersign(i, block);
    }
    let holders: Vec<usize> =
        (0..run.institutions()).filter(|i| run.shares[*i].is_some()).collect();
    for i in holders {
        if matches!(run.contract.phase(), Phase::Opening(opening) if opening.outcome().is_none()) {
            let receipt = run.submit_share(i, run.share(i));
            assert!(receipt.is_accepted(), "{receipt:?}");
        }
    }
    assert!(run.close_round().is_accepted());
}

/// The share that dealer 1 has sealed for one of the others does not open.
pub fn spoiled(said: &mut Contribute) {
    if let Some(Part::Dealing(bytes)) = &mut said.part {
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
    }
}

/// A committee that stands, after one round, and the change that the authority asks for.
pub fn changed(members: &[usize], threshold: u32) -> (Run, Receipt) {
    let mut run = Run::enrolled(9);
    round(&mut run);
    let receipt = ask(&mut run, members, threshold);
    (run, receipt)
}

pub fn ask(run: &mut Run, members: &[usize], threshold: u32) -> Receipt {
    let committee = run.contract.succession().next_number();
    // Later than every request before.
    let request = run.log.len() as u64;
    ask_again(run, committee, members, threshold, request)
}

/// Asks with a request number of one's own.
pub fn ask_again(
    run: &mut Run,
    committee: u32,
    members: &[usize],
    threshold: u32,
    request: u64,
) -> Receipt {
    let members = members.iter().map(|i| run.name(*i).to_vec()).collect();
    let change = ChangeCommittee { committee, members, threshold, request };
    run.apply(&run.by_authority(Action::ChangeCommittee(change)))
}
