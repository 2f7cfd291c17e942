//! Every byte and every field of an encrypted update, changed.

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::scalar::Scalar;
use rayon::prelude::*;
use sha2::{Digest, Sha256, Sha512};

use super::*;
use crate::DecodeError;
use crate::proof::parameter::LINK_LEN;
use crate::update::header::CIPHERTEXTS_LEN;

const D: u32 = 3;
const MASK_HASH: usize = Context::LEN + CIPHERTEXTS_LEN;
const BODY_HASH: usize = MASK_HASH + 64;
const KEY_PROOF: usize = BODY_HASH + 32 + 8;
const V: usize = 32 * D as usize;
const LINK: usize = 2 * V;
const RANGES: usize = LINK + LINK_LEN;

/// What a cheating author can always do: make the header announce the body as it is.
pub(crate) fn announce(update: &mut EncryptedUpdate) {
    update.header[BODY_HASH..BODY_HASH + 32].copy_from_slice(&Sha256::digest(&update.body));
    let length = (update.body.len() as u64).to_be_bytes();
    update.header[BODY_HASH + 32..KEY_PROOF].copy_from_slice(&length);
}

fn announce_mask(update: &mut EncryptedUpdate) {
    let hash = Sha512::digest(&update.body[..V]);
    update.header[MASK_HASH..MASK_HASH + 64].copy_from_slice(&hash);
    announce(update);
}

/// Other elements in the place of one: the point plus g, the scalar plus 1, whichever it can be read as.
pub(crate) fn neighbours(element: &[u8]) -> Vec<[u8; 32]> {
    let bytes: [u8; 32] = element.try_into().unwrap();
    let point =
        CompressedRistretto(bytes).decompress().map(|point| point + RISTRETTO_BASEPOINT_POINT);
    let scalar: Option<Scalar> = Scalar::from_canonical_bytes(bytes).into();
    let scalar = scalar.map(|scalar| (scalar + Scalar::ONE).to_bytes());
    point.map(|point| point.compress().to_bytes()).into_iter().chain(scalar).collect()
}

/// The reasons that every neighbour of an element is rejected for, without those that no longer decode.
fn reasons(
    original: &[u8],
    start: usize,
    mut verify: impl FnMut(&[u8]) -> Option<UpdateError>,
) -> Vec<UpdateError> {
    let neighbours = neighbours(&original[start..start + 32]).into_iter();
    let reasons = neighbours.map(|neighbour| {
        let mut changed = original.to_vec();
        changed[start..start + 32].copy_from_slice(&neighbour);
        verify(&changed).expect("another element must not verify")
    });
    let mut reasons: Vec<_> =
        reasons.filter(|reason| !matches!(reason, UpdateError::MalformedEncoding(_))).collect();
    reasons.dedup();
    reasons
}

#[test]
fn no_header_with_a_byte_changed_verifies() {
    let mut federation = Federation::new(11, 1, 1, D, 8);
    let update = federation.update(1);
    assert!(federation.verify(&update).is_ok());
    (0..update.header.len()).into_par_iter().for_each(|position| {
        let mut changed = update.clone();
        changed.header[position] ^= 1 << (position % 8);
        let error = federation.verify(&changed).expect_err("a changed byte");
        match position {
            // The round's dimension and bound; a body no longer as announced.
            _ if matches!(
                error,
                UpdateError::MalformedEncoding(_)
                    | UpdateError::WrongDimension { .. }
                    | UpdateError::WrongBound { .. }
            ) => {}
            MASK_HASH..BODY_HASH => assert_eq!(error, UpdateError::BadKeyProof, "byte {position}"),
            BODY_HASH..KEY_PROOF => {
                assert!(matches!(error, UpdateError::IncompleteBody { .. }), "byte {position}")
            }
            _ => {
                assert_eq!(error, UpdateError::BadKeyProof, "byte {position}");
                assert!(
                    federation.verify_header(&changed.header).is_err(),
                    "byte {position} alone"
                );
            }
        }
    });
}

