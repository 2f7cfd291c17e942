//! What happens to one owner: a policy at an insurer, a repair at a shop, and a claim for which the insurer reads the
//! repair record (liu2021, sections 3.4 to 3.6).

use std::path::Path;

use consilium_exchange::records::{Allowance, Category, Keyword, Period, Scope};
use consilium_records::RecordsError;
use consilium_records::custodian::deposit::{Deposit, store};
use consilium_records::owner::consent::{Recipients, give, narrow, requests};
use consilium_records::owner::outbox::Outbox;
use consilium_records::owner::review::{publish, review};
use consilium_records::peer::Peer;
use consilium_records::requester::ask::{Question, Way, ask};
use consilium_records::requester::fetch::{consents, read_all};

use super::town::{Member, PATIENCE, Town};
use crate::ExperimentError;

/// 2100, in ms since 1970.
const UNTIL_MS: u64 = 4_102_444_800_000;
/// On every repair record, and asked for by every insurer.
const WORD: &str = "bumper";

/// Whom the story of an owner is about.
pub(super) struct Cast<'a> {
    /// The owner.
    pub(super) owner: &'a Member,
    /// The insurer's keeper of policies.
    pub(super) policies: &'a Member,
    /// The insurer's claims department.
    pub(super) claims: &'a Member,
    /// The shop.
    pub(super) shop: &'a Member,
    /// The record that is stored, and read in the end.
    pub(super) file: &'a Path,
}

fn failed<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> ExperimentError {
    ExperimentError::bench(format!("an owner's story: {what}"))
}

/// Data broadcasting: policy and repair record are stored, signed by both sides, and on the ledger.
pub(super) async fn insure_and_repair(town: &Town, cast: &Cast<'_>) -> Result<(), ExperimentError> {
    let policy = keep(cast, cast.policies, "policy", "comprehensive").await;
    policy.map_err(failed("its policy"))?;
    keep(cast, cast.shop, "repair", WORD).await.map_err(failed("its repair"))?;
    town.settle().await
}

fn period() -> Result<Period, RecordsError> {
    Ok(Period::new(2026, 11)?)
}

async fn keep(
    cast: &Cast<'_>,
    custodian: &Member,
    category: &str,
    word: &str,
) -> Result<(), RecordsError> {
    let Cast { owner, file, .. } = cast;
    let scope = Scope {
        owner: owner.name,
        custodian: custodian.name,
        category: Category::new(category)?,
        period: period()?,
    };
    let peer = Peer::connect(owner.party(), &owner.name, &custodian.card, "custodian").await?;
    publish(owner.party(), &peer, &scope).await?;
    let deposit = Deposit {
        owner: &owner.card,
        owner_key: &owner.party().signing.verifying_key(),
        scope: &scope,
        keywords: &[Keyword::new(word)?],
        file,
    };
    let hash = store(custodian.party(), &deposit)?;
    let following = &owner.following;
    let reviewed = review(following, &owner.name, &peer, &custodian.card, &hash, None).await?;
    peer.accept(&reviewed.accept(owner.party())).await?;
    let shows = |ledger: &consilium_records::ledger::Ledger| ledger.record(&hash).map(drop);
    following.until("the record on the ledger", PATIENCE, shows).await
}

/// Data access: the insurer asks, the owner consents, the proxy re-encrypts, the insurer reads what the shop has stored.
pub(super) async fn settle_claim(
    town: &Town,
    cast: &Cast<'_>,
    out: &Path,
) -> Result<(), ExperimentError> {
    let request = request(town, cast).await.map_err(failed("a request"))?;
    town.settle().await?;
    let consent = consent(town, cast, &request).await.map_err(failed("a consent"))?;
    // A proxy takes a grant once it has read the consent's block.
    town.settle().await?;
    let Cast { owner, claims, file, .. } = cast;
    let outbox = Outbox::of(&owner.party().dir).map_err(failed("its letters"))?;
    let delivered = outbox.deliver(&owner.following, &owner.name, PATIENCE).await;
    let (_, waiting) = delivered.map_err(failed("its letters"))?;
    if !waiting.is_empty() {
        return Err(failed("its letters")(waiting.join("; ")));
    }
    let usable = consents(claims.party(), &claims.following.ledger(), &claims.name);
    let usable = usable.map_err(failed("a notice"))?;
    let usable = usable.iter().find(|usable| usable.consent == consent);
    let usable = usable.ok_or_else(|| failed("a notice")("it has not come"))?;
    let read = read_all(&claims.following, &claims.name, usable, out).await;
    let read = read.map_err(failed("a repair record"))?;
    let [read] = read.as_slice() else {
        return Err(failed("a repair record")(format!("{} were found, not one", read.len())));
    };
    let decrypted = std::fs::read(&read.file).map_err(ExperimentError::file(&read.file))?;
    let stored = std::fs::read(file).map_err(ExperimentError::file(file))?;
    if decrypted != stored {
        return Err(failed("a repair record")("the insurer reads another one"));
    }
    Ok(())
}

async fn request(town: &Town, cast: &Cast<'_>) -> Result<[u8; 32], RecordsError> {
    let Cast { owner, claims, shop, .. } = cast;
    let selection = consilium_exchange::records::Selection::new(
        shop.name,
        Category::new("repair")?,
        vec![period()?],
    )?;
    let question = Question {
        owner: &owner.card,
        selection,
        keywords: vec![Keyword::new(WORD)?],
        purpose: "a claim: was the bumper repaired before?",
    };
    let way = Way::Through(&town.proxy.card);
    ask(&claims.following, &claims.name, question, way, PATIENCE).await
}

async fn consent(
    town: &Town,
    cast: &Cast<'_>,
    request: &[u8; 32],
) -> Result<consilium_hash::ConsentHash, RecordsError> {
    let Cast { owner, claims, shop, .. } = cast;
    let asked = requests(owner.party(), &owner.following.ledger(), &owner.name);
    let asked = asked.into_iter().find(|asked| asked.name == *request);
    let asked = asked.ok_or_else(|| RecordsError::unusable("the request is not on the ledger"))?;
    let request = asked.request.map_err(RecordsError::Unusable)?;
    let (selection, keywords) = narrow(&request, &[], &[])?;
    let allowance = Allowance {
        selection,
        keywords,
        until_ms: UNTIL_MS,
        proxies: vec![town.proxy.name],
        threshold: 1,
    };
    let recipients = Recipients {
        requester: claims.card.clone(),
        custodian: shop.card.clone(),
        proxies: vec![town.proxy.card.clone()],
    };
    give(&owner.following, &owner.name, &request, &allowance, &recipients, PATIENCE).await
}
