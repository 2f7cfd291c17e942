//! Every rule that a coordinator or a trustee can break, in a file that convinces whoever has the genesis; and that no
//! change of such a file, and nothing that honest parties sign, convicts anybody else.

use consilium_contract::{
    Phase as ContractPhase,
    transaction::{entry, sign},
};
use consilium_crypto::{Ciphertext, Context, RoundContext};
use consilium_ledger::{Block, Checkpoint, Header, sha256};
use consilium_proto::v1::{
    Abandon, BeginKeygen, ChangeCommittee, CloseRound, Countersign, EndStage, HistoryEvidence,
    OpenRound, Reason, ReplayEvidence, Stage, SubmitUpdate,
};
use curve25519_dalek::{
    constants::RISTRETTO_BASEPOINT_POINT,
    ristretto::{CompressedRistretto, RistrettoPoint},
    scalar::Scalar,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};

use super::*;
use consilium_testkit::{World, ceremony, splice};

pub(super) fn genesis(world: &World) -> Genesis<'_> {
    Genesis { entry: &world.ceremony.genesis_entry, parameters: &world.ceremony.parameters }
}

/// The verdict of somebody who reads the file and has nothing but the genesis.
pub(super) fn verdict(world: &World, statements: Statements) -> Verdict {
    let evidence = Evidence::new(statements, genesis(world)).unwrap();
    let file = evidence.encode();
    let read = Evidence::decode(&file).unwrap();
    assert_eq!(read, evidence);
    // Another run's genesis convicts nobody.
    let stranger = ceremony(99, |_| {});
    assert!(read.verify(&stranger.genesis_entry).is_err());
    read.verify(&world.ceremony.genesis_entry).unwrap()
}

pub(super) fn convicts_the_coordinator(
    world: &World,
    statements: Statements,
    charge: Charge,
) -> String {
    let verdict = verdict(world, statements);
    assert_eq!((verdict.culprit, verdict.charge), (Culprit::Coordinator, charge), "{verdict}");
    verdict.detail
}

pub(super) fn acquits(world: &World, statements: Statements) {
    match Evidence::new(statements, genesis(world)) {
        Err(EvidenceError::NotConvicting(_)) => {}
        other => panic!("{other:?}"),
    }
}

pub(super) fn blocks(world: &World) -> HistoryEvidence {
    let blocks = world.blocks.iter().map(|block| block.encode().unwrap()).collect();
    HistoryEvidence { blocks, ..HistoryEvidence::default() }
}

pub(super) fn history(world: &World) -> Statements {
    Statements::History(blocks(world))
}

pub(super) fn replay(world: &World) -> Statements {
    let blobs = world.blobs.iter().flatten().cloned().collect();
    Statements::Replay(ReplayEvidence { blocks: blocks(world).blocks, blobs })
}

/// With what the last round's model should follow from.
pub(super) fn round(world: &World, headers: &[Vec<u8>], sums: &[u8]) -> HistoryEvidence {
    let length = world.ceremony.parameters.update_parameters().masked().len();
    let body =
        |header: &Vec<u8>| *consilium_crypto::CandidateHeader::decode(header).unwrap().body_hash();
    let masked_updates =
        headers.iter().map(|header| world.bodies[&body(header)][..length].to_vec()).collect();
    let model = world.ceremony.initial_model.clone();
    HistoryEvidence { model, masked_updates, sums: sums.to_vec(), ..blocks(world) }
}

pub(super) fn fork_of(ours: &Block, theirs: &Block) -> Statements {
    let encode = |block: &Block| block.sealed.encode().to_vec();
    Statements::Fork(ForkEvidence { ours: encode(ours), theirs: encode(theirs) })
}

/// Two histories of one coordinator that part at height 2.
pub(super) fn two_histories() -> (World, World) {
    let mut one = World::new();
    let mut other = World::new();
    one.open();
    other.time_passes();
    other.open();
    other.submit(&[0]);
    (one, other)
}

/// A world in which everyone has submitted and the sum that `evaluation` makes of their headers is sealed.
pub(super) fn sealed(
    evaluation: impl FnOnce(&World, &[Vec<u8>]) -> Vec<u8>,
) -> (World, Vec<Vec<u8>>) {
    let mut world = World::new();
    world.open();
    let headers = world.submit(&[0, 1, 2, 3]);
    let evaluation = evaluation(&world, &headers);
    let close = world.close_collection(evaluation);
    world.forge(vec![close]);
    (world, headers)
}

mod files;
mod histories;
mod rounds;
mod sums;
mod unproven;
