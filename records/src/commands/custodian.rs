//! The custodian's commands.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use consilium_cli::Failure;
use consilium_exchange::records::{Category, Keyword, Period, Scope};
use consilium_records::{
    RecordsError,
    calendar::month,
    custodian::deposit::{Deposit, store},
    party::Role,
};
use serde_json::json;

use super::session::{Place, run, shown};

#[derive(Debug, Subcommand)]
pub(crate) enum Custodian {
    /// Encrypts a record to its owner and stores it, whole or not at all. Its owner reviews it before it is on the ledger.
    ///
    /// The owner must have published a key for the category and month (`owner publish`). `serve` offers what is stored,
    /// whether it was running before or is started later.
    Store(Store),
}

#[derive(Debug, Args)]
pub(crate) struct Store {
    #[command(flatten)]
    place: Place,
    /// The owner's card.
    #[arg(long, value_name = "CARD")]
    owner: PathBuf,
    /// What kind of record it is: 1 to 64 lower-case letters, digits and hyphens.
    #[arg(long, value_parser = category)]
    category: Category,
    /// The month that it is of.
    #[arg(long, value_name = "YYYY-MM", value_parser = month)]
    month: Period,
    /// A word under which it is to be found; up to eight.
    #[arg(long = "keyword", value_parser = keyword)]
    keywords: Vec<Keyword>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    /// The record, of any length.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn category(text: &str) -> Result<Category, String> {
    Category::new(text).map_err(|error| error.to_string())
}

pub(super) fn keyword(text: &str) -> Result<Keyword, String> {
    Keyword::new(text).map_err(|error| error.to_string())
}

impl Custodian {
    pub(crate) fn run(self) -> Result<String, Failure> {
        let Self::Store(arguments) = self;
        run(async {
            let session = arguments.place.open(Some(Role::Custodian)).await?;
            let owner = session.card(&arguments.owner)?;
            let owner_key = session.following.ledger().key_of(&owner.name);
            let owner_key = owner_key
                .ok_or_else(|| RecordsError::unusable("the ledger lets the owner say nothing"))?;
            let Store { category, month, .. } = arguments;
            let scope =
                Scope { owner: owner.name, custodian: session.name, category, period: month };
            let hash = store(
                session.party(),
                &Deposit {
                    owner: &owner,
                    owner_key: &owner_key,
                    scope: &scope,
                    keywords: &arguments.keywords,
                    file: &arguments.file,
                },
            )?;
            Ok(shown(arguments.json, json!({ "record": hash.to_string() }), || {
                format!("record {hash} is stored; its owner has to accept it\n")
            }))
        })
    }
}
