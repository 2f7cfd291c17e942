use blstrs::{G1Affine, G1Projective, Scalar};
use ff::Field;
use group::{Curve, Group};

use super::*;

fn moved(point: &mut G1Affine) {
    *point = (G1Projective::generator() + *point).to_affine();
}

fn raised(scalar: &mut Scalar) {
    *scalar += Scalar::ONE;
}

/// Every statement and proof in which one element is another of its kind.
fn changed(claim: &Claim) -> Vec<(String, Statement, Proof)> {
    let mut all = Vec::new();
    let mut change = |what: String, change: &dyn Fn(&mut Statement, &mut Proof)| {
        let mut statement = claim.statement;
        let mut proof = claim.proof.clone();
        change(&mut statement, &mut proof);
        all.push((what, statement, proof));
    };
    for index in 0..claim.proof.digits.len() {
        change(format!("V {index}"), &|_, proof| moved(&mut proof.digits[index].signature));
        change(format!("V̄ {index}"), &|_, proof| moved(&mut proof.digits[index].image));
        change(format!("a {index}"), &|_, proof| moved(&mut proof.digits[index].announcement));
        change(format!("z_t {index}"), &|_, proof| raised(&mut proof.digits[index].digit_response));
        change(format!("z_v {index}"), &|_, proof| {
            raised(&mut proof.digits[index].factor_response);
        });
    }
    for index in 0..claim.proof.announcements.len() {
        change(format!("announcement {index}"), &|_, proof| {
            moved(&mut proof.announcements[index]);
        });
    }
    for index in 0..claim.proof.responses.len() {
        change(format!("z {index}"), &|_, proof| raised(&mut proof.responses[index]));
    }
    change("context".into(), &|statement, _| statement.ledger.context[0] ^= 1);
    for index in 0..2 {
        change(format!("X_A {index}"), &|statement, _| {
            moved(&mut statement.ledger.sender.0[index]);
        });
        change(format!("X_B {index}"), &|statement, _| {
            moved(&mut statement.ledger.receiver.0[index]);
        });
        change(format!("Ĉ {index}"), &|statement, _| moved(&mut statement.sent.received[index]));
    }
    for index in 0..3 {
        change(format!("C̃ {index}"), &|statement, _| {
            moved(&mut statement.ledger.balance.0[index]);
        });
        change(format!("C {index}"), &|statement, _| moved(&mut statement.sent.own.0[index]));
    }
    all
}

#[test]
fn every_element_of_statement_and_proof_that_changes_is_noticed() {
    for size in SIZES {
        let world = with_balance(size, 1000);
        let claim = read(&world, &world.transfer(300).unwrap()).unwrap();
        assert_eq!(satisfies(&world, claim.statement, &claim.proof), Ok(()));
        let changed = changed(&claim);
        assert_eq!(changed.len(), 10 * size.digits() + 8 + 4 + 13);
        for (what, statement, proof) in changed {
            let refused = Err(PairingFormError::BadProof);
            assert_eq!(satisfies(&world, statement, &proof), refused, "{what}");
        }
    }
}

#[test]
fn digits_that_change_places_are_noticed() {
    let world = with_balance(DigitBits::Four, 1000);
    let claim = read(&world, &world.transfer(0x21).unwrap()).unwrap();
    let mut proof = claim.proof.clone();
    proof.digits.swap(0, 1);
    assert!(satisfies(&world, claim.statement, &proof).is_err());
}

#[test]
fn scalars_that_are_not_reduced_and_points_off_the_curve_are_named() {
    let world = with_balance(DigitBits::Eight, 1000);
    let message = world.transfer(300).unwrap();
    let mut unreduced = message.clone();
    let length = unreduced.len();
    unreduced[length - 32..].fill(0xff);
    let error = read(&world, &unreduced).err().unwrap();
    assert_eq!(error, PairingFormError::Scalar { what: "response" });
    // Without the flag of a compressed point.
    let mut off = message.clone();
    off[0] &= 0x7f;
    let error = read(&world, &off).err().unwrap();
    assert_eq!(error, PairingFormError::Point { what: "ciphertext" });
    assert!(matches!(read(&world, &message[1..]), Err(PairingFormError::Decode(_))));
}
