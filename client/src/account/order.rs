//! What can be asked of an account, and the statement that an order has become.

use std::fmt;

use consilium_hash::Pseudonym;
use consilium_proto::{ENTRY_BYTES, decode, v1::SignedTransaction};
use prost::Message as _;

/// What an institution asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// An account.
    Open,
    /// A deposit that the authority has signed; by the SHA-256 of its bytes.
    Deposit([u8; 32]),
    /// Units for somebody else.
    Transfer {
        /// To whom.
        to: Pseudonym,
        /// How many.
        amount: u32,
    },
    /// What has come in becomes part of the balance.
    Roll,
    /// Credits count from one again.
    Rebase,
}

impl Order {
    /// Length of the encoding, in bytes.
    const LEN: usize = 1 + 32 + 4;

    /// Kind ‖ receiver or hash ‖ amount.
    fn encode(self) -> [u8; Self::LEN] {
        let (kind, name, amount) = match self {
            Self::Open => (1, [0; 32], 0),
            Self::Deposit(hash) => (2, hash, 0),
            Self::Transfer { to, amount } => (3, to.0, amount),
            Self::Roll => (4, [0; 32], 0),
            Self::Rebase => (5, [0; 32], 0),
        };
        let mut bytes = [0; Self::LEN];
        let parts = [kind].into_iter().chain(name).chain(amount.to_be_bytes());
        bytes.iter_mut().zip(parts).for_each(|(byte, part)| *byte = part);
        bytes
    }

    fn decode(bytes: &[u8; Self::LEN]) -> Option<Self> {
        let [kind, rest @ ..] = bytes;
        let (name, rest) = rest.split_first_chunk::<32>()?;
        let amount = u32::from_be_bytes(*rest.first_chunk::<4>()?);
        let order = match kind {
            1 => Self::Open,
            2 => Self::Deposit(*name),
            3 => Self::Transfer { to: Pseudonym(*name), amount },
            4 => Self::Roll,
            5 => Self::Rebase,
            _ => return None,
        };
        // One encoding each.
        (order.encode() == *bytes).then_some(order)
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open an account"),
            Self::Deposit(_) => f.write_str("make a deposit"),
            Self::Transfer { to, amount } => write!(f, "transfer {amount} units to {to}"),
            Self::Roll => f.write_str("roll in what has come"),
            Self::Rebase => f.write_str("rebase the balance"),
        }
    }
}

/// An order and its statement, signed once: what is sent, and sent again.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stated {
    pub(super) order: Order,
    pub(super) signed: SignedTransaction,
}

impl Stated {
    /// The longest encoding, in bytes.
    pub(super) const MOST: usize = Order::LEN + ENTRY_BYTES;

    /// Order ‖ signed transaction.
    pub(super) fn encode(&self) -> Vec<u8> {
        [self.order.encode().as_slice(), &self.signed.encode_to_vec()].concat()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (order, signed) = bytes.split_first_chunk()?;
        let signed = decode("statement", signed, ENTRY_BYTES).ok()?;
        Some(Self { order: Order::decode(order)?, signed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_comes_back_with_its_statement_and_no_other_bytes_are_one() {
        let to = Pseudonym([7; 32]);
        let signed = SignedTransaction { transaction: vec![1, 2], signature: vec![3; 64] };
        for order in [
            Order::Open,
            Order::Deposit([5; 32]),
            Order::Transfer { to, amount: u32::MAX },
            Order::Roll,
            Order::Rebase,
        ] {
            let stated = Stated { order, signed: signed.clone() };
            let bytes = stated.encode();
            assert_eq!(Stated::decode(&bytes), Some(stated));
            for length in 0..Order::LEN {
                assert_eq!(Stated::decode(&bytes[..length]), None);
            }
            let mut other = bytes.clone();
            other[0] = 9;
            assert_eq!(Stated::decode(&other), None);
        }
        // A roll has no receiver.
        let mut roll = Stated { order: Order::Roll, signed }.encode();
        roll[1] = 1;
        assert_eq!(Stated::decode(&roll), None);
    }
}