#[test]
fn no_body_with_a_byte_changed_verifies_even_if_the_header_announces_it() {
    let mut federation = Federation::new(12, 1, 1, D, 8);
    let update = federation.update(1);
    (0..update.body.len()).into_par_iter().for_each(|position| {
        let mut changed = update.clone();
        changed.body[position] ^= 1 << (position % 8);
        let error = federation.verify(&changed).expect_err("a changed byte");
        assert!(matches!(error, UpdateError::IncompleteBody { .. }), "byte {position}: {error}");
        announce(&mut changed);
        match federation.verify(&changed).expect_err("a changed byte") {
            UpdateError::MalformedEncoding(_) => {}
            UpdateError::BadLinkProof => assert!(position < RANGES, "byte {position}"),
            UpdateError::BadRangeProof => assert!(position >= RANGES, "byte {position}"),
            error => panic!("byte {position}: {error}"),
        }
    });
}

#[test]
fn no_field_can_be_another_valid_element() {
    let mut federation = Federation::new(13, 1, 1, D, 8);
    let update = federation.update(1);
    let in_header = |header: &[u8]| {
        let changed = EncryptedUpdate { header: header.to_vec(), body: update.body.clone() };
        let alone = federation.verify_header(header).err();
        assert_eq!(federation.verify(&changed).err(), alone);
        alone
    };
    for start in
        (Context::LEN..MASK_HASH).step_by(32).chain((KEY_PROOF..update.header.len()).step_by(32))
    {
        assert_eq!(
            reasons(&update.header, start, in_header),
            [UpdateError::BadKeyProof],
            "header from {start}"
        );
    }
    let in_body = |body: &[u8], announce: fn(&mut EncryptedUpdate)| {
        let mut changed = EncryptedUpdate { header: update.header.clone(), body: body.to_vec() };
        announce(&mut changed);
        federation.verify(&changed).err()
    };
    for start in (0..update.body.len()).step_by(32) {
        let expected =
            if start < RANGES { UpdateError::BadLinkProof } else { UpdateError::BadRangeProof };
        assert_eq!(
            reasons(&update.body, start, |body| in_body(body, announce)),
            [expected],
            "body from {start}"
        );
        if start < V {
            let reasons = reasons(&update.body, start, |body| in_body(body, announce_mask));
            assert_eq!(reasons, [UpdateError::BadKeyProof], "h_E is in the key proof");
        }
    }
}

#[test]
fn coordinates_commitments_limbs_and_chunks_cannot_change_places() {
    let mut federation = Federation::new(14, 1, 1, D, 8);
    let update = federation.update(1);
    let swap = |bytes: &mut [u8], length: usize| {
        let (one, two) = bytes.split_at_mut(length);
        one.swap_with_slice(&mut two[..length]);
    };
    let mut changed = update.clone();
    swap(&mut changed.body, 32);
    announce(&mut changed);
    assert_eq!(federation.verify(&changed).err(), Some(UpdateError::BadLinkProof));
    announce_mask(&mut changed);
    assert_eq!(federation.verify(&changed).err(), Some(UpdateError::BadKeyProof));

    let mut changed = update.clone();
    swap(&mut changed.body[V..], 32);
    announce(&mut changed);
    assert_eq!(federation.verify(&changed).err(), Some(UpdateError::BadLinkProof));

    let mut changed = update.clone();
    swap(&mut changed.header[Context::LEN..], crate::Ciphertext::LEN);
    assert_eq!(federation.verify_header(&changed.header).err(), Some(UpdateError::BadKeyProof));

    // Two chunks of one size need a model of 512 parameters; the number of a chunk is in its transcript.
    let mut federation = Federation::new(14, 1, 1, 512, 8);
    let update = federation.update(1);
    let proof = crate::proof::range::proof_length(256, 8);
    let mut changed = update.clone();
    swap(&mut changed.body[2 * 32 * 512 + LINK_LEN..], proof);
    announce(&mut changed);
    assert_eq!(federation.verify(&changed).err(), Some(UpdateError::BadRangeProof));
}

