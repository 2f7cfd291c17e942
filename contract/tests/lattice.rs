//! A run under a lattice mask: the same rules, another way to hide updates.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use consilium_contract::{Contract, GenesisError, Parameters, Phase, Promise, Receipt};
use consilium_crypto::{
    Bound, EncryptedUpdate,
    mask::{CandidateHeader, Kind},
    quantise,
};
use consilium_ledger::blob_hash;
use consilium_proto::v1::{LatticeMask, Reason, genesis};
use consilium_testkit::{DIMENSION, Run, genesis as genesis_of, genesis_entry, splice, table};

/// Δ: large enough that rounding a sum of four gives the sum without noise.
const SCALE: u32 = 1024;
const NORM: Bound = Bound::Norm { norm: 1_000, projections: 256 };

fn collecting(steps: u64) -> Run {
    let run = Run::founded_with(|spec| {
        spec.steps = steps;
        spec.bound = NORM;
        spec.mask = Kind::Lattice { scale: SCALE };
    });
    let mut run = run.with_everyone().with_key();
    assert!(run.open().is_accepted());
    run
}

/// An institution's honest update of the round that is open.
fn update(run: &Run, place: usize) -> EncryptedUpdate {
    run.update(place, &run.round(), place as i64 + 1)
}

fn submit(run: &mut Run, place: usize, update: &EncryptedUpdate) -> Receipt {
    let submission = run.submission(place, update.header.clone());
    run.apply_update(&submission, &update.body)
}

/// The update with other bytes, under a header that names them; its author signs that.
fn changed(
    run: &Run,
    update: &EncryptedUpdate,
    change: impl FnOnce(&mut Vec<u8>),
) -> EncryptedUpdate {
    let key_part = run.parameters().update_parameters().key_part();
    let mut body = update.body.clone();
    change(&mut body);
    let header = splice(&update.header, &blob_hash(&update.body).0, &blob_hash(&body).0);
    let [old, new] = [&update.body, &body].map(|body| blob_hash(&body[key_part.clone()]).0);
    let header = if old == new { header } else { splice(&header, &old, &new) };
    EncryptedUpdate { header, body }
}

#[test]
fn rounds_close_and_the_model_follows_exactly_from_the_sum_with_what_is_left_of_the_noise() {
    let mut run = collecting(3);
    for step in 0..3 {
        if step > 0 {
            assert!(run.open().is_accepted());
        }
        let places = if step == 1 { 0..3 } else { 0..4 };
        for place in places.clone() {
            let update = update(&run, place);
            assert!(submit(&mut run, place, &update).is_accepted());
        }
        if step == 1 {
            run.time_ms += 1_000_000;
        }
        assert!(run.close_collection().is_accepted());
        run.end_block();
        let block = run.sealed_hash();
        for place in 0..3 {
            assert!(run.countersign(place, block).is_accepted());
        }
        for place in [1, 2] {
            let share = run.share(place);
            assert!(run.submit_share(place, share).is_accepted());
        }
        let before = run.contract.model().clone();
        let (close, _) = run.result();
        assert_eq!(close.mask_key_sum.len(), 2 * 2048);
        let Phase::Opening(opening) = run.contract.phase() else { panic!("not opening") };
        let sums = opening.outcome().unwrap().as_ref().unwrap().sums.clone();
        let clear: i64 = places.clone().map(|place| place as i64 + 1).sum();
        let scale = i64::from(SCALE);
        assert!(sums.iter().all(|sum| (sum + scale / 2).div_euclid(scale) == clear), "{sums:?}");
        assert!(sums.iter().any(|sum| *sum != scale * clear), "a sum has its noise");
        assert!(run.close_round().is_accepted());
        run.end_block();
        // What FedAvg in the clear makes of the same sums.
        let roster = run.contract.roster();
        let names: Vec<_> = places.clone().map(|place| run.name(place)).collect();
        let weight = roster.weight_sum(names.iter(), run.parameters().max_rows);
        let clip = run.parameters().clip;
        let mean = quantise::decode(&sums, NORM, clip, weight).unwrap();
        let mean: Vec<f64> = mean.iter().map(|value| value / f64::from(SCALE)).collect();
        let expected = quantise::apply(before.parameters(), &mean);
        assert_eq!(run.contract.model().parameters(), expected);
    }
    assert!(matches!(run.contract.phase(), Phase::Finished));
    assert_eq!(run.again().last(), Some(&run.contract.state_root()));
}

