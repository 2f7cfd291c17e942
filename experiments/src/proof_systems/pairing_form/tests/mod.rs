//! The paper's form: what holds is accepted, everything changed is refused, and the attacks that its repairs stop.

mod completeness;
mod folding;
mod forgery;
mod tampering;

use rand_core::OsRng;

use super::contestant::Repaired;
use super::digit_key::{DigitBits, DigitKey};
use super::error::PairingFormError;
use super::proof::Proof;
use super::statement::Statement;
use super::verify::{Claim, verify};

const SIZES: [DigitBits; 2] = [DigitBits::Four, DigitBits::Eight];

/// Somebody with a balance.
fn with_balance(size: DigitBits, balance: u32) -> Repaired {
    Repaired::with(DigitKey::deal(size, &mut OsRng), balance)
}

fn read(world: &Repaired, bytes: &[u8]) -> Result<Claim, PairingFormError> {
    Claim::read(&world.key, &world.ledger, bytes)
}

/// Reads and verifies one message.
fn accept(world: &Repaired, bytes: &[u8]) -> Result<(), PairingFormError> {
    world.verify_all(std::iter::once(bytes))
}

/// A proof put before the equations without having been read.
fn satisfies(
    world: &Repaired,
    statement: Statement,
    proof: &Proof,
) -> Result<(), PairingFormError> {
    let bytes = [statement.sent.encode(), proof.encode()].concat();
    let claim = Claim { statement, proof: proof.clone(), bytes };
    verify(&world.key, &[claim], &mut OsRng).remove(0)
}
