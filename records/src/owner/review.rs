//! Delegator keys for custodians, and the records that they offer.

use std::path::Path;

use consilium_exchange::records::{CandidateHeader, OfferedRecord, Record, Scope};
use consilium_hash::{Pseudonym, RecordHash};

use crate::{
    RecordsError, card::Card, error::Result, ledger::Following, party::Party, peer::Peer,
    receive::Received,
};

/// Gives a custodian the delegator key of a scope, signed.
///
/// # Errors
/// [`RecordsError::Refused`], [`RecordsError::Unreachable`].
pub async fn publish(party: &Party, custodian: &Peer<'_>, scope: &Scope) -> Result<()> {
    let key = party.seed()?.delegator_key(scope).publish(party.chain_id(), &party.signing);
    custodian.publish_key(key.encode()).await
}

/// What a custodian offers.
#[derive(Debug)]
pub struct Offer {
    /// The record.
    pub hash: RecordHash,
    /// Its header.
    pub header: CandidateHeader,
}

/// Records that wait for this owner's signature at a custodian.
///
/// # Errors
/// As [`publish`].
pub async fn offers(custodian: &Peer<'_>) -> Result<Vec<Offer>> {
    let offer = |offered: OfferedRecord| Offer {
        hash: offered.header().hash(),
        header: offered.header().clone(),
    };
    Ok(custodian.offers().await?.into_iter().map(offer).collect())
}

/// Fetches an offered record, decrypts and verifies all of it, and writes it to a file if one is named.
///
/// # Errors
/// [`RecordsError::Untrue`] naming the custodian that has offered what does not hold; [`RecordsError::Refused`].
pub async fn review(
    following: &Following,
    me: &Pseudonym,
    custodian: &Peer<'_>,
    card: &Card,
    hash: &RecordHash,
    out: Option<&Path>,
) -> Result<Reviewed> {
    let party = following.party();
    let offers = custodian.offers().await?;
    let offered = offers.into_iter().find(|offered| offered.header().hash() == *hash);
    let offered = offered.ok_or_else(|| {
        RecordsError::refused(
            custodian.who(),
            "it offers no record of this hash that is not signed yet",
        )
    })?;
    let scope = offered.header().scope().clone();
    let untrue = |error| RecordsError::untrue(custodian.who(), "a record", error);
    if scope.owner != *me || scope.custodian != card.name {
        return Err(RecordsError::untrue(custodian.who(), "a record", "it is of other parties"));
    }
    let key = following.ledger().key_of(&card.name);
    let key =
        key.ok_or_else(|| RecordsError::unusable("the ledger lets this custodian say nothing"))?;
    let delegator = party.seed()?.delegator_key(&scope);
    let mut review = offered.review(party.chain_id(), &delegator, &key).map_err(untrue)?;
    let mut received = Received::begin(out)?;
    let mut body = custodian.body(hash, None).await?;
    received.fill(&mut body, &mut review).await?;
    let reviewed = review.finish().map_err(untrue)?;
    received.finish()?;
    Ok(Reviewed(reviewed))
}

/// A record that was read to its end and holds. Whether it is true, its owner decides.
#[derive(Debug)]
pub struct Reviewed(consilium_exchange::records::ReviewedRecord);

impl Reviewed {
    /// Signs it: the custodian puts the statement on the ledger.
    pub fn accept(self, party: &Party) -> Record {
        self.0.accept(&party.signing)
    }
}
