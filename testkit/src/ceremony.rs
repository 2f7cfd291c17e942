//! The one ceremony that tests start from, and geneses that differ from what a ceremony makes.

use std::sync::Arc;

use consilium_authority::{Ceremony, CeremonySpec, Founding, Known, Protection};
use consilium_contract::transaction::{NO_CHAIN, entry, parse_entry, sign};
use consilium_crypto::{
    Bound, DiscreteLogTable, EvaluationKey, UpdateError, mask::Kind, signature::SigningKey,
};
use consilium_identity::{CoordinatorFiles, InstitutionFiles, TlsKey};
use consilium_proto::training::Layers;
use consilium_proto::v1::{Genesis, transaction::Action};
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRngCore, SeedableRng as _};

/// n, with t = 2, q = 3 and min_updates = 3.
pub const INSTITUTIONS: usize = 4;
/// d, of two inputs and two hidden neurons.
pub const DIMENSION: usize = 9;
/// How long a collection or a stage waits, in milliseconds.
pub const TIMEOUT_MS: u64 = 1_000;

/// The shape of a model with [`DIMENSION`] parameters.
#[must_use]
pub fn layers() -> Layers {
    Layers::dense(2, vec![2])
}

/// What the usual run is asked to be: four institutions of 25 to 100 rows, bounded parameter by parameter.
#[must_use]
pub fn specification() -> CeremonySpec {
    let rows = (1..=INSTITUTIONS as u64).map(|place| 25 * place).collect();
    CeremonySpec {
        bound: Bound::parameter(8),
        clip: 0.5,
        steps: 2,
        collection_timeout_ms: TIMEOUT_MS,
        max_attempts: 2,
        min_threshold: 1,
        protection: Protection { allow_threshold_one: true },
        ..CeremonySpec::new(layers(), vec![0.25; DIMENSION], rows)
    }
}

/// A ceremony of the usual run with some changes. The same seed makes the same keys.
pub fn ceremony(seed: u64, change: impl FnOnce(&mut CeremonySpec)) -> Ceremony {
    let mut specification = specification();
    change(&mut specification);
    Ceremony::hold(&specification, &mut ChaCha20Rng::seed_from_u64(seed)).unwrap()
}

/// The next run of the same parties, founded on this one: the same keys, and the usual run with some changes.
pub fn next_ceremony(
    earlier: &Ceremony,
    rng: &mut impl CryptoRngCore,
    change: impl FnOnce(&mut CeremonySpec),
) -> Ceremony {
    let mut specification = specification();
    change(&mut specification);
    let known = Known::of(&earlier.authority, &[]).unwrap();
    let founding = Founding::again(&specification, known, None, &[], rng).unwrap();
    let Founding { authority, institutions } = founding;
    let genesis_entry = authority.genesis_entry.clone();
    let initial_model = authority.initial_model.clone();
    let parameters = authority.parameters.clone();
    let signs = |key: &SigningKey| SigningKey::from_bytes(&key.to_bytes());
    let connects = |key: &TlsKey| TlsKey::from_bytes(&key.to_bytes());
    let institutions = earlier.institutions.iter().zip(institutions);
    let institutions = institutions.map(|(files, certified)| InstitutionFiles {
        signing: signs(&files.signing),
        tls: connects(&files.tls),
        certificate: certified.certificate,
        identity: certified.identity,
        genesis_entry: genesis_entry.clone(),
        initial_model: initial_model.clone(),
        dictionary: None,
        parameters: parameters.clone(),
    });
    let coordinator = &earlier.coordinator;
    Ceremony {
        institutions: institutions.collect(),
        coordinator: CoordinatorFiles {
            signing: signs(&coordinator.signing),
            evaluation: EvaluationKey::from_bytes(&coordinator.evaluation.to_bytes()),
            tls: connects(&coordinator.tls),
            genesis_entry: genesis_entry.clone(),
            initial_model: initial_model.clone(),
            parameters: parameters.clone(),
        },
        genesis_entry,
        initial_model,
        parameters,
        authority,
    }
}

/// Both bounds, under which `[1; DIMENSION]` is an update and `[1270; DIMENSION]` is none.
#[must_use]
pub fn bounds() -> [Bound; 2] {
    [Bound::parameter(8), Bound::Norm { norm: 1_000, projections: 256 }]
}

/// A kind of update: what it proves, and how it is hidden.
#[derive(Debug, Clone, Copy)]
pub struct UpdateKind {
    /// What it proves.
    pub bound: Bound,
    /// How it is hidden.
    pub mask: Kind,
}

impl UpdateKind {
    /// Every kind. Under a lattice mask a sum of four, rounded to whole quantisation steps, is the sum without noise.
    #[must_use]
    pub fn all() -> [Self; 3] {
        let [parameter, norm] = bounds();
        [
            Self { bound: parameter, mask: Kind::Group },
            Self { bound: norm, mask: Kind::Group },
            Self { bound: norm, mask: Kind::Lattice { scale: 1024 } },
        ]
    }

    /// Asks for a run with updates of this kind.
    pub fn ask(self, specification: &mut CeremonySpec) {
        specification.bound = self.bound;
        specification.mask = self.mask;
    }

    /// What an update beyond its bound fails for, and what one fails for whose bound and mask do not agree.
    #[must_use]
    pub fn reasons(self) -> [UpdateError; 2] {
        let beyond = match self.bound {
            Bound::Parameter { .. } => UpdateError::BadRangeProof,
            Bound::Norm { .. } => UpdateError::BadNormProof,
        };
        [beyond, UpdateError::BadLinkProof]
    }
}

/// The genesis of a ceremony as a message, to be changed into what no ceremony makes.
#[must_use]
pub fn genesis(ceremony: &Ceremony) -> Genesis {
    let (transaction, _) = parse_entry(&ceremony.genesis_entry).unwrap();
    match transaction.action() {
        Action::Genesis(genesis) => genesis.clone(),
        other => panic!("not a genesis: {other:?}"),
    }
}

/// The entry of block 0 that this key signs.
#[must_use]
pub fn genesis_entry(genesis: Genesis, authority: &SigningKey) -> Vec<u8> {
    entry(sign(authority, &NO_CHAIN, None, Action::Genesis(genesis)), false)
}

/// Discrete logarithms of what sums can come to.
#[must_use]
pub fn table() -> Arc<DiscreteLogTable> {
    DiscreteLogTable::shared()
}
