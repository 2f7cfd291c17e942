//! Opening a sum with every subset of trustees, and with trustees who cheat.

use consilium_hash::BlockHash;

use super::*;
use crate::{
    DealingCommitments, DecryptionShare, DiscreteLogTable, KeyShare, MaskKeySum, PublicKey,
    ShareError, VerifiedEvaluation, VerifiedShare, combine, countersign_quorum, verify_share,
};

struct Sealed {
    federation: Federation,
    evaluation: VerifiedEvaluation,
    mask_key: MaskKeySum,
}

fn sealed(seed: u64, trustees: u32, threshold: u32) -> Sealed {
    let mut federation = Federation::new(seed, trustees, threshold, 1, 8);
    let mut headers = Vec::new();
    let mut mask_key = curve25519_dalek::Scalar::ZERO;
    for who in 1..=3 {
        let unproven = federation.unproven(who, vec![i64::from(who)]);
        mask_key += *unproven.k;
        headers.push(federation.verify_header(&unproven.prove().unwrap().header).unwrap());
    }
    let headers: Vec<_> = headers.iter().collect();
    let evaluation = federation.evaluation_key.evaluate(&federation.round, &headers).unwrap();
    let evaluation =
        evaluation.verify(&federation.dealing.public_key, &federation.round, &headers).unwrap();
    Sealed { federation, evaluation, mask_key: MaskKeySum(mask_key) }
}

impl Sealed {
    fn key(&self) -> &PublicKey {
        &self.federation.dealing.public_key
    }

    fn commitments(&self) -> &DealingCommitments {
        &self.federation.dealing.commitments
    }

    fn share(&self, index: u32) -> DecryptionShare {
        let trustee = &self.federation.dealing.shares[index as usize - 1];
        assert_eq!(trustee.index(), index);
        trustee.decryption_share(self.key(), &self.evaluation, &BLOCK)
    }

    fn verify(&self, share: &DecryptionShare) -> Result<VerifiedShare, ShareError> {
        verify_share(share, self.key(), self.commitments(), &self.evaluation, &BLOCK)
    }

    fn combine(&self, shares: &[VerifiedShare]) -> Result<MaskKeySum, ShareError> {
        combine(&self.evaluation, shares, self.commitments(), &DiscreteLogTable::shared())
    }
}

#[test]
fn every_subset_of_t_trustees_opens_the_same_key_and_no_smaller_one_does() {
    for (trustees, threshold) in [(1, 1), (4, 2), (5, 2), (7, 3)] {
        let sealed = sealed(31, trustees, threshold);
        let shares: Vec<_> =
            (1..=trustees).map(|index| sealed.verify(&sealed.share(index)).unwrap()).collect();
        for subset in 0u32..1 << trustees {
            let chosen: Vec<_> = shares
                .iter()
                .filter(|share| subset & (1 << (share.index() - 1)) != 0)
                .cloned()
                .collect();
            let result = sealed.combine(&chosen);
            if chosen.len() >= threshold as usize {
                assert_eq!(result, Ok(sealed.mask_key), "trustees {subset:b}");
            } else {
                assert_eq!(
                    result,
                    Err(ShareError::TooFew { expected: threshold, found: chosen.len() })
                );
            }
        }
    }
}

#[test]
fn wrong_shares_are_found_and_their_trustee_named() {
    let sealed = sealed(32, 4, 2);
    let share = sealed.share(3);
    assert!(sealed.verify(&share).is_ok());
    let bytes = share.encode();
    assert_eq!(DecryptionShare::decode(&bytes), Ok(share.clone()));
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        if let Ok(changed) = DecryptionShare::decode(&changed) {
            let error = sealed.verify(&changed).expect_err("a changed byte");
            assert_eq!(error.culprits(), [changed.index()], "byte {position}");
        }
    }
    assert!(DecryptionShare::decode(&bytes[..bytes.len() - 1]).is_err());

    // Another valid element in every field.
    for start in (36..bytes.len()).step_by(32) {
        let mut verified = 0;
        for neighbour in tampering::neighbours(&bytes[start..start + 32]) {
            let mut changed = bytes.clone();
            changed[start..start + 32].copy_from_slice(&neighbour);
            if let Ok(changed) = DecryptionShare::decode(&changed) {
                assert_eq!(
                    sealed.verify(&changed).err(),
                    Some(ShareError::BadShareProof { index: 3 }),
                    "from {start}"
                );
                verified += 1;
            }
        }
        assert!(verified > 0, "no other element from {start}");
    }

    // Another's share under one's own index, an index that does not exist, another block.
    for (index, expected) in [
        (1u32, ShareError::BadShareProof { index: 1 }),
        (0, ShareError::UnknownTrustee { index: 0, trustees: 4 }),
        (5, ShareError::UnknownTrustee { index: 5, trustees: 4 }),
    ] {
        let mut changed = bytes.clone();
        changed[..4].copy_from_slice(&index.to_be_bytes());
        let error = sealed.verify(&DecryptionShare::decode(&changed).unwrap()).unwrap_err();
        assert_eq!(error.culprits(), [index]);
        assert_eq!(error, expected);
    }
    let other = verify_share(
        &share,
        sealed.key(),
        sealed.commitments(),
        &sealed.evaluation,
        &BlockHash([8; 32]),
    );
    assert_eq!(other.err(), Some(ShareError::OtherBlock { index: 3 }));
    let mut renamed = bytes.clone();
    renamed[4..36].fill(8);
    let renamed = DecryptionShare::decode(&renamed).unwrap();
    let other = verify_share(
        &renamed,
        sealed.key(),
        sealed.commitments(),
        &sealed.evaluation,
        &BlockHash([8; 32]),
    );
    assert_eq!(
        other.err(),
        Some(ShareError::BadShareProof { index: 3 }),
        "the block is in the proof"
    );
}

