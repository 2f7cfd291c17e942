//! Strict reading: exact lengths, canonical points and scalars, no unread bytes.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::DecodeError;

/// Length of the encoding of a group element or a scalar, in bytes.
pub const ELEMENT_LEN: usize = 32;

/// A cursor over bytes whose total length has been checked first, so that everything read from it is there.
pub struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
    total: usize,
}

impl<'a> Reader<'a> {
    /// Refuses any length but `expected`.
    pub fn new(what: &'static str, bytes: &'a [u8], expected: usize) -> Result<Self, DecodeError> {
        if bytes.len() != expected {
            return Err(DecodeError::Length { what, expected, found: bytes.len() });
        }
        Ok(Self { what, rest: bytes, total: bytes.len() })
    }

    /// For what says its own length: refuses more than `most` bytes. It ends with [`end`](Self::end).
    pub fn at_most(what: &'static str, bytes: &'a [u8], most: usize) -> Result<Self, DecodeError> {
        Self::new(what, bytes, bytes.len().min(most))
    }

    /// Refuses bytes that nothing has read.
    pub fn end(self) -> Result<(), DecodeError> {
        let expected = self.total - self.rest.len();
        if !self.rest.is_empty() {
            return Err(DecodeError::Length { what: self.what, expected, found: self.total });
        }
        Ok(())
    }

    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.rest.split_at_checked(length).ok_or(DecodeError::Length {
            what: self.what,
            expected: length,
            found: self.rest.len(),
        })?;
        self.rest = rest;
        Ok(head)
    }

    /// The next N bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// The next big-endian u32.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    /// The next big-endian u64.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    /// The next N group elements.
    pub fn points<const N: usize>(&mut self) -> Result<[RistrettoPoint; N], DecodeError> {
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
    pub fn scalars<const N: usize>(&mut self) -> Result<[Scalar; N], DecodeError> {
        let mut scalars = [Scalar::ZERO; N];
        for (index, scalar) in scalars.iter_mut().enumerate() {
            *scalar = self.scalar(index)?;
        }
        Ok(scalars)
    }

    /// The next `count` scalars.
    ///
    /// They may be secret: the vector is as long as it will be from the start, because one that grows leaves copies
    /// behind, and what has been read of scalars of which one is refused is wiped.
    pub fn scalar_vec(&mut self, count: usize) -> Result<Vec<Scalar>, DecodeError> {
        let what = self.what;
        let bytes = self.take(count.saturating_mul(ELEMENT_LEN))?;
        let mut scalars = Zeroizing::new(Vec::with_capacity(count));
        for (index, bytes) in bytes.as_chunks().0.iter().enumerate() {
            scalars.push(canonical(what, index, *bytes)?);
        }
        Ok(std::mem::take(&mut *scalars))
    }

    fn scalar(&mut self, index: usize) -> Result<Scalar, DecodeError> {
        canonical(self.what, index, self.array()?)
    }
}

fn canonical(what: &'static str, index: usize, bytes: [u8; 32]) -> Result<Scalar, DecodeError> {
    let scalar = Scalar::from_canonical_bytes(bytes);
    Option::from(scalar).ok_or(DecodeError::Scalar { what, index })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_read_into_a_vector_that_never_grows_and_no_longer_than_the_bytes_there_are() {
        for count in [1u64, 5, 100] {
            let bytes: Vec<u8> = (0..count).flat_map(|i| Scalar::from(i).to_bytes()).collect();
            let count = count as usize;
            let mut reader = Reader::new("scalars", &bytes, bytes.len()).unwrap();
            let scalars = reader.scalar_vec(count).unwrap();
            assert_eq!((scalars.len(), scalars.capacity()), (count, count));
            let mut reader = Reader::new("scalars", &bytes, bytes.len()).unwrap();
            let error = reader.scalar_vec(usize::MAX / 2).unwrap_err();
            assert!(matches!(error, DecodeError::Length { .. }));
        }
        let mut reader = Reader::at_most("scalars", &[7; 9], 10).unwrap();
        reader.u64().unwrap();
        let trailing = DecodeError::Length { what: "scalars", expected: 8, found: 9 };
        assert_eq!(reader.end(), Err(trailing));
        assert!(Reader::at_most("scalars", &[7; 9], 8).is_err());
        let refused = [Scalar::ONE.to_bytes(), [255; 32]].concat();
        let mut reader = Reader::new("scalars", &refused, 64).unwrap();
        assert_eq!(reader.scalar_vec(2), Err(DecodeError::Scalar { what: "scalars", index: 1 }));
    }
}
