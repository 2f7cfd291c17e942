//! The opener: says which member has signed a request, with a proof that anyone can judge.

use consilium_contract::exchange::group::request_context;
use consilium_exchange::group_signature::{
    Claim, GroupParameters, Openers, OpeningPart, Verdict, VerifiedSignature, judge,
};
use consilium_proto::v1::OpeningProof;
use rand_core::OsRng;

use crate::{
    RecordsError,
    error::Result,
    ledger::{Ledger, Posted},
    party::Party,
};

/// Parts of an opening that are read at most.
const MOST_PARTS: usize = 128;

fn posted<'a>(ledger: &'a Ledger, name: &[u8]) -> Result<&'a Posted> {
    let mut requests = ledger.index().requests().iter();
    let posted = requests.find(|posted| posted.name == name);
    posted.ok_or_else(|| RecordsError::unusable("no request of this hash is on the ledger"))
}

/// The signature under a request, verified at the epoch that it names.
fn signature<'a>(
    ledger: &'a Ledger,
    posted: &Posted,
) -> Result<(&'a GroupParameters, VerifiedSignature)> {
    let group = ledger.index().group(posted.epoch);
    let group =
        group.ok_or_else(|| RecordsError::unusable("the request's epoch is not on the ledger"))?;
    let context = request_context(ledger.chain_id());
    let claim = Claim {
        epoch: posted.epoch,
        context: &context,
        message: &posted.sealed.encode(),
        signature: &posted.signature,
    };
    Ok((group, claim.verify(group)?))
}

/// Opens the signature under a request.
///
/// # Errors
/// [`RecordsError::Unusable`] where the request is not on the ledger.
pub fn open(party: &Party, ledger: &Ledger, name: &[u8; 32]) -> Result<OpeningProof> {
    let (_, signature) = signature(ledger, posted(ledger, name)?)?;
    let part = party.opener()?.open(&signature, &mut OsRng);
    Ok(OpeningProof { request_sha256: name.to_vec(), parts: vec![part.encode()] })
}

/// Judges an opening: who has signed, or that the issuer has certified somebody who never joined.
///
/// # Errors
/// [`RecordsError::Untrue`] where the proof does not hold.
pub fn verify(ledger: &Ledger, proof: &OpeningProof) -> Result<Verdict> {
    let untrue = |error| RecordsError::untrue("the opener", "an opening", error);
    let (group, signature) = signature(ledger, posted(ledger, &proof.request_sha256)?)?;
    let registry = ledger.exchange().group().map(|group| group.registry());
    let registry = registry.ok_or_else(|| RecordsError::unusable("no group has been founded"))?;
    let openers = Openers::single(group.opener());
    let parts =
        proof.parts.iter().take(MOST_PARTS).map(|bytes| {
            OpeningPart::decode(bytes).and_then(|part| part.verify(&openers, &signature))
        });
    let parts = parts.collect::<std::result::Result<Vec<_>, _>>().map_err(untrue)?;
    judge(group, &openers, registry, &signature, &parts).map_err(untrue)
}
