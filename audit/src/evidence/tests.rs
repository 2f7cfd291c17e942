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
use crate::{
    fixture::{World, ceremony, splice},
    model_check::masked_update_bytes,
};

fn genesis(world: &World) -> Genesis<'_> {
    Genesis { entry: &world.ceremony.genesis_entry, parameters: &world.ceremony.parameters }
}

/// The verdict of somebody who reads the file and has nothing but the genesis.
fn verdict(world: &World, statements: Statements) -> Verdict {
    let evidence = Evidence::new(statements, genesis(world)).unwrap();
    let file = evidence.encode();
    let read = Evidence::decode(&file).unwrap();
    assert_eq!(read, evidence);
    // Another run's genesis convicts nobody.
    let stranger = ceremony(99, |_| {});
    assert!(read.verify(&stranger.genesis_entry).is_err());
    read.verify(&world.ceremony.genesis_entry).unwrap()
}

fn convicts_the_coordinator(world: &World, statements: Statements, charge: Charge) -> String {
    let verdict = verdict(world, statements);
    assert_eq!((verdict.culprit, verdict.charge), (Culprit::Coordinator, charge), "{verdict}");
    verdict.detail
}

fn acquits(world: &World, statements: Statements) {
    match Evidence::new(statements, genesis(world)) {
        Err(EvidenceError::NotConvicting(_)) => {}
        other => panic!("{other:?}"),
    }
}

fn blocks(world: &World) -> HistoryEvidence {
    let blocks = world.blocks.iter().map(|block| block.encode().unwrap()).collect();
    HistoryEvidence { blocks, ..HistoryEvidence::default() }
}

fn history(world: &World) -> Statements {
    Statements::History(blocks(world))
}

fn replay(world: &World) -> Statements {
    let blobs = world.blobs.iter().flatten().cloned().collect();
    Statements::Replay(ReplayEvidence { blocks: blocks(world).blocks, blobs })
}

/// With what the last round's model should follow from.
fn round(world: &World, headers: &[Vec<u8>], sums: &[u8]) -> HistoryEvidence {
    let length = masked_update_bytes(&world.ceremony.parameters);
    let body =
        |header: &Vec<u8>| *consilium_crypto::CandidateHeader::decode(header).unwrap().body_hash();
    let masked_updates =
        headers.iter().map(|header| world.bodies[&body(header)][..length].to_vec()).collect();
    let model = world.ceremony.initial_model.clone();
    HistoryEvidence { model, masked_updates, sums: sums.to_vec(), ..blocks(world) }
}

fn fork_of(ours: &Block, theirs: &Block) -> Statements {
    let encode = |block: &Block| block.sealed.encode().to_vec();
    Statements::Fork(ForkEvidence { ours: encode(ours), theirs: encode(theirs) })
}

/// Two histories of one coordinator that part at height 2.
fn two_histories() -> (World, World) {
    let mut one = World::new();
    let mut other = World::new();
    one.open();
    other.time_passes();
    other.open();
    other.submit(&[0]);
    (one, other)
}

#[test]
fn two_headers_of_one_height_or_a_successor_of_another_convict_the_coordinator_of_two_histories() {
    let (one, other) = two_histories();
    for (ours, theirs) in [(2, 2), (2, 3)] {
        convicts_the_coordinator(
            &one,
            fork_of(&one.blocks[ours], &other.blocks[theirs]),
            Charge::Fork,
        );
    }
    for (ours, theirs) in [(2, 2), (1, 2), (2, 1), (0, 2), (1, 1)] {
        acquits(&one, fork_of(&one.blocks[ours], &one.blocks[theirs]));
    }
    let mut unsigned = other.blocks[2].clone();
    unsigned.sealed.signature[0] ^= 1;
    acquits(&one, fork_of(&one.blocks[2], &unsigned));
    // The same in blocks, for a reader of a history.
    let mut forked = blocks(&one);
    forked.blocks.push(other.blocks[2].encode().unwrap());
    convicts_the_coordinator(&one, Statements::History(forked), Charge::Fork);
}

fn head_against(header: &Block, edge: Vec<Hash>, theirs: Note) -> Statements {
    let contradiction = Contradiction { ours: header.sealed, edge, theirs }.encode();
    Statements::Head(HeadEvidence { contradiction })
}

fn two_heads_of(first: &Note, second: &Note) -> Statements {
    let note = |note: &Note| note.encode().into_bytes();
    Statements::TwoHeads(TwoHeadsEvidence { first: note(first), second: note(second) })
}

/// The coordinator's signature over the tree of the first `size` blocks of this world.
fn head_of(world: &World, size: u64) -> Note {
    world.chain.checkpoint(size).unwrap().sign(&(&world.ceremony.coordinator.signing).into())
}

