//! The requester's commands.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use consilium_audit::files::create_folder;
use consilium_cli::Failure;
use consilium_exchange::records::{Category, Keyword, Period, Selection, Standing};
use consilium_records::{
    RecordsError,
    calendar::{month, now_ms},
    error,
    party::Role,
    requester::{
        ask::{Question, Way, ask},
        fetch::{Read, Usable, consents, read_all},
        membership::join,
    },
};
use serde_json::json;

use super::{
    custodian::{category, keyword},
    session::{Place, hash, run, shown},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Requester {
    /// Joins the group, with a secret that is made here. The issuer then certifies it (`issuer certify`), while this party
    /// serves.
    Join {
        #[command(flatten)]
        place: Place,
    },
    /// Asks an owner for records, in the group's name.
    ///
    /// The request is sealed to the owner: nobody else learns what is asked for, by whom or why. With --relay the ledger does
    /// not show who has put it there either; the relay sees this machine's address.
    Ask(Box<Ask>),
    /// Lists the consents that were given to this requester.
    Consents {
        #[command(flatten)]
        place: Place,
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Reads the records of a consent, or of all: gathers re-encryptions of enough proxies, fetches the bodies, and checks
    /// hash, signatures, commitment and every chunk. A record is in the folder once all of it holds.
    Fetch {
        #[command(flatten)]
        place: Place,
        /// The consent [default: every one that is in force].
        #[arg(long, value_parser = hash)]
        consent: Option<[u8; 32]>,
        /// Folder to write to; it is made where it does not exist.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Print what was read as JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Ask {
    #[command(flatten)]
    place: Place,
    /// The owner's card.
    #[arg(long, value_name = "CARD")]
    owner: PathBuf,
    /// The custodian's card.
    #[arg(long, value_name = "CARD")]
    custodian: PathBuf,
    /// What kind of records.
    #[arg(long, value_parser = category)]
    category: Category,
    /// Their month; may be given many times.
    #[arg(long = "month", value_name = "YYYY-MM", value_parser = month, required = true)]
    months: Vec<Period>,
    /// A word on them; may be given many times, and one is enough for a record.
    #[arg(long = "keyword", value_parser = keyword, required = true)]
    keywords: Vec<Keyword>,
    /// Why, for the owner to read: up to 1,024 bytes.
    #[arg(long)]
    purpose: String,
    /// Card of a proxy that puts the request on the ledger in its own name.
    #[arg(long, value_name = "CARD", conflicts_with = "out")]
    relay: Option<PathBuf>,
    /// Write the request to this file instead, for another party to `post`; it must not exist.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

const ROLE: Option<Role> = Some(Role::Requester);

impl Requester {
    pub(crate) fn run(self) -> Result<String, Failure> {
        run(async {
            match self {
                Self::Join { place } => {
                    let session = place.open(ROLE).await?;
                    join(&session.following, &session.name, session.patience).await?;
                    Ok("the join is on the ledger: `serve`, and have the issuer certify this party\n".to_owned())
                }
                Self::Ask(question) => question.ask().await,
                Self::Consents { place, json } => {
                    let session = place.open(ROLE).await?;
                    let ledger = session.following.ledger();
                    let usable = consents(session.party(), &ledger, &session.name)?;
                    Ok(listed(&usable, json))
                }
                Self::Fetch { place, consent, out, json } => {
                    fetch(&place, consent, &out, json).await
                }
            }
        })
    }
}

fn listed(usable: &[Usable], json: bool) -> String {
    let value = |usable: &Usable| {
        let selection = usable.accepted.selection();
        json!({
            "consent": usable.consent.to_string(),
            "owner": usable.owner.to_string(),
            "category": selection.category().as_str(),
            "months": selection.periods().iter().map(ToString::to_string).collect::<Vec<_>>(),
            "keywords": usable.accepted.keywords().iter().map(Keyword::as_str).collect::<Vec<_>>(),
            "until_ms": usable.accepted.until_ms(),
            "threshold": usable.threshold,
        })
    };
    shown(json, usable.iter().map(value).collect(), || {
        let line = |usable: &Usable| {
            let category = usable.accepted.selection().category().as_str();
            format!("consent {} by {}: {category}\n", usable.consent, usable.owner.short())
        };
        usable.iter().map(line).collect()
    })
}

impl Ask {
    async fn ask(self) -> error::Result<String> {
        let session = self.place.open(ROLE).await?;
        let owner = session.card(&self.owner)?;
        let custodian = session.card(&self.custodian)?;
        let relay = self.relay.as_deref().map(|path| session.card(path)).transpose()?;
        let question = Question {
            owner: &owner,
            selection: Selection::new(custodian.name, self.category, self.months)?,
            keywords: self.keywords,
            purpose: &self.purpose,
        };
        let way = match (&relay, &self.out) {
            (Some(relay), _) => Way::Through(relay),
            (None, Some(file)) => Way::Into(file),
            (None, None) => Way::Openly,
        };
        let name = ask(&session.following, &session.name, question, way, session.patience).await?;
        let name = hex::encode(name);
        Ok(shown(self.json, json!({ "request": name }), || {
            let done = match way {
                Way::Through(_) => "is on the ledger",
                Way::Into(_) => "is written: have another party `post` it",
                Way::Openly => "is on the ledger, which shows that this party has put it there",
            };
            format!("request {name} {done}\n")
        }))
    }
}

async fn fetch(
    place: &Place,
    consent: Option<[u8; 32]>,
    out: &std::path::Path,
    json: bool,
) -> error::Result<String> {
    let session = place.open(ROLE).await?;
    let mut usable = consents(session.party(), &session.following.ledger(), &session.name)?;
    match consent {
        Some(consent) => usable.retain(|usable| usable.consent.0 == consent),
        None => {
            let ledger = session.following.ledger();
            usable.retain(|usable| {
                ledger.standing(&usable.consent) == Standing::InForce
                    && usable.accepted.until_ms() > now_ms()
            });
        }
    }
    if usable.is_empty() {
        return Err(RecordsError::refused(
            "the ledger",
            "it has no consent for this requester that is in force; ask, and wait for the owner",
        ));
    }
    create_folder(out)?;
    let mut read = Vec::new();
    let mut failed = None;
    for usable in &usable {
        match read_all(&session.following, &session.name, usable, out).await {
            Ok(records) => read.extend(records),
            // The other consents' records are read all the same.
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    let value = |read: &Read| {
        let scope = read.header.scope();
        json!({
            "record": read.hash.to_string(),
            "category": scope.category.as_str(),
            "month": scope.period.to_string(),
            "bytes": read.header.length(),
            "file": read.file,
        })
    };
    Ok(shown(json, read.iter().map(value).collect(), || match read.as_slice() {
        [] => "the consents open no record: none carries their keywords\n".to_owned(),
        read => read
            .iter()
            .map(|read| format!("record {} in {}\n", read.hash, read.file.display()))
            .collect(),
    }))
}
