//! The owner's commands.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use consilium_cli::Failure;
use consilium_exchange::records::{Allowance, Category, Keyword, Period, Scope};
use consilium_hash::{ConsentHash, RecordHash};
use consilium_records::{
    RecordsError,
    calendar::{day, month},
    card::Card,
    error,
    ledger::Ledger,
    owner::{
        consent::{Asked, Recipients, give, narrow, requests, resume, withdraw},
        outbox::Outbox,
        review::{Reviewed, offers, publish, review},
    },
    party::Role,
    peer::Peer,
};
use serde_json::{Value, json};

use super::{
    custodian::{category, keyword},
    session::{Place, Session, hash, run, shown},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Owner {
    /// Gives a custodian the key to which it encrypts this owner's records of a category and month.
    Publish {
        #[command(flatten)]
        place: Place,
        /// The custodian's card.
        #[arg(long, value_name = "CARD")]
        custodian: PathBuf,
        /// What kind of records.
        #[arg(long, value_parser = category)]
        category: Category,
        /// Their month; may be given many times.
        #[arg(long = "month", value_name = "YYYY-MM", value_parser = month, required = true)]
        months: Vec<Period>,
    },
    /// Lists the records that a custodian offers and that wait for this owner's signature.
    Offers {
        #[command(flatten)]
        place: Place,
        /// The custodian's card.
        #[arg(long, value_name = "CARD")]
        custodian: PathBuf,
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Fetches an offered record and writes it to a file, to be read before it is accepted.
    Review(Offered),
    /// Fetches an offered record, verifies all of it again and signs it; the custodian puts it on the ledger.
    Accept(Offered),
    /// Reads the requests on the ledger that are for this owner.
    Requests {
        #[command(flatten)]
        place: Place,
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Consents to a request, or to a part of it, and sends grants to the proxies and a notice to the requester.
    ///
    /// They are sent once the consent is in a sealed block. What cannot be delivered now is kept: `owner deliver` tries
    /// again. Where this command is stopped, the same command, or `owner deliver`, goes on with the same consent. Proxies and requester who conspire can open everything of this custodian, category and months, whatever the
    /// keywords, and nothing else: consent to months to come one at a time.
    Consent(Consent),
    /// Goes on with consents that were stopped, and delivers grants and notices that are still waiting.
    Deliver {
        #[command(flatten)]
        place: Place,
    },
    /// Takes a consent back, for ever. Honest proxies stop at once; a record that was read stays read.
    Withdraw {
        #[command(flatten)]
        place: Place,
        /// The consent, as `owner consent` or `status` shows it.
        #[arg(value_parser = hash)]
        consent: [u8; 32],
    },
}

#[derive(Debug, Args)]
pub(crate) struct Offered {
    #[command(flatten)]
    place: Place,
    /// The custodian's card.
    #[arg(long, value_name = "CARD")]
    custodian: PathBuf,
    /// File to write the decrypted record to; it must not exist.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The record, as `owner offers` shows it.
    #[arg(value_parser = hash)]
    record: [u8; 32],
}

#[derive(Debug, Args)]
pub(crate) struct Consent {
    #[command(flatten)]
    place: Place,
    /// The request, as `owner requests` shows it.
    #[arg(long, value_parser = hash)]
    request: [u8; 32],
    /// The requester's card.
    #[arg(long, value_name = "CARD")]
    requester: PathBuf,
    /// The custodian's card.
    #[arg(long, value_name = "CARD")]
    custodian: PathBuf,
    /// A proxy's card; 1 to 16 of them, in the order of their places.
    #[arg(long = "proxy", value_name = "CARD", required = true)]
    proxies: Vec<PathBuf>,
    /// How many proxies must take part [default: all].
    #[arg(long)]
    threshold: Option<u8>,
    /// The consent ends when this day begins, in UTC.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    until: u64,
    /// Only records of this month; may be given many times [default: all that were asked for].
    #[arg(long = "month", value_name = "YYYY-MM", value_parser = month)]
    months: Vec<Period>,
    /// Only records with one of these words [default: all that were asked for].
    #[arg(long = "keyword", value_parser = keyword)]
    keywords: Vec<Keyword>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

const ROLE: Option<Role> = Some(Role::Owner);

impl Owner {
    pub(crate) fn run(self) -> Result<String, Failure> {
        run(async {
            match self {
                Self::Publish { place, custodian, category, months } => {
                    publish_all(&place.open(ROLE).await?, &custodian, &category, &months).await
                }
                Self::Offers { place, custodian, json } => {
                    list_offers(&place.open(ROLE).await?, &custodian, json).await
                }
                Self::Review(offered) => {
                    if offered.out.is_none() {
                        return Err(RecordsError::unusable(
                            "--out: give a file to write the record to",
                        ));
                    }
                    offered
                        .review()
                        .await
                        .map(|_| "the record holds: read it, then `owner accept`\n".to_owned())
                }
                Self::Accept(offered) => offered.accept().await,
                Self::Requests { place, json } => list_requests(&place.open(ROLE).await?, json),
                Self::Consent(consent) => consent.give().await,
                Self::Deliver { place } => {
                    let session = place.open(ROLE).await?;
                    let (following, name) = (&session.following, &session.name);
                    let resumed = resume(following, name, None, session.patience).await?;
                    let in_force = |(consent, _): &(ConsentHash, bool)| {
                        format!("consent {consent} is in force\n")
                    };
                    let resumed: String = resumed.iter().map(in_force).collect();
                    deliver(&session).await.map(|done| format!("{resumed}{done}\n"))
                }
                Self::Withdraw { place, consent } => {
                    let session = place.open(ROLE).await?;
                    let consent = ConsentHash(consent);
                    withdraw(&session.following, &session.name, &consent, session.patience).await?;
                    Ok(format!("consent {consent} is withdrawn\n"))
                }
            }
        })
    }
}

async fn connect<'a>(session: &'a Session, card: &Card) -> error::Result<Peer<'a>> {
    Peer::connect(session.party(), &session.name, card, "custodian").await
}

async fn publish_all(
    session: &Session,
    custodian: &Path,
    category: &Category,
    months: &[Period],
) -> error::Result<String> {
    let card = session.card(custodian)?;
    let peer = connect(session, &card).await?;
    for period in months {
        let scope = Scope {
            owner: session.name,
            custodian: card.name,
            category: category.clone(),
            period: *period,
        };
        publish(session.party(), &peer, &scope).await?;
    }
    let months: Vec<String> = months.iter().map(ToString::to_string).collect();
    let months = months.join(", ");
    Ok(format!("{} has the keys of {} for {months}\n", peer.who(), category.as_str()))
}

async fn list_offers(session: &Session, custodian: &Path, json: bool) -> error::Result<String> {
    let card = session.card(custodian)?;
    let offers = offers(&connect(session, &card).await?).await?;
    let value = |offer: &consilium_records::owner::review::Offer| {
        let scope = offer.header.scope();
        json!({
            "record": offer.hash.to_string(),
            "category": scope.category.as_str(),
            "month": scope.period.to_string(),
            "bytes": offer.header.length(),
        })
    };
    Ok(shown(json, offers.iter().map(value).collect(), || {
        let line = |offer: &consilium_records::owner::review::Offer| {
            let scope = offer.header.scope();
            let (category, bytes) = (scope.category.as_str(), offer.header.length());
            format!("record {} {category} {} {bytes} bytes\n", offer.hash, scope.period)
        };
        offers.iter().map(line).collect()
    }))
}

impl Offered {
    async fn review(&self) -> error::Result<(Session, Reviewed)> {
        let session = self.place.open(ROLE).await?;
        let card = session.card(&self.custodian)?;
        let reviewed = {
            let peer = connect(&session, &card).await?;
            let hash = RecordHash(self.record);
            let out = self.out.as_deref();
            review(&session.following, &session.name, &peer, &card, &hash, out).await?
        };
        Ok((session, reviewed))
    }

    async fn accept(&self) -> error::Result<String> {
        let (session, reviewed) = self.review().await?;
        let card = session.card(&self.custodian)?;
        let record = reviewed.accept(session.party());
        connect(&session, &card).await?.accept(&record).await?;
        let hash = *record.hash();
        let shows = |ledger: &Ledger| ledger.record(&hash).map(drop);
        session.following.until("the record on the ledger", session.patience, shows).await?;
        Ok(format!("record {hash} is accepted, and on the ledger\n"))
    }
}

fn list_requests(session: &Session, json: bool) -> error::Result<String> {
    let asked = requests(session.party(), &session.following.ledger(), &session.name);
    let value = |asked: &Asked| -> Value {
        let name = hex::encode(asked.name);
        match &asked.request {
            Err(error) => json!({ "request": name, "block": asked.height, "unreadable": error }),
            Ok(request) => json!({
                "request": name,
                "block": asked.height,
                "requester": request.requester().to_string(),
                "custodian": request.selection().custodian().to_string(),
                "category": request.selection().category().as_str(),
                "months": request.selection().periods().iter().map(ToString::to_string).collect::<Vec<_>>(),
                "keywords": request.keywords().iter().map(Keyword::as_str).collect::<Vec<_>>(),
                "purpose": request.purpose(),
            }),
        }
    };
    Ok(shown(json, asked.iter().map(value).collect(), || asked.iter().map(in_words).collect()))
}

fn in_words(asked: &Asked) -> String {
    let name = hex::encode(asked.name);
    let request = match &asked.request {
        Ok(request) => request,
        Err(error) => return format!("request {name} cannot be read: {error}\n"),
    };
    let selection = request.selection();
    let months: Vec<String> = selection.periods().iter().map(ToString::to_string).collect();
    let words: Vec<&str> = request.keywords().iter().map(Keyword::as_str).collect();
    format!(
        "request {name}\n  by        {}\n  for       {} of {} at {}\n  with      {}\n  purpose   {}\n",
        request.requester(),
        selection.category().as_str(),
        months.join(", "),
        selection.custodian(),
        words.join(", "),
        // Somebody else's words: none of them may move the cursor.
        request.purpose().escape_debug(),
    )
}

impl Consent {
    async fn give(self) -> error::Result<String> {
        let session = self.place.open(ROLE).await?;
        let asked = requests(session.party(), &session.following.ledger(), &session.name);
        let asked = asked.into_iter().find(|asked| asked.name == self.request);
        let asked = asked
            .ok_or_else(|| RecordsError::unusable("no request of this hash is for this owner"))?;
        let request = asked.request.map_err(RecordsError::Unusable)?;
        let (selection, keywords) = narrow(&request, &self.months, &self.keywords)?;
        let proxies = self.proxies.iter().map(|path| session.card(path));
        let recipients = Recipients {
            requester: session.card(&self.requester)?,
            custodian: session.card(&self.custodian)?,
            proxies: proxies.collect::<error::Result<Vec<_>>>()?,
        };
        let allowance = Allowance {
            selection,
            keywords,
            until_ms: self.until,
            proxies: recipients.proxies.iter().map(|proxy| proxy.name).collect(),
            // A consent has at most sixteen; more are refused where it is made.
            threshold: self
                .threshold
                .unwrap_or(u8::try_from(self.proxies.len()).unwrap_or(u8::MAX)),
        };
        let (following, name) = (&session.following, &session.name);
        let resumed = resume(following, name, Some(&request), session.patience).await?;
        let consent = match resumed.into_iter().find(|(_, answers)| *answers) {
            Some((consent, _)) => consent,
            None => {
                give(following, name, &request, &allowance, &recipients, session.patience).await?
            }
        };
        // Whatever becomes of the letters, the consent is on the ledger: it is to be known by name.
        tracing::info!(%consent, "is on the ledger");
        let delivered = deliver(&session).await?;
        Ok(shown(self.json, json!({ "consent": consent.to_string() }), || {
            format!("consent {consent} is in force\n{delivered}\n")
        }))
    }
}

async fn deliver(session: &Session) -> error::Result<String> {
    let outbox = Outbox::of(&session.party().dir)?;
    let patience = session.patience.min(std::time::Duration::from_secs(20));
    let (delivered, waiting) = outbox.deliver(&session.following, &session.name, patience).await?;
    if waiting.is_empty() {
        return Ok(format!("{delivered} letters delivered"));
    }
    Err(RecordsError::Unreachable {
        who: format!("{} of {} recipients", waiting.len(), waiting.len() + delivered),
        problem: format!("{}; run `owner deliver` again", waiting.join("; ")),
    })
}
