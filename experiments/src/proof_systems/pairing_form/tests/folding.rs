use blstrs::G1Projective;
use group::Group;

use super::super::proof::respond;
use super::forgery::signed;
use super::*;

fn claims(world: &Repaired, count: u32) -> Vec<Claim> {
    (0..count).map(|amount| read(world, &world.transfer(amount).unwrap()).unwrap()).collect()
}

#[test]
fn one_bad_proof_among_many_is_named_and_the_others_stand() {
    let world = with_balance(DigitBits::Eight, 1000);
    let mut claims = claims(&world, 7);
    assert!(verify(&world.key, &claims, &mut OsRng).iter().all(Result::is_ok));
    claims[4].proof.responses[0] = claims[3].proof.responses[0];
    let verdicts = verify(&world.key, &claims, &mut OsRng);
    let bad: Vec<_> = (0..7).filter(|index| verdicts[*index].is_err()).collect();
    assert_eq!(bad, [4]);
    assert!(verify(&world.key, &[], &mut OsRng).is_empty());
}

/// A proof of a true statement, but that one announcement is moved before the challenge is drawn.
fn with_error(world: &Repaired, error: G1Projective) -> Claim {
    let y = Repaired::randomness();
    let digits = [0, world.balance].map(|number| world.key.size.of(number)).concat();
    let mut digits: Vec<_> = digits.iter().map(|value| signed(world, *value)).collect();
    digits[0].announcement += error;
    let statement = world.statement(0, y);
    let witness = world.witness(0, world.balance, y);
    let proof = respond(&world.key, &statement, &witness, &digits, &mut OsRng);
    read(world, &[statement.sent.encode(), proof.encode()].concat()).unwrap()
}

#[test]
fn errors_of_two_proofs_that_cancel_without_weights_do_not_cancel_with_them() {
    let world = with_balance(DigitBits::Eight, 1000);
    let error = G1Projective::generator();
    let honest = with_error(&world, G1Projective::identity());
    assert_eq!(verify(&world.key, &[honest], &mut OsRng), [Ok(())]);
    let claims = [error, -error].map(|error| with_error(&world, error));
    let refused = Err(PairingFormError::BadProof);
    assert_eq!(verify(&world.key, &claims, &mut OsRng), [refused.clone(), refused]);
}