#[test]
fn lengths_and_dimensions_are_exact() {
    let mut federation = Federation::new(15, 1, 1, D, 8);
    let update = federation.update(1);
    for length in [0, 1, Context::LEN, update.header.len() - 1] {
        let error = CandidateHeader::decode(&update.header[..length]).err();
        assert!(
            matches!(error, Some(UpdateError::MalformedEncoding(DecodeError::Length { .. }))),
            "{length}"
        );
    }
    let longer = [update.header.as_slice(), &[0]].concat();
    assert!(CandidateHeader::decode(&longer).is_err());
    assert_eq!(CandidateHeader::peek_context(&update.header).unwrap(), federation.context(1));
    assert!(CandidateHeader::peek_context(&longer).is_err());

    for length in [0, 32, update.body.len() - 32, update.body.len() + 32] {
        let mut changed = update.clone();
        changed.body.resize(length, 0);
        assert!(
            matches!(federation.verify(&changed), Err(UpdateError::IncompleteBody { .. })),
            "{length}"
        );
        announce(&mut changed);
        assert!(
            matches!(federation.verify(&changed), Err(UpdateError::MalformedEncoding(_))),
            "{length}"
        );
    }

    let verdict = |dimension, bound| {
        let header = CandidateHeader::decode(&update.header).unwrap();
        CandidateUpdate::parse(header, &update.body, &Parameters::new(dimension, bound).unwrap())
            .unwrap_err()
    };
    let bound = federation.round.bound;
    assert_eq!(verdict(D + 1, bound), UpdateError::WrongDimension { expected: D + 1, found: D });
    for expected in [Bound::parameter(16), NORM] {
        assert_eq!(verdict(D, expected), UpdateError::WrongBound { expected, found: bound });
    }
}

#[test]
fn what_is_not_canonical_is_malformed() {
    let mut federation = Federation::new(16, 1, 1, D, 8);
    let update = federation.update(1);
    // RFC 9496, A.3: not reduced, negative, not on the curve.
    let bad_points = [
        "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
        "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
    ];
    let bad_scalars = [
        // ℓ, ℓ + 1, 2^256 − 1.
        "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010",
        "eed3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ];
    let in_header = |start: usize, bytes: &str| {
        let mut changed = update.clone();
        changed.header[start..start + 32].copy_from_slice(&vectors::from_hex(bytes));
        assert!(
            matches!(federation.verify(&changed), Err(UpdateError::MalformedEncoding(_))),
            "{start}: {bytes}"
        );
    };
    let in_body = |start: usize, bytes: &str| {
        let mut changed = update.clone();
        changed.body[start..start + 32].copy_from_slice(&vectors::from_hex(bytes));
        announce(&mut changed);
        assert!(
            matches!(federation.verify(&changed), Err(UpdateError::MalformedEncoding(_))),
            "{start}: {bytes}"
        );
    };
    for bytes in bad_points {
        [Context::LEN, MASK_HASH - 32, KEY_PROOF, KEY_PROOF + 160, KEY_PROOF + 192]
            .into_iter()
            .for_each(|start| in_header(start, bytes));
        [0, V, LINK, LINK + 128].into_iter().for_each(|start| in_body(start, bytes));
        // Inside a range proof, points are looked at when it is verified.
        let mut changed = update.clone();
        changed.body[RANGES..RANGES + 32].copy_from_slice(&vectors::from_hex(bytes));
        announce(&mut changed);
        assert_eq!(federation.verify(&changed).err(), Some(UpdateError::BadRangeProof));
    }
    for bytes in bad_scalars {
        let last = update.header.len() - 32;
        [KEY_PROOF + 96, KEY_PROOF + 128, KEY_PROOF + 224, last]
            .into_iter()
            .for_each(|start| in_header(start, bytes));
        [LINK + 32, LINK + 192, RANGES + 128, update.body.len() - 32]
            .into_iter()
            .for_each(|start| in_body(start, bytes));
    }
}

#[test]
fn an_update_is_of_its_own_round_institution_and_key_only() {
    let mut federation = Federation::new(17, 1, 1, D, 8);
    let update = federation.update(1);
    let mut contexts = vec![federation.context(2)];
    for change in [
        (|round| round.protocol_version += 1) as fn(&mut RoundContext),
        |round| round.chain_id.0[0] ^= 1,
        |round| round.step += 1,
        |round| round.attempt += 1,
        |round| round.model_hash.0[31] ^= 1,
        |round| round.key_hash.0[0] ^= 1,
    ] {
        let mut context = federation.context(1);
        change(&mut context.round);
        contexts.push(context);
    }
    for context in contexts {
        let mut changed = update.clone();
        changed.header[..Context::LEN].copy_from_slice(&context.encode());
        assert_eq!(
            federation.verify(&changed).err(),
            Some(UpdateError::BadKeyProof),
            "{context:?}"
        );
        assert_eq!(federation.verify_header(&changed.header).err(), Some(UpdateError::BadKeyProof));
    }
    let other = Federation::new(18, 1, 1, D, 8);
    assert_eq!(other.verify(&update).err(), Some(UpdateError::BadKeyProof));
}
