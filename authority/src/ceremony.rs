//! Keys, certificates and genesis out of a specification.

use std::path::Path;

use consilium_contract::{
    model::Model,
    parameters::{PROTOCOL_VERSION, Parameters},
    transaction::{NO_CHAIN, entry, sign},
};
use consilium_crypto::{Bound, EvaluationKey, mask::Kind as MaskKind, signature::SigningKey};
use consilium_identity::{
    CoordinatorFiles, FilesError, InstitutionFiles, disk, institution_folder,
    layout::{DICTIONARY, GENESIS, INITIAL_MODEL},
};
use consilium_proto::{
    training::Plan,
    v1::{self, transaction::Action},
};
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use crate::{
    AgreedDictionary, AuthorityError, CeremonySpec,
    register::{AuthorityFiles, Register},
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
    /// The authority's folder.
    pub authority: AuthorityFiles,
}

impl Ceremony {
    /// Makes every key but the decryption key, which the institutions make on the chain, issues the certificates and
    /// signs the genesis.
    ///
    /// # Errors
    /// [`AuthorityError::Spec`], [`AuthorityError::Unprotected`] and [`AuthorityError::Genesis`], naming the number that
    /// does not fit.
    pub fn hold(spec: &CeremonySpec, rng: &mut impl CryptoRngCore) -> Result<Self, AuthorityError> {
        let invalid = |field, actual: String, expected: &str| AuthorityError::Spec {
            field,
            actual,
            expected: expected.to_owned(),
        };
        let institutions = u32::try_from(spec.rows.len()).unwrap_or(u32::MAX);
        spec.protection.check_founding(institutions, spec.threshold, spec.min_threshold)?;
        let max_rows = spec.rows.iter().copied().max().unwrap_or(0);
        if let Some(place) = spec.rows.iter().position(|&rows| rows == 0) {
            return Err(invalid(
                "rows",
                format!("0 for institution {}", place + 1),
                "at least 1 for each",
            ));
        }
        let model = Model::starting(spec.initial_model.clone(), &spec.server_optimiser)
            .ok_or_else(|| {
                invalid("initial model", "not finite".to_owned(), "finite numbers only")
            })?;
        let (dimension, training) = plan(spec)?;
        if model.parameters().len() != dimension as usize {
            let actual = format!("{} parameters", model.parameters().len());
            return Err(invalid(
                "initial model",
                actual,
                &format!("{dimension} parameters, as the model has"),
            ));
        }

        let authority = SigningKey::generate(rng);
        let coordinator = SigningKey::generate(rng);
        let evaluation = EvaluationKey::generate(rng);
        let nonce = random_hash(rng);
        let pseudonym_nonce = Zeroizing::new(random_hash(rng));

        let initial_model = model.to_bytes();
        let genesis = v1::Genesis {
            protocol_version: PROTOCOL_VERSION,
            nonce: nonce.to_vec(),
            dimension,
            initial_model: Some(v1::BlobRef {
                sha256: model.hash().to_vec(),
                length: initial_model.len() as u64,
            }),
            institutions,
            threshold: spec.threshold,
            min_updates: spec.min_updates,
            min_rows: spec.min_rows,
            bound: Some(bound(spec)),
            statistics: spec.statistics,
            evaluation: spec.evaluation,
            server_optimiser: spec.server_optimiser.message(),
            lattice: match spec.mask {
                MaskKind::Group => None,
                MaskKind::Lattice { scale } => Some(v1::LatticeMask { scale }),
            },
            max_rows,
            steps: spec.steps,
            collection_timeout_ms: spec.collection_timeout_ms,
            max_attempts: spec.max_attempts,
            authority_key: authority.verifying_key().encode().to_vec(),
            coordinator_key: coordinator.verifying_key().encode().to_vec(),
            training,
            evaluation_key: evaluation.verifying_key().encode().to_vec(),
            refresh_steps: spec.refresh_steps,
            min_threshold: spec.min_threshold,
            privacy: spec.privacy.map(|terms| v1::Privacy {
                signal_norm: terms.signal,
                noise_variance: terms.variance,
                epsilon_milli: terms.epsilon_milli,
                delta_bits: terms.delta_bits,
            }),
        };
        let genesis_entry =
            entry(sign(&authority, &NO_CHAIN, None, Action::Genesis(genesis)), false);
        let parameters = Parameters::from_genesis_entry(&genesis_entry)?;

        let dictionary = spec.dictionary.as_ref().map(|agreed| agreed.text().to_vec());
        let mut authority = AuthorityFiles {
            dictionary,
            signing: authority,
            pseudonym_nonce,
            register: Register::default(),
            genesis_entry: genesis_entry.clone(),
            initial_model: initial_model.clone(),
            parameters: parameters.clone(),
        };
        let institutions = (1..).zip(&spec.rows);
        let institutions = institutions
            .map(|(index, &rows)| authority.admit(&institution_folder(index), rows, rng));
        let institutions = institutions.collect::<Result<_, _>>()?;
        let coordinator = CoordinatorFiles {
            signing: coordinator,
            evaluation,
            genesis_entry: genesis_entry.clone(),
            initial_model: initial_model.clone(),
            parameters: parameters.clone(),
        };
        Ok(Self { genesis_entry, initial_model, parameters, coordinator, institutions, authority })
    }

