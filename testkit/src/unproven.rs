//! Updates of any values, within the bound or not, and the runs that are made with them.

use consilium_contract::Receipt;
use consilium_crypto::{Bound, EncryptedUpdate, QuantisedUpdate, RoundContext};

use crate::{DIMENSION, Run};

impl Run {
    /// All updates accepted, the collection closed and its block sealed.
    pub fn sealed() -> Self {
        let mut run = Self::collecting();
        for place in 0..run.institutions() {
            assert!(run.submit(place, &[place as i64; DIMENSION]).is_accepted());
        }
        assert!(run.close_collection().is_accepted());
        run.end_block();
        run
    }

    /// Countersigned by a quorum.
    pub fn opening() -> Self {
        let mut run = Self::sealed();
        let block = run.sealed_hash();
        for place in 0..run.parameters().quorum as usize {
            assert!(run.countersign(place, block).is_accepted());
        }
        run
    }

    /// An institution's update for a round, honest or not: values outside of the bound come with proofs that do not hold.
    pub fn encrypt(&self, place: usize, round: RoundContext, values: &[i64]) -> EncryptedUpdate {
        let update = QuantisedUpdate::unchecked(values.to_vec(), self.own_bound(place));
        self.encrypted(place, round, &update)
    }

    /// The same under another bound than its author's.
    pub fn encrypt_under(
        &self,
        place: usize,
        round: RoundContext,
        values: &[i64],
        bound: Bound,
    ) -> EncryptedUpdate {
        self.encrypted(place, round, &QuantisedUpdate::unchecked(values.to_vec(), bound))
    }

    /// Encrypts, checks and applies an update.
    pub fn submit(&mut self, place: usize, values: &[i64]) -> Receipt {
        let update = self.encrypt(place, self.round(), values);
        self.apply_update(&self.submission(place, update.header), &update.body)
    }
}
