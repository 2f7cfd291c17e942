//! Keys, dealing, certificates and genesis out of a specification.

use consilium_contract::{
    certificate::{Certificate, pseudonym},
    model::Model,
    parameters::{PROTOCOL_VERSION, Parameters},
    transaction::{NO_CHAIN, entry, sign},
};
use consilium_crypto::{Bound, EvaluationKey, Hash, deal, signature::SigningKey};
use consilium_proto::v1::{self, transaction::Action};
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use crate::{
    AuthorityError, CeremonySpec,
    layout::institution_folder,
    load::{CoordinatorFiles, InstitutionFiles},
};

/// Everything that a run starts from, in memory.
#[derive(Debug)]
pub struct Ceremony {
    /// The entry of block 0, whose hash is the chain id.
    pub genesis_entry: Vec<u8>,
    /// The blob of the initial model.
    pub initial_model: Vec<u8>,
    /// The genesis, checked.
    pub parameters: Parameters,
    /// The coordinator's folder.
    pub coordinator: CoordinatorFiles,
    /// The institutions' folders, `[n]`, by index.
    pub institutions: Vec<InstitutionFiles>,
    pub(crate) authority: SigningKey,
    pub(crate) pseudonym_nonce: Zeroizing<Hash>,
}

impl Ceremony {
    /// Makes every key, deals the decryption key, issues the certificates and signs the genesis.
    ///
    /// # Errors
    /// [`AuthorityError::Spec`], [`AuthorityError::Dealing`] and [`AuthorityError::Genesis`], naming the number that
    /// does not fit.
    pub fn hold(spec: &CeremonySpec, rng: &mut impl CryptoRngCore) -> Result<Self, AuthorityError> {
        let invalid = |field, actual: String, expected: &str| AuthorityError::Spec {
            field,
            actual,
            expected: expected.to_owned(),
        };
        let institutions = u32::try_from(spec.rows.len()).unwrap_or(u32::MAX);
        let max_rows = spec.rows.iter().copied().max().unwrap_or(0);
        if let Some(place) = spec.rows.iter().position(|&rows| rows == 0) {
            return Err(invalid("rows", format!("0 for institution {}", place + 1), "at least 1 for each"));
        }
        let model = Model::new(spec.initial_model.clone())
            .ok_or_else(|| invalid("initial model", "not finite".to_owned(), "finite numbers only"))?;
        if let Some(dimension) = spec.layers.dimension()
            && model.parameters().len() != dimension as usize
        {
            let actual = format!("{} parameters", model.parameters().len());
            return Err(invalid("initial model", actual, &format!("{dimension} parameters, as the layers have")));
        }

        let authority = SigningKey::generate(rng);
        let coordinator = SigningKey::generate(rng);
        let evaluation = EvaluationKey::generate(rng);
        let dealing = deal(institutions, spec.threshold, &evaluation.verifying_key(), rng)?;
        let nonce = random_hash(rng);
        let pseudonym_nonce = Zeroizing::new(random_hash(rng));

        let initial_model = model.to_bytes();
        let genesis = v1::Genesis {
            protocol_version: PROTOCOL_VERSION,
            nonce: nonce.to_vec(),
            architecture: Some(v1::Architecture { inputs: spec.layers.inputs, hidden: spec.layers.hidden.clone() }),
            initial_model: Some(v1::BlobRef { sha256: model.hash().to_vec(), length: initial_model.len() as u64 }),
            public_key: dealing.public_key.encode().to_vec(),
            dealing: dealing.commitments.encode(),
            institutions,
            threshold: spec.threshold,
            min_updates: spec.min_updates,
            bound: Some(bound(spec)),
            max_rows,
            steps: spec.steps,
            collection_timeout_ms: spec.collection_timeout_ms,
            max_attempts: spec.max_attempts,
            authority_key: authority.verifying_key().encode().to_vec(),
            coordinator_key: coordinator.verifying_key().encode().to_vec(),
            training: Some(spec.training),
            privacy: spec.privacy.map(|terms| v1::Privacy {
                signal_norm: terms.signal,
                noise_variance: terms.variance,
                epsilon_milli: terms.epsilon_milli,
                delta_bits: terms.delta_bits,
            }),
        };
        let genesis_entry = entry(sign(&authority, &NO_CHAIN, None, Action::Genesis(genesis)), false);
        let parameters = Parameters::from_genesis_entry(&genesis_entry)?;

        let institutions = (1..)
            .zip(&spec.rows)
            .zip(dealing.shares)
            .map(|((index, &rows), share)| {
                let signing = SigningKey::generate(rng);
                let identity = Certificate {
                    pseudonym: pseudonym(&institution_folder(index), &pseudonym_nonce),
                    signing_key: signing.verifying_key(),
                    tls_key: None,
                    trustee_index: index,
                    rows,
                };
                InstitutionFiles {
                    signing,
                    share,
                    certificate: identity.issue(&authority, &nonce),
                    identity,
                    genesis_entry: genesis_entry.clone(),
                    initial_model: initial_model.clone(),
                    parameters: parameters.clone(),
                }
            })
            .collect();
        let coordinator = CoordinatorFiles {
            signing: coordinator,
            evaluation,
            genesis_entry: genesis_entry.clone(),
            initial_model: initial_model.clone(),
            parameters: parameters.clone(),
        };
        Ok(Self { genesis_entry, initial_model, parameters, coordinator, institutions, authority, pseudonym_nonce })
    }

