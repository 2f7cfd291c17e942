//! Calls among the parties: who calls, whom, when and what for, under the caller's signature.
//!
//! A call that is played back within [`FRESH_MS`] does again what it did: nothing that a call does is worth doing twice,
//! and what it brings is encrypted.

use consilium_crypto::Signature;
use consilium_hash::Pseudonym;
use consilium_proto::{
    WireError, decode,
    v1::{Call, SignedCall, call::What},
};
use prost::Message as _;
use thiserror::Error;

use crate::{ledger::Ledger, party::Party};

const LABEL: &str = "consilium/v1/records/call";

/// Longest call, in bytes: a sealed grant of sixty months and sixteen keywords is half of it.
pub const MAX_CALL_BYTES: usize = 256 << 10;

/// How far the clocks of two parties may differ, in milliseconds.
pub const FRESH_MS: u64 = 300_000;

/// Why a call is not heard.
#[derive(Debug, Error)]
pub enum CallError {
    /// Bytes that are none.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Nothing is asked for, or something that belongs to another call.
    #[error("the call asks for something else than its name says")]
    Other,
    /// Not for this party.
    #[error("the call is for another party; look at the card again")]
    NotForMe,
    /// Too old, or from the future.
    #[error("the call was signed at {signed_ms} ms, it is {now_ms} ms here; set both clocks")]
    Stale {
        /// When it says that it was signed.
        signed_ms: u64,
        /// Now.
        now_ms: u64,
    },
    /// Not by whom it names.
    #[error(
        "the call is of nobody whom the ledger lets speak under this key; wait for the block of the admission, or have \
         the authority admit this party"
    )]
    Unknown,
}

/// Signs a call.
pub fn sign_call(
    party: &Party,
    from: &Pseudonym,
    to: &Pseudonym,
    time_ms: u64,
    what: What,
) -> SignedCall {
    let call = Call { from: from.to_vec(), to: to.to_vec(), time_ms, what: Some(what) };
    let call = call.encode_to_vec();
    let signature = party.signing.sign(LABEL, &[party.chain_id().as_slice(), &call]);
    SignedCall { call, signature: signature.encode().to_vec() }
}

/// A call whose signature is its caller's.
#[derive(Debug)]
pub struct Heard {
    /// Who calls.
    pub from: Pseudonym,
    /// What for.
    pub what: What,
}

/// Verifies a call to `me`.
///
/// # Errors
/// [`CallError`].
pub fn hear(
    ledger: &Ledger,
    me: &Pseudonym,
    signed: &SignedCall,
    now_ms: u64,
) -> Result<Heard, CallError> {
    let Call { from, to, time_ms, what } = decode("call", &signed.call, MAX_CALL_BYTES)?;
    let from: Pseudonym = from.as_slice().try_into().map_err(|_| CallError::Unknown)?;
    if to != me.as_slice() {
        return Err(CallError::NotForMe);
    }
    if time_ms.abs_diff(now_ms) > FRESH_MS {
        return Err(CallError::Stale { signed_ms: time_ms, now_ms });
    }
    let key = ledger.key_of(&from).ok_or(CallError::Unknown)?;
    let signature = Signature::decode(&signed.signature).map_err(|_| CallError::Unknown)?;
    key.verify(LABEL, &[ledger.chain_id().as_slice(), &signed.call], &signature)
        .map_err(|_| CallError::Unknown)?;
    Ok(Heard { from, what: what.ok_or(CallError::Other)? })
}
