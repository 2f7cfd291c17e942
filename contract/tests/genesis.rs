//! What founds a run, and what does not.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use consilium_contract::{Contract, GenesisError};
use consilium_crypto::signature::SigningKey;
use consilium_proto::{TRAINING_BYTES, v1};
use consilium_testkit::{DIMENSION, ceremony, genesis, genesis_entry, table};
use rand_core::OsRng;

fn found(tweak: impl FnOnce(&mut v1::Genesis)) -> Result<Contract, GenesisError> {
    let ceremony = ceremony(1, |_| ());
    let mut message = genesis(&ceremony);
    tweak(&mut message);
    let entry = genesis_entry(message, ceremony.authority_key());
    Contract::found(&entry, &ceremony.initial_model, table())
}

type Tweak = Box<dyn FnOnce(&mut v1::Genesis)>;

fn parameter_bound(bits: u32, clip: f32) -> Tweak {
    Box::new(move |g| {
        g.bound = Some(v1::genesis::Bound::Parameter(v1::ParameterBound { bits, clip }))
    })
}

fn norm_bound(norm: u32, clip: f32, projections: u32) -> Tweak {
    Box::new(move |g| {
        g.bound = Some(v1::genesis::Bound::Norm(v1::NormBound { norm, clip, projections }))
    })
}

#[test]
fn a_genesis_founds_a_run() {
    let contract = found(|_| ()).unwrap();
    assert_eq!(contract.parameters().dimension as usize, DIMENSION);
    assert_eq!((contract.parameters().threshold, contract.parameters().quorum), (2, 3));
}

#[test]
fn a_genesis_outside_what_the_protocol_allows_is_refused_with_the_field_named() {
    let cases: Vec<(&str, Tweak)> = vec![
        ("protocol version", Box::new(|g| g.protocol_version = 1)),
        ("number of institutions", Box::new(|g| g.institutions = 0)),
        ("number of institutions", Box::new(|g| g.institutions = 1000)),
        ("threshold", Box::new(|g| g.threshold = 3)),
        ("threshold", Box::new(|g| g.threshold = 0)),
        ("min_threshold", Box::new(|g| g.min_threshold = 0)),
        ("min_threshold", Box::new(|g| g.min_threshold = 3)),
        ("min_updates", Box::new(|g| g.min_updates = 2)),
        ("min_updates", Box::new(|g| g.min_updates = 5)),
        ("max_rows", Box::new(|g| g.max_rows = 0)),
        ("min_rows", Box::new(|g| g.min_rows = 0)),
        ("min_rows", Box::new(|g| g.min_rows = 401)),
        ("steps", Box::new(|g| g.steps = 0)),
        ("max_attempts", Box::new(|g| g.max_attempts = 0)),
        ("collection timeout", Box::new(|g| g.collection_timeout_ms = 0)),
        ("protocol version is 3", Box::new(|g| g.protocol_version = 3)),
        ("number of parameters is 0", Box::new(|g| g.dimension = 0)),
        ("number of parameters", Box::new(|g| g.dimension = (1 << 20) + 1)),
        ("length of the initial model", Box::new(|g| g.dimension += 1)),
        ("initial model", Box::new(|g| g.initial_model.as_mut().unwrap().length = 1)),
        ("bits a parameter is 7", parameter_bound(7, 0.5)),
        ("bits is 1048576", parameter_bound(1 << 20, 0.5)),
        ("bound", parameter_bound(8, f32::NAN)),
        ("bound", parameter_bound(8, 0.0)),
        ("no bound", Box::new(|g| g.bound = None)),
        ("norm is 0", norm_bound(0, 0.5, 256)),
        ("norm is 100000001", norm_bound(100_000_001, 0.5, 256)),
        ("lower the norm to", norm_bound(100_000_000, 0.5, 256)),
        ("raise the norm to", norm_bound(1, 0.5, 256)),
        ("number of projections is 255", norm_bound(1000, 0.5, 255)),
        ("projections is 65792", norm_bound(1000, 0.5, 65_536 + 256)),
        ("bound", norm_bound(1000, f32::INFINITY, 256)),
        ("length of the training plan", Box::new(|g| g.training = vec![0; TRAINING_BYTES + 1])),
        ("evaluation key", Box::new(|g| g.evaluation_key.truncate(31))),
        ("authority key", Box::new(|g| g.authority_key = vec![0; 31])),
        ("no initial model", Box::new(|g| g.initial_model = None)),
    ];
    for (expected, tweak) in cases {
        let error = found(tweak).unwrap_err().to_string();
        assert!(error.contains(expected), "expected {expected:?} in {error:?}");
    }
}

#[test]
fn a_genesis_signed_by_another_than_its_authority_is_refused() {
    let ceremony = ceremony(1, |_| ());
    let entry = genesis_entry(genesis(&ceremony), &SigningKey::generate(&mut OsRng));
    let founded = Contract::found(&entry, &ceremony.initial_model, table());
    assert!(matches!(founded, Err(GenesisError::NotAGenesis(_))));
}

#[test]
fn another_initial_model_than_the_one_named_is_refused() {
    let ceremony = ceremony(1, |_| ());
    let mut model = ceremony.initial_model.clone();
    model[0] ^= 1;
    let founded = Contract::found(&ceremony.genesis_entry, &model, table());
    assert!(matches!(founded, Err(GenesisError::WrongModel)));
}
