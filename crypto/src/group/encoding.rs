//! Strict reading: exact lengths, canonical points and scalars, no unread bytes.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use rayon::prelude::*;

use crate::DecodeError;

/// Length of the encoding of a group element or a scalar, in bytes.
pub(crate) const ELEMENT_LEN: usize = 32;

/// A cursor over bytes whose total length has been checked first, so that everything read from it is there.
pub(crate) struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Refuses any length but `expected`.
    pub(crate) fn new(
        what: &'static str,
        bytes: &'a [u8],
        expected: usize,
    ) -> Result<Self, DecodeError> {
        if bytes.len() != expected {
            return Err(DecodeError::Length { what, expected, found: bytes.len() });
        }
        Ok(Self { what, rest: bytes })
    }

    /// The next `length` bytes.
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.rest.split_at_checked(length).ok_or(DecodeError::Length {
            what: self.what,
            expected: length,
            found: self.rest.len(),
        })?;
        self.rest = rest;
        Ok(head)
    }

    /// The next N bytes as an array.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// The next big-endian u32.
    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    /// The next big-endian u64.
    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    /// The next N group elements.
    pub(crate) fn points<const N: usize>(&mut self) -> Result<[RistrettoPoint; N], DecodeError> {
        let mut points = [RistrettoPoint::default(); N];
        for (index, point) in points.iter_mut().enumerate() {
            *point = decompress(self.what, index, &self.array()?)?;
        }
        Ok(points)
    }

    /// The next N group elements, not yet looked at.
    pub(crate) fn encodings<const N: usize>(
        &mut self,
    ) -> Result<[CompressedRistretto; N], DecodeError> {
        let mut encodings = [CompressedRistretto::default(); N];
        for encoding in &mut encodings {
            *encoding = CompressedRistretto(self.array()?);
        }
        Ok(encodings)
    }

    /// The next N scalars.
    pub(crate) fn scalars<const N: usize>(&mut self) -> Result<[Scalar; N], DecodeError> {
        let mut scalars = [Scalar::ZERO; N];
        for (index, scalar) in scalars.iter_mut().enumerate() {
            *scalar = self.scalar(index)?;
        }
        Ok(scalars)
    }

    /// The next `count` scalars.
    pub(crate) fn scalar_vec(&mut self, count: usize) -> Result<Vec<Scalar>, DecodeError> {
        (0..count).map(|index| self.scalar(index)).collect()
    }

    fn scalar(&mut self, index: usize) -> Result<Scalar, DecodeError> {
        let scalar = Scalar::from_canonical_bytes(self.array()?);
        Option::from(scalar).ok_or(DecodeError::Scalar { what: self.what, index })
    }
}

fn decompress(
    what: &'static str,
    index: usize,
    bytes: &[u8; 32],
) -> Result<RistrettoPoint, DecodeError> {
    CompressedRistretto(*bytes).decompress().ok_or(DecodeError::Point { what, index })
}

/// Decodes a whole vector of group elements on all cores; the first bad element is the one named.
pub(crate) fn decompress_all(
    what: &'static str,
    bytes: &[u8],
) -> Result<Vec<RistrettoPoint>, DecodeError> {
    let (elements, rest) = bytes.as_chunks::<ELEMENT_LEN>();
    if !rest.is_empty() {
        let expected = bytes.len() - rest.len();
        return Err(DecodeError::Length { what, expected, found: bytes.len() });
    }
    // In place: a vector of results first would be as large again.
    let mut points = vec![RistrettoPoint::default(); elements.len()];
    let decoded = points.par_iter_mut().zip(elements).enumerate().with_min_len(256);
    let first_bad = decoded.filter_map(|(index, (point, bytes))| {
        CompressedRistretto(*bytes)
            .decompress()
            .map(|decoded| *point = decoded)
            .is_none()
            .then_some(index)
    });
    first_bad.min().map_or(Ok(points), |index| Err(DecodeError::Point { what, index }))
}
