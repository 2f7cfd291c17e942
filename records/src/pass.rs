//! Passes: an owner's word to a custodian, whom it may show the records of a consent.
//!
//! The ledger does not say for whom a consent is. So the owner gives each proxy a pass for the headers and the requester
//! one for headers and bodies. The custodian learns from it who reads what; it would see that anyway, since it serves
//! them. A pass ends with its consent: by its date, or by its withdrawal on the ledger.

use consilium_crypto::Signature;
use consilium_exchange::records::{Category, Period, Scope, Selection, Standing};
use consilium_hash::{ConsentHash, Pseudonym};
use consilium_proto::v1::Pass as Message;
use thiserror::Error;

use crate::{calendar, ledger::Ledger, party::Party};

const LABEL: &str = "consilium/v1/records/pass";

/// Why a pass lets nobody in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PassError {
    /// It is not one, or not signed by the owner whom it names.
    #[error("the pass is not one that its owner has signed; ask the owner for it again")]
    Forged,
    /// For somebody else, or another custodian.
    #[error("the pass is for another {0}")]
    Other(&'static str),
    /// Its consent is not on the ledger as this custodian has it.
    #[error("the consent of the pass is not in a sealed block yet; wait for the block")]
    NotSealed,
    /// Its consent was withdrawn.
    #[error("the consent was withdrawn by its owner")]
    Withdrawn,
    /// It has ended.
    #[error("the pass has ended at {until_ms} ms; ask the owner for another consent")]
    Expired {
        /// Its end.
        until_ms: u64,
    },
}

/// What a pass lets somebody see.
#[derive(Debug)]
pub struct Lets {
    owner: Pseudonym,
    custodian: Pseudonym,
    category: Category,
    months: Vec<Period>,
    /// Bodies as well.
    pub bodies: bool,
}

impl Lets {
    /// The scopes whose headers may be seen.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> {
        self.months.iter().map(|period| Scope {
            owner: self.owner,
            custodian: self.custodian,
            category: self.category.clone(),
            period: *period,
        })
    }

    /// Whether a record of this scope is among them.
    pub fn is_for(&self, scope: &Scope) -> bool {
        self.scopes().any(|other| other == *scope)
    }
}

/// What an owner lets a holder see.
#[derive(Debug)]
pub struct Terms<'a> {
    /// The consent that it belongs to.
    pub consent: &'a ConsentHash,
    /// Which records.
    pub selection: &'a Selection,
    /// When it ends.
    pub until_ms: u64,
}

/// Signs a pass for a holder.
pub fn issue(
    party: &Party,
    owner: &Pseudonym,
    holder: &Pseudonym,
    terms: &Terms<'_>,
    bodies: bool,
) -> Message {
    let Terms { consent, selection, until_ms } = terms;
    let mut message = Message {
        owner: owner.to_vec(),
        custodian: selection.custodian().to_vec(),
        holder: holder.to_vec(),
        consent: consent.to_vec(),
        category: selection.category().as_str().to_owned(),
        months: selection.periods().iter().map(calendar::to_number).collect(),
        until_ms: *until_ms,
        bodies,
        signature: Vec::new(),
    };
    let bytes = signed_bytes(&message);
    let signature = party.signing.sign(LABEL, &[party.chain_id().as_slice(), &bytes]);
    message.signature = signature.encode().to_vec();
    message
}

/// Verifies a pass that `holder` shows to custodian `me`.
///
/// # Errors
/// [`PassError`].
pub fn verify(
    pass: &Message,
    ledger: &Ledger,
    me: &Pseudonym,
    holder: &Pseudonym,
    now_ms: u64,
) -> Result<Lets, PassError> {
    let forged = |_| PassError::Forged;
    let owner: Pseudonym = pass.owner.as_slice().try_into().map_err(forged)?;
    let consent: ConsentHash = pass.consent.as_slice().try_into().map_err(forged)?;
    let key = ledger.key_of(&owner).ok_or(PassError::Forged)?;
    let signature = Signature::decode(&pass.signature).map_err(|_| PassError::Forged)?;
    key.verify(LABEL, &[ledger.chain_id().as_slice(), &signed_bytes(pass)], &signature)
        .map_err(|_| PassError::Forged)?;
    if pass.custodian != me.as_slice() {
        return Err(PassError::Other("custodian"));
    }
    if pass.holder != holder.as_slice() {
        return Err(PassError::Other("party"));
    }
    match ledger.standing(&consent) {
        Standing::InForce => {}
        Standing::Withdrawn => return Err(PassError::Withdrawn),
        Standing::NotSealed => return Err(PassError::NotSealed),
    }
    // Otherwise somebody's own consent would lend its standing to a pass that is none of its.
    if ledger.index().consent(&consent).is_none_or(|consent| *consent.owner() != owner) {
        return Err(PassError::Other("owner"));
    }
    if now_ms >= pass.until_ms {
        return Err(PassError::Expired { until_ms: pass.until_ms });
    }
    let category = Category::new(&pass.category).map_err(|_| PassError::Forged)?;
    let period = |number: &u32| {
        let year = u16::try_from(number / 12).ok()?;
        // Below 13.
        Period::new(year, (number % 12 + 1) as u8).ok()
    };
    let months = pass.months.iter().map(period).collect::<Option<Vec<_>>>();
    let months = months.filter(|months| months.len() <= consilium_exchange::records::MAX_PERIODS);
    let months = months.ok_or(PassError::Forged)?;
    Ok(Lets { owner, custodian: *me, category, months, bodies: pass.bodies })
}

/// Everything but the signature, in its one encoding.
fn signed_bytes(pass: &Message) -> Vec<u8> {
    let unsigned = Message { signature: Vec::new(), ..pass.clone() };
    prost::Message::encode_to_vec(&unsigned)
}
