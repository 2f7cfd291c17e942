//! Encryption, proofs and threshold decryption of model updates