#[test]
fn a_header_and_a_head_of_another_tree_or_two_heads_of_one_size_convict_the_coordinator_of_two_histories()
 {
    let (one, mut other) = two_histories();
    let edge = |world: &World, size: u64| world.chain.inclusion_proof(size - 1, size).unwrap().path;
    let against = |theirs: Note| head_against(&one.blocks[2], edge(&one, 3), theirs);
    convicts_the_coordinator(&one, against(head_of(&other, 3)), Charge::Fork);
    convicts_the_coordinator(
        &one,
        two_heads_of(&head_of(&one, 3), &head_of(&other, 3)),
        Charge::Fork,
    );
    // The common beginning, another size, the same head twice.
    acquits(&one, head_against(&one.blocks[1], edge(&one, 2), head_of(&other, 2)));
    for size in [0, 1, 2, 4] {
        acquits(&one, against(head_of(&other, size)));
        acquits(&one, two_heads_of(&head_of(&one, 3), &head_of(&other, size)));
    }
    acquits(&one, against(head_of(&one, 3)));
    acquits(&one, two_heads_of(&head_of(&other, 3), &head_of(&other, 3)));
    // An edge that is not the header's; a head that an institution has signed, or that is of another chain.
    acquits(&one, head_against(&one.blocks[2], vec![[7; 32]], head_of(&other, 3)));
    let checkpoint = other.chain.checkpoint(3).unwrap();
    let stranger = Checkpoint { chain_id: [9; 32], ..checkpoint };
    let unsigned = [
        checkpoint.sign(&(&other.ceremony.institutions[0].signing).into()),
        stranger.sign(&(&other.ceremony.coordinator.signing).into()),
    ];
    for note in unsigned {
        acquits(&one, against(note.clone()));
        acquits(&one, two_heads_of(&head_of(&one, 3), &note));
        acquits(&one, two_heads_of(&note, &head_of(&one, 3)));
    }
    // A header that nobody has signed.
    other.blocks[2].sealed.signature[0] ^= 1;
    acquits(&one, head_against(&other.blocks[2], edge(&other, 3), head_of(&one, 3)));
}

fn answers(
    world: &World,
    institution: usize,
    first: SignedTransaction,
    second: SignedTransaction,
) -> Statements {
    let certificate = Some(world.ceremony.institutions[institution].certificate.clone());
    Statements::TwoBlocks(TwoBlocksEvidence {
        certificate,
        first: Some(first),
        second: Some(second),
    })
}

#[test]
fn a_trustee_is_convicted_by_its_answers_to_two_blocks_of_one_step_and_by_nothing_less() {
    let mut world = World::new();
    world.seal();
    let step = 0;
    let block = world.sealed_hash();
    let says = |i, step, block: Hash| world.countersignature(i, step, &block);
    let countersign = |block: Hash| {
        Action::Countersign(Countersign {
            step,
            sealed_block: block.to_vec(),
            cosignature: vec![7; 72],
        })
    };
    let share = world.wrong_share(1, 0);
    for second in [says(1, step, [9; 32]), says(1, step, [8; 32])] {
        let verdict = verdict(&world, answers(&world, 1, says(1, step, block), second));
        assert_eq!(
            (verdict.culprit, verdict.charge),
            (Culprit::Institution(world.name(1)), Charge::TwoBlocks)
        );
    }
    let verdict = verdict(&world, answers(&world, 1, share.clone(), says(1, step, [9; 32])));
    assert_eq!(verdict.culprit, Culprit::Institution(world.name(1)));
    // A countersignature and the share for it; two steps; twice the same; another trustee's; another certificate's.
    acquits(&world, answers(&world, 1, says(1, step, block), share));
    acquits(&world, answers(&world, 1, says(1, step, block), says(1, 1, [9; 32])));
    acquits(&world, answers(&world, 1, says(1, step, block), says(1, step, block)));
    acquits(&world, answers(&world, 1, says(1, step, block), says(2, step, [9; 32])));
    acquits(&world, answers(&world, 2, says(1, step, block), says(1, step, [9; 32])));
    let action = countersign([9; 32]);
    let forged = sign(
        &world.ceremony.coordinator.signing,
        &world.chain_id(),
        Some(&world.name(1)),
        action.clone(),
    );
    acquits(&world, answers(&world, 1, says(1, step, block), forged));
    let other_chain =
        sign(&world.ceremony.institutions[1].signing, &[3; 32], Some(&world.name(1)), action);
    acquits(&world, answers(&world, 1, says(1, step, block), other_chain));
    let stranger = ceremony(7, |_| {}).institutions.remove(1);
    let says = |block: [u8; 32]| {
        let action = countersign(block);
        Some(sign(&stranger.signing, &world.chain_id(), Some(&stranger.identity.pseudonym), action))
    };
    let certificate = Some(stranger.certificate.clone());
    let statements = TwoBlocksEvidence { certificate, first: says([8; 32]), second: says([9; 32]) };
    acquits(&world, Statements::TwoBlocks(statements));
}

