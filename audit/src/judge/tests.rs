use consilium_contract::{CandidateTransaction, Roster};
use consilium_crypto::{Context, DecodeError, EncryptedUpdate};
use consilium_hash::HeaderHash;
use consilium_ledger::{blob_hash, sha256};
use consilium_proto::v1::SignedTransaction;
use rand_core::OsRng;

use super::*;
use crate::{
    fixture::Followed as _,
    statements::{Countersignature, StatementError},
};
use consilium_testkit::{DIMENSION, UpdateKind, World, splice};

/// Where h_E stands in a header, after context and ciphertexts. With another one it still decodes, and its key proof fails.
const H_E: usize = Context::LEN + 16 * 96;

/// A world in which `everyone` has submitted and the sum that `evaluation` makes of their headers is sealed.
fn sealed(evaluation: impl FnOnce(&World, &[Vec<u8>]) -> Vec<u8>) -> (World, Vec<Vec<u8>>) {
    let mut world = World::new();
    world.open();
    let headers = world.submit(&[0, 1, 2, 3]);
    let evaluation = evaluation(&world, &headers);
    let close = world.close_collection(evaluation);
    world.forge(vec![close]);
    (world, headers)
}

fn verdict(world: &World, own: Option<&HeaderHash>) -> Result<Judged, TrusteeError> {
    judge_with(world, world.key_parts(), own)
}

fn judge_with(
    world: &World,
    key_parts: Vec<Vec<u8>>,
    own: Option<&HeaderHash>,
) -> Result<Judged, TrusteeError> {
    let key_parts = key_parts.into_iter().collect();
    judge(&world.sealed_sum(), &key_parts, own, &world.ceremony.parameters, &mut OsRng)
}

#[test]
fn under_a_lattice_mask_a_sum_is_judged_by_headers_and_key_parts_and_not_without_each_of_them() {
    let [_, _, lattice] = UpdateKind::all();
    let mut world = World::under(lattice);
    world.seal();
    let key_parts: Vec<_> =
        world.key_parts().into_iter().filter(|bytes| bytes.len() > 1_000).collect();
    assert_eq!(key_parts.len(), 4);
    let judged = judge_with(&world, key_parts.clone(), None).unwrap();
    assert_eq!(judged.headers().len(), 4);
    for missing in 0..4 {
        let mut wrong = key_parts.clone();
        // Not there, cut, with another byte, or another one twice.
        match missing {
            0 => _ = wrong.remove(missing),
            1 => _ = wrong[missing].pop(),
            2 => wrong[missing][5_000] ^= 1,
            _ => wrong[missing] = wrong[(missing + 1) % 4].clone(),
        }
        let refused = judge_with(&world, wrong, None).unwrap_err();
        assert!(matches!(refused, TrusteeError::NoKeyPart(_)), "{refused}");
    }
}

#[test]
fn the_sum_of_another_round_is_refused() {
    let (world, _) = sealed(|world, _| {
        let round = RoundContext { attempt: 1, ..world.round() };
        let headers: Vec<_> = (0..3).map(|i| world.update(i, &round, 1).header).collect();
        world.evaluation(&round, &headers)
    });
    assert_eq!(verdict(&world, None).unwrap_err(), TrusteeError::WrongRound);
}

#[test]
fn an_input_that_nobody_submitted_to_this_round_is_refused() {
    let (world, _) = sealed(|world, headers| {
        let unseen = world.update(2, &world.round(), 1).header;
        world.evaluation(&world.round(), &[headers[0].clone(), headers[1].clone(), unseen])
    });
    assert_eq!(verdict(&world, None).unwrap_err(), TrusteeError::UnknownInput { position: 2 });
}

#[test]
fn an_institution_that_is_in_the_sum_twice_is_named() {
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
    assert_eq!(verdict(&world, None).unwrap_err(), TrusteeError::Duplicate(world.name(0)));
}

