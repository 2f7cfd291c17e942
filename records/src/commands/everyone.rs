//! What parties of every role do.

use std::{io::Write as _, net::SocketAddr, path::PathBuf, sync::Arc};

use clap::Args;
use consilium_cli::{Failure, output::write_file};
use consilium_exchange::records::Standing;
use consilium_identity::disk;
use consilium_proto::{ENTRY_BYTES, decode, v1::PostRequest};
use consilium_records::{
    RecordsError,
    card::Card,
    party::{Founding, Party, Role},
    relay,
    serve::Bound,
};
use serde_json::json;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use super::session::{Place, failure, run, shown};

type Outcome = Result<String, Failure>;

/// Longest card, in bytes.
const MAX_CARD: usize = 1024;

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// What the party does.
    #[arg(long, value_enum)]
    role: Role,
    /// How the authority will call it: 1 to 64 letters, digits, - and _. It is never on the ledger.
    #[arg(long)]
    name: String,
    /// The run's genesis.bin, as the authority hands it out.
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// Where others will reach it, if it serves (custodian, proxy, requester); it goes on its card.
    #[arg(long, value_name = "http://HOST:PORT", default_value = "")]
    address: String,
    /// Speak as an institution of the run, with the signing key in this folder of the ceremony: it is on the ledger already
    /// and needs no admission.
    #[arg(long, value_name = "DIR")]
    institution: Option<PathBuf>,
    /// Folder to create; it must not exist.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Init {
    pub(crate) fn run(self) -> Outcome {
        let Self { role, name, genesis, address, institution, out } = self;
        let founding = Founding {
            role,
            name: &name,
            address: &address,
            genesis: &genesis,
            institution: institution.as_deref(),
        };
        let fingerprint = Party::found(&out, &founding).map_err(failure)?;
        let request = out.join("request.bin");
        let next = match institution {
            Some(_) => {
                "the institution is on the ledger once it has enrolled; no admission is needed"
                    .to_owned()
            }
            None => format!(
                "send {} to the authority, and read the fingerprint to it by another way\nfingerprint {fingerprint}",
                request.display()
            ),
        };
        Ok(format!("{name} ({role}): keys made in {}\n{next}\n", out.display()))
    }
}

#[derive(Debug, Args)]
pub(crate) struct CardArguments {
    #[command(flatten)]
    place: Place,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl CardArguments {
    pub(crate) fn run(self) -> Outcome {
        run(async {
            let session = self.place.open(None).await?;
            let card = Card::of(session.party(), session.name)?;
            let name = session.name;
            // The same card may be written again, whatever was there before is somebody else's.
            let is_former = |found: &[u8]| {
                let former = decode::<consilium_proto::v1::Card>("card", found, MAX_CARD);
                former.is_ok_and(|former| former.pseudonym == name.as_slice())
            };
            write_file(&self.out, &card.encode(), MAX_CARD, is_former)
                .map_err(RecordsError::Unusable)?;
            Ok(format!("the card of {name} is in {}\n", self.out.display()))
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    place: Place,
    /// Address to listen on; port 0 takes any free one. Others find the one on the card.
    #[arg(long, value_name = "HOST:PORT")]
    listen: SocketAddr,
}

impl Serve {
    pub(crate) fn run(self) -> Outcome {
        run(async {
            let bound = Bound::at(self.listen).await?;
            let session = self.place.open(None).await?;
            let party = session.party();
            tracing::info!(role = %party.role, name = %session.name.short(), "serves");
            let failed = |error: std::io::Error| RecordsError::Interrupted(error.to_string());
            let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
            let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
            let (stop, stopped) = oneshot::channel();
            tokio::spawn(async move {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                tracing::info!("stopping");
                let _ = stop.send(());
            });
            let address = bound.address;
            // A stdout that nobody reads stops nothing.
            let ready = move || {
                let mut stdout = std::io::stdout();
                let _ = writeln!(stdout, "{address}").and_then(|()| stdout.flush());
            };
            bound.serve(Arc::clone(&session.following), session.name, ready, stopped).await?;
            Ok(String::new())
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    place: Place,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(crate) fn run(self) -> Outcome {
        run(async {
            let session = self.place.open(None).await?;
            let ledger = session.following.ledger();
            let name = session.name;
            let mine = |kept: &consilium_contract::exchange::records::Kept| {
                kept.owner == name || kept.custodian == name
            };
            let records = ledger.exchange().records();
            let kept = records.records().filter(|(_, kept)| mine(kept)).count();
            let consents = records.consents().filter(|(_, given)| given.owner == name);
            let consents: Vec<_> = consents
                .map(|(hash, _)| {
                    let standing = match records.standing(hash) {
                        Standing::Withdrawn => "withdrawn",
                        Standing::InForce => "in force",
                        Standing::NotSealed => "not sealed",
                    };
                    (hash.to_string(), standing)
                })
                .collect();
            let credit = ledger.exchange().participants().credit(&name);
            let epoch = ledger.exchange().group().map(|group| group.parameters().epoch());
            let party = session.party();
            let value = json!({
                "name": party.name,
                "role": party.role,
                "pseudonym": name.to_string(),
                "height": ledger.height().saturating_sub(1),
                "credit": credit,
                "group_epoch": epoch,
                "records": kept,
                "consents": consents.iter().map(|(consent, standing)| {
                    json!({ "consent": consent, "standing": standing })
                }).collect::<Vec<_>>(),
            });
            Ok(shown(self.json, value, || {
                let epoch =
                    epoch.map_or("no group yet".to_owned(), |epoch| format!("epoch {epoch}"));
                let mut text = format!(
                    "{} ({}), pseudonym {name}\nblock {}, {epoch}, {credit} of 3 credits, {kept} records\n",
                    party.name,
                    party.role,
                    ledger.height().saturating_sub(1),
                );
                for (consent, standing) in &consents {
                    text += &format!("consent {consent} {standing}\n");
                }
                text
            }))
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct Post {
    #[command(flatten)]
    place: Place,
    /// What `requester ask --out` has written.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Post {
    pub(crate) fn run(self) -> Outcome {
        run(async {
            let session = self.place.open(None).await?;
            let bytes = disk::read(&self.file, ENTRY_BYTES)?;
            let post: PostRequest = decode("request", &bytes, ENTRY_BYTES)?;
            relay::put(&session.following, &session.name, post, session.patience).await?;
            Ok("the request is on the ledger, in this party's name\n".to_owned())
        })
    }
}
