//! What a record is of: its owner, its custodian, a category and a month, and what else its encryption is bound to.

use std::fmt;

use consilium_crypto::DecodeError;
use consilium_crypto::building_blocks::Reader;
use consilium_hash::{ChainId, Pseudonym};
use rand_core::{CryptoRng, RngCore};

/// Version of the encodings of this module.
const VERSION: u8 = 1;

/// A record's random name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub [u8; RecordId::LEN]);

impl RecordId {
    /// Length, in bytes.
    pub const LEN: usize = 16;

    /// A new name.
    pub fn generate(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut id = [0; Self::LEN];
        rng.fill_bytes(&mut id);
        Self(id)
    }
}

/// What kind of record it is: 1 to 64 lower-case letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Category(String);

impl Category {
    /// Longest name, in bytes.
    pub const MAX_LEN: usize = 64;

    /// Refuses any other name.
    pub fn new(name: &str) -> Result<Self, DecodeError> {
        let length = name.len();
        if length == 0 || length > Self::MAX_LEN {
            let (found, allowed) = (length as u64, "1 to 64 bytes");
            return Err(DecodeError::Value { what: "length of a category", found, allowed });
        }
        let strange = |byte: &u8| !matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if let Some(byte) = name.bytes().find(strange) {
            let (found, allowed) = (byte.into(), "a to z, 0 to 9 and the hyphen");
            return Err(DecodeError::Value { what: "letter of a category", found, allowed });
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Length in one byte ‖ name.
    pub(super) fn encode_to(&self, bytes: &mut Vec<u8>) {
        push_text(&self.0, bytes);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let [length] = reader.array()?;
        let name = reader.take(length.into())?;
        // What is no UTF-8 has a letter that is not allowed.
        Self::new(&String::from_utf8_lossy(name))
    }
}

/// Length in one byte ‖ text, which its type keeps below 256 bytes.
pub(super) fn push_text(text: &str, bytes: &mut Vec<u8>) {
    bytes.push(text.len() as u8);
    bytes.extend_from_slice(text.as_bytes());
}

/// A month. Delegator keys are of one, so that what a proxy and a requester can open together ends with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    year: u16,
    month: u8,
}

impl Period {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 3;

    /// Refuses a month that is none.
    pub fn new(year: u16, month: u8) -> Result<Self, DecodeError> {
        if !(1..=12).contains(&month) {
            let (found, allowed) = (month.into(), "1 to 12");
            return Err(DecodeError::Value { what: "month of a period", found, allowed });
        }
        Ok(Self { year, month })
    }

    /// Year ‖ month, big-endian.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let [high, low] = self.year.to_be_bytes();
        [high, low, self.month]
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let [high, low, month] = reader.array()?;
        Self::new(u16::from_be_bytes([high, low]), month)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

/// What one delegator key is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Whose record it is.
    pub owner: Pseudonym,
    /// Who made it and keeps it.
    pub custodian: Pseudonym,
    /// What kind of record it is.
    pub category: Category,
    /// When it was made.
    pub period: Period,
}

impl Scope {
    /// Longest encoding, in bytes.
    pub const MAX_LEN: usize = 32 + 32 + 1 + Category::MAX_LEN + Period::LEN;

    /// Owner ‖ custodian ‖ category ‖ period.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::MAX_LEN);
        bytes.extend_from_slice(self.owner.as_slice());
        bytes.extend_from_slice(self.custodian.as_slice());
        self.category.encode_to(&mut bytes);
        bytes.extend_from_slice(&self.period.encode());
        bytes
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let owner = Pseudonym(reader.array()?);
        let custodian = Pseudonym(reader.array()?);
        let category = Category::read(reader)?;
        Ok(Self { owner, custodian, category, period: Period::read(reader)? })
    }
}

/// ctx: all that a record's encryption is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordContext {
    /// The ledger.
    pub chain_id: ChainId,
    /// The record.
    pub id: RecordId,
    /// What it is of.
    pub scope: Scope,
}

impl RecordContext {
    /// Longest encoding, in bytes.
    pub const MAX_LEN: usize = 1 + 32 + RecordId::LEN + Scope::MAX_LEN;

    /// Version ‖ chain ‖ record ‖ scope.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::MAX_LEN);
        bytes.push(VERSION);
        bytes.extend_from_slice(self.chain_id.as_slice());
        bytes.extend_from_slice(&self.id.0);
        bytes.extend_from_slice(&self.scope.encode());
        bytes
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let [version] = reader.array()?;
        if version != VERSION {
            let (found, allowed) = (version.into(), "1");
            return Err(DecodeError::Value { what: "version of a record", found, allowed });
        }
        let chain_id = ChainId(reader.array()?);
        let id = RecordId(reader.array()?);
        Ok(Self { chain_id, id, scope: Scope::read(reader)? })
    }
}
