//! A run's genesis, out of a specification and the coordinator's public keys; and a founding whose parties have made their
//! own keys.

use std::path::Path;

use consilium_contract::{
    model::Model,
    parameters::{PROTOCOL_VERSION, Parameters},
    transaction::{NO_CHAIN, entry, sign},
};
use consilium_crypto::{Bound, mask::Kind as MaskKind, signature::VerifyingKey};
use consilium_identity::{
    FilesError, PartyRequest, disk,
    layout::{CERTIFICATE, DICTIONARY, GENESIS, INITIAL_MODEL},
};
use consilium_proto::{
    training::Plan,
    v1::{self, transaction::Action},
};
use prost::Message as _;
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use crate::{
    AgreedDictionary, AuthorityError, AuthorityFiles, CeremonySpec, Known,
    barred::Barred,
    known::AuthorityKeys,
    membership::{Certified, compare_fingerprint},
    register::Register,
};

/// The coordinator's keys, as a genesis names them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CoordinatorKeys {
    /// Of its blocks.
    pub(crate) signing_key: VerifyingKey,
    /// vk.
    pub(crate) evaluation_key: VerifyingKey,
}

/// A request with the fingerprint that its author has read out.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The request.
    pub request: PartyRequest,
    /// What was read out.
    pub fingerprint: String,
}

/// A run that was founded on requests: nobody's private key but the authority's own was there.
#[derive(Debug)]
pub struct Founding {
    /// The authority's folder.
    pub authority: AuthorityFiles,
    /// What the institutions get, in the order of their numbers.
    pub institutions: Vec<Certified>,
}

impl Founding {
    /// Signs the genesis and certifies the institutions: the one at place i has index i + 1.
    ///
    /// # Errors
    /// As [`Ceremony::hold`](crate::Ceremony::hold); [`AuthorityError::Institution`] for a fingerprint that is another
    /// request's, and for two requests with one name or key.
    pub fn hold(
        spec: &CeremonySpec,
        coordinator: &Asked,
        institutions: &[Asked],
        rng: &mut impl CryptoRngCore,
    ) -> Result<Self, AuthorityError> {
        check_rows(spec, institutions.len())?;
        let coordinator = coordinator.keys()?;
        let authority = found(spec, AuthorityKeys::generate(rng), coordinator, rng)?;
        Self { authority, institutions: Vec::new() }.joined_by(institutions, &spec.rows)
    }

    /// Founds the next run on whom an earlier one knows: the same authority, the institutions of `known`, after them those who
    /// ask, and the same coordinator where no other one asks. The one at place i has index i + 1.
    ///
    /// # Errors
    /// As [`hold`](Self::hold), and [`AuthorityError::Institution`] for whoever was revoked in an earlier run.
    pub fn again(
        spec: &CeremonySpec,
        known: Known,
        coordinator: Option<&Asked>,
        joining: &[Asked],
        rng: &mut impl CryptoRngCore,
    ) -> Result<Self, AuthorityError> {
        let Known { keys, coordinator: former, institutions, barred } = known;
        check_rows(spec, institutions.len() + joining.len())?;
        let coordinator = coordinator.map_or(Ok(former), Asked::keys)?;
        let mut authority = AuthorityFiles { barred, ..found(spec, keys, coordinator, rng)? };
        let known = institutions.iter().zip(&spec.rows).map(|(known, &rows)| {
            authority.certify(&known.name, &known.signing_key, known.tls_key, rows)
        });
        let certified = known.collect::<Result<_, _>>()?;
        let rows = spec.rows.get(institutions.len()..).unwrap_or_default();
        Self { authority, institutions: certified }.joined_by(joining, rows)
    }

    /// With those who ask, each with its number of rows.
    fn joined_by(self, asked: &[Asked], rows: &[u64]) -> Result<Self, AuthorityError> {
        let Self { mut authority, institutions: mut certified } = self;
        for (Asked { request, fingerprint }, &rows) in asked.iter().zip(rows) {
            if authority.register.has(request.name()) {
                let problem = "asks twice, or another one has this name: each needs one of its own"
                    .to_owned();
                return Err(AuthorityError::Institution {
                    name: request.name().to_owned(),
                    problem,
                });
            }
            certified.push(authority.approve(request, fingerprint, rows)?);
        }
        Ok(Self { authority, institutions: certified })
    }

    /// Writes the directory, flushed to disk: the authority's own folder, which is private, and what is to be sent to each
    /// party, which is public. It appears whole under its name or not at all.
    ///
    /// # Errors
    /// [`FilesError::Exists`] where `dir` is there already, [`FilesError::Io`] naming what cannot be written.
    pub fn write(&self, dir: &Path) -> Result<(), FilesError> {
        disk::appear(dir, |partial| {
            let public = self.authority.public_files();
            disk::write_folder(partial, &public)?;
            self.authority.write_into(&partial.join("authority"))?;
            disk::write_folder(&partial.join("coordinator"), &public)?;
            disk::write_folder(&partial.join(INSTITUTIONS), &[])?;
            for certified in &self.institutions {
                let folder = partial.join(INSTITUTIONS).join(&certified.name);
                self.authority.write_answer(certified, &folder)?;
            }
            disk::sync_folder(partial)
        })
    }
}