#[test]
fn two_receipts_convict_only_if_one_accepts_what_the_other_calls_a_fault() {
    let world = World::new();
    let key = &world.ceremony.coordinator.signing;
    let chain_id = world.chain_id();
    let name = world.name(0);
    let id = [4; 32];
    let accepted = Receipt::accepted(id);
    let fault = Receipt::fault(id, Reason::BadLinkProof, name);
    let pair = |accepted: Receipt, fault: Receipt| {
        let [accepted, fault] = [accepted, fault].map(|receipt| Some(receipt.sign(key, &chain_id)));
        Statements::TwoReceipts(TwoReceiptsEvidence { accepted, fault })
    };
    convicts_the_coordinator(&world, pair(accepted, fault), Charge::TwoReceipts);
    // What an honest coordinator may say of one transaction at different times.
    for reason in [
        Reason::Duplicate,
        Reason::TooEarly,
        Reason::IncompleteBody,
        Reason::WrongStep,
        Reason::TooLate,
    ] {
        acquits(&world, pair(accepted, Receipt::rejected(id, reason)));
    }
    acquits(&world, pair(accepted, accepted));
    acquits(&world, pair(fault, fault));
    acquits(&world, pair(accepted, Receipt::fault([5; 32], Reason::BadLinkProof, name)));
    let stranger = &world.ceremony.institutions[0].signing;
    let mixed = TwoReceiptsEvidence {
        accepted: Some(accepted.sign(key, &chain_id)),
        fault: Some(fault.sign(stranger, &chain_id)),
    };
    acquits(&world, Statements::TwoReceipts(mixed));
}

#[test]
fn a_signed_header_that_does_not_follow_convicts_the_coordinator() {
    let mut world = World::new();
    let open = world.open_round();
    let block = world.sealed_block(vec![entry(open, false)], [0; 32]);
    let bad = |change: fn(&mut Header)| {
        let mut header = *block.header();
        change(&mut header);
        let mut statements = blocks(&world);
        let block = Block { sealed: world.seal_header(header), entries: block.entries.clone() };
        statements.blocks.push(block.encode().unwrap());
        Statements::History(statements)
    };
    convicts_the_coordinator(&world, bad(|header| header.history_root[0] ^= 1), Charge::BadHeader);
    convicts_the_coordinator(&world, bad(|header| header.time_ms = 1), Charge::BadHeader);
    convicts_the_coordinator(&world, bad(|header| header.previous = [1; 32]), Charge::Fork);
    // Further than the next one: what lies between is not known. And entries that the header does not speak of.
    acquits(&world, bad(|header| header.height = 9));
    acquits(&world, bad(|header| header.entries_root[0] ^= 1));
    acquits(&world, bad(|header| header.version = 2));
}

#[test]
fn entries_that_no_contract_takes_convict_the_coordinator() {
    let mut world = World::new();
    world.append(vec![vec![1, 2, 3]], [0; 32], Vec::new());
    convicts_the_coordinator(&world, history(&world), Charge::BadEntry);
    convicts_the_coordinator(&world, replay(&world), Charge::BadEntry);

    let out_of_turn = |world: &mut World, signed: SignedTransaction| {
        world.forge(vec![signed]);
        convicts_the_coordinator(world, history(world), Charge::BadEntry);
        convicts_the_coordinator(world, replay(world), Charge::BadEntry);
        world.retract();
    };
    let mut world = World::new();
    let open = |step, attempt, model_sha256| {
        Action::OpenRound(OpenRound {
            step,
            attempt,
            standings: Vec::new(),
            model_sha256,
            time_ms: 1 << 40,
        })
    };
    let model = world.contract.model().hash().to_vec();
    for action in [open(1, 0, model.clone()), open(0, 1, model.clone()), open(0, 0, vec![7; 32])] {
        let signed = world.orders(action);
        out_of_turn(&mut world, signed);
    }
    world.seal();
    // A second attempt, whatever shares are kept off the chain.
    let abandon = world.orders(Action::Abandon(Abandon { step: 0, attempt: 0, time_ms: 1 << 40 }));
    out_of_turn(&mut world, abandon);
    let open = world.orders(open(0, 1, model));
    out_of_turn(&mut world, open);
    let mut forged = world.countersignature(0, 0, &[9; 32]);
    forged.signature[7] ^= 1;
    out_of_turn(&mut world, forged);
}

/// A world in which everyone has submitted and the sum that `evaluation` makes of their headers is sealed.
fn sealed(evaluation: impl FnOnce(&World, &[Vec<u8>]) -> Vec<u8>) -> (World, Vec<Vec<u8>>) {
    let mut world = World::new();
    world.open();
    let headers = world.submit(&[0, 1, 2, 3]);
    let evaluation = evaluation(&world, &headers);
    let close = world.close_collection(evaluation);
    world.forge(vec![close]);
    (world, headers)
}

/// A sum with the header of institution 3 in the place of one of the others'; the coordinator has recorded that header.
fn sealed_with(world: &mut World, honest: &[Vec<u8>], bad: &[u8]) {
    let submission = world.submission(3, bad);
    world.forge(vec![submission]);
    let evaluation =
        splice(&world.evaluation(&world.round(), honest), &sha256(&honest[1]), &sha256(bad));
    let close = world.close_collection(evaluation);
    world.forge(vec![close]);
}

fn points(bytes: &[u8]) -> Vec<RistrettoPoint> {
    bytes
        .chunks(32)
        .map(|bytes| CompressedRistretto::from_slice(bytes).unwrap().decompress().unwrap())
        .collect()
}

/// Where the limbs stand in a header.
const LIMBS: std::ops::Range<usize> = Context::LEN..Context::LEN + 16 * Ciphertext::LEN;