    /// Writes the ceremony's directory, flushed to disk. It appears whole under its name or not at all.
    ///
    /// # Errors
    /// [`FilesError::Exists`] where `dir` is there already, [`FilesError::Io`] naming what cannot be written.
    pub fn write(&self, dir: &Path) -> Result<(), FilesError> {
        disk::appear(dir, |partial| {
            let mut public: Vec<(&str, &[u8])> =
                vec![(GENESIS, &self.genesis_entry), (INITIAL_MODEL, &self.initial_model)];
            let dictionary = self.authority.dictionary.iter();
            public.extend(dictionary.map(|text| (DICTIONARY, text.as_slice())));
            disk::write_folder(partial, &public)?;
            self.authority.write_into(&partial.join("authority"))?;
            self.coordinator.write_into(&partial.join("coordinator"))?;
            for files in &self.institutions {
                let folder = institution_folder(files.identity.trustee_index);
                files.write_into(&partial.join(folder))?;
            }
            disk::sync_folder(partial)
        })
    }

    /// The authority's key: what certificates, revocations and changes of the committee are signed with.
    pub fn authority_key(&self) -> &SigningKey {
        &self.authority.signing
    }
}

/// Number of parameters of the model, and what a genesis says of it and of its training.
fn plan(spec: &CeremonySpec) -> Result<(u32, Vec<u8>), AuthorityError> {
    if let Some(program) = &spec.program {
        return Ok((program.tensors().dimension(), program.encode()));
    }
    let dictionary = spec.dictionary.as_ref().map(AgreedDictionary::hash);
    let plan = Plan { layers: spec.layers.clone(), training: spec.training, dictionary };
    let dimension = plan.check()?;
    if let Some(agreed) = &spec.dictionary
        && agreed.inputs() != spec.layers.inputs
    {
        return Err(AuthorityError::Spec {
            field: "inputs",
            actual: spec.layers.inputs.to_string(),
            expected: format!("{}, as the data dictionary has", agreed.inputs()),
        });
    }
    Ok((dimension, plan.encode()))
}

/// The bound as a genesis has it.
fn bound(spec: &CeremonySpec) -> v1::genesis::Bound {
    let clip = spec.clip;
    match spec.bound {
        Bound::Parameter { bits, .. } => {
            v1::genesis::Bound::Parameter(v1::ParameterBound { bits: bits.into(), clip })
        }
        Bound::Norm { norm, projections } => {
            v1::genesis::Bound::Norm(v1::NormBound { norm, clip, projections: projections.into() })
        }
    }
}