#[test]
fn a_false_key_part_a_false_link_and_a_false_bound_are_proven_faults_of_their_author() {
    let run = collecting(1);
    let parameters = run.parameters().update_parameters();
    let key_part = parameters.key_part();
    let masked = parameters.masked();
    let faults: [(&str, usize, &[Reason]); 4] = [
        ("last response of the key proof", key_part.end - 32, &[Reason::BadKeyProof]),
        ("a ciphertext", 40, &[Reason::BadKeyProof, Reason::MalformedEncoding]),
        ("a masked parameter", masked.start + 5, &[Reason::BadLinkProof]),
        (
            "the first response of the bound",
            masked.end + 64,
            &[Reason::BadLinkProof, Reason::BadNormProof, Reason::MalformedEncoding],
        ),
    ];
    for (what, at, reasons) in faults {
        let mut run = collecting(1);
        let honest = update(&run, 0);
        let update = changed(&run, &honest, |body| body[at] ^= 1);
        let receipt = submit(&mut run, 0, &update);
        assert!(reasons.contains(&receipt.reason), "{what}: {:?}", receipt.reason);
        assert_eq!(receipt.culprit, Some(run.name(0)), "{what}");
        assert_eq!(run.credit(0), 2, "{what}");
    }
    drop(run);
}

#[test]
fn a_key_part_of_another_update_is_a_fault_where_the_header_names_it_and_also_where_it_does_not() {
    let mut run = collecting(1);
    let key_part = run.parameters().update_parameters().key_part();
    let [own, other] = [0, 1].map(|place| update(&run, place));
    let swap = |body: &mut Vec<u8>| {
        body[key_part.clone()].copy_from_slice(&other.body[key_part.clone()]);
    };
    let named = changed(&run, &own, swap);
    let receipt = submit(&mut run, 0, &named);
    assert_eq!((receipt.reason, receipt.culprit), (Reason::BadKeyProof, Some(run.name(0))));
    // The body is the one that the header names; the key part in it is not.
    let mut run = collecting(1);
    let [own, other] = [0, 1].map(|place| update(&run, place));
    let mut body = own.body.clone();
    body[key_part.clone()].copy_from_slice(&other.body[key_part.clone()]);
    let header = splice(&own.header, &blob_hash(&own.body).0, &blob_hash(&body).0);
    let receipt = submit(&mut run, 0, &EncryptedUpdate { header, body });
    assert_eq!((receipt.reason, receipt.culprit), (Reason::BadKeyProof, Some(run.name(0))));
}

#[test]
fn a_body_that_is_cut_or_another_than_the_headers_costs_nothing_and_may_be_sent_again() {
    let mut run = collecting(1);
    let honest = update(&run, 0);
    let key_part = run.parameters().update_parameters().key_part();
    for body in [&honest.body[key_part.clone()], &honest.body[key_part.end..], &[]] {
        let update = EncryptedUpdate { header: honest.header.clone(), body: body.to_vec() };
        let receipt = submit(&mut run, 0, &update);
        assert_eq!((receipt.reason, receipt.culprit), (Reason::IncompleteBody, None));
    }
    let submission = run.submission(0, honest.header.clone());
    let receipt = run.apply_missing(&submission);
    assert_eq!((receipt.reason, receipt.culprit), (Reason::IncompleteBody, None));
    assert!(submit(&mut run, 0, &honest).is_accepted());
}

#[test]
fn a_header_of_the_other_mask_or_of_another_length_is_a_fault() {
    let mut run = collecting(1);
    let honest = update(&run, 0);
    let mut other = Run::collecting_under(NORM);
    // Of the right round, in every byte of it, but a header of the other kind.
    let of_group = other.update(0, &other.round(), 1);
    let context = honest.header.len() - (64 + 2 * 40);
    let mut header = of_group.header.clone();
    header[..context].copy_from_slice(&honest.header[..context]);
    let submission = run.submission(0, header);
    let receipt = run.apply(&submission);
    assert_eq!((receipt.reason, receipt.culprit), (Reason::MalformedEncoding, Some(run.name(0))));
    let mut header = honest.header.clone();
    header[..context].copy_from_slice(&of_group.header[..context]);
    let submission = other.submission(0, header);
    let receipt = other.apply(&submission);
    assert_eq!((receipt.reason, receipt.culprit), (Reason::MalformedEncoding, Some(other.name(0))));

    // A body of another length is refused before a byte of it is taken.
    for (length, reason) in [(1_u64, Reason::WrongDimension), (u64::MAX, Reason::TooLarge)] {
        let mut run = collecting(1);
        let mut header = update(&run, 0).header;
        let end = header.len();
        header[end - 8..].copy_from_slice(&length.to_be_bytes());
        assert_eq!(CandidateHeader::decode(&header).unwrap().body_length(), length);
        let submission = run.submission(0, header);
        let receipt = run.apply(&submission);
        assert_eq!((receipt.reason, receipt.culprit), (reason, Some(run.name(0))));
    }
}

