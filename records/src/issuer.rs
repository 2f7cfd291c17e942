//! The issuer: certifies members whose joins are on the ledger, and revokes them.
//!
//! What it keeps of a certificate to revoke it by is on its disk before the certificate leaves.

use std::{path::PathBuf, time::Duration};

use consilium_audit::files::create_folder;
use consilium_exchange::group_signature::RevocationHandle;
use consilium_hash::Pseudonym;
use consilium_identity::disk;
use consilium_proto::v1::{RevokeMember, delivery::Kind, transaction::Action};
use rand_core::OsRng;

use crate::{
    RecordsError,
    card::Card,
    error::Result,
    ledger::{Following, Ledger},
    party::Party,
    peer::Peer,
    seal::seal,
};

fn folder(party: &Party) -> Result<PathBuf> {
    let folder = party.dir.join("members");
    create_folder(&folder)?;
    Ok(folder)
}

/// Certifies a member and delivers the certificate, sealed. Who it is, the card says and the ledger confirms.
///
/// # Errors
/// [`RecordsError::Refused`] where it has not joined, or the group has gone on since.
pub async fn certify(following: &Following, me: &Pseudonym, member: &Card) -> Result<()> {
    let party = following.party();
    let certificate = {
        let ledger = following.ledger();
        let group = ledger.exchange().group();
        let join = ledger.index().join(&member.name).zip(group).ok_or_else(|| {
            RecordsError::refused(
                "the ledger",
                "this party has not joined the group; it runs `consilium-records requester join`",
            )
        });
        let (join, group) = join?;
        let certified = party.issuer()?.certify(group.parameters(), join, &mut OsRng);
        certified.map_err(|error| RecordsError::refused("the group", error))?
    };
    let handle = certificate.revocation_handle().encode();
    disk::replace_file(&folder(party)?, &format!("{}.handle", member.name), &handle)?;
    let encoded = certificate.encode();
    let delivery = seal(party.chain_id(), me, member, Kind::Certificate, encoded)?;
    let peer = Peer::connect(party, me, member, "the member").await?;
    peer.deliver(delivery).await
}

/// Revokes a member: the group goes on to its next epoch, into which it cannot follow.
///
/// # Errors
/// [`RecordsError::Unusable`] for one who was never certified here; [`RecordsError::Refused`] by the ledger.
pub async fn revoke(
    following: &Following,
    me: &Pseudonym,
    member: &Pseudonym,
    patience: Duration,
) -> Result<u64> {
    let party = following.party();
    let path = folder(party)?.join(format!("{member}.handle"));
    let handle = RevocationHandle::decode(&*disk::read_key(&path)?)?;
    let (revocation, epoch) = {
        let ledger = following.ledger();
        let group = ledger.exchange().group();
        let group = group.ok_or_else(|| RecordsError::unusable("no group has been founded"))?;
        let group = group.parameters();
        (party.issuer()?.revoke(group, &handle)?.encode(), group.epoch())
    };
    let action = Action::RevokeMember(RevokeMember { revocation, epoch });
    following.say(me, action, patience).await?;
    let has_gone_on = |ledger: &Ledger| ledger.index().group(epoch + 1).map(drop);
    following.until("the next epoch on the ledger", patience, has_gone_on).await?;
    Ok(epoch + 1)
}