/// The header with other limbs, made of its own ones point by point.
fn with_limbs(header: &[u8], limbs: impl IntoIterator<Item = RistrettoPoint>) -> Vec<u8> {
    let mut header = header.to_vec();
    let bytes: Vec<u8> = limbs.into_iter().flat_map(|point| point.compress().to_bytes()).collect();
    header[LIMBS].copy_from_slice(&bytes);
    header
}

#[test]
fn limbs_made_of_other_institutions_limbs_in_a_sum_convict_the_coordinator() {
    let mut world = World::new();
    world.open();
    let headers = world.submit(&[0, 1, 2]);
    // Its own limbs − C_B − C_C: the sum over A, B, C and this one would open A's key to whoever knows this one's.
    let own = world.update(3, &world.round(), 1).header;
    let [own_limbs, b, c] = [&own, &headers[1], &headers[2]].map(|header| points(&header[LIMBS]));
    let crafted = own_limbs.iter().zip(&b).zip(&c).map(|((own, b), c)| own - b - c);
    let crafted = with_limbs(&own, crafted);
    sealed_with(&mut world, &headers, &crafted);
    let detail = convicts_the_coordinator(&world, history(&world), Charge::BadSum);
    assert!(detail.contains("is not proven to be an encryption"), "{detail}");
}

#[test]
fn a_copy_of_an_older_header_re_randomised_or_not_in_a_sum_convicts_the_coordinator() {
    for is_randomised in [false, true] {
        let mut world = World::new();
        world.full_round();
        let old = {
            let entries = world.blocks.iter().flat_map(|block| &block.entries);
            let candidates = entries
                .skip(1)
                .map(|entry| consilium_contract::transaction::parse_entry(entry).unwrap().0);
            let mut headers = candidates.filter_map(|candidate| match candidate.action() {
                Action::SubmitUpdate(SubmitUpdate { header }) => Some(header.clone()),
                _ => None,
            });
            headers.next().unwrap()
        };
        world.open();
        let headers = world.submit(&[0, 1, 2]);
        let own = world.update(3, &world.round(), 1).header;
        let keys = points(&world.committee().public_key.encode()[..64]);
        let scalar =
            |byte| Scalar::from_bytes_mod_order([if is_randomised { byte } else { 0 }; 32]);
        let r = scalar(3);
        let s = scalar(5);
        let zero = [keys[0] * r, keys[1] * s, RISTRETTO_BASEPOINT_POINT * (r + s)];
        let limbs = points(&old[LIMBS])
            .into_iter()
            .zip(zero.into_iter().cycle())
            .map(|(old, zero)| old + zero);
        let crafted = with_limbs(&own, limbs);
        sealed_with(&mut world, &headers, &crafted);
        let detail = convicts_the_coordinator(&world, history(&world), Charge::BadSum);
        assert!(detail.contains("is not proven to be an encryption"), "{detail}");
    }
}

#[test]
fn a_key_proof_that_is_missing_or_of_another_context_in_a_sum_convicts_the_coordinator() {
    type Craft = fn(&World, Vec<u8>) -> Vec<u8>;
    let crafted: [Craft; 3] = [
        // No proof.
        |_, mut own| {
            own.truncate(own.len() - 31 * 32);
            own.extend([0; 31 * 32]);
            own
        },
        // The proof and limbs of another attempt.
        |world, own| {
            let other = RoundContext { attempt: 1, ..world.round() };
            let other = world.update(3, &other, 1).header;
            [&own[..Context::LEN], &other[Context::LEN..]].concat()
        },
        // Another institution's.
        |world, own| {
            let other = world.update(1, &world.round(), 1).header;
            [&own[..Context::LEN], &other[Context::LEN..]].concat()
        },
    ];
    for craft in crafted {
        let mut world = World::new();
        world.open();
        let headers = world.submit(&[0, 1, 2]);
        let own = world.update(3, &world.round(), 1).header;
        let bad = craft(&world, own);
        sealed_with(&mut world, &headers, &bad);
        let detail = convicts_the_coordinator(&world, history(&world), Charge::BadSum);
        assert!(detail.contains("is not proven to be an encryption"), "{detail}");
    }
}