#[test]
fn a_share_of_another_sum_is_of_no_use_here() {
    let here = sealed(33, 4, 2);
    let key = here.key().clone();
    let mut federation = Federation::new(33, 4, 2, 1, 8);
    assert_eq!(federation.dealing.public_key, key);
    let header = federation.update(7).header;
    let header = federation.verify_header(&header).unwrap();
    let elsewhere = federation.evaluation_key.evaluate(&federation.round, &[&header]).unwrap();
    let elsewhere = elsewhere.verify(&key, &federation.round, &[&header]).unwrap();
    let share = federation.dealing.shares[0].decryption_share(&key, &elsewhere, &BLOCK);
    assert_eq!(here.verify(&share).err(), Some(ShareError::BadShareProof { index: 1 }));
    let foreign = verify_share(&share, &key, here.commitments(), &elsewhere, &BLOCK).unwrap();
    let own = here.verify(&here.share(2)).unwrap();
    assert_eq!(
        here.combine(&[own.clone(), foreign]).err(),
        Some(ShareError::OtherBlock { index: 1 })
    );

    let again = here.combine(&[own.clone(), own]);
    assert_eq!(again.unwrap_err().culprits(), [2]);
}

#[test]
fn thresholds_that_one_cheating_third_could_stop_are_refused() {
    for (trustees, threshold, possible) in [
        (1, 1, true),
        (3, 2, false),
        (4, 2, true),
        (6, 3, false),
        (7, 3, true),
        (10, 4, true),
        (10, 5, false),
        (3, 0, false),
    ] {
        let mut federation = Federation::new(34, 1, 1, 1, 8);
        let vk = federation.evaluation_key.verifying_key();
        let dealt = deal(trustees, threshold, &vk, &mut federation.rng);
        assert_eq!(dealt.is_ok(), possible, "n = {trustees}, t = {threshold}");
    }
    assert_eq!(countersign_quorum(10, 4), 7);
    assert_eq!(countersign_quorum(4, 2), 3);
}

#[test]
fn two_quorums_share_an_honest_trustee_and_one_forms_without_the_hostile() {
    for t in 1..=342 {
        for n in 3 * t - 2..=1024 {
            let q = countersign_quorum(n, t);
            // Two of them overlap in 2q − n trustees, of whom t − 1 may be hostile.
            assert!(2 * q > n + (t - 1) && q <= n - (t - 1), "n = {n}, t = {t}, q = {q}");
        }
    }
}

#[test]
fn a_dealing_that_leaves_a_trustee_nothing_is_refused() {
    let federation = Federation::new(37, 4, 2, 1, 8);
    let bytes = federation.dealing.commitments.encode();
    // F_1 = −g/i, so that A_i = F_0 + i·F_1 is the identity; the same for B_i.
    for (start, index) in [(8 + 32, 1u32), (8 + 32, 4), (8 + 3 * 32, 3)] {
        let mut changed = bytes.clone();
        let slope = -crate::group::g() * curve25519_dalek::Scalar::from(index).invert();
        changed[start..start + 32].copy_from_slice(slope.compress().as_bytes());
        assert_eq!(
            DealingCommitments::decode(&changed),
            Err(ShareError::WrongDealing),
            "trustee {index}"
        );
    }
}

#[test]
fn a_wrong_dealing_is_seen_by_everyone() {
    let federation = Federation::new(35, 4, 2, 1, 8);
    let Dealing { public_key, commitments, shares } = &federation.dealing;
    for share in shares {
        assert_eq!(share.verify(public_key, commitments), Ok(()));
        let bytes = share.to_bytes();
        assert_eq!(KeyShare::from_bytes(&bytes).unwrap().verify(public_key, commitments), Ok(()));
        for position in [3, 4, 40] {
            let mut changed = bytes.to_vec();
            changed[position] ^= 1;
            assert!(
                KeyShare::from_bytes(&changed).unwrap().verify(public_key, commitments).is_err(),
                "{position}"
            );
        }
        assert!(!format!("{share:?}").contains("Scalar"));
    }
    let bytes = commitments.encode();
    assert_eq!(DealingCommitments::decode(&bytes).as_ref(), Ok(commitments));
    for start in (8..bytes.len()).step_by(32) {
        let mut changed = bytes.clone();
        let element: [u8; 32] = bytes[start..start + 32].try_into().unwrap();
        let point = curve25519_dalek::ristretto::CompressedRistretto(element).decompress().unwrap();
        changed[start..start + 32]
            .copy_from_slice((point + crate::group::h()).compress().as_bytes());
        match DealingCommitments::decode(&changed) {
            Err(error) => assert_eq!(error, ShareError::WrongDealing),
            Ok(changed) => {
                let complaint = shares[0].verify(public_key, &changed).unwrap_err();
                assert_eq!(complaint, ShareError::WrongKeyShare { index: 1 });
                assert!(complaint.culprits().is_empty(), "the trustee is not to blame");
            }
        }
    }
    let stranger = Federation::new(36, 4, 2, 1, 8);
    assert!(shares[0].verify(&stranger.dealing.public_key, commitments).is_err());
    assert!(DealingCommitments::decode(&bytes[..bytes.len() - 1]).is_err());
    assert!(DealingCommitments::decode(&bytes[..7]).is_err());
}