/// The folder beside the authority's that holds what institutions are to be sent.
pub const INSTITUTIONS: &str = "institutions";

impl AuthorityFiles {
    /// Writes what an institution is to be sent, all of it public: its certificate, the genesis and what belongs to it.
    /// `dir` must not exist.
    ///
    /// # Errors
    /// [`FilesError::Io`] naming what cannot be written.
    pub fn write_answer(&self, certified: &Certified, dir: &Path) -> Result<(), FilesError> {
        let certificate = certified.certificate.encode_to_vec();
        let mut files = self.public_files();
        files.push((CERTIFICATE, &certificate));
        disk::write_folder(dir, &files)
    }

    /// Writes an answer into the folder of an earlier one, file by file.
    ///
    /// # Errors
    /// [`FilesError::Io`] naming what cannot be written.
    pub fn replace_answer(&self, certified: &Certified, dir: &Path) -> Result<(), FilesError> {
        for (name, bytes) in self.public_files() {
            disk::replace_file(dir, name, bytes)?;
        }
        disk::replace_file(dir, CERTIFICATE, &certified.certificate.encode_to_vec())
    }

    pub(crate) fn public_files(&self) -> Vec<(&str, &[u8])> {
        let mut files: Vec<(&str, &[u8])> =
            vec![(GENESIS, &self.genesis_entry), (INITIAL_MODEL, &self.initial_model)];
        files.extend(self.dictionary.iter().map(|text| (DICTIONARY, text.as_slice())));
        files
    }
}

impl Asked {
    /// A coordinator's keys, if its fingerprint is the one that was read out.
    fn keys(&self) -> Result<CoordinatorKeys, AuthorityError> {
        let Self { request, fingerprint } = self;
        compare_fingerprint(request, fingerprint)?;
        let evaluation_key = request.evaluation_key();
        let evaluation_key = *evaluation_key.ok_or_else(|| AuthorityError::Institution {
            name: request.name().to_owned(),
            problem: "asks as an institution; have the coordinator ask with `consilium-coordinator request`".to_owned(),
        })?;
        Ok(CoordinatorKeys { signing_key: *request.signing_key(), evaluation_key })
    }
}

fn check_rows(spec: &CeremonySpec, institutions: usize) -> Result<(), AuthorityError> {
    if institutions == spec.rows.len() {
        return Ok(());
    }
    Err(AuthorityError::Spec {
        field: "rows",
        actual: format!("{} numbers", spec.rows.len()),
        expected: format!("one for each of {institutions} institutions"),
    })
}

/// Signs the genesis. Nobody is registered yet.
///
/// # Errors
/// [`AuthorityError::Spec`], [`AuthorityError::Unprotected`] and [`AuthorityError::Genesis`], naming the number that does not
/// fit.
pub(crate) fn found(
    spec: &CeremonySpec,
    keys: AuthorityKeys,
    coordinator: CoordinatorKeys,
    rng: &mut impl CryptoRngCore,
) -> Result<AuthorityFiles, AuthorityError> {
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
        .ok_or_else(|| invalid("initial model", "not finite".to_owned(), "finite numbers only"))?;
    let (dimension, training) = plan(spec)?;
    if model.parameters().len() != dimension as usize {
        let actual = format!("{} parameters", model.parameters().len());
        return Err(invalid(
            "initial model",
            actual,
            &format!("{dimension} parameters, as the model has"),
        ));
    }

    let AuthorityKeys { signing: authority, tls } = keys;
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
        coordinator_key: coordinator.signing_key.encode().to_vec(),
        training,
        evaluation_key: coordinator.evaluation_key.encode().to_vec(),
        refresh_steps: spec.refresh_steps,
        suspend_after: spec.suspend_after,
        min_threshold: spec.min_threshold,
        privacy: spec.privacy.map(|terms| v1::Privacy {
            signal_norm: terms.signal,
            noise_variance: terms.variance,
            epsilon_milli: terms.epsilon_milli,
            delta_bits: terms.delta_bits,
        }),
    };
    let genesis_entry = entry(sign(&authority, &NO_CHAIN, None, Action::Genesis(genesis)), false);
    let parameters = Parameters::from_genesis_entry(&genesis_entry)?;

    let dictionary = spec.dictionary.as_ref().map(|agreed| agreed.text().to_vec());
    Ok(AuthorityFiles {
        dictionary,
        signing: authority,
        tls,
        pseudonym_nonce,
        register: Register::default(),
        barred: Barred::default(),
        genesis_entry,
        initial_model,
        parameters,
    })
}

/// Number of parameters of the model, and what a genesis says of it and of its training.
fn plan(spec: &CeremonySpec) -> Result<(u32, Vec<u8>), AuthorityError> {
    if let Some(program) = &spec.program {
        return Ok((program.tensors().dimension(), program.encode()));
    }
    let dictionary = spec.dictionary.as_ref().map(AgreedDictionary::hash);
    let plan = Plan { layers: spec.layers.clone(), training: spec.training.clone(), dictionary };
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
