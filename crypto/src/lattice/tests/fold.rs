//! Batches: one sum of many proofs, and verdicts that do not depend on it.

use super::Lattice;
use super::prover::Cheat;
use crate::UpdateError;
use crate::lattice::{
    CandidateKeyPart, CandidateLatticeUpdate, EncryptedLatticeUpdate, VerifiedKeyPart,
    verify_key_parts, verify_key_parts_with_rng, verify_lattice_updates,
    verify_lattice_updates_with_rng,
};

fn candidates(lattice: &Lattice, updates: &[EncryptedLatticeUpdate]) -> Vec<CandidateKeyPart> {
    let parse = |update: &EncryptedLatticeUpdate| {
        CandidateKeyPart::parse(update.header.clone(), &update.key_part, &lattice.parameters)
            .unwrap()
    };
    updates.iter().map(parse).collect()
}

#[test]
fn verdicts_of_a_batch_are_those_of_each_alone_in_order() {
    let mut lattice = Lattice::new(71, 50, 5600, 512, 10);
    let x = lattice.federation.values(1);
    let one_more = |s: &mut Vec<i8>| s[15] += 1;
    let bad_key = Cheat { encrypted: Some(&one_more), ..Cheat::default() };
    let y = |y: &mut Vec<i64>| y[9] -= 1;
    let bad_relation = Cheat { y: Some(&y), ..Cheat::default() };
    let digits = |digits: &mut Vec<i64>| digits[2] += 1;
    let bad_norm = Cheat { digits: Some(&digits), ..Cheat::default() };
    let updates = [
        lattice.update(1),
        lattice.cheat(2, &x, &bad_key),
        lattice.cheat(3, &x, &bad_relation),
        lattice.update(4),
        lattice.cheat(5, &x, &bad_norm),
    ];
    let key = &lattice.federation.dealing.public_key;
    let keys = verify_key_parts(key, candidates(&lattice, &updates));
    let faults: Vec<_> = keys.iter().map(|key| key.as_ref().err().cloned()).collect();
    assert_eq!(faults, [None, Some(UpdateError::BadKeyProof), None, None, None]);
    let mut rng = rand_core::OsRng;
    let again = verify_key_parts_with_rng(key, candidates(&lattice, &updates), &mut rng);
    assert!(again.iter().map(Result::is_ok).eq(keys.iter().map(Result::is_ok)));

    let proven: Vec<(VerifiedKeyPart, &EncryptedLatticeUpdate)> = keys
        .into_iter()
        .zip(&updates)
        .filter_map(|(key, update)| Some((key.ok()?, update)))
        .collect();
    let parse = || {
        proven
            .iter()
            .map(|(key, update)| {
                CandidateLatticeUpdate::parse(key.clone(), &update.body()).unwrap()
            })
            .collect::<Vec<_>>()
    };
    let expected = [None, Some(UpdateError::BadLinkProof), None, Some(UpdateError::BadNormProof)];
    for verdicts in [
        verify_lattice_updates(key, parse()),
        verify_lattice_updates_with_rng(key, parse(), &mut rng),
    ] {
        let faults: Vec<_> =
            verdicts.iter().map(|verdict| verdict.as_ref().err().cloned()).collect();
        assert_eq!(faults, expected);
    }
}