    /// The authority's key: what certificates and revocations are signed with.
    pub fn authority_key(&self) -> &SigningKey {
        &self.authority
    }
}

/// The bound as a genesis has it.
fn bound(spec: &CeremonySpec) -> v1::genesis::Bound {
    let clip = spec.clip;
    match spec.bound {
        Bound::Parameter { bits } => v1::genesis::Bound::Parameter(v1::ParameterBound { bits: bits.into(), clip }),
        Bound::Norm { norm, projections } => {
            v1::genesis::Bound::Norm(v1::NormBound { norm, clip, projections: projections.into() })
        }
    }
}

fn random_hash(rng: &mut impl CryptoRngCore) -> Hash {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use consilium_contract::{Committee, parameters::Layers};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    fn spec() -> CeremonySpec {
        CeremonySpec::new(Layers { inputs: 2, hidden: vec![3] }, vec![0.25; 13], vec![10, 20, 30, 40])
    }

    #[test]
    fn every_institution_gets_a_certified_key_and_a_share_that_verifies() {
        let ceremony = Ceremony::hold(&spec(), &mut ChaCha20Rng::seed_from_u64(1)).unwrap();
        let parameters = &ceremony.parameters;
        assert_eq!((parameters.institutions, parameters.threshold, parameters.quorum), (4, 2, 3));
        assert_eq!(parameters.max_rows, 40);
        for (index, files) in (1..).zip(&ceremony.institutions) {
            let certificate =
                Certificate::verify(&files.certificate, &parameters.authority, &parameters.nonce, 4, 40).unwrap();
            assert_eq!(certificate, files.identity);
            assert_eq!(certificate.trustee_index, index);
            assert_eq!(certificate.signing_key, files.signing.verifying_key());
            assert_eq!(files.share.index(), index);
            let committee = Committee::from_genesis_entry(&files.genesis_entry).unwrap();
            assert_eq!(files.share.verify(&committee.public_key, &committee.dealing), Ok(()));
        }
    }

    #[test]
    fn two_ceremonies_of_one_specification_are_two_chains() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let first = Ceremony::hold(&spec(), &mut rng).unwrap();
        let second = Ceremony::hold(&spec(), &mut rng).unwrap();
        assert_ne!(first.parameters.chain_id, second.parameters.chain_id);
        assert_ne!(first.institutions[0].identity.pseudonym, second.institutions[0].identity.pseudonym);
    }

    #[test]
    fn the_genesis_carries_the_bound_that_was_asked_for() {
        for bound in [
            Bound::Parameter { bits: 8 },
            Bound::Parameter { bits: 16 },
            Bound::Norm { norm: 300, projections: 256 },
            Bound::Norm { norm: 70_000, projections: 1024 },
        ] {
            let spec = CeremonySpec { bound, clip: 0.5, ..spec() };
            let parameters = Ceremony::hold(&spec, &mut ChaCha20Rng::seed_from_u64(4)).unwrap().parameters;
            assert_eq!((parameters.bound, parameters.clip), (bound, 0.5));
        }
    }

    #[test]
    fn what_does_not_found_a_run_is_refused_by_name() {
        let refused = |change: fn(&mut CeremonySpec), field: &str| {
            let mut spec = spec();
            change(&mut spec);
            let error = Ceremony::hold(&spec, &mut ChaCha20Rng::seed_from_u64(3)).unwrap_err().to_string();
            assert!(error.contains(field), "{error} should name {field}");
        };
        refused(|spec| spec.threshold = 3, "n ≥ 3t");
        refused(|spec| spec.min_updates = 2, "min_updates");
        refused(|spec| spec.min_updates = 5, "min_updates");
        refused(|spec| spec.rows[2] = 0, "institution 3");
        refused(|spec| spec.initial_model.truncate(12), "13 parameters");
        refused(|spec| spec.initial_model[4] = f32::NAN, "initial model");
        refused(|spec| spec.clip = -1.0, "clip");
        refused(|spec| spec.bound = Bound::Parameter { bits: 9 }, "bits");
        refused(|spec| spec.bound = Bound::Norm { norm: 5600, projections: 100 }, "projections");
        refused(|spec| spec.bound = Bound::Norm { norm: 2, projections: 256 }, "raise the norm");
        refused(|spec| spec.bound = Bound::Norm { norm: 50_000_000, projections: 256 }, "lower the norm");
        refused(|spec| spec.steps = 0, "steps");
        refused(|spec| spec.training.learning_rate = f64::INFINITY, "learning rate");
        refused(|spec| spec.training.batch_size = 0, "batch size");
        refused(|spec| spec.layers.hidden.push(0), "number of parameters");
    }
}
