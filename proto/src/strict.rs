//! Strict decoding: one message, one encoding.

use prost::Message;
use thiserror::Error;

/// Why bytes of a peer are not the message they should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WireError {
    /// More bytes than the message may have.
    #[error("{what} has {actual} bytes; at most {limit} are allowed")]
    TooLarge {
        /// The message or field.
        what: &'static str,
        /// Bytes received.
        actual: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Not a protobuf encoding of the message.
    #[error("{what} does not decode: {source}")]
    Undecodable {
        /// The message.
        what: &'static str,
        /// What the decoder found.
        source: prost::DecodeError,
    },
    /// A protobuf encoding of the message, but not its canonical one.
    #[error("{what} is not in its canonical encoding")]
    NotCanonical {
        /// The message.
        what: &'static str,
    },
    /// A field of fixed width has another width.
    #[error("{what} has {actual} bytes; {expected} were expected")]
    WrongLength {
        /// The field.
        what: &'static str,
        /// Bytes received.
        actual: usize,
        /// Bytes expected.
        expected: usize,
    },
}

/// Decodes `bytes` as an `M` if they are its one canonical encoding and at most `limit` bytes long.
///
/// `what` names the message in errors.
pub fn decode<M: Message + Default>(
    what: &'static str,
    bytes: &[u8],
    limit: usize,
) -> Result<M, WireError> {
    if bytes.len() > limit {
        return Err(WireError::TooLarge { what, actual: bytes.len(), limit });
    }
    let message = M::decode(bytes).map_err(|source| WireError::Undecodable { what, source })?;
    if message.encode_to_vec() != bytes {
        return Err(WireError::NotCanonical { what });
    }
    Ok(message)
}

/// Reads a 32-byte hash, key or pseudonym.
pub fn hash32(what: &'static str, bytes: &[u8]) -> Result<[u8; 32], WireError> {
    bytes.try_into().map_err(|_| WireError::WrongLength { what, actual: bytes.len(), expected: 32 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::{Abandon, SignedTransaction};

    fn sample() -> Vec<u8> {
        SignedTransaction { transaction: vec![1, 2, 3], signature: vec![9; 64] }.encode_to_vec()
    }

    #[test]
    fn the_canonical_encoding_is_accepted() {
        let decoded: SignedTransaction = decode("SignedTransaction", &sample(), 1000).unwrap();
        assert_eq!(decoded.encode_to_vec(), sample());
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let mut bytes = sample();
        bytes.extend([0x78, 0x01]); // field 15, varint 1
        let result = decode::<SignedTransaction>("SignedTransaction", &bytes, 1000);
        assert_eq!(result, Err(WireError::NotCanonical { what: "SignedTransaction" }));
    }

    #[test]
    fn a_padded_number_is_refused() {
        let result = decode::<Abandon>("Abandon", &[0x08, 0x81, 0x00], 1000);
        assert_eq!(result, Err(WireError::NotCanonical { what: "Abandon" }));
        assert_eq!(decode::<Abandon>("Abandon", &[0x08, 0x01], 1000).unwrap().step, 1);
    }

    #[test]
    fn an_explicit_default_is_refused() {
        assert!(decode::<Abandon>("Abandon", &[0x08, 0x00], 1000).is_err());
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = sample();
        for length in 1..bytes.len() {
            let prefix = bytes.get(..length).unwrap();
            if let Ok(decoded) = decode::<SignedTransaction>("SignedTransaction", prefix, 1000) {
                // The first field alone is a whole message of its own, and another one.
                assert_eq!(decoded.signature, Vec::<u8>::new());
            }
        }
    }

    #[test]
    fn a_message_over_its_limit_is_refused_before_it_is_decoded() {
        let result = decode::<SignedTransaction>("SignedTransaction", &[0xff; 20], 10);
        assert_eq!(
            result,
            Err(WireError::TooLarge { what: "SignedTransaction", actual: 20, limit: 10 })
        );
    }
}
