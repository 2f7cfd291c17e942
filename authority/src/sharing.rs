//! The authority's words on sharing.

use std::path::Path;

use consilium_authority::AuthorityFiles;
use consilium_cli::Failure;
use consilium_exchange::quantity::DepositRequest;
use consilium_identity::{ParticipantRequest, disk, write_file};

use crate::delivery::{Authority, Delivery, hand_over, refused};

fn request(path: &Path) -> Result<ParticipantRequest, Failure> {
    ParticipantRequest::load(path).map_err(Failure::unusable)
}

pub(crate) fn admit(
    Authority { dir }: &Authority,
    path: &Path,
    fingerprint: &str,
    delivery: &Delivery,
) -> Result<String, Failure> {
    let authority = AuthorityFiles::load(dir).map_err(Failure::unusable)?;
    let request = request(path)?;
    let admitted = authority.admit_participant(dir, &request, fingerprint).map_err(refused)?;
    let done = hand_over(admitted.signed, delivery, &authority)?;
    let name = request.name();
    let pseudonym = admitted.pseudonym;
    Ok(format!("{name} has the pseudonym {pseudonym}\n{done}"))
}

pub(crate) fn found(
    Authority { dir }: &Authority,
    issuer: &Path,
    opener: &Path,
    delivery: &Delivery,
) -> Result<String, Failure> {
    let authority = AuthorityFiles::load(dir).map_err(Failure::unusable)?;
    let signed = authority.found_group(&request(issuer)?, &request(opener)?).map_err(refused)?;
    hand_over(signed, delivery, &authority)
}

pub(crate) fn approve_deposit(
    Authority { dir }: &Authority,
    path: &Path,
    institution: &str,
    amount: u32,
    out: &Path,
) -> Result<String, Failure> {
    let authority = AuthorityFiles::load(dir).map_err(Failure::unusable)?;
    let bytes = disk::read(path, DepositRequest::LEN).map_err(Failure::unusable)?;
    let request = DepositRequest::decode(&bytes)
        .map_err(|error| Failure::unusable(format!("{}: {error}", path.display())))?;
    let deposit = authority.approve_deposit(institution, amount, request).map_err(refused)?;
    write_file(out, &deposit.encode()).map_err(Failure::unusable)?;
    let out = out.display();
    Ok(format!(
        "{amount} units of {institution} are vouched for in {out}: hand it to {institution}"
    ))
}
