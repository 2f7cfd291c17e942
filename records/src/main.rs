//! `consilium-records`: owner, custodian, requester, proxy, issuer and opener of shared records.
fn main() {}
