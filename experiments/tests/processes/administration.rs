//! What the authority asks for while institutions train, in every order, sensible or not: honest parties stay innocent.

use std::fs;

use consilium_audit::{
    evidence,
    mine::{self, Institution as Asking},
};
use consilium_authority::{AuthorityError, AuthorityFiles, send};
use consilium_client::state::history;
use consilium_identity::{InstitutionFiles, institution_folder};
use consilium_ledger::Store;
use rand_core::OsRng;
use tokio::runtime::Runtime;

use crate::finished::is_update;
use crate::world::{DENSE, N, PATIENCE, World, state};

/// What an operator may do, by mistake as well.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ask {
    /// A committee in which somebody is who has been admitted and has not enrolled.
    ForStranger,
    /// A committee of a number that is not due.
    ForWrongNumber,
    /// A committee of everyone.
    ForCommittee,
    /// That somebody be revoked who never came, twice.
    ToRevoke,
}

const ASKS: [Ask; 4] = [Ask::ForStranger, Ask::ForWrongNumber, Ask::ForCommittee, Ask::ToRevoke];

/// Every order of these.
fn orders(asks: &[Ask]) -> Vec<Vec<Ask>> {
    let [first, rest @ ..] = asks else { return vec![Vec::new()] };
    let mut all = Vec::new();
    for order in orders(rest) {
        for place in 0..=order.len() {
            let mut longer = order.clone();
            longer.insert(place, *first);
            all.push(longer);
        }
    }
    all
}

/// The authority at work.
struct Operator {
    authority: AuthorityFiles,
    coordinator: String,
    runtime: Runtime,
    requests: u64,
}

impl Operator {
    fn change(&mut self, number: u32, stranger: Option<&str>) -> Result<(), AuthorityError> {
        self.requests += 1;
        let mut members: Vec<String> = (1..=N).map(institution_folder).collect();
        members.rotate_left(self.requests as usize % N as usize);
        if let Some(stranger) = stranger {
            members[1] = stranger.to_owned();
        }
        let asked = self.authority.change_committee(number, &members, 2, self.requests)?;
        self.runtime.block_on(send(&self.coordinator, asked))
    }

    fn revoke(&self, name: &str) -> Result<(), AuthorityError> {
        let asked = self.authority.revoke(name)?;
        self.runtime.block_on(send(&self.coordinator, asked))
    }

    /// Asks, where committee `number` is the next one.
    fn ask(&mut self, ask: Ask, number: u32) {
        let guest = format!("guest-{}-{}", number, self.requests);
        match ask {
            Ask::ForStranger => {
                let files = self.authority.admit(&guest, 1, &mut OsRng).unwrap();
                let error = self.change(number, Some(&guest)).unwrap_err();
                let AuthorityError::NotEnrolled { members, .. } = &error else { panic!("{error}") };
                assert_eq!(*members, [hex(files.identity.pseudonym.as_ref())]);
                assert_eq!(self.authority.name_of(&members[0]), guest);
            }
            Ask::ForWrongNumber => {
                for wrong in [number + 1, number + 7] {
                    let error = self.change(wrong, None).unwrap_err().to_string();
                    assert!(error.contains("WRONG_STEP"), "{error}");
                }
            }
            Ask::ForCommittee => self.change(number, None).unwrap(),
            Ask::ToRevoke => {
                let guest = format!("{guest}-revoked");
                self.authority.admit(&guest, 1, &mut OsRng).unwrap();
                self.revoke(&guest).unwrap();
                // One and the same transaction: it is answered as the first time, and changes nothing.
                self.revoke(&guest).unwrap();
                assert!(self.change(number, Some(&guest)).is_err());
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn administrative_commands_in_every_order_convict_no_honest_party_in_any_audit() {
    let orders = orders(&ASKS);
    assert_eq!(orders.len(), 24);
    let batches: Vec<_> = orders.chunks(8).collect();
    let mut world = World::new("administration", &[4], batches.len(), PATIENCE);
    (0..batches.len() as u64).for_each(|step| world.hold(4, step));
    world.start(DENSE);
    let ceremony = world.root.path().join("ceremony");
    let mut operator = Operator {
        authority: AuthorityFiles::load(&ceremony.join("authority")).unwrap(),
        coordinator: format!("http://{}", world.address()),
        runtime: Runtime::new().unwrap(),
        requests: 0,
    };
    for (step, batch) in (0..).zip(batches) {
        world.until_heard("the other updates of a step", 1, &[1, 2, 3], is_update(step));
        // Before every round one committee was made: the first, and then one for what was asked for last.
        let number = u32::try_from(step).unwrap() + 1;
        for ask in batch.iter().flatten() {
            operator.ask(*ask, number);
        }
        world.release(4, step);
    }
    // Everyone ends well, and the full audit passes.
    let finished = world.finish();
    assert_eq!(finished.models, world.undisturbed());

    let genesis = fs::read(ceremony.join("genesis.bin")).unwrap();
    for index in 1..=N {
        let files = InstitutionFiles::load(&ceremony.join(institution_folder(index))).unwrap();
        let asking =
            Asking { pseudonym: files.identity.pseudonym, key: files.signing.verifying_key() };
        let blocks = history::blocks(&state(world.root.path(), index)).unwrap();
        mine::audit_blocks(&files.parameters, asking, &blocks).unwrap();
    }
    let store = Store::open_copy(&world.root.path().join("ledger"), world.root.path()).unwrap();
    for height in 1..store.blocks(0).count() as u64 {
        // Nothing in it, or nothing that convicts.
        if let Ok(found) = evidence::from_ledger(&store, height) {
            let verdict = found.verify(&genesis);
            assert!(verdict.is_err(), "block {height}: {verdict:?}");
        }
    }
}
