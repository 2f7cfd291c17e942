//! Putting somebody else's group-signed request on the ledger, in one's own name.
//!
//! A statement that does not hold would cost whoever says it a credit: so it is verified before.

use std::{fmt::Display, time::Duration};

use consilium_contract::exchange::group::request_context;
use consilium_exchange::{
    group_signature::{Claim, GroupSignature},
    records::SealedRequest,
};
use consilium_hash::Pseudonym;
use consilium_proto::v1::{PostRequest, transaction::Action};

use crate::{
    RecordsError,
    error::Result,
    ledger::{Following, Ledger, request_name},
};

/// Verifies a request and puts it on the ledger; returns once it is there.
///
/// # Errors
/// [`RecordsError::Untrue`] for a request that no member of the current epoch has signed; [`RecordsError::Refused`] by the
/// ledger.
pub async fn put(
    following: &Following,
    me: &Pseudonym,
    post: PostRequest,
    patience: Duration,
) -> Result<()> {
    check(&following.ledger(), &post)?;
    let name = request_name(&post.request);
    following.say(me, Action::PostRequest(post), patience).await?;
    let shows = |ledger: &Ledger| {
        ledger.index().requests().iter().any(|posted| posted.name == name).then_some(())
    };
    following.until("the request on the ledger", patience, shows).await
}

fn check(ledger: &Ledger, post: &PostRequest) -> Result<()> {
    let untrue =
        |error: &dyn Display| RecordsError::untrue("the request's author", "a request", error);
    SealedRequest::decode(&post.request).map_err(|error| untrue(&error))?;
    let signature = GroupSignature::decode(&post.signature).map_err(|error| untrue(&error))?;
    let group = ledger.exchange().group();
    let group = group.ok_or_else(|| RecordsError::unusable("no group has been founded yet"))?;
    let context = request_context(ledger.chain_id());
    let claim = Claim {
        epoch: post.epoch,
        context: &context,
        message: &post.request,
        signature: &signature,
    };
    claim.verify(group.parameters()).map(drop).map_err(|error| untrue(&error))
}
