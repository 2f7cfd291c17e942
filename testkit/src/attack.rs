//! Updates whose proofs do not hold, and a coordinator that sums them all the same.

use consilium_crypto::{
    EncryptedUpdate, UpdateError,
    mask::{CandidateHeader, CandidateUpdate, verify_updates},
};
use consilium_ledger::{blob_hash, sha256};
use rand_core::OsRng;

use crate::{UpdateKind, World, ceremony, splice};

impl World {
    /// Founded, everyone enrolled, and the key made; updates are of this kind.
    pub fn under(kind: UpdateKind) -> Self {
        Self::of(ceremony(1, |spec| kind.ask(spec)))
    }

    /// An update of `value` in every coordinate whose header and encodings hold, and whose proofs fail for `reason`.
    pub fn unproven_update(
        &self,
        place: usize,
        value: i64,
        reason: &UpdateError,
    ) -> EncryptedUpdate {
        let honest = self.update(place, &self.round(), value);
        let parameters = self.parameters().update_parameters();
        let key = &self.committee().public_key;
        // The lowest bit of each element and scalar behind E, until the one is found that fails for this reason.
        for at in (parameters.masked().end..honest.body.len()).step_by(32) {
            let mut update = honest.clone();
            update.body[at] ^= 1;
            update.header = splice(&honest.header, &sha256(&honest.body), &sha256(&update.body));
            let header = CandidateHeader::decode(&update.header).unwrap();
            let Ok(candidate) = CandidateUpdate::parse(header, &update.body, &parameters) else {
                continue;
            };
            let verdict = verify_updates(key, vec![candidate], &mut OsRng).remove(0);
            if verdict.err().as_ref() == Some(reason) {
                return update;
            }
        }
        panic!("no change of one bit fails for {reason}")
    }

    /// The attack: the coordinator records the update of the institution at place 3 as accepted, under a state root of its
    /// own making, and seals the certified sum of these headers and the false one. The false header.
    pub fn seal_unproven(&mut self, honest: &[Vec<u8>], reason: &UpdateError) -> Vec<u8> {
        let EncryptedUpdate { header, body } = self.unproven_update(3, 4, reason);
        self.bodies.insert(blob_hash(&body), body);
        let submission = self.submission(3, &header);
        self.forge(vec![submission]);
        let headers = [honest, std::slice::from_ref(&header)].concat();
        let evaluation = self.evaluation(&self.round(), &headers);
        let close = self.close_collection(evaluation);
        self.forge(vec![close]);
        header
    }
}
