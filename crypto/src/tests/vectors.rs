//! Encodings and proofs, held fixed: what was written once verifies for ever, and the same randomness writes it again.

use std::fmt::Write;

use super::*;
use crate::group::{h, mask_bases};
use crate::khpke::{self, Sealed};
use crate::{
    DealingCommitments, DecryptionShare, DiscreteLogTable, Evaluation, MaskedSum, PublicKey,
    combine, verify_share,
};

const STORED: &str = include_str!("vectors.txt");

pub(crate) fn from_hex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

fn stored(name: &str) -> Vec<u8> {
    let line = STORED.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
    from_hex(line.unwrap_or_else(|| panic!("no vector {name}")))
}

/// The vectors, made anew: two updates of three parameters by 8 bits, their sum, a key dealt to four.
fn vectors() -> String {
    let mut federation = Federation::new(2026, 4, 2, 3, 8);
    let mut lines = String::new();
    let mut line =
        |name: &str, bytes: &[u8]| writeln!(lines, "{name} = {}", to_hex(bytes)).unwrap();
    line("h", h().compress().as_bytes());
    let bases = mask_bases(65_537);
    for j in [0, 1, 255, 65_536] {
        line(&format!("W_{j}"), bases[j].compress().as_bytes());
    }
    let key = federation.dealing.public_key.clone();
    line("public key", &key.encode());
    line("public key hash", key.hash().as_slice());
    line("dealing commitments", &federation.dealing.commitments.encode());
    line("key share of trustee 1", &federation.dealing.shares[0].to_bytes());
    line("context", &federation.context(1).encode());
    let mut headers = Vec::new();
    for institution in [1, 2] {
        let update = federation.update(institution);
        line(&format!("header of {institution}"), &update.header);
        line(&format!("body of {institution}"), &update.body);
        headers.push(federation.verify_header(&update.header).unwrap());
    }
    let headers: Vec<_> = headers.iter().collect();
    let evaluation = federation.evaluation_key.evaluate(&federation.round, &headers).unwrap();
    line("evaluation", &evaluation.encode());
    line("evaluation hash", evaluation.hash().as_slice());
    let evaluation = evaluation.verify(&key, &federation.round, &headers).unwrap();
    for trustee in &federation.dealing.shares {
        let share =
            trustee.decryption_share_with_rng(&key, &evaluation, &BLOCK, &mut federation.rng);
        line(&format!("decryption share of {}", share.index()), &share.encode());
    }
    let signing = crate::SigningKey::from_bytes(&[7; 32].into());
    line("signature", &signing.sign("label", &[b"one", b"two"]).encode());
    let mut rng = ChaCha20Rng::seed_from_u64(2027);
    let (key, _, evaluation_key) = khpke::generate(&mut rng).unwrap();
    let sealed = khpke::encrypt_with_rng(&key, &[1; 32], 77, &mut rng).unwrap();
    let (Sealed::Fresh(fresh), sum) =
        (&sealed, khpke::evaluate(&key, &evaluation_key, &[1; 32], std::slice::from_ref(&sealed)))
    else {
        panic!("Enc makes fresh ciphertexts")
    };
    line("fresh ciphertext", fresh);
    let Ok(Sealed::Evaluated(sum)) = sum else { panic!("Eval makes evaluated ciphertexts") };
    line("evaluated ciphertext", &sum);
    lines
}

#[test]
#[ignore = "writes the vectors anew, after a deliberate change of the protocol"]
fn write_vectors() {
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/vectors.txt"), vectors())
        .unwrap();
}

#[test]
fn the_same_randomness_makes_the_same_bytes() {
    for (made, stored) in vectors().lines().zip(STORED.lines()) {
        assert!(made == stored, "differs: {}", made.split(" = ").next().unwrap());
    }
    assert_eq!(vectors().lines().count(), STORED.lines().count());
}

#[test]
fn what_was_written_once_verifies_and_opens() {
    let key = PublicKey::decode(&stored("public key")).unwrap();
    assert_eq!(key.hash().as_slice(), stored("public key hash"));
    let commitments = DealingCommitments::decode(&stored("dealing commitments")).unwrap();
    let key_share = crate::KeyShare::from_bytes(&stored("key share of trustee 1")).unwrap();
    assert_eq!(key_share.verify(&key, &commitments), Ok(()));

    let candidates = [1, 2].map(|who| {
        let header = CandidateHeader::decode(&stored(&format!("header of {who}"))).unwrap();
        let parameters = header.context().round.parameters().unwrap();
        CandidateUpdate::parse(header, &stored(&format!("body of {who}")), &parameters).unwrap()
    });
    let round = candidates[0].header().context().round.clone();
    assert_eq!(candidates[0].header().context().encode().as_slice(), stored("context"));
    let updates: Vec<_> =
        verify_updates(&key, candidates.into()).into_iter().collect::<Result<_, _>>().unwrap();
    let headers: Vec<_> = updates.iter().map(VerifiedUpdate::header).collect();
    let evaluation = Evaluation::decode(&stored("evaluation")).unwrap();
    assert_eq!(evaluation.hash().as_slice(), stored("evaluation hash"));
    let evaluation = evaluation.verify(&key, &round, &headers).unwrap();
    let shares = [4, 2].map(|index| {
        let share =
            DecryptionShare::decode(&stored(&format!("decryption share of {index}"))).unwrap();
        verify_share(&share, &key, &commitments, &evaluation, &BLOCK).unwrap()
    });
    let table = DiscreteLogTable::shared();
    let mask_key = combine(&evaluation, &shares, &commitments, &table).unwrap();
    let mut sum = MaskedSum::new(&round.parameters().unwrap());
    updates.iter().for_each(|update| sum.add(update).unwrap());
    let federation = Federation::new(2026, 4, 2, 3, 8);
    let plain = federation.values(1).into_iter().zip(federation.values(2)).map(|(a, b)| a + b);
    assert_eq!(sum.open(&mask_key, &table).unwrap(), plain.collect::<Vec<_>>());
}

#[test]
fn the_bad_ones_stay_bad() {
    let key = PublicKey::decode(&stored("public key")).unwrap();
    // The first header with the second one's key proof; the first body under the second header.
    let first = stored("header of 1");
    let second = stored("header of 2");
    let proof = first.len() - crate::proof::limbs::LimbProof::length(16);
    let crossed = [&first[..proof], &second[proof..]].concat();
    let verdict =
        verify_key_proofs(&key, vec![CandidateHeader::decode(&crossed).unwrap()]).remove(0);
    assert_eq!(verdict.err(), Some(UpdateError::BadKeyProof));
    let header = CandidateHeader::decode(&second).unwrap();
    let parameters = header.context().round.parameters().unwrap();
    let error = CandidateUpdate::parse(header, &stored("body of 1"), &parameters).unwrap_err();
    assert!(matches!(error, UpdateError::IncompleteBody { .. }));
}