#[test]
fn every_other_sum_that_a_trustee_must_refuse_convicts_the_coordinator_too() {
    let convicts = |world: &World, words: &str| {
        let detail = convicts_the_coordinator(world, history(world), Charge::BadSum);
        assert!(detail.contains(words), "{detail}");
    };
    // An older header as it was: of another context.
    let (world, _) = sealed(|world, headers| {
        let older = RoundContext { attempt: 1, ..world.round() };
        let older = world.update(2, &older, 1).header;
        splice(
            &world.evaluation(&world.round(), &headers[..3]),
            &sha256(&headers[2]),
            &sha256(&older),
        )
    });
    convicts(&world, "its input 2 is no update");
    // The sum of another round.
    let (world, _) = sealed(|world, _| {
        let round = RoundContext { attempt: 1, ..world.round() };
        let headers: Vec<_> = (0..3).map(|i| world.update(i, &round, 1).header).collect();
        world.evaluation(&round, &headers)
    });
    convicts(&world, "another round");
    // Too few.
    let (world, _) = sealed(|world, headers| world.evaluation(&world.round(), &headers[..2]));
    convicts(&world, "3 are needed");
    // Counted twice: the same header, and another one of the same institution.
    let (world, _) = sealed(|world, headers| {
        splice(
            &world.evaluation(&world.round(), &headers[..3]),
            &sha256(&headers[1]),
            &sha256(&headers[0]),
        )
    });
    assert!(Evidence::new(history(&world), genesis(&world)).is_ok());
    let mut world = World::new();
    world.open();
    let headers = world.submit(&[0, 1, 2]);
    let second = world.update(0, &world.round(), 9).header;
    let again = world.submission(0, &second);
    world.forge(vec![again]);
    let evaluation =
        splice(&world.evaluation(&world.round(), &headers), &sha256(&headers[1]), &sha256(&second));
    let close = world.close_collection(evaluation);
    world.forge(vec![close]);
    convicts(&world, "is in it twice");
    // Not the sum of what it names; not certified.
    let (world, _) = sealed(|world, headers| {
        splice(
            &world.evaluation(&world.round(), &headers[..3]),
            &sha256(&headers[2]),
            &sha256(&headers[3]),
        )
    });
    assert!(Evidence::new(history(&world), genesis(&world)).is_ok());
    let (world, _) = sealed(|world, headers| {
        let mut evaluation = world.evaluation(&world.round(), headers);
        *evaluation.last_mut().unwrap() ^= 1;
        evaluation
    });
    assert!(Evidence::new(history(&world), genesis(&world)).is_ok());
}

#[test]
fn an_institution_that_the_authority_never_enrolled_in_a_sum_convicts_the_coordinator() {
    let stranger = ceremony(7, |_| {}).institutions.remove(3);
    let mut world = World::new();
    world.open();
    let headers = world.submit(&[0, 1, 2]);
    // Recorded or not, its update is none.
    let context = Context { round: world.round(), pseudonym: stranger.identity.pseudonym };
    let mut header = headers[0].clone();
    header[..Context::LEN].copy_from_slice(&context.encode());
    let evaluation =
        splice(&world.evaluation(&world.round(), &headers), &sha256(&headers[1]), &sha256(&header));
    let submit = Action::SubmitUpdate(SubmitUpdate { header });
    let signed =
        sign(&stranger.signing, &world.chain_id(), Some(&stranger.identity.pseudonym), submit);
    world.forge(vec![signed]);
    convicts_the_coordinator(&world, history(&world), Charge::BadEntry);
    world.retract();
    let close = world.close_collection(evaluation);
    world.forge(vec![close]);
    convicts_the_coordinator(&world, history(&world), Charge::BadSum);
}

fn with_receipt(
    world: &World,
    signed: SignedTransaction,
    receipt: impl FnOnce(Hash) -> Receipt,
) -> HistoryEvidence {
    let id = CandidateTransaction::parse(signed.clone()).unwrap().id();
    let receipt = receipt(id).sign(&world.ceremony.coordinator.signing, &world.chain_id());
    HistoryEvidence { transaction: Some(signed), receipt: Some(receipt), ..blocks(world) }
}

/// Seals the order after the blocks there are: whoever reads them finds the coordinator guilty.
fn convicts_of_an_order_out_of_turn(world: &mut World, order: Action) {
    let signed = world.orders(order);
    world.forge(vec![signed]);
    let detail = convicts_the_coordinator(world, history(world), Charge::BadEntry);
    assert!(detail.contains("out of turn"), "{detail}");
    convicts_the_coordinator(world, replay(world), Charge::BadEntry);
    world.retract();
}

#[test]
fn a_stage_of_a_key_generation_that_is_ended_before_its_time_convicts_the_coordinator_and_an_honest_ceremony_nobody()
 {
    let mut world = World::enrolled(ceremony(1, |_| {}));
    let order = |committee, stage: Stage, time_ms| {
        Action::EndStage(EndStage { committee, attempt: 0, stage: stage.into(), time_ms })
    };
    // No ceremony is in progress; the first one has another number.
    convicts_of_an_order_out_of_turn(&mut world, order(0, Stage::Offering, 2_000));
    let begin = Action::BeginKeygen(BeginKeygen { committee: 1, time_ms: 2_000 });
    convicts_of_an_order_out_of_turn(&mut world, begin);
    let mut stages = Vec::new();
    world.share_key(|world, signed| {
        // Some who are waited for have not spoken, and their time is not over.
        if let ContractPhase::Keygen(keygen) = world.contract.phase()
            && !keygen.progress().is_complete()
        {
            let stage = keygen.stage().name();
            let since_ms = keygen.since_ms();
            stages.push(stage as i32);
            convicts_of_an_order_out_of_turn(world, order(0, stage, since_ms));
        }
        world.commit(vec![signed]);
        acquits(world, history(world));
    });
    stages.dedup();
    assert_eq!(stages.len(), 7, "all but the answers, of which there are none: {stages:?}");
    assert!(world.contract.committee().is_some());
    acquits(&world, replay(&world));
}

