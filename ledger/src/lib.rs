//! Blocks, hash chain, Merkle trees, the durable store and the verification of a chain
