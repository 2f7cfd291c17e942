//! Timestamped cosignatures of the transparency logs' world: [C2SP tlog-cosignature].
//!
//! [C2SP tlog-cosignature]: https://c2sp.org/tlog-cosignature

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::{
    header::take,
    note_error::{NoteError, malformed},
};

const COSIGNATURE: &str = "cosignature/v1";

/// A timestamped Ed25519 signature over the text of a checkpoint (type 0x04). Whether it holds is not known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Cosignature {
    time_s: u64,
    signature: [u8; 64],
}

impl Cosignature {
    /// Length of an encoded cosignature in bytes: the time, big-endian, and the signature.
    pub const LEN: usize = 8 + 64;

    /// Cosigns the text of a checkpoint as of `time_s`, in seconds since the epoch.
    pub fn sign(text: &str, time_s: u64, key: &SigningKey) -> Self {
        // The format has no later time than 2^63 - 1.
        let time_s = time_s.min(i64::MAX.unsigned_abs());
        Self { time_s, signature: key.sign(message(text, time_s).as_bytes()).to_bytes() }
    }

    /// When it was given, in seconds since the epoch, by the word of who gave it.
    pub fn time_s(&self) -> u64 {
        self.time_s
    }

    /// The cosignature's only encoding.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes
            .iter_mut()
            .zip(self.time_s.to_be_bytes().into_iter().chain(self.signature))
            .for_each(|(to, from)| *to = from);
        bytes
    }

    /// Reads an encoding of exactly [`Self::LEN`] bytes.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] for any other length, and for a time after 2^63 − 1.
    pub fn decode(bytes: &[u8]) -> Result<Self, NoteError> {
        let wrong = |detail: String| malformed("cosignature", detail);
        let mut rest = bytes;
        let (Some(time), Some(signature), []) = (take(&mut rest), take(&mut rest), rest) else {
            return Err(wrong(format!("expected {} bytes, got {}", Self::LEN, bytes.len())));
        };
        let time_s = u64::from_be_bytes(time);
        if i64::try_from(time_s).is_err() {
            return Err(wrong(format!("its time is {time_s}, at most 2^63 - 1 is one")));
        }
        Ok(Self { time_s, signature })
    }

    /// Whether `key` has given it over this text (strict Ed25519 verification).
    pub fn is_over(&self, text: &str, key: &VerifyingKey) -> bool {
        let signature = Signature::from_bytes(&self.signature);
        key.verify_strict(message(text, self.time_s).as_bytes(), &signature).is_ok()
    }
}

impl std::fmt::Debug for Cosignature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cosignature")
            .field("time_s", &self.time_s)
            .field("signature", &hex::encode(self.signature))
            .finish()
    }
}

fn message(text: &str, time_s: u64) -> String {
    format!("{COSIGNATURE}\ntime {time_s}\n{text}")
}
