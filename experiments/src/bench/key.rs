//! The key of a round that lives as long as the bench: made by all its holders in this process.

use std::collections::BTreeMap;

use consilium_crypto::{
    DealingCommitments, EvaluationKey, KeyShare, PublicKey,
    dkg::{
        Ceremony, Context, Dealer, DealerSecret, Dealing, DkgError, MemberSecret, OpeningKey,
        Qualified, Shape, VerifiedProduct, VerifiedShareKey,
    },
};
use consilium_hash::ChainId;
use rand_core::OsRng;

use crate::ExperimentError;

/// A key and the shares of it, `[n]`, by place.
pub(crate) struct Key {
    pub(crate) public: PublicKey,
    pub(crate) commitments: DealingCommitments,
    pub(crate) shares: Vec<KeyShare>,
}

impl Key {
    /// A key of `institutions`, of whose shares `threshold` open a sum.
    ///
    /// # Errors
    /// [`ExperimentError::Bench`] where no committee has such numbers.
    pub(crate) fn generate(
        institutions: u32,
        threshold: u32,
        evaluation_key: &EvaluationKey,
    ) -> Result<Self, ExperimentError> {
        generate(institutions, threshold, evaluation_key)
            .map_err(ExperimentError::bench("making the key"))
    }
}

fn generate(
    institutions: u32,
    threshold: u32,
    evaluation_key: &EvaluationKey,
) -> Result<Key, DkgError> {
    let openings: BTreeMap<u32, OpeningKey> =
        (1..=institutions).map(|place| (place, OpeningKey::generate(&mut OsRng))).collect();
    let offers = openings.iter().map(|(place, key)| (*place, key.sealing_key())).collect();
    let shape = Shape::new(institutions, threshold)?;
    let ceremony = Ceremony::generation(
        Context { chain_id: ChainId([1; 32]), ceremony: 0, attempt: 0, shape },
        offers,
    )?;
    let deal = |place| {
        Dealer::new(&ceremony, place, &DealerSecret::generate(&mut OsRng))?.deal(&mut OsRng)
    };
    let dealings: Vec<Dealing> = (1..=institutions).map(deal).collect::<Result<_, _>>()?;
    let qualified = Qualified::new(&ceremony, &dealings)?;
    let hold = |(place, opening): (&u32, &OpeningKey)| {
        let shares = dealings
            .iter()
            .map(|dealing| dealing.open(*place, opening))
            .collect::<Result<Vec<_>, _>>()?;
        Ok((*place, MemberSecret::new(&qualified, *place, shares)?))
    };
    let secrets: Vec<(u32, MemberSecret)> =
        openings.iter().map(hold).collect::<Result<_, DkgError>>()?;
    let product = |(place, secret): &(u32, MemberSecret)| {
        secret.product(&qualified, &mut OsRng)?.verify(&qualified, *place)
    };
    let products: Vec<VerifiedProduct> = secrets.iter().map(product).collect::<Result<_, _>>()?;
    let key = qualified.generate(&products, &evaluation_key.verifying_key())?;
    let share_key = |(place, secret): &(u32, MemberSecret)| {
        secret.share_key(&key, &mut OsRng)?.verify(&key, *place)
    };
    let share_keys: Vec<VerifiedShareKey> =
        secrets.iter().map(share_key).collect::<Result<_, _>>()?;
    let public = key.public_key().clone();
    let commitments = key.commitments(&share_keys)?;
    let shares = secrets.iter().map(|(_, secret)| secret.key_share(&public, &commitments));
    let shares = shares.collect::<Result<_, _>>()?;
    Ok(Key { public, commitments, shares })
}