#[test]
fn a_round_that_is_opened_while_a_committee_is_due_or_being_made_convicts_the_coordinator() {
    let open = |world: &mut World| {
        let model_sha256 = world.contract.model().hash().to_vec();
        let standings = world.contract.roster().standings();
        let open = OpenRound { step: 0, attempt: 0, model_sha256, time_ms: 1 << 40, standings };
        convicts_of_an_order_out_of_turn(world, Action::OpenRound(open));
    };
    // Nobody holds a key.
    let mut world = World::enrolled(ceremony(1, |_| {}));
    open(&mut world);
    let begin = world.orders(Action::BeginKeygen(BeginKeygen { committee: 0, time_ms: 2_000 }));
    world.commit(vec![begin]);
    open(&mut world);
    // The authority has asked for another committee.
    let mut world = World::new();
    let members = (0..4).map(|i| world.name(i).to_vec()).collect();
    let change = world.decrees(Action::ChangeCommittee(ChangeCommittee {
        committee: 1,
        members,
        threshold: 2,
    }));
    world.commit(vec![change]);
    acquits(&world, history(&world));
    open(&mut world);
    let begin = world.orders(Action::BeginKeygen(BeginKeygen { committee: 1, time_ms: 2_000 }));
    world.commit(vec![begin]);
    acquits(&world, history(&world));
    open(&mut world);
    // One that is not due.
    let mut world = World::new();
    convicts_of_an_order_out_of_turn(
        &mut world,
        Action::BeginKeygen(BeginKeygen { committee: 1, time_ms: 2_000 }),
    );
}

#[test]
fn an_accepted_update_that_is_not_in_its_sum_convicts_the_coordinator_with_its_receipt_alone() {
    let (world, headers) = sealed(|world, headers| world.evaluation(&world.round(), &headers[..3]));
    let left_out = world.submission(3, &headers[3]);
    let statements = with_receipt(&world, left_out.clone(), Receipt::accepted);
    convicts_the_coordinator(&world, Statements::History(statements.clone()), Charge::Omission);
    // Without the receipt, with another one, with one that another has signed, or of an update that is in the sum.
    acquits(&world, Statements::History(HistoryEvidence { receipt: None, ..statements.clone() }));
    acquits(&world, Statements::History(blocks(&world)));
    let late = with_receipt(&world, left_out.clone(), |id| Receipt::rejected(id, Reason::TooLate));
    acquits(&world, Statements::History(late));
    let forged = Receipt::accepted(CandidateTransaction::parse(left_out).unwrap().id());
    let forged = Some(forged.sign(&world.ceremony.institutions[3].signing, &world.chain_id()));
    acquits(&world, Statements::History(HistoryEvidence { receipt: forged, ..statements }));
    let counted = with_receipt(&world, world.submission(0, &headers[0]), Receipt::accepted);
    acquits(&world, Statements::History(counted));
}

#[test]
fn an_accepted_answer_that_is_not_in_its_step_convicts_the_coordinator_once_the_step_is_closed() {
    let mut world = World::new();
    world.seal();
    let block = world.sealed_hash();
    world.unseal();
    let left_out = world.countersignature(3, 0, &block);
    let counted = world.countersignature(2, 0, &block);
    // Before the step is closed, it may still come.
    acquits(&world, Statements::History(with_receipt(&world, left_out.clone(), Receipt::accepted)));
    let (close, _) = world.result();
    let close = world.orders(Action::CloseRound(close));
    world.commit(vec![close]);
    let statements = with_receipt(&world, left_out, Receipt::accepted);
    convicts_the_coordinator(&world, Statements::History(statements), Charge::Omission);
    acquits(&world, Statements::History(with_receipt(&world, counted, Receipt::accepted)));
}

/// A round that is closed by what `change` makes of the right CloseRound; its headers and sums.
fn closed(change: impl FnOnce(&mut CloseRound)) -> (World, Vec<Vec<u8>>, Vec<u8>) {
    let mut world = World::new();
    let headers = world.seal();
    world.unseal();
    let (mut close, sums) = world.result();
    change(&mut close);
    let close = world.orders(Action::CloseRound(close));
    world.forge(vec![close]);
    (world, headers, sums)
}

#[test]
fn a_model_that_does_not_follow_convicts_the_coordinator() {
    // The sum of the keys: the chain alone shows it.
    let (world, ..) = closed(|close| close.mask_key_sum[0] ^= 1);
    convicts_the_coordinator(&world, history(&world), Charge::BadModel);
    // The model, and the sums: with the masked updates.
    let (world, headers, sums) = closed(|close| close.model.as_mut().unwrap().sha256 = vec![7; 32]);
    acquits(&world, history(&world));
    let statements = round(&world, &headers, &sums);
    convicts_the_coordinator(&world, Statements::History(statements.clone()), Charge::BadModel);
    let other = |change: fn(&mut HistoryEvidence)| {
        let mut statements = statements.clone();
        change(&mut statements);
        Statements::History(statements)
    };
    acquits(&world, other(|statements| statements.model[0] ^= 1));
    acquits(&world, other(|statements| statements.sums[0] ^= 1));
    acquits(&world, other(|statements| statements.masked_updates[1][7] ^= 1));
    acquits(&world, other(|statements| statements.masked_updates.swap(0, 1)));
    acquits(&world, other(|statements| drop(statements.masked_updates.pop())));
    acquits(&world, other(|statements| statements.masked_updates.push(vec![0; 32])));

    let (_, _, mut wrong) = closed(|_| {});
    wrong[0] ^= 1;
    let (world, headers, _) =
        closed(|close| close.sums.as_mut().unwrap().sha256 = sha256(&wrong).to_vec());
    convicts_the_coordinator(
        &world,
        Statements::History(round(&world, &headers, &wrong)),
        Charge::BadModel,
    );

    // Closed without a quorum.
    let mut world = World::new();
    world.seal();
    let block = world.sealed_hash();
    world.forge((0..2).map(|i| world.countersignature(i, 0, &block)).collect());
    let blob = || Some(v1::BlobRef { sha256: vec![0; 32], length: 52 });
    let close = CloseRound {
        step: 0,
        mask_key_sum: vec![0; 32],
        sums: blob(),
        model: blob(),
        time_ms: 1 << 40,
    };
    let close = world.orders(Action::CloseRound(close));
    world.forge(vec![close]);
    let detail = convicts_the_coordinator(&world, history(&world), Charge::BadModel);
    assert!(detail.contains("2 trustees countersigned"), "{detail}");
}