#[test]
fn a_step_that_is_sealed_takes_no_second_sum() {
    let mut run = collecting(1);
    for place in 0..4 {
        let update = update(&run, place);
        assert!(submit(&mut run, place, &update).is_accepted());
    }
    assert!(matches!(run.contract.phase(), Phase::Collecting(_)));
    let close = run.close_action();
    assert!(run.close_collection().is_accepted());
    run.end_block();
    let again =
        run.by_coordinator(consilium_proto::v1::transaction::Action::CloseCollection(close));
    assert!(!run.apply(&again).is_accepted());
    // A share for the block of another sum opens nothing.
    let block = run.sealed_hash();
    for place in 0..3 {
        assert!(run.countersign(place, block).is_accepted());
    }
    let step = run.contract.step();
    let said =
        consilium_proto::v1::SubmitShare { step, sealed_block: vec![9; 32], share: run.share(1) };
    let share = run.by_member(1, consilium_proto::v1::transaction::Action::SubmitShare(said));
    assert_eq!(run.apply(&share).reason, Reason::WrongAggregate);
}

#[test]
fn a_genesis_whose_numbers_do_not_fit_the_lattice_founds_nothing() {
    let run = collecting(1);
    let authority = run.ceremony.authority_key();
    let found = |change: &dyn Fn(&mut consilium_proto::v1::Genesis)| {
        let mut genesis = genesis_of(&run.ceremony);
        change(&mut genesis);
        let entry = genesis_entry(genesis, authority);
        let parameters = Parameters::from_genesis_entry(&entry)?;
        Contract::found(&entry, &run.ceremony.initial_model, table())?;
        Ok::<_, GenesisError>(parameters)
    };
    assert_eq!(found(&|_| ()).unwrap().update_parameters().scale(), SCALE);
    let refused: [&dyn Fn(&mut consilium_proto::v1::Genesis); 4] = [
        &|genesis| genesis.lattice = Some(LatticeMask { scale: 0 }),
        &|genesis| genesis.lattice = Some(LatticeMask { scale: 1000 }),
        // Longer than the lattice proves.
        &|genesis| genesis.lattice = Some(LatticeMask { scale: 1 << 16 }),
        &|genesis| {
            let bound = consilium_proto::v1::ParameterBound { bits: 8, clip: 0.5 };
            genesis.bound = Some(genesis::Bound::Parameter(bound));
        },
    ];
    for change in refused {
        assert!(matches!(found(change), Err(GenesisError::Crypto { field: "bound", .. })));
    }
    assert_eq!(run.parameters().dimension as usize, DIMENSION);
}

#[test]
fn under_a_lattice_mask_the_room_for_its_noise_is_promised_to_the_hostile_too() {
    const NORM_5600: Bound = Bound::Norm { norm: 5_600, projections: 256 };
    let group = Promise::new(NORM_5600, NORM_5600, 0.5, 100_000);
    let most = |scale| group.under(Kind::Lattice { scale }).longest() / group.longest();
    // With 5,600 steps and 1/1024 of a step as the unit nobody notices; with a step as the unit the noise of 100,000
    // parameters, 8·√100,000 and a little, is half of B.
    assert!((1.0..1.001).contains(&most(1024)), "{}", most(1024));
    let expected =
        (5_600_f64.powi(2) + 144.0 * 5_600.0 + 64.0 * (100_000.0 + 12.0 * 317.0 + 100.0)).sqrt()
            / 5_600.0;
    assert!((most(1) / expected - 1.0).abs() < 1e-3, "{} for {expected}", most(1));
    let lattice = group.under(Kind::Lattice { scale: 1 });
    assert!(lattice.longest_of(1, 100) / group.longest_of(1, 100) > 5.0);
}
