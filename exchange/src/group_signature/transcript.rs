//! All labels of this module, and the transcripts that proofs start from.

use blstrs::G1Affine;
use consilium_hash::{ChainId, GroupHash, Pseudonym};
use merlin::Transcript;

use super::curve::append_g1;

/// Label of the hash of a group's parameters.
pub(super) const PARAMETERS_HASH: &[u8] = b"consilium v1 group parameters";
/// Label of a member's Ed25519 signature under its join.
pub(super) const JOIN: &str = "consilium v1 group join";

/// A join: parameters with their epoch, ledger, member, H and F.
pub(super) fn join(
    group: &GroupHash,
    chain_id: &ChainId,
    member: &Pseudonym,
    halves: &[G1Affine; 2],
) -> Transcript {
    let mut transcript = Transcript::new(b"consilium v1 group join");
    transcript.append_message(b"group", group.as_slice());
    transcript.append_message(b"chain", chain_id.as_slice());
    transcript.append_message(b"member", member.as_slice());
    append_g1(&mut transcript, b"H, F", halves);
    transcript
}

/// A signature: parameters with their epoch, context and message.
pub(super) fn signature(group: &GroupHash, context: &[u8], message: &[u8]) -> Transcript {
    let mut transcript = Transcript::new(b"consilium v1 group signature");
    transcript.append_message(b"group", group.as_slice());
    transcript.append_message(b"context", context);
    transcript.append_message(b"message", message);
    transcript
}

/// An opening, or a part of one: parameters, signature, opener, what comes out.
pub(super) fn opening(
    group: &GroupHash,
    signature: &[u8],
    place: u8,
    result: &G1Affine,
) -> Transcript {
    let mut transcript = Transcript::new(b"consilium v1 group opening");
    transcript.append_message(b"group", group.as_slice());
    transcript.append_message(b"signature", signature);
    transcript.append_u64(b"opener", place.into());
    append_g1(&mut transcript, b"result", &[*result]);
    transcript
}

/// The weights that fold the pairings of many signatures.
pub(super) fn fold(group: &GroupHash, fresh: &[u8; 32]) -> Transcript {
    let mut transcript = Transcript::new(b"consilium v1 fold of group signatures");
    transcript.append_message(b"group", group.as_slice());
    transcript.append_message(b"fresh", fresh);
    transcript
}
