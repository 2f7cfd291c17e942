//! Header, key part and body belong together, and only as they are.

use curve25519_dalek::scalar::Scalar;

use super::Lattice;
use super::prover::Cheat;
use crate::lattice::header::{LATTICE_HEADER_LEN, LatticeHeader, Part};
use crate::lattice::key_proof::KeyProof;
use crate::lattice::{
    CandidateKeyPart, CandidateLatticeUpdate, EncryptedLatticeUpdate, LatticeParameters,
    key_part_length, lattice_body_length, verify_key_parts,
};
use crate::tests::Federation;
use crate::{Bound, Context, DecodeError, UpdateError};

const D: u32 = 100;

fn lattice(seed: u64) -> Lattice {
    Lattice::new(seed, D, 5600, 512, 10)
}

/// The parts under a header that names them as they are, whatever they are.
fn renamed(update: &EncryptedLatticeUpdate) -> EncryptedLatticeUpdate {
    let EncryptedLatticeUpdate { header, key_part, bound_part } = update.clone();
    let named = LatticeHeader::new(
        header.context().clone(),
        *header.mask_hash(),
        Part::of(&key_part),
        Part::of(&update.body()),
    );
    EncryptedLatticeUpdate { header: named, key_part, bound_part }
}

#[test]
fn a_key_part_is_verified_from_the_signed_header_without_the_body() {
    let mut lattice = lattice(31);
    let update = lattice.update(1);
    let header = update.header.as_bytes();
    assert_eq!(header.len(), LATTICE_HEADER_LEN);
    assert_eq!(LatticeHeader::decode(header).unwrap(), update.header);
    assert_eq!(update.key_part.len(), key_part_length(&lattice.parameters));
    assert_eq!(update.body().len(), lattice_body_length(&lattice.parameters));
    let without_body = EncryptedLatticeUpdate { bound_part: Vec::new(), ..update.clone() };
    assert!(lattice.verify_key_part(&without_body).is_ok());
    let missing = lattice.verify(&without_body).err();
    let expected = update.body().len() as u64;
    let found = update.key_part.len() as u64;
    assert_eq!(missing, Some(UpdateError::IncompleteBody { expected, found }));
    // Part of a key part, or another one.
    let cut = EncryptedLatticeUpdate { key_part: update.key_part[1..].to_vec(), ..update.clone() };
    let other = EncryptedLatticeUpdate { key_part: lattice.update(1).key_part, ..update };
    for wrong in [cut, other] {
        let error = lattice.verify_key_part(&wrong).err();
        assert!(matches!(error, Some(UpdateError::IncompleteKeyPart { .. })), "{error:?}");
    }
}

#[test]
fn a_body_belongs_to_the_key_part_that_says_its_digest() {
    let mut lattice = lattice(32);
    let [one, two] = [lattice.update(1), lattice.update(1)];
    // A body under another header's key part, the header naming what is there; with either h_c.
    for mask_hash in [one.header.mask_hash(), two.header.mask_hash()] {
        let header = LatticeHeader::new(
            one.header.context().clone(),
            *mask_hash,
            Part::of(&one.key_part),
            Part::of_all(&[&one.key_part, &two.bound_part]),
        );
        let mixed = EncryptedLatticeUpdate {
            header,
            key_part: one.key_part.clone(),
            bound_part: two.bound_part.clone(),
        };
        let is_of_the_key_part = mask_hash == one.header.mask_hash();
        let expected = if is_of_the_key_part {
            assert!(lattice.verify_key_part(&mixed).is_ok());
            UpdateError::BadLinkProof
        } else {
            UpdateError::BadKeyProof
        };
        assert_eq!(lattice.verify(&mixed).err(), Some(expected));
    }
    // A key part that says the digest of another body, or of none, proven with it.
    let digest = |digest: &mut [u8; 32]| digest[7] ^= 1;
    let x = lattice.federation.values(1);
    let update = lattice.cheat(1, &x, &Cheat { digest: Some(&digest), ..Cheat::default() });
    assert!(lattice.verify_key_part(&update).is_ok());
    assert_eq!(lattice.verify(&update).err(), Some(UpdateError::BadLinkProof));
}

#[test]
fn no_byte_of_a_key_part_or_of_a_proof_can_be_another() {
    let mut lattice = lattice(33);
    let update = lattice.update(1);
    let proof = key_part_length(&lattice.parameters) - KeyProof::length();
    // Of each kind of element one: ciphertexts, D, C_s, M_s, the first and last response, φ, Q, z_Q, T, z.
    let last = update.key_part.len();
    let positions = [0, 33, 95, proof - 1, proof, proof + 32, proof + 64, proof + 96];
    for position in positions.into_iter().chain((1..=12).map(|i| last - 32 * i)) {
        let mut changed = update.clone();
        changed.key_part[position] ^= 1;
        let error = lattice.verify_key_part(&renamed(&changed)).err();
        let refused =
            matches!(error, Some(UpdateError::BadKeyProof | UpdateError::MalformedEncoding(_)));
        assert!(refused, "byte {position}: {error:?}");
    }
    let mask = 4 * D as usize;
    let last = update.bound_part.len();
    let positions = (0..10).map(|i| mask + 32 * i).chain((1..=90).map(|i| last - 32 * i));
    for position in positions.chain([0, 1, mask - 4]) {
        let mut changed = update.clone();
        changed.bound_part[position] ^= 1;
        let error = lattice.verify(&renamed(&changed)).err();
        assert!(error.is_some(), "byte {position}");
    }
}

