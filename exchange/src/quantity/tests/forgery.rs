//! Proofs of what is not so: each is accepted where the clause that forbids it is missing, and refused as things are.

use consilium_crypto::building_blocks::{h, random_scalar};
use curve25519_dalek::{RistrettoPoint, Scalar};

use super::super::keys::AccountKeys;
use super::super::point::Point;
use super::forge::{Order, digits, early_rho, equations, forge, holds};
use super::*;

/// Everything holds but that digits are digits.
const DIGITS_WRONG: [bool; 3] = [true, true, false];
/// Everything holds but the equations of the statement.
const EQUATIONS_WRONG: [bool; 3] = [true, false, true];

/// Which equations hold of a transfer with these digits of its amount and of what is left.
fn verdict(
    world: &mut World,
    amount: Scalar,
    of_amount: &[Scalar],
    of_rest: &[Scalar],
) -> [bool; 3] {
    let (statement, scalars) = world.stated(amount);
    let digits = [of_amount, of_rest].concat();
    let proof = forge(&statement, &scalars, &digits, Order::AfterD, &mut world.rng);
    equations(&statement, &proof, Order::AfterD)
}

fn world_with(seed: u64, balance: u32) -> World {
    let mut world = World::new(seed, 2);
    world.fund(0, balance);
    world
}

#[test]
fn the_forger_makes_proofs_that_hold_of_what_is_true() {
    let mut world = world_with(20, 1000);
    let verdict = verdict(&mut world, Scalar::from(300u64), &digits(300, 16), &digits(700, 24));
    assert_eq!(verdict, [true; 3]);
}

#[test]
fn a_negative_digit_is_refused() {
    let mut world = world_with(21, 5);
    let mut of_amount = digits(0, 16);
    of_amount[0] = -Scalar::ONE;
    // −1 sent, 6 kept.
    let verdict = verdict(&mut world, -Scalar::ONE, &of_amount, &digits(6, 24));
    assert_eq!(verdict, DIGITS_WRONG);
}

#[test]
fn a_digit_of_four_is_refused() {
    let mut world = World::new(22, 2);
    world.fund(0, u32::MAX);
    world.fund(0, 1);
    let mut of_amount = digits(0, 16);
    of_amount[15] = Scalar::from(4u64);
    // 2^32 sent, which is in the account, and is one more than an amount can be.
    let verdict = verdict(&mut world, Scalar::from(1u64 << 32), &of_amount, &digits(0, 24));
    assert_eq!(verdict, DIGITS_WRONG);
}

#[test]
fn a_four_moved_from_one_digit_to_the_next_is_refused() {
    let mut world = world_with(23, 10);
    let four = Scalar::from(4u64);
    let mut moved = digits(0, 16);
    moved[0] = four;
    assert_eq!(verdict(&mut world, four, &digits(4, 16), &digits(6, 24)), [true; 3]);
    assert_eq!(verdict(&mut world, four, &moved, &digits(6, 24)), DIGITS_WRONG);
}

#[test]
fn errors_of_two_digits_that_cancel_in_the_number_are_refused() {
    let mut world = world_with(24, 10);
    // 0 = 4·1 − 4.
    let mut of_amount = digits(0, 16);
    of_amount[0] = -Scalar::from(4u64);
    of_amount[1] = Scalar::ONE;
    let verdict = verdict(&mut world, Scalar::ZERO, &of_amount, &digits(10, 24));
    assert_eq!(verdict, DIGITS_WRONG);
}

#[test]
fn digits_whose_errors_cancel_pass_only_where_they_have_no_weights() {
    let mut world = world_with(28, 10);
    // Π_v (d − v) is −15/16 for 1/2 and 105/16 for −1/2: seven of these and one of those make 0.
    let half = Scalar::from(2u64).invert();
    let mut of_amount = digits(0, 16);
    of_amount[1..8].fill(half);
    of_amount[8] = -half;
    // (4 + 4² + … + 4⁷ − 4⁸)/2.
    let gained = 21_846u64;
    let (statement, scalars) = world.stated(-Scalar::from(gained));
    let digits = [of_amount, digits(10 + gained, 24)].concat();
    let forged = |order, rng: &mut _| forge(&statement, &scalars, &digits, order, rng);
    let proof = forged(Order::WithoutTau, &mut world.rng);
    assert!(holds(&statement, &proof, Order::WithoutTau), "the attack works without τ");
    assert_eq!(equations(&statement, &proof, Order::AfterD), DIGITS_WRONG);
    let proof = forged(Order::AfterD, &mut world.rng);
    assert_eq!(equations(&statement, &proof, Order::AfterD), DIGITS_WRONG);
}