#[test]
fn a_sum_of_fewer_than_min_updates_is_refused() {
    let (world, _) = sealed(|world, headers| world.evaluation(&world.round(), &headers[..2]));
    assert_eq!(
        verdict(&world, None).unwrap_err(),
        TrusteeError::TooFewUpdates { found: 2, expected: 3 }
    );
    let (world, _) = sealed(|world, headers| world.evaluation(&world.round(), &headers[..3]));
    assert_eq!(verdict(&world, None).unwrap().evaluation().summands(), 3);
}

#[test]
fn a_header_whose_key_proof_fails_is_refused_whoever_certified_the_sum() {
    let mut world = World::new();
    world.open();
    let headers = world.submit(&[0, 1, 2]);
    let bad = {
        let EncryptedUpdate { mut header, .. } = world.update(3, &world.round(), 1);
        header[H_E] ^= 1;
        header
    };
    let submission = world.submission(3, &bad);
    world.forge(vec![submission]);
    let evaluation =
        splice(&world.evaluation(&world.round(), &headers), &sha256(&headers[1]), &sha256(&bad));
    let close = world.close_collection(evaluation);
    world.forge(vec![close]);
    let expected =
        TrusteeError::BadHeader { pseudonym: world.name(3), reason: UpdateError::BadKeyProof };
    assert_eq!(verdict(&world, None).unwrap_err(), expected);
    // What was proven of other headers, the same institution's among them, proves nothing of this one.
    let (honest, _) = sealed(|world, headers| world.evaluation(&world.round(), headers));
    let proven = verdict(&honest, None).unwrap().headers().to_vec();
    let key_parts = KeyParts::default().proven(&proven);
    let refused =
        judge(&world.sealed_sum(), &key_parts, None, &world.ceremony.parameters, &mut OsRng);
    assert_eq!(refused.unwrap_err(), expected);
}

#[test]
fn a_header_that_does_not_decode_is_refused() {
    let mut world = World::new();
    world.open();
    let headers = world.submit(&[0, 1, 2]);
    let bad = {
        let EncryptedUpdate { mut header, .. } = world.update(3, &world.round(), 1);
        header.last_chunk_mut::<32>().unwrap().fill(0xff);
        header
    };
    let submission = world.submission(3, &bad);
    world.forge(vec![submission]);
    let evaluation =
        splice(&world.evaluation(&world.round(), &headers), &sha256(&headers[1]), &sha256(&bad));
    let close = world.close_collection(evaluation);
    world.forge(vec![close]);
    let Err(TrusteeError::BadHeader { pseudonym, reason }) = verdict(&world, None) else {
        panic!("accepted")
    };
    assert_eq!(pseudonym, world.name(3));
    assert!(
        matches!(reason, UpdateError::MalformedEncoding(DecodeError::Scalar { .. })),
        "{reason}"
    );
}

#[test]
fn a_sum_without_the_own_accepted_update_is_refused_by_its_author_alone() {
    let (world, headers) = sealed(|world, headers| world.evaluation(&world.round(), &headers[..3]));
    let own = sha256(&headers[3]);
    assert_eq!(
        verdict(&world, Some(&HeaderHash(own))).unwrap_err(),
        TrusteeError::OwnUpdateMissing(HeaderHash(own))
    );
    assert!(verdict(&world, Some(&HeaderHash(sha256(&headers[0])))).is_ok());
}

#[test]
fn a_sum_that_does_not_add_up_or_is_not_certified_is_refused() {
    let (world, _) = sealed(|world, headers| {
        let certified = world.evaluation(&world.round(), &headers[..3]);
        splice(&certified, &sha256(&headers[2]), &sha256(&headers[3]))
    });
    assert!(matches!(verdict(&world, None), Err(TrusteeError::WrongSum(_))));
    let (world, _) = sealed(|world, headers| {
        let mut certified = world.evaluation(&world.round(), headers);
        *certified.last_mut().unwrap() ^= 1;
        certified
    });
    assert_eq!(
        verdict(&world, None).unwrap_err(),
        TrusteeError::WrongSum(AggregateError::BadCertificate)
    );
}