#[test]
fn numbers_that_are_not_canonical_are_refused() {
    let mut lattice = lattice(34);
    let update = lattice.update(1);
    for (number, allowed) in [(4_294_955_008u32, true), (4_294_955_009, false), (u32::MAX, false)] {
        let mut changed = update.clone();
        changed.bound_part[40..44].copy_from_slice(&number.to_le_bytes());
        let error = lattice.verify(&renamed(&changed)).err();
        let refused =
            matches!(error, Some(UpdateError::MalformedEncoding(DecodeError::Value { .. })));
        assert_eq!(refused, !allowed, "{number}: {error:?}");
    }
    let mut changed = update.clone();
    let last = changed.key_part.len();
    changed.key_part[last - 32..].fill(0xff);
    let error = lattice.verify_key_part(&renamed(&changed)).err();
    assert!(matches!(error, Some(UpdateError::MalformedEncoding(DecodeError::Scalar { .. }))));
    let mut longer = update;
    longer.bound_part.push(0);
    let error = lattice.verify(&renamed(&longer)).err();
    assert!(matches!(error, Some(UpdateError::MalformedEncoding(DecodeError::Length { .. }))));
}

#[test]
fn a_key_part_is_of_its_context_its_key_and_its_parameters_only() {
    let mut lattice = lattice(35);
    let update = lattice.update(1);
    let mut contexts = vec![lattice.context(2)];
    for change in 0..4 {
        let mut context: Context = lattice.context(1);
        match change {
            0 => context.round.step += 1,
            1 => context.round.attempt += 1,
            2 => context.round.chain_id.0[0] ^= 1,
            _ => context.round.model_hash.0[0] ^= 1,
        }
        contexts.push(context);
    }
    for context in contexts {
        let header = LatticeHeader::new(
            context,
            *update.header.mask_hash(),
            update.header.key_part(),
            update.header.body(),
        );
        let moved = EncryptedLatticeUpdate { header, ..update.clone() };
        assert_eq!(lattice.verify_key_part(&moved).err(), Some(UpdateError::BadKeyProof));
    }
    // Another key, or other parameters of as many limbs.
    let other_key = Federation::new(36, 4, 2, D, 8).dealing.public_key;
    let bound = lattice.parameters.bound();
    for (scale, summands) in [(1024, 10), (512, 11)] {
        let other = LatticeParameters::new(D, bound, scale, summands).unwrap();
        let candidate = |parameters| {
            CandidateKeyPart::parse(update.header.clone(), &update.key_part, parameters).unwrap()
        };
        let key = &lattice.federation.dealing.public_key;
        let verdicts = [
            verify_key_parts(key, vec![candidate(&other)]),
            verify_key_parts(&other_key, vec![candidate(&lattice.parameters)]),
        ];
        for verdict in verdicts.into_iter().flatten() {
            assert_eq!(verdict.err(), Some(UpdateError::BadKeyProof));
        }
    }
    for bound in
        [Bound::Norm { norm: 5601, projections: 256 }, Bound::Norm { norm: 5600, projections: 512 }]
    {
        let other = LatticeParameters::new(D, bound, 512, 10).unwrap();
        let parsed = CandidateKeyPart::parse(update.header.clone(), &update.key_part, &other);
        assert!(matches!(parsed.err(), Some(UpdateError::WrongBound { .. })));
    }
}

/// Why every encryption has masks of its own, and why a refused one is never answered again.
#[test]
fn one_mask_under_two_challenges_gives_the_key_away() {
    let mut lattice = lattice(37);
    let x = lattice.federation.values(1);
    let state = lattice.federation.rng.clone();
    let one = lattice.cheat(1, &x, &Cheat::default());
    // The same numbers again, under another digest: the same mask, another challenge.
    lattice.federation.rng = state;
    let digest = |digest: &mut [u8; 32]| digest[0] ^= 1;
    let two = lattice.cheat(1, &x, &Cheat { digest: Some(&digest), ..Cheat::default() });
    let [one, two] = [&one, &two].map(|update| lattice.verify_key_part(update).unwrap());
    let inverse = (one.challenge() - two.challenge()).invert();
    let responses = one.responses().iter().zip(two.responses());
    let s: Vec<Scalar> = responses.map(|(one, two)| (one - two) * inverse).collect();
    let ternary = [-Scalar::ONE, Scalar::ZERO, Scalar::ONE];
    assert!(s.iter().all(|s| ternary.contains(s)));
    assert!(ternary.iter().all(|value| s.contains(value)));
}

#[test]
fn dimensions_that_fill_no_block_or_one_are_proven_like_others() {
    for dimension in [1, 2, 2047, 2048, 2049] {
        let mut lattice = Lattice::new(38, dimension, 5600, 1, 10);
        let update = lattice.update(1);
        let key_part = lattice.verify_key_part(&update).unwrap();
        let candidate = CandidateLatticeUpdate::parse(key_part, &update.body()).unwrap();
        assert_eq!(candidate.header(), &update.header);
        assert!(lattice.verify(&update).is_ok(), "{dimension}");
    }
}

#[test]
fn an_honest_update_as_long_as_the_bound_is_accepted_at_every_scale_and_number_of_projections() {
    for (norm, projections, scale, summands) in [
        (12_000_000, 256, 1, 62),
        (24_000, 256, 512, 15),
        (12_000, 512, 1024, 16),
        (6_000, 1024, 2048, 63),
        (1, 256, 1, 1023),
    ] {
        let bound = Bound::Norm { norm, projections };
        let federation = Federation::bounded(39, 4, 2, D, bound);
        let parameters = LatticeParameters::new(D, bound, scale, summands).unwrap();
        let mut lattice = Lattice { federation, parameters };
        let mut x = vec![0; D as usize];
        x[50] = -i64::from(norm);
        let update = lattice.encrypt(1, x);
        assert_eq!(lattice.verify(&update).err(), None, "norm {norm}, scale {scale}");
    }
}
