//! The member's secret, its join, and its certificate, kept up to date with the group's epochs.

use std::{path::PathBuf, time::Duration};

use consilium_exchange::group_signature::{Certificate, Member, MemberSecret};
use consilium_hash::Pseudonym;
use consilium_identity::disk;
use consilium_proto::v1::{JoinGroup, delivery::Kind, transaction::Action};
use rand_core::OsRng;

use crate::{
    RecordsError,
    error::Result,
    ledger::{Following, Index, Ledger},
    mailbox::{Letter, Mailbox},
    party::Party,
};

const MEMBER_KEY: &str = "member.key";

fn path(party: &Party) -> PathBuf {
    party.dir.join(MEMBER_KEY)
}

fn secret(party: &Party) -> Result<MemberSecret> {
    Ok(MemberSecret::from_bytes(&disk::read_key(&path(party))?)?)
}

/// Joins the group with a secret that is made here and never leaves; returns once the join is on the ledger. The same
/// secret is used again where a join was interrupted.
///
/// # Errors
/// [`RecordsError::Refused`] by the ledger.
pub async fn join(following: &Following, me: &Pseudonym, patience: Duration) -> Result<()> {
    let party = following.party();
    if path(party).symlink_metadata().is_err() {
        let bytes = MemberSecret::generate(&mut OsRng).to_bytes();
        disk::replace_file(&party.dir, MEMBER_KEY, &*bytes)?;
    }
    let has_joined = |ledger: &Ledger| ledger.index().join(me).map(drop);
    if has_joined(&following.ledger()).is_some() {
        return Ok(());
    }
    let group = {
        let ledger = following.ledger();
        let group = ledger.exchange().group().map(|group| group.parameters().clone());
        group.ok_or_else(|| {
            RecordsError::refused(
                "the ledger",
                "no group has been founded yet (`consilium-authority found-group`)",
            )
        })?
    };
    let join = secret(party)?.join(&group, party.chain_id(), me, &party.signing, &mut OsRng);
    let action = Action::JoinGroup(JoinGroup { join: join.encode() });
    following.say(me, action, patience).await?;
    following.until("the join on the ledger", patience, has_joined).await
}

/// Builds the member out of its secret and the certificates in its mailbox, at the current epoch.
///
/// # Errors
/// [`RecordsError::Refused`] where the issuer has not certified it yet, or has revoked it.
pub fn member(party: &Party, ledger: &Ledger, me: &Pseudonym) -> Result<Member> {
    let letters = Mailbox::of(&party.dir)?.letters(party, me, Kind::Certificate, None)?;
    let mut last = RecordsError::refused(
        "the issuer",
        "it has not certified this member yet; run `serve` here and `consilium-records issuer certify` there",
    );
    for letter in letters.iter().rev() {
        match certified(party, ledger.index(), letter) {
            Ok(member) => return Ok(member),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn certified(party: &Party, index: &Index, letter: &Letter) -> Result<Member> {
    let untrue = |error: &dyn std::fmt::Display| {
        RecordsError::untrue(letter.from.short(), "a certificate", error)
    };
    let certificate = Certificate::decode(&letter.message).map_err(|error| untrue(&error))?;
    let epoch = letter.message.first_chunk::<8>().map_or(0, |epoch| u64::from_be_bytes(*epoch));
    let group =
        index.group(epoch).ok_or_else(|| untrue(&"it is of an epoch that has not begun"))?;
    let mut member =
        Member::new(group, secret(party)?, &certificate).map_err(|error| untrue(&error))?;
    for revocation in index.revocations_since(epoch) {
        member =
            member.update(revocation).map_err(|error| RecordsError::refused("the group", error))?;
    }
    Ok(member)
}