#[test]
fn a_state_root_that_the_transactions_do_not_lead_to_convicts_the_coordinator_with_the_bodies() {
    let mut world = World::new();
    world.seal();
    let block = world.sealed_hash();
    let answer = world.countersignature(0, 0, &block);
    world.forge(vec![answer]);
    convicts_the_coordinator(&world, replay(&world), Charge::BadState);
    // A body that is missing proves nothing.
    let Statements::Replay(mut statements) = replay(&world) else { panic!() };
    statements.blobs.remove(2);
    acquits(&world, Statements::Replay(statements));
}

#[test]
fn an_audit_that_fails_gives_evidence() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::new();
    world.open();
    world.submit(&[0, 1]);
    let bad = world.open_round();
    world.forge(vec![bad]);
    let ledger = dir.path().join("ledger");
    world.ledger(&ledger);
    let error = crate::audit(&ledger, dir.path(), None).unwrap_err();
    let store = consilium_ledger::Store::open_copy(&ledger, dir.path()).unwrap();
    let evidence = from_ledger(&store, error.height().unwrap()).unwrap();
    assert_eq!(evidence.verify(&world.ceremony.genesis_entry).unwrap().charge, Charge::BadEntry);
    assert!(from_ledger(&store, 3).is_err(), "up to there, everything holds");
}

/// All files that the tests above make, one of each kind.
fn files() -> Vec<(World, Vec<u8>)> {
    let mut files = Vec::new();
    let mut add = |world: World, statements: Statements| {
        let file = Evidence::new(statements, genesis(&world)).unwrap().encode();
        files.push((world, file));
    };
    let (one, other) = two_histories();
    let statements = fork_of(&one.blocks[2], &other.blocks[2]);
    add(one, statements);
    let (one, other) = two_histories();
    let edge = one.chain.inclusion_proof(2, 3).unwrap().path;
    let statements = head_against(&one.blocks[2], edge, head_of(&other, 3));
    add(one, statements);
    let (one, other) = two_histories();
    let statements = two_heads_of(&head_of(&one, 3), &head_of(&other, 3));
    add(one, statements);
    let mut world = World::new();
    world.seal();
    let first = world.countersignature(1, 0, &world.sealed_hash());
    let second = world.countersignature(1, 0, &[9; 32]);
    let statements = answers(&world, 1, first, second);
    add(world, statements);
    let world = World::new();
    let key = &world.ceremony.coordinator.signing;
    let chain_id = world.chain_id();
    let accepted = Some(Receipt::accepted([4; 32]).sign(key, &chain_id));
    let fault =
        Some(Receipt::fault([4; 32], Reason::BadLinkProof, world.name(0)).sign(key, &chain_id));
    add(world, Statements::TwoReceipts(TwoReceiptsEvidence { accepted, fault }));
    let (world, headers) = sealed(|world, headers| world.evaluation(&world.round(), &headers[..3]));
    let statements = with_receipt(&world, world.submission(3, &headers[3]), Receipt::accepted);
    add(world, Statements::History(statements));
    let (world, headers, sums) = closed(|close| close.model.as_mut().unwrap().sha256 = vec![7; 32]);
    let statements = round(&world, &headers, &sums);
    add(world, Statements::History(statements));
    let mut world = World::new();
    let open = world.open_round();
    world.forge(vec![open]);
    let statements = replay(&world);
    add(world, statements);
    files
}

#[test]
fn a_change_anywhere_in_a_file_convicts_nobody_else_and_of_nothing_else() {
    for (world, file) in files() {
        let right = Evidence::decode(&file).unwrap().verify(&world.ceremony.genesis_entry).unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(file.len() as u64);
        // Every byte of short files, some hundred of long ones.
        let step = (file.len() / 400).max(1);
        for at in (0..file.len()).step_by(step) {
            let at = (at + rng.next_u32() as usize % step).min(file.len() - 1);
            let mut changed = file.clone();
            changed[at] ^= 1 << (rng.next_u32() % 8);
            let Ok(evidence) = Evidence::decode(&changed) else { continue };
            if let Ok(verdict) = evidence.verify(&world.ceremony.genesis_entry) {
                // A signature over a header, or what the file brings beside, that nobody needs for the verdict.
                assert_eq!(
                    (verdict.culprit, verdict.charge),
                    (right.culprit, right.charge),
                    "byte {at}"
                );
            }
        }
        for cut in [0, 1, MAGIC.len(), file.len() / 2, file.len() - 1] {
            assert!(
                Evidence::decode(&file[..cut]).is_err_and(|error| error.is_unusable()),
                "{cut}"
            );
        }
        assert!(Evidence::decode(&[file.as_slice(), &[0]].concat()).is_err());
    }
}

