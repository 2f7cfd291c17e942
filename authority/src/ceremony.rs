//! The local ceremony: every party's keys made in one place, for simulations and tests.

use std::path::Path;

use consilium_contract::parameters::Parameters;
use consilium_crypto::{EvaluationKey, signature::SigningKey};
use consilium_identity::{
    CoordinatorFiles, FilesError, InstitutionFiles, TlsKey, disk, institution_folder,
};
use rand_core::CryptoRngCore;

use crate::{
    AuthorityError, AuthorityFiles, CeremonySpec,
    founding::{CoordinatorKeys, found},
    known::AuthorityKeys,
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
        let signing = SigningKey::generate(rng);
        let evaluation = EvaluationKey::generate(rng);
        let tls = TlsKey::generate(rng);
        let keys = CoordinatorKeys {
            signing_key: signing.verifying_key(),
            evaluation_key: evaluation.verifying_key(),
        };
        let mut authority = found(spec, AuthorityKeys::generate(rng), keys, rng)?;
        let institutions = (1..).zip(&spec.rows);
        let institutions = institutions
            .map(|(index, &rows)| authority.admit(&institution_folder(index), rows, rng));
        let institutions = institutions.collect::<Result<_, _>>()?;
        let genesis_entry = authority.genesis_entry.clone();
        let initial_model = authority.initial_model.clone();
        let parameters = authority.parameters.clone();
        let coordinator = CoordinatorFiles {
            signing,
            evaluation,
            tls,
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
            disk::write_folder(partial, &self.authority.public_files())?;
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

#[cfg(test)]
mod tests {
    use consilium_contract::certificate::Certificate;
    use consilium_crypto::Bound;
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
