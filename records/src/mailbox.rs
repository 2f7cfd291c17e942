//! What others have sealed to this party, kept on its disk until a command looks at it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use consilium_audit::files::{self, create_folder, failed};
use consilium_hash::Pseudonym;
use consilium_proto::{
    decode,
    v1::{Delivery, Done, SignedCall, call::What, delivery::Kind, mailbox_server},
};
use prost::Message as _;
use sha2::{Digest, Sha256};
use tonic::{Request, Response, Status, async_trait};
use zeroize::Zeroizing;

use crate::{
    calendar::now_ms,
    call::{CallError, MAX_CALL_BYTES, hear},
    error::Result,
    ledger::{Following, blocking},
    party::Party,
    seal,
    status::{call_refused, internal, not_allowed, too_many},
};

/// Most letters of one kind that are kept.
const MOST_LETTERS: usize = 10_000;
/// Most of them from one sender: nobody keeps all others' letters out.
const MOST_OF_ONE: usize = 1_000;

/// The letters of a party. Each is a file, sealed as it came: its name begins with kind and sender.
#[derive(Debug, Clone)]
pub struct Mailbox(PathBuf);

/// A letter that opens.
#[derive(Debug)]
pub struct Letter {
    /// Who has sent it.
    pub from: Pseudonym,
    /// What is in it.
    pub message: Zeroizing<Vec<u8>>,
}

fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Unspecified => "none",
        Kind::Grant => "grant",
        Kind::Notice => "notice",
        Kind::Certificate => "certificate",
    }
}

impl Mailbox {
    /// In a party's folder, whose subfolder is made.
    ///
    /// # Errors
    /// [`crate::RecordsError::File`].
    pub fn of(party: &Path) -> Result<Self> {
        let folder = party.join("inbox");
        create_folder(&folder)?;
        Ok(Self(folder))
    }

    /// Keeps a letter; on disk when it returns. One that is there already is kept once.
    ///
    /// # Errors
    /// [`crate::RecordsError::File`].
    pub fn keep(&self, from: &Pseudonym, delivery: &Delivery) -> Result<()> {
        let bytes = delivery.encode_to_vec();
        let hash = hex::encode(Sha256::digest(&bytes));
        let name = format!("{}-{from}-{hash}", name_of(delivery.kind()));
        Ok(files::replace(&self.0.join(name), &[&bytes])?)
    }

    /// Files of letters of a kind, the oldest first, with their senders.
    fn listed(&self, kind: Kind) -> Result<Vec<(PathBuf, Pseudonym)>> {
        let prefix = format!("{}-", name_of(kind));
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.0).map_err(failed("list", &self.0))? {
            let entry = entry.map_err(failed("list", &self.0))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(rest) = name.strip_prefix(&prefix) else { continue };
            // What is still being written has another ending.
            let Some((sender, hash)) = rest.split_once('-') else { continue };
            let sender = hex::decode(sender).ok();
            let sender = sender.and_then(|bytes| Pseudonym::try_from(bytes.as_slice()).ok());
            if let Some(sender) = sender.filter(|_| hash.len() == 64) {
                let modified = entry.metadata().and_then(|metadata| metadata.modified()).ok();
                found.push((modified, entry.path(), sender));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, path, sender)| (path, sender)).collect())
    }

    /// All letters of a kind, opened; those of one sender, where one is named.
    ///
    /// # Errors
    /// [`crate::RecordsError::File`]. A letter that does not open is passed over: anyone can send one.
    pub fn letters(
        &self,
        party: &Party,
        me: &Pseudonym,
        kind: Kind,
        sender: Option<&Pseudonym>,
    ) -> Result<Vec<Letter>> {
        let mut letters = Vec::new();
        for (path, from) in self.listed(kind)? {
            if sender.is_some_and(|sender| *sender != from) {
                continue;
            }
            let Some(bytes) = files::read(&path, MAX_CALL_BYTES as u64)? else { continue };
            let opened = decode("letter", &bytes, MAX_CALL_BYTES).map_err(Into::into).and_then(
                |delivery: Delivery| {
                    seal::open(party.chain_id(), &from, me, &party.opening, &delivery)
                },
            );
            match opened {
                Ok(message) => letters.push(Letter { from, message }),
                Err(error) => tracing::warn!(%error, "a letter is passed over"),
            }
        }
        Ok(letters)
    }

    fn is_full(&self, kind: Kind, sender: &Pseudonym) -> Result<bool> {
        let listed = self.listed(kind)?;
        let of_sender = listed.iter().filter(|(_, from)| from == sender).count();
        Ok(listed.len() >= MOST_LETTERS || of_sender >= MOST_OF_ONE)
    }
}

/// What a party's role makes of a letter before it is kept: the refusal, if it refuses it.
pub type Screen = dyn Fn(&Following, &Letter) -> Result<()> + Send + Sync;

/// See the .proto file.
pub struct MailboxService {
    /// The ledger, as this party sees it.
    pub following: Arc<Following>,
    /// Its pseudonym.
    pub name: Pseudonym,
    /// Where letters are kept.
    pub mailbox: Mailbox,
    /// The kinds of letters that it takes.
    pub kinds: &'static [Kind],
    /// What it makes of them.
    pub screen: Arc<Screen>,
}

#[async_trait]
impl mailbox_server::Mailbox for MailboxService {
    async fn deliver(
        &self,
        request: Request<SignedCall>,
    ) -> std::result::Result<Response<Done>, Status> {
        let heard = hear(&self.following.ledger(), &self.name, request.get_ref(), now_ms());
        let heard = heard.map_err(call_refused)?;
        let What::Deliver(delivery) = heard.what else {
            return Err(call_refused(CallError::Other));
        };
        if !self.kinds.contains(&delivery.kind()) {
            return Err(not_allowed(format!(
                "a party that is {} takes no such letter",
                self.following.party().role
            )));
        }
        let (following, me, mailbox) =
            (Arc::clone(&self.following), self.name, self.mailbox.clone());
        let screen = Arc::clone(&self.screen);
        let kept = blocking(move || {
            if mailbox.is_full(delivery.kind(), &heard.from)? {
                return Ok(false);
            }
            let party = following.party();
            let message =
                seal::open(party.chain_id(), &heard.from, &me, &party.opening, &delivery)?;
            screen(&following, &Letter { from: heard.from, message })?;
            mailbox.keep(&heard.from, &delivery)?;
            Ok(true)
        });
        match kept.await.and_then(|kept| kept).map_err(internal)? {
            true => Ok(Response::new(Done {})),
            false => Err(too_many("this party's mailbox is full")),
        }
    }
}