#[test]
fn a_claim_that_the_statements_do_not_bear_out_is_refused() {
    for (world, file) in files() {
        let honest = Evidence::decode(&file).unwrap();
        for culprit in [
            Culprit::Coordinator,
            Culprit::Institution(world.name(1)),
            Culprit::Institution([7; 32]),
        ] {
            for charge in [Charge::Unspecified, Charge::Fork, Charge::BadSum, Charge::TwoBlocks] {
                let claim = Evidence { culprit, charge, ..honest.clone() };
                if claim == honest {
                    continue;
                }
                let claim = Evidence::decode(&claim.encode()).unwrap();
                let refused = claim.verify(&world.ceremony.genesis_entry).unwrap_err();
                assert!(
                    matches!(refused, EvidenceError::OtherClaim(_)) && !refused.is_unusable(),
                    "{refused}"
                );
            }
        }
    }
}

#[test]
fn nothing_that_honest_parties_sign_in_a_whole_run_convicts_anybody() {
    let mut world = World::new();
    world.full_round();
    // Institutions may say what they want: none of it is the coordinator's fault.
    let strange = [
        world.countersignature(0, 0, &[9; 32]),
        world.countersignature(1, 7, &[9; 32]),
        world.submission(2, &[1, 2, 3]),
        world.says(
            3,
            Action::SubmitShare(v1::SubmitShare {
                step: 1,
                sealed_block: vec![3; 32],
                share: vec![1; 600],
            }),
        ),
    ];
    let mut rejected = Vec::new();
    for signed in strange {
        let receipt = world.record(signed);
        assert!(!receipt.is_accepted());
        rejected.push(receipt.transaction);
    }
    world.seal();
    for which in 0..6 {
        let wrong = world.wrong_share(0, which);
        world.record(wrong);
    }
    world.unseal();
    let (close, _) = world.result();
    let close = world.orders(Action::CloseRound(close));
    world.commit(vec![close]);
    // Every beginning of the history, with and without bodies.
    for blocks in 0..=world.blocks.len() {
        let mut beginning = World::new();
        beginning.blocks = world.blocks[..blocks].to_vec();
        beginning.blobs = world.blobs[..blocks].to_vec();
        acquits(&beginning, history(&beginning));
        if blocks > 0 {
            acquits(&beginning, replay(&beginning));
        }
    }
    // Every pair of headers, heads, or one of each; every pair of answers of one trustee, every receipt that a coordinator gives for what is on
    // the chain.
    for ours in &world.blocks {
        for theirs in &world.blocks {
            acquits(&world, fork_of(ours, theirs));
        }
    }
    let heads: Vec<Note> = (0..=world.chain.len()).map(|size| head_of(&world, size)).collect();
    for first in &heads {
        for ours in &world.blocks {
            for size in ours.height() + 1..=world.chain.len() {
                let edge = world.chain.inclusion_proof(ours.height(), size).unwrap().path;
                acquits(&world, head_against(ours, edge, first.clone()));
            }
        }
        heads.iter().for_each(|second| acquits(&world, two_heads_of(first, second)));
    }
    let entries: Vec<_> = world.blocks[1..].iter().flat_map(|block| &block.entries).collect();
    let said: Vec<_> = entries
        .iter()
        .map(|entry| consilium_contract::transaction::parse_entry(entry).unwrap().0)
        .collect();
    for first in &said {
        for second in &said {
            // Institution 0 has been made to sign for a block that is none; the others are honest.
            for honest in 2..4 {
                acquits(
                    &world,
                    answers(&world, honest, first.signed().clone(), second.signed().clone()),
                );
            }
        }
        // No honest coordinator has accepted what the contract has rejected.
        if !rejected.contains(&first.id()) {
            let statements = with_receipt(&world, first.signed().clone(), Receipt::accepted);
            acquits(&world, Statements::History(statements));
        }
    }
}

#[test]
fn a_file_of_evidence_says_what_it_claims_and_what_it_holds() {
    for (_, file) in files() {
        let text = Evidence::decode(&file).unwrap().to_string();
        assert!(text.starts_with("claims") && text.contains("\nholds"), "{text}");
    }
}

#[test]
fn the_encoding_is_held_fixed() {
    let evidence = Evidence {
        culprit: Culprit::Institution([1; 32]),
        charge: Charge::TwoBlocks,
        statements: Statements::Fork(ForkEvidence { ours: vec![2], theirs: vec![3, 4] }),
    };
    let expected = [MAGIC, &[10, 32], &[1; 32], &[16, 9, 26, 7, 10, 1, 2, 18, 2, 3, 4]].concat();
    assert_eq!(evidence.encode(), expected);
}