#[test]
fn more_than_the_balance_is_refused() {
    let mut world = world_with(25, 5);
    let ten = Scalar::from(10u64);
    let mut of_rest = digits(0, 24);
    of_rest[0] = -Scalar::from(5u64);
    // What is left is −5; it does not add up; C3 hides another number.
    assert_eq!(verdict(&mut world, ten, &digits(10, 16), &of_rest), DIGITS_WRONG);
    assert_eq!(verdict(&mut world, ten, &digits(10, 16), &digits(0, 24)), EQUATIONS_WRONG);
    assert_eq!(verdict(&mut world, ten, &digits(5, 16), &digits(0, 24)), EQUATIONS_WRONG);
}

#[test]
fn keys_that_nobody_knows_send_a_thousand_of_five_only_where_the_clause_k_is_missing() {
    let mut world = World::new(26, 2);
    let mut draw = || random_scalar(&mut world.rng);
    let (kappa, x2) = (draw(), draw());
    let [y1, y2, sum1, sum2] = [(); 4].map(|()| draw());
    let keys =
        AccountKeys { x1: Point::new(h() * kappa), x2: Point::new(RistrettoPoint::mul_base(&x2)) };
    // C̃ holds 5, under randomness that the sender of the deposit knows, and so may the attacker.
    let balance = Randomness { y1: sum1, y2: sum2 }.encrypt(&keys, 5);
    let randomness = Randomness { y1, y2 };
    let receiver = *world.account(1).keys();
    let transfer = Transfer {
        sequence: 0,
        receiver: name(1),
        sent: randomness.encrypt(&keys, 1000),
        received: randomness.blind(&receiver),
        proof: vec![],
    };
    let context = world.account(0).context(&CHAIN, Kind::Transfer, &name(0));
    let statement = transfer.statement(context, &keys, &receiver, &balance);
    let beta = (sum1 + sum2) * (x2 * sum2).invert();
    let alpha = -Scalar::from(995u64 + 10) * (kappa * sum1).invert();
    let scalars = [y1, y2, alpha, beta];
    let digits = [digits(1000, 16), digits(10, 24)].concat();

    let mut without_k = statement.clone();
    without_k.equations.truncate(6);
    let proof = forge(&without_k, &scalars, &digits, Order::AfterD, &mut world.rng);
    assert!(holds(&without_k, &proof, Order::AfterD), "5 − 1000 = 10");
    let proof = forge(&statement, &scalars, &digits, Order::AfterD, &mut world.rng);
    assert!(!holds(&statement, &proof, Order::AfterD));
    // Such keys cannot be registered, either.
    let statement = registration::statement(registration::context(&CHAIN, &name(7)), &keys);
    let proof = forge(&statement, &[alpha, x2.invert()], &[], Order::AfterD, &mut world.rng);
    assert!(!holds(&statement, &proof, Order::AfterD));
}

#[test]
fn a_ciphertext_that_the_receiver_cannot_read_passes_only_where_rho_is_known_before_d() {
    let mut world = World::new(27, 2);
    // The attacker knows ỹ1: it made the only credit of its balance itself.
    let secret = AccountSecret::new(Scalar::from(77u64), Scalar::from(78u64)).unwrap();
    let x1 = Scalar::from(77u64);
    let old = randomness(&mut world.rng);
    let balance = old.encrypt(secret.keys(), 50);
    let randomness = randomness(&mut world.rng);
    let receiver = *world.account(1).keys();
    // Ĉ1 = (y1 + 1)·X_B1.
    let spoilt = Randomness { y1: randomness.y1 + Scalar::ONE, y2: randomness.y2 };
    let transfer = Transfer {
        sequence: 0,
        receiver: name(1),
        sent: randomness.encrypt(secret.keys(), 20),
        received: spoilt.blind(&receiver),
        proof: vec![],
    };
    let context = world.account(0).context(&CHAIN, Kind::Transfer, &name(0));
    let statement = transfer.statement(context, secret.keys(), &receiver, &balance);
    let digits = [digits(20, 16), digits(30, 24)].concat();

    let rho = early_rho(&statement);
    let power = |exponent: u32| (0..exponent).fold(Scalar::ONE, |power, _| power * rho);
    let shift = (x1 + power(4) - power(5)) * (x1 * power(6) + x1 * old.y1 * power(5)).invert();
    let alpha = *secret.alpha() - shift;
    let scalars = [spoilt.y1, spoilt.y2, alpha, *secret.beta()];
    let proof = forge(&statement, &scalars, &digits, Order::BeforeD, &mut world.rng);
    assert!(holds(&statement, &proof, Order::BeforeD), "the attack works on a known ρ");
    assert!(!holds(&statement, &proof, Order::AfterD));
    let proof = forge(&statement, &scalars, &digits, Order::AfterD, &mut world.rng);
    assert!(!holds(&statement, &proof, Order::AfterD));
    // Nobody could have read it.
    let opened = world.wallets[1].secret.open(transfer.credited().points());
    assert_eq!(DiscreteLogTable::shared().find(&opened, 20), None);
}
