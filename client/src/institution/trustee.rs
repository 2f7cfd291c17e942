//! What a trustee does, in the only order in which it can be done (docs/cryptography.md, section 3).
//!
//! ```text
//! SealedSum ── judge ──► Judged ── countersign ──► Countersigned ── quorum ──► Quorum ── share ──► SubmitShare
//!              every        memory on disk,           q distinct trustees'
//!              key proof    then the signature        verified signatures
//! ```
//!
//! Each arrow is the only way to the type on its right, and nothing before the last one touches the key share: there is
//! no way to write a program that helps to open a sum whose key proofs it has not verified, that it has not remembered,
//! or that fewer than q trustees answer for. Nothing here depends on the number of parameters of the model.

use std::collections::BTreeSet;

use consilium_audit::{judge::Judged, statements::Countersignature};
use consilium_contract::transaction::sign;
use consilium_crypto::{KeyShare, RoundContext, signature::SigningKey};
use consilium_hash::Pseudonym;
use consilium_proto::v1::{SignedTransaction, SubmitShare, transaction::Action};

use crate::{ClientError, state::memory::Memory};

/// Remembers the block as the one of its step, on disk, and then countersigns it. Whoever holds no share of the key has
/// nothing to answer for.
///
/// # Errors
/// [`ClientError::Memory`] where another block of this step is remembered; nothing is signed then.
pub fn countersign(
    judged: &Judged,
    _share: &KeyShare,
    memory: &mut Memory,
    key: &SigningKey,
    pseudonym: &Pseudonym,
) -> Result<Countersigned, ClientError> {
    let RoundContext { chain_id, step, .. } = judged.round();
    // A refusal leaves no file of evidence. Two blocks of a step are never on one chain: a follower stops, with evidence,
    // where a step that is sealed is opened again. So the remembered block is on a history that this institution no
    // longer has, and the memory holds its hash alone, which nobody has signed; a head of the others shows the rest.
    memory.remember(judged.committee().number, *step, judged.block())?;
    let action = Action::Countersign(judged.sealed_block().countersign(*step, key));
    Ok(Countersigned {
        judged: judged.clone(),
        transaction: sign(key, chain_id, Some(pseudonym), action),
    })
}

/// A judged sum that this trustee answers for, on disk and in writing.
#[derive(Debug)]
pub struct Countersigned {
    judged: Judged,
    transaction: SignedTransaction,
}

impl Countersigned {
    /// The countersignature, to be sent until it is on the chain.
    pub fn transaction(&self) -> &SignedTransaction {
        &self.transaction
    }

    /// The sum.
    pub fn judged(&self) -> &Judged {
        &self.judged
    }

    /// A quorum, if q distinct trustees have countersigned this same block for this step.
    pub fn quorum<'a>(
        &self,
        countersignatures: impl IntoIterator<Item = &'a Countersignature>,
    ) -> Option<Quorum> {
        let step = self.judged.round().step;
        let block = self.judged.block();
        let trustees: BTreeSet<u32> = countersignatures
            .into_iter()
            .filter(|answer| answer.step() == step && answer.block() == block)
            .map(Countersignature::trustee)
            .collect();
        (trustees.len() >= self.judged.committee().quorum() as usize)
            .then(|| Quorum { judged: self.judged.clone() })
    }
}

/// A judged, remembered sum that q trustees answer for: this trustee may help to open it.
#[derive(Debug)]
pub struct Quorum {
    judged: Judged,
}

impl Quorum {
    /// The sum.
    pub fn judged(&self) -> &Judged {
        &self.judged
    }

    /// This trustee's decryption share, signed.
    pub fn share(&self, share: &KeyShare, key: &SigningKey, name: &Pseudonym) -> SignedTransaction {
        let RoundContext { chain_id, step, .. } = self.judged.round();
        let block = self.judged.block();
        let public_key = &self.judged.committee().public_key;
        let share = share.decryption_share(public_key, self.judged.evaluation(), block).encode();
        let action = Action::SubmitShare(SubmitShare {
            step: *step,
            sealed_block: block.to_vec(),
            share: share.to_vec(),
        });
        sign(key, chain_id, Some(name), action)
    }
}

#[cfg(test)]
mod tests;