#[test]
fn a_countersignature_that_the_certified_key_did_not_sign_is_none() {
    let mut world = World::new();
    world.seal();
    let (follower, _) = world.follow();
    let verify = |roster: &Roster, signed: SignedTransaction| {
        let candidate = CandidateTransaction::parse(signed).unwrap();
        Countersignature::verify(&candidate, roster, world.committee(), &world.chain_id())
    };
    let honest = world.countersignature(1, 0, &world.sealed_hash());
    assert!(verify(follower.roster(), honest.clone()).is_ok());
    let mut forged = honest.clone();
    forged.signature[9] ^= 1;
    assert_eq!(verify(follower.roster(), forged), Err(StatementError::BadSignature(world.name(1))));
    assert_eq!(verify(&Roster::default(), honest), Err(StatementError::UnknownInstitution));
}

#[test]
fn a_sum_with_too_few_rows_behind_it_is_refused() {
    for (min_rows, is_enough) in [(150, true), (151, false)] {
        let mut world = World::of(consilium_testkit::ceremony(1, |spec| spec.min_rows = min_rows));
        world.open();
        // 25, 50 and 75 rows.
        let headers = world.submit(&[0, 1, 2]);
        let evaluation = world.evaluation(&world.round(), &headers);
        let close = world.close_collection(evaluation);
        world.forge(vec![close]);
        let expected = TrusteeError::TooFewRows { found: 150, expected: min_rows };
        assert_eq!(verdict(&world, None).err(), (!is_enough).then_some(expected));
    }
}

/// What a coordinator would have to record as accepted so that 25 rows count as much as 100.
#[test]
fn an_update_under_another_institutions_bound_is_no_input_of_a_sum() {
    for kind in UpdateKind::all() {
        let mut world = World::under(kind);
        world.open();
        let headers = world.submit(&[1, 2]);
        let update = world.encrypt_under(0, world.round(), &[1; DIMENSION], kind.bound);
        world.bodies.insert(blob_hash(&update.body), update.body.clone());
        let submission = world.submission(0, &update.header);
        world.forge(vec![submission]);
        let headers = [headers, vec![update.header]].concat();
        let evaluation = world.evaluation(&world.round(), &headers);
        let close = world.close_collection(evaluation);
        world.forge(vec![close]);
        let expected = TrusteeError::UnknownInput { position: 2 };
        assert_eq!(verdict(&world, None).unwrap_err(), expected, "{kind:?}");
    }
}

#[test]
fn a_key_proof_that_was_verified_before_is_not_verified_again_and_every_other_one_is() {
    for kind in UpdateKind::all() {
        let mut world = World::under(kind);
        world.seal();
        let headers = verdict(&world, None).unwrap().headers().to_vec();
        let parameters = &world.ceremony.parameters;
        let with = |proven: &[VerifiedHeader], key_parts: Vec<Vec<u8>>| {
            let key_parts: KeyParts<'_> = key_parts.into_iter().collect();
            judge(&world.sealed_sum(), &key_parts.proven(proven), None, parameters, &mut OsRng)
        };
        // No key part is asked for where all has been proven.
        let judged = with(&headers, Vec::new()).unwrap();
        assert!(
            judged
                .headers()
                .iter()
                .map(VerifiedHeader::hash)
                .eq(headers.iter().map(VerifiedHeader::hash))
        );
        assert_eq!(with(&headers[1..], world.key_parts()).unwrap().headers().len(), 4);
        if world.key_parts().iter().any(|key_part| !key_part.is_empty()) {
            let refused = with(&headers[1..], Vec::new()).unwrap_err();
            assert!(matches!(refused, TrusteeError::NoKeyPart(_)), "{refused}");
        }
    }
}
