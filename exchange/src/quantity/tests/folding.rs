//! Many proofs in one multiscalar multiplication.

use consilium_crypto::building_blocks::{ELEMENT_LEN, Folded};

use super::super::claim::{fold, weights};
use super::*;

/// Claims of every kind, all of them true, and the place of the first transfer.
fn claims(world: &mut World) -> Vec<(usize, Action)> {
    let fresh = Wallet::new(CHAIN, name(9), AccountSecret::generate(&mut world.rng).unwrap());
    let mut actions = vec![(9, Action::Registration(fresh.register(&mut world.rng)))];
    for amount in 0..5 {
        let deposit = world.deposit(1, amount);
        actions.push((1, Action::Deposit(deposit)));
        let transfer = world.transfer(0, 1, amount);
        actions.push((0, Action::Transfer(transfer)));
        let rebase = world.rebase(0);
        actions.push((0, Action::Rebase(rebase)));
    }
    actions
}

fn claim(world: &World, (author, action): &(usize, Action)) -> Claim {
    world.accounts.claim(&name(*author), action.clone()).unwrap()
}

/// Adds to a scalar of a proof.
fn add(proof: &mut [u8], element: usize, more: Scalar) {
    let bytes = &mut proof[ELEMENT_LEN * element..][..ELEMENT_LEN];
    let scalar: [u8; ELEMENT_LEN] = (&*bytes).try_into().unwrap();
    let scalar = Scalar::from_canonical_bytes(scalar).unwrap() + more;
    bytes.copy_from_slice(scalar.as_bytes());
}

/// z_δ of a transfer: after D, T_D and 44 responses.
const Z_DELTA: usize = 2 + 44;

#[test]
fn proofs_of_every_kind_hold_together() {
    let mut world = World::new(50, 2);
    world.fund(0, 1000);
    let actions = claims(&mut world);
    let claims = actions.iter().map(|action| claim(&world, action)).collect();
    let verified = verify_claims(claims, &mut world.rng);
    assert_eq!(verified.len(), actions.len());
    for ((_, action), verified) in actions.iter().zip(verified) {
        assert_eq!(verified.unwrap().action(), action);
    }
    assert!(verify_claims(vec![], &mut world.rng).is_empty());
}

#[test]
fn one_bad_proof_among_many_is_named_and_the_others_hold() {
    let mut world = World::new(51, 2);
    world.fund(0, 1000);
    let actions = claims(&mut world);
    for bad in 0..actions.len() {
        let mut actions = actions.clone();
        let proof = match &mut actions[bad].1 {
            Action::Registration(registration) => &mut registration.proof,
            Action::Deposit(deposit) => &mut deposit.content.proof,
            Action::Transfer(transfer) => &mut transfer.proof,
            Action::Rebase(rebase) => &mut rebase.proof,
        };
        add(proof, 2, Scalar::ONE);
        let claims = actions.iter().map(|action| claim(&world, action)).collect();
        let verdicts = verify_claims(claims, &mut world.rng);
        for (place, verdict) in verdicts.iter().enumerate() {
            let is_bad = matches!(verdict, Err(QuantityError::BadProof { .. }));
            assert_eq!(is_bad, place == bad, "{place} where {bad} is bad");
        }
    }
}

#[test]
fn two_proofs_whose_errors_cancel_are_both_refused() {
    let mut world = World::new(52, 2);
    world.fund(0, 1000);
    let pair = [Scalar::ONE, -Scalar::ONE].map(|error| {
        let mut transfer = world.transfer(0, 1, 10);
        add(&mut transfer.proof, Z_DELTA, error);
        (0, Action::Transfer(transfer))
    });
    let mut folded = Folded::default();
    for action in &pair {
        claim(&world, action).fold([Scalar::ONE; 3], &mut folded);
    }
    assert!(folded.vanishes(), "the errors cancel under equal weights");
    let claims = pair.iter().map(|action| claim(&world, action)).collect();
    for verdict in verify_claims(claims, &mut world.rng) {
        assert_eq!(verdict.unwrap_err(), QuantityError::BadProof { what: "transfer" });
    }
}

#[test]
fn errors_that_cancel_under_the_weights_of_the_true_proofs_are_refused() {
    let mut world = World::new(53, 2);
    world.fund(0, 1000);
    let mut pair = [(); 2].map(|()| (0, Action::Transfer(world.transfer(0, 1, 10))));
    // Challenges do not depend on responses: weights taken from a prover's transcript would be these.
    let known = |world: &World, pair: &[(usize, Action)]| {
        let claims: Vec<Claim> = pair.iter().map(|action| claim(world, action)).collect();
        weights(&claims.iter().collect::<Vec<_>>(), None)
    };
    let mut before = known(&world, &pair);
    let [first, second]: [[Scalar; 3]; 2] = [before.take(), before.take()];
    for ((_, action), error) in pair.iter_mut().zip([second[0], -first[0]]) {
        let Action::Transfer(transfer) = action else { unreachable!("both are transfers") };
        add(&mut transfer.proof, Z_DELTA, error);
    }
    let claims: Vec<Claim> = pair.iter().map(|action| claim(&world, action)).collect();
    let mut folded = Folded::default();
    claims[0].fold(first, &mut folded);
    claims[1].fold(second, &mut folded);
    assert!(folded.vanishes(), "the attack works on known weights");
    let both: Vec<&Claim> = claims.iter().collect();
    assert!(!fold(&both, &mut weights(&both, None)).vanishes());
    for verdict in verify_claims(claims, &mut world.rng) {
        assert_eq!(verdict.unwrap_err(), QuantityError::BadProof { what: "transfer" });
    }
}

#[test]
fn weights_depend_on_every_byte_of_every_proof() {
    let mut world = World::new(54, 2);
    world.fund(0, 1000);
    let transfer = world.transfer(0, 1, 10);
    let weight = |transfer: &Transfer| {
        let claim = claim(&world, &(0, Action::Transfer(transfer.clone())));
        let [weight] = weights(&[&claim], None).take();
        weight
    };
    let true_weight = weight(&transfer);
    // Responses and z_ε: what no challenge depends on. Places 47 to 51 are points.
    for element in (2..=Z_DELTA).chain([52]) {
        let mut changed = transfer.clone();
        add(&mut changed.proof, element, Scalar::ONE);
        assert_ne!(weight(&changed), true_weight, "element {element}");
    }
}
