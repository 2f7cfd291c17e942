//! The names of the files in every party's folder.

use std::path::Path;

/// The entry of block 0: public, in every folder.
pub const GENESIS: &str = "genesis.bin";
/// The blob of the initial model: public, in every folder.
pub const INITIAL_MODEL: &str = "initial-model.bin";
/// The coordinator's key, which signs blocks.
pub const COORDINATOR_KEY: &str = "coordinator.key";
/// sk_h, which certifies sums.
pub const EVALUATION_KEY: &str = "evaluation.key";
/// The data dictionary that the genesis names by its hash: public, with the institutions and the authority where a run has
/// agreed on one.
pub const DICTIONARY: &str = "dictionary.toml";
/// An institution's key, which signs its transactions.
pub const SIGNING_KEY: &str = "signing.key";
/// A party's key of the transport.
pub const TLS_KEY: &str = "tls.key";
/// The key of the transport that a renewal asks to take the place of the present one.
pub const NEXT_TLS_KEY: &str = "tls-next.key";
/// What a party has asked the authority with: public.
pub const REQUEST: &str = "request.bin";
/// The authority's certificate for an institution.
pub const CERTIFICATE: &str = "certificate.bin";

/// Whether this folder was made in a local ceremony, for a simulation: who makes its own keys has asked with them.
pub fn is_of_local_ceremony(folder: &Path) -> bool {
    !folder.join(REQUEST).exists()
}

/// The folder, and the name in the authority's register, of the institution with this index (from 1): `institution-01`.
pub fn institution_folder(index: u32) -> String {
    format!("institution-{index:02}")
}