fn random_hash(rng: &mut impl CryptoRngCore) -> [u8; 32] {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use consilium_contract::certificate::Certificate;
    use consilium_proto::training::Layers;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    fn spec() -> CeremonySpec {
        CeremonySpec::new(Layers::dense(2, vec![3]), vec![0.25; 13], vec![10, 20, 30, 40])
    }

    #[test]
    fn every_institution_gets_a_certified_key_and_a_number_of_its_own() {
        let ceremony = Ceremony::hold(&spec(), &mut ChaCha20Rng::seed_from_u64(1)).unwrap();
        let parameters = &ceremony.parameters;
        assert_eq!((parameters.institutions, parameters.threshold, parameters.quorum), (4, 2, 3));
        assert_eq!(parameters.max_rows, 40);
        for (index, files) in (1..).zip(&ceremony.institutions) {
            let certificate = Certificate::verify(
                &files.certificate,
                &parameters.authority,
                &parameters.nonce,
                40,
            )
            .unwrap();
            assert_eq!(certificate, files.identity);
            assert_eq!(certificate.trustee_index, index);
            assert_eq!(certificate.signing_key, files.signing.verifying_key());
        }
    }

    #[test]
    fn two_ceremonies_of_one_specification_are_two_chains() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let first = Ceremony::hold(&spec(), &mut rng).unwrap();
        let second = Ceremony::hold(&spec(), &mut rng).unwrap();
        assert_ne!(first.parameters.chain_id, second.parameters.chain_id);
        assert_ne!(
            first.institutions[0].identity.pseudonym,
            second.institutions[0].identity.pseudonym
        );
    }

    #[test]
    fn the_genesis_carries_the_bound_that_was_asked_for() {
        for bound in [
            Bound::parameter(8),
            Bound::parameter(16),
            Bound::Norm { norm: 300, projections: 256 },
            Bound::Norm { norm: 70_000, projections: 1024 },
        ] {
            let spec = CeremonySpec { bound, clip: 0.5, ..spec() };
            let parameters =
                Ceremony::hold(&spec, &mut ChaCha20Rng::seed_from_u64(4)).unwrap().parameters;
            assert_eq!((parameters.bound, parameters.clip), (bound, 0.5));
        }
    }

    #[test]
    fn the_genesis_carries_the_key_that_certifies_sums_and_when_shares_are_refreshed() {
        let spec = CeremonySpec { refresh_steps: 7, ..spec() };
        let ceremony = Ceremony::hold(&spec, &mut ChaCha20Rng::seed_from_u64(5)).unwrap();
        assert_eq!(ceremony.parameters.refresh_steps, 7);
        assert_eq!(
            ceremony.parameters.evaluation_key,
            ceremony.coordinator.evaluation.verifying_key()
        );
    }

    #[test]
    fn what_does_not_found_a_run_is_refused_by_name() {
        let refused = |change: fn(&mut CeremonySpec), field: &str| {
            let mut spec = spec();
            change(&mut spec);
            let error =
                Ceremony::hold(&spec, &mut ChaCha20Rng::seed_from_u64(3)).unwrap_err().to_string();
            assert!(error.contains(field), "{error} should name {field}");
        };
        refused(|spec| spec.threshold = 3, "n ≥ 3t");
        refused(|spec| spec.min_updates = 2, "min_updates");
        refused(|spec| spec.min_updates = 5, "min_updates");
        refused(|spec| spec.rows[2] = 0, "institution 3");
        refused(|spec| spec.initial_model.truncate(12), "13 parameters");
        refused(|spec| spec.initial_model[4] = f32::NAN, "initial model");
        refused(|spec| spec.clip = -1.0, "clip");
        refused(|spec| spec.bound = Bound::parameter(9), "bits");
        refused(|spec| spec.bound = Bound::Norm { norm: 5600, projections: 100 }, "projections");
        refused(|spec| spec.bound = Bound::Norm { norm: 2, projections: 256 }, "raise the norm");
        refused(
            |spec| spec.bound = Bound::Norm { norm: 50_000_000, projections: 256 },
            "lower the norm",
        );
        refused(|spec| spec.steps = 0, "steps");
        refused(|spec| spec.training.learning_rate = f64::INFINITY, "learning rate");
        refused(|spec| spec.training.batch_size = 0, "batch size");
        refused(|spec| spec.layers.hidden.push(0), "a layer without a neuron");
    }
}
