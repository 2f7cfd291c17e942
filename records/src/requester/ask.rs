//! Asking an owner for records, in the group's name.
//!
//! The fresh key of the request is on the disk before anything is sent: an answer to a request whose key is lost opens
//! nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use consilium_audit::files::{create_folder, failed};
use consilium_contract::exchange::group::request_context;
use consilium_exchange::records::{Keyword, Request, SecretKey, Selection};
use consilium_hash::Pseudonym;
use consilium_identity::{disk, write_file};
use consilium_proto::v1::{PostRequest, transaction::Action};
use prost::Message as _;
use rand_core::OsRng;

use super::membership::member;
use crate::{
    RecordsError,
    card::Card,
    error::Result,
    ledger::{Following, Ledger, request_name},
    peer::Peer,
};

/// What is asked for.
#[derive(Debug)]
pub struct Question<'a> {
    /// Whose records.
    pub owner: &'a Card,
    /// Which of them.
    pub selection: Selection,
    /// With any of which words.
    pub keywords: Vec<Keyword>,
    /// Why, for the owner to read.
    pub purpose: &'a str,
}

/// How a request comes to the ledger.
#[derive(Debug, Clone, Copy)]
pub enum Way<'a> {
    /// A proxy puts it there in its own name.
    Through(&'a Card),
    /// A file, which another party posts.
    Into(&'a Path),
    /// This party does, and the ledger shows it.
    Openly,
}

fn folder(party: &Path) -> Result<PathBuf> {
    let folder = party.join("requests");
    create_folder(&folder)?;
    Ok(folder)
}

/// Asks. Returns the request's name once it is on the ledger, or in its file.
///
/// # Errors
/// [`RecordsError::Refused`] by issuer, relay or ledger.
pub async fn ask(
    following: &Following,
    me: &Pseudonym,
    question: Question<'_>,
    way: Way<'_>,
    patience: Duration,
) -> Result<[u8; 32]> {
    let party = following.party();
    let key = SecretKey::generate(&mut OsRng);
    let Question { owner, selection, keywords, purpose } = question;
    let request = Request::new(*me, *key.public(), selection, keywords, purpose)?;
    let sealed = request.seal(party.chain_id(), &owner.name, &owner.sealing_key, &mut OsRng)?;
    let request = sealed.encode();
    let name = request_name(&request);
    let post = {
        let ledger = following.ledger();
        let member = member(party, &ledger, me)?;
        let context = request_context(party.chain_id());
        let signature = member.sign(&context, &request, &mut OsRng).encode();
        PostRequest { request, epoch: member.epoch(), signature }
    };
    let folder = folder(&party.dir)?;
    disk::replace_file(&folder, &format!("{}.key", hex::encode(name)), &*key.to_bytes())?;
    match way {
        Way::Through(card) => {
            let relay = Peer::connect(party, me, card, "the relay").await?;
            relay.relay(post).await?;
        }
        Way::Into(file) => {
            write_file(file, &post.encode_to_vec())?;
            return Ok(name);
        }
        Way::Openly => following.say(me, Action::PostRequest(post), patience).await?,
    }
    let shows = |ledger: &Ledger| {
        ledger.index().requests().iter().any(|posted| posted.name == name).then_some(())
    };
    following.until("the request on the ledger", patience, shows).await?;
    Ok(name)
}

/// Keys of all requests so far.
///
/// # Errors
/// [`RecordsError::File`].
pub(super) fn keys(party: &Path) -> Result<Vec<SecretKey>> {
    let folder = folder(party)?;
    let mut keys = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed("list", &folder))? {
        let path = entry.map_err(failed("list", &folder))?.path();
        if path.extension().is_some_and(|extension| extension == "key") {
            keys.push(
                SecretKey::from_bytes(&disk::read_key(&path)?).map_err(RecordsError::unusable)?,
            );
        }
    }
    Ok(keys)
}
