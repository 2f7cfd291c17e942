//! What is for one party alone, sealed to the key on its card (HPKE): grants, notices, certificates.
//!
//! Sealing says nothing of who sealed; the call that brings it is signed, and what is in it verifies against the ledger.

use consilium_crypto::dkg::OpeningKey;
use consilium_hash::{ChainId, Pseudonym};
use consilium_proto::v1::{Delivery, delivery::Kind};
use rand_core::OsRng;
use zeroize::Zeroizing;

use crate::{RecordsError, card::Card, error::Result};

const LABEL: &[u8] = b"consilium/v1/records/delivery";

/// Seals a message to the owner of a card.
///
/// # Errors
/// [`RecordsError::Unusable`] for a card whose key nothing can be sealed to.
pub fn seal(
    chain_id: &ChainId,
    from: &Pseudonym,
    to: &Card,
    kind: Kind,
    message: Zeroizing<Vec<u8>>,
) -> Result<Delivery> {
    let associated = associated(chain_id, from, &to.name, kind);
    let sealed = to.sealing_key.seal(LABEL, &associated, message, &mut OsRng)?;
    Ok(Delivery { kind: kind.into(), sealed })
}

/// Opens what `from` has sealed to `me`.
///
/// # Errors
/// [`RecordsError::Untrue`] for what was not sealed for this purpose, by this sender, to this party.
pub fn open(
    chain_id: &ChainId,
    from: &Pseudonym,
    me: &Pseudonym,
    key: &OpeningKey,
    delivery: &Delivery,
) -> Result<Zeroizing<Vec<u8>>> {
    let associated = associated(chain_id, from, me, delivery.kind());
    key.open(LABEL, &associated, &delivery.sealed).ok_or_else(|| {
        RecordsError::untrue(
            from.short(),
            "something sealed",
            "it does not open with this party's key",
        )
    })
}

fn associated(chain_id: &ChainId, from: &Pseudonym, to: &Pseudonym, kind: Kind) -> Vec<u8> {
    let kind = i32::from(kind).to_be_bytes();
    [chain_id.as_slice(), from.as_slice(), to.as_slice(), &kind].concat()
}
