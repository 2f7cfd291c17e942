//! Names of things by their SHA-256, each a type of its own.
//!
//! A block, an institution and a model are all named by 32 bytes. With one type for all of them a trustee's name passes
//! where the hash of a block belongs, and nothing says so. These types have the same bytes on the wire and on disk and
//! cannot be confused: none becomes another, or an array, unless somebody writes `.0`.
//!
//! In messages a name is shown whole by `Display`, or by its first eight bytes with `short`.

use std::fmt;

use thiserror::Error;

/// Bytes that are no name: there are not 32 of them.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{what} has {found} bytes; it has 32")]
pub struct LengthError {
    /// What was being read.
    pub what: &'static str,
    /// How many bytes came.
    pub found: usize,
}

/// The first bytes of a name, for messages.
#[derive(Clone, Copy)]
pub struct Short<'a>(&'a [u8; 32]);

/// Bytes of a name that a message shows.
const SHOWN: usize = 8;

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(SHOWN).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Defines types of 32 bytes: `Display` (hexadecimal), `Debug` (its type and its first bytes), `short`, and what reads
/// one from bytes of a length that nobody has checked. There is no `Deref` and no `From` of one for another.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The first bytes, for messages.
            pub fn short(&self) -> Short<'_> {
                Short(&self.0)
            }

            /// All bytes.
            pub fn as_slice(&self) -> &[u8] {
                &self.0
            }

            /// A copy of all bytes, as messages carry them.
            pub fn to_vec(&self) -> Vec<u8> {
                self.0.to_vec()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.short())
            }
        }

        impl From<[u8; 32]> for $name {
            fn from(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = LengthError;

            fn try_from(bytes: &[u8]) -> Result<Self, LengthError> {
                let wrong = |_| LengthError { what: $what, found: bytes.len() };
                bytes.try_into().map(Self).map_err(wrong)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
    )*};
}

names! {
    /// What an institution is called on the chain: a hash of its identity and a nonce that only the authority and itself
    /// know.
    Pseudonym, "a pseudonym";
    /// A run: the SHA-256 of its genesis, which every signature on its chain covers.
    ChainId, "a chain id";
    /// A block: the hash of its header, which the next header names and trustees countersign.
    BlockHash, "a hash of a block";
    /// An update: the SHA-256 of its signed header.
    HeaderHash, "a hash of a header";
    /// A model: the SHA-256 of its parameters.
    ModelHash, "a hash of a model";
    /// A transaction: the hash of its signed bytes, by which receipts name it.
    TransactionHash, "a hash of a transaction";
    /// What a contract's state comes to, in the header of every block.
    StateRoot, "a state root";
    /// Bytes that lie beside the chain (the body of an update, the sums of a round, a model): their SHA-256, which is their
    /// address.
    BlobHash, "a hash of a blob";
    /// A node of a Merkle tree, leaves included.
    MerkleNode, "a node of a Merkle tree";
    /// A whole Merkle tree: the hash of its root.
    MerkleRoot, "a root of a Merkle tree";
    /// A public key of the federation, by which contexts name it.
    KeyHash, "a hash of a public key";
    /// The commitments to the shares of a key, by which a resharing names the committee that it takes over from.
    CommitmentsHash, "a hash of commitments";
    /// An evaluation: all that is certified of a sum and its inputs.
    EvaluationHash, "a hash of an evaluation";
    /// A ceremony: its place on the chain, its committee and the offered keys.
    CeremonyHash, "a hash of a ceremony";
    /// One dealing of a ceremony.
    DealingHash, "a hash of a dealing";
    /// The qualified dealings of a ceremony, on which members agree before a product leaves any of them.
    QualifiedHash, "a hash of qualified dealings";
    /// All that a ceremony ends with, which members confirm.
    ConfirmationHash, "a hash of what a ceremony ends with";
    /// All that the contributions to a stage of a ceremony answer.
    Basis, "a basis of contributions";
    /// A contribution to a ceremony, as its author signed it.
    ContributionHash, "a hash of a contribution";
    /// A member's secrets in one attempt at a ceremony. The name gives nothing of them away.
    SecretsName, "a name of a member's secrets";
    /// What an institution has sworn: a sealed block, qualified dealings, a committee or the secrets of an attempt.
    OathHash, "a hash of an oath";
    /// The content of a file, which it ends with, so that a change is noticed.
    Checksum, "a checksum";
    /// A committee: its number, its key, the commitments to its shares and its members.
    CommitteeHash, "a hash of a committee";
    /// The public key of an institution's TLS certificate.
    TlsKeyHash, "a hash of a TLS key";
    /// A shared record: the SHA-256 of its header, which its custodian and its owner sign.
    RecordHash, "a hash of a record";
    /// The terms of a consent: a commitment that says nothing of them.
    TermsHash, "a hash of terms";
    /// A consent: its owner, its terms and the key that it was given under.
    ConsentHash, "a hash of a consent";
    /// The public parameters of group signatures at one epoch.
    GroupHash, "a hash of a group's parameters";
    /// What an account on the chain has, encrypted: the hash of its balance and of how often it was credited.
    BalanceHash, "a hash of a balance";
    /// A data dictionary: the SHA-256 of its canonical encoding.
    DictionaryHash, "a hash of a data dictionary";
    /// All receipts so far, as a hash chain.
    ReceiptsHash, "a hash of receipts";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown_whole_or_by_its_first_bytes_and_never_without_its_type() {
        let mut bytes = [0xab; 32];
        bytes[0] = 1;
        let name = Pseudonym(bytes);
        assert_eq!(name.to_string(), format!("01{}", "ab".repeat(31)));
        assert_eq!(name.short().to_string(), "01ababababababab");
        assert_eq!(format!("{name:?}"), "Pseudonym(01ababababababab)");
    }

    #[test]
    fn only_32_bytes_are_a_name() {
        assert_eq!(Pseudonym::try_from([7; 32].as_slice()), Ok(Pseudonym([7; 32])));
        for length in [0, 31, 33] {
            let error = Pseudonym::try_from(vec![7; length].as_slice()).unwrap_err();
            let expected = format!("a pseudonym has {length} bytes; it has 32");
            assert_eq!(error.to_string(), expected);
        }
    }
}
