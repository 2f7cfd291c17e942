//! The wire: messages, services, and the one way to decode what a peer sent.
//!
//! Everything that is signed or stored goes through [`decode`], which accepts exactly one encoding of a message:
//! it decodes, encodes again and compares. Protobuf alone would accept unknown fields, fields in any order and
//! numbers padded to ten bytes, and a hash over such bytes would name nothing.
//!
//! This crate knows no cryptography and no rule of the protocol; those live in `consilium-crypto` and
//! `consilium-contract`.
//!
//! - [`v1`]: generated messages of `consilium.v1`; its gRPC clients with the feature `client`, its servers with `server`
//! - [`decode`], [`WireError`]: strict decoding
//! - [`hash32`]: a hash out of a peer's bytes
//! - [`training`]: what institutions agreed to train, checked
//! - [`CHUNK_BYTES`] and the other limits: what a node accepts before it takes memory

#[cfg(any(feature = "client", feature = "server"))]
mod codec;
mod limits;
mod strict;
pub mod training;

pub use limits::{
    CHUNK_BYTES, ENTRY_BYTES, EVIDENCE_BYTES, GENESIS_BYTES, MAX_DIMENSION, TRAINING_BYTES,
};
pub use strict::{WireError, decode, hash32};

/// The encoded descriptors of `consilium.v1`, for gRPC reflection.
#[cfg(feature = "server")]
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The messages of `consilium.v1`, and the clients and servers that the features ask for.
#[allow(
    missing_docs,
    unused_qualifications,
    clippy::all,
    reason = "generated; documented in the .proto files"
)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/consilium.v1.rs"));
}
