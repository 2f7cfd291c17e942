//! A statement is all of what it says: each point, each term and each part of the context.

use super::super::point::Point;
use super::super::proof::prove;
use super::super::statement::{Base, Equation, Sign, Variable};
use super::forge::{Order, holds};
use super::*;

/// The statement of each kind of action, with what makes it true; no secret number is 0.
fn statements(world: &mut World) -> Vec<(Statement, Witness)> {
    let transfer = world.true_statement(300);
    let account = world.account(0);
    let secret = &world.wallets[0].secret;
    let inverses = || vec![*secret.alpha(), *secret.beta()];
    let registration =
        registration::statement(registration::context(&CHAIN, &name(0)), secret.keys());
    let rebase = rebase::statement(
        account.context(&CHAIN, Kind::Rebase, &name(0)),
        secret.keys(),
        &account.balance,
    );
    let randomness = randomness(&mut world.rng);
    let ciphertext = randomness.encrypt(secret.keys(), 5);
    let account = world.accounts.get(&name(0)).unwrap();
    let deposit = deposit::statement(
        account.context(&CHAIN, Kind::Deposit, &name(0)),
        secret.keys(),
        &ciphertext,
    );
    let of_deposit = [vec![randomness.y1, randomness.y2], inverses()].concat();
    vec![
        transfer,
        (registration, Witness { scalars: inverses(), numbers: vec![] }),
        (rebase, Witness { scalars: inverses(), numbers: vec![1000] }),
        (deposit, Witness { scalars: of_deposit, numbers: vec![5] }),
    ]
}

/// A proof of the one does not serve for the other; nor does one of the other, made with this witness.
fn refused(world: &mut World, (statement, witness): &(Statement, Witness), changed: &Statement) {
    let proof = prove(statement, witness, &mut world.rng);
    assert!(holds(statement, &proof, Order::AfterD));
    assert!(!holds(changed, &proof, Order::AfterD), "{changed:?}");
}

fn false_for(world: &mut World, witness: &Witness, changed: &Statement) {
    let proof = prove(changed, witness, &mut world.rng);
    assert!(!holds(changed, &proof, Order::AfterD), "{changed:?}");
}

fn other(sign: Sign) -> Sign {
    match sign {
        Sign::Plus => Sign::Minus,
        Sign::Minus => Sign::Plus,
    }
}

/// A term of a left side.
type Left = (Sign, Variable, Base);
/// A term of a right side.
type Right = (Sign, Base);

/// Every equation with one term on one side dropped, turned, or over another base or variable.
fn changes(equation: &Equation) -> Vec<Equation> {
    let mut changes = Vec::new();
    let moved = |base: Base| if base == Base::G { Base::H } else { Base::G };
    for term in 0..equation.left.len() {
        let mut change = |edit: &dyn Fn(&mut Vec<Left>)| {
            let mut changed = equation.clone();
            edit(&mut changed.left);
            changes.push(changed);
        };
        change(&|left| {
            left.remove(term);
        });
        change(&|left| left[term].0 = other(left[term].0));
        change(&|left| left[term].2 = moved(left[term].2));
        change(&|left| {
            let variable = &mut left[term].1;
            *variable = match variable {
                Variable::Scalar(0) => Variable::Scalar(1),
                _ => Variable::Scalar(0),
            };
        });
    }
    for term in 0..equation.right.len() {
        let mut change = |edit: &dyn Fn(&mut Vec<Right>)| {
            let mut changed = equation.clone();
            edit(&mut changed.right);
            changes.push(changed);
        };
        change(&|right| {
            right.remove(term);
        });
        change(&|right| right[term].0 = other(right[term].0));
        change(&|right| right[term].1 = moved(right[term].1));
    }
    changes
}

#[test]
fn every_term_of_every_equation_counts() {
    let mut world = World::new(30, 2);
    world.fund(0, 1000);
    for stated in statements(&mut world) {
        let (statement, witness) = &stated;
        let mut tried = 0;
        for place in 0..statement.equations.len() {
            for equation in changes(&statement.equations[place]) {
                let mut changed = statement.clone();
                changed.equations[place] = equation;
                refused(&mut world, &stated, &changed);
                false_for(&mut world, witness, &changed);
                tried += 1;
            }
        }
        assert!(tried >= 14);
    }
}

#[test]
fn every_point_of_a_statement_counts() {
    let mut world = World::new(31, 2);
    world.fund(0, 1000);
    for stated in statements(&mut world) {
        let (statement, witness) = &stated;
        for place in 0..statement.points.len() {
            let mut changed = statement.clone();
            let point = changed.points[place].element() + h_times(&Scalar::ONE);
            changed.points[place] = Point::new(point);
            refused(&mut world, &stated, &changed);
            false_for(&mut world, witness, &changed);
        }
    }
}

#[test]
fn the_shape_of_a_statement_and_the_order_of_its_equations_count() {
    let mut world = World::new(32, 2);
    world.fund(0, 1000);
    let stated = world.true_statement(300);
    let mut swapped = stated.0.clone();
    swapped.equations.swap(0, 1);
    refused(&mut world, &stated, &swapped);
    let mut ranges = stated.0.clone();
    // As many digits in all.
    ranges.digits = vec![24, 16];
    refused(&mut world, &stated, &ranges);
    let mut scalars = stated.0.clone();
    scalars.scalars += 1;
    scalars.digits = vec![15, 24];
    refused(&mut world, &stated, &scalars);
}

#[test]
fn every_part_of_the_context_counts() {
    let mut world = World::new(33, 2);
    world.fund(0, 1000);
    let stated = world.true_statement(300);
    let context = stated.0.context;
    let changed = [
        Context { chain_id: ChainId([1; 32]), ..context },
        Context { kind: Kind::Deposit, ..context },
        Context { author: name(5), ..context },
        Context { receiver: Some(name(5)), ..context },
        Context { receiver: None, ..context },
        Context { sequence: context.sequence + 1, ..context },
        Context { balance: consilium_hash::BalanceHash([1; 32]), ..context },
    ];
    for context in changed {
        let changed = Statement { context, ..stated.0.clone() };
        refused(&mut world, &stated, &changed);
    }
}

#[test]
fn nobody_and_a_receiver_of_zeros_are_not_the_same() {
    let mut world = World::new(34, 2);
    world.fund(0, 1000);
    let (statement, witness) = world.true_statement(300);
    let zeros = Context { receiver: Some(Pseudonym::default()), ..statement.context };
    let nobody = Context { receiver: None, ..statement.context };
    let stated = (Statement { context: zeros, ..statement.clone() }, witness);
    refused(&mut world, &stated, &Statement { context: nobody, ..statement });
}
