//! Points that keep their encoding, so that a transcript says them as they came and nothing is compressed twice.

use std::fmt;

use consilium_crypto::DecodeError;
use consilium_crypto::building_blocks::{ELEMENT_LEN, Reader};
use curve25519_dalek::ristretto::RistrettoPoint;

/// A group element and its encoding.
#[derive(Clone, Copy, Default)]
pub(super) struct Point {
    element: RistrettoPoint,
    // The encoding of the identity is 32 zeros, so the default is one.
    encoding: [u8; ELEMENT_LEN],
}

impl Point {
    pub(super) fn new(element: RistrettoPoint) -> Self {
        Self { element, encoding: element.compress().to_bytes() }
    }

    pub(super) fn read(what: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let encoding = reader.array()?;
        let [element] = Reader::new(what, &encoding, ELEMENT_LEN)?.points()?;
        Ok(Self { element, encoding })
    }

    pub(super) fn element(&self) -> &RistrettoPoint {
        &self.element
    }

    pub(super) fn encoding(&self) -> &[u8; ELEMENT_LEN] {
        &self.encoding
    }
}

/// Encodings are canonical, so they decide.
impl PartialEq for Point {
    fn eq(&self, other: &Self) -> bool {
        self.encoding == other.encoding
    }
}

impl Eq for Point {}

impl fmt::Debug for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Point(")?;
        self.encoding.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}
