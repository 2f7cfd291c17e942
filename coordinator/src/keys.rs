//! The coordinator's keys. None of them opens anything.

use std::sync::Arc;

use consilium_crypto::{EvaluationKey, signature::SigningKey};

/// The coordinator's keys.
pub(crate) struct Keys {
    /// Signs its transactions and receipts.
    pub(crate) signing: Arc<SigningKey>,
    /// The same key, as the ledger takes it.
    pub(crate) sealing: ed25519_dalek::SigningKey,
    /// sk_h.
    pub(crate) evaluation: EvaluationKey,
}

impl Keys {
    pub(crate) fn new(signing: SigningKey, evaluation: EvaluationKey) -> Self {
        let sealing = (&signing).into();
        Self { signing: Arc::new(signing), sealing, evaluation }
    }
}
