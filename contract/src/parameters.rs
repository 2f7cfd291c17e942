//! Everything that a run is bound to: the genesis, checked.

use consilium_crypto::{
    Bound, QuantiseError, RoundContext, countersign_quorum,
    mask::{Kind as MaskKind, Parameters as UpdateParameters},
    quantise::{Quantiser, unit},
    signature::VerifyingKey,
};
use consilium_hash::{ChainId, ModelHash};
use consilium_privacy::{Guarantee, Run, Terms};
use consilium_proto::{TRAINING_BYTES, WireError, hash32, v1};
use thiserror::Error;

use crate::{
    agenda::{Agenda, AgendaError, Form, Purpose},
    certificate::{Certificate, CertificateError},
    committee::Committee,
    server_optimiser::{ServerOptimiser, ServerOptimiserError},
};

/// Version of the protocol that this crate speaks.
pub const PROTOCOL_VERSION: u32 = 4;

/// What whoever takes part in a run under a lattice mask has to know.
pub const EXPERIMENTAL: &str = "the lattice mask is experimental: its security rests on estimates (lattice-estimator run by nobody \
     else, chosen-ciphertext argument not written out, constant time not reviewed) and leaves noise in the model; see \
     docs/cryptography.md, section 10";

/// Largest number of institutions of a run.
pub const MAX_INSTITUTIONS: u32 = 128;

pub use consilium_proto::MAX_DIMENSION;

/// Why a genesis does not found a run.
#[derive(Debug, Error)]
pub enum GenesisError {
    /// A field has the wrong width or does not decode.
    #[error("genesis: {0}")]
    Malformed(#[from] WireError),
    /// A value outside what the protocol allows.
    #[error("genesis: {field} is {actual}; expected {expected}")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// What the genesis says.
        actual: String,
        /// What the protocol allows.
        expected: String,
    },
    /// Statistics or evaluations that no run can have.
    #[error("genesis: {0}")]
    Agenda(#[from] AgendaError),
    /// Numbers that make no optimiser.
    #[error("genesis: {0}")]
    ServerOptimiser(#[from] ServerOptimiserError),
    /// A key, commitment or bound that the cryptography refuses.
    #[error("genesis: {field}: {reason}")]
    Crypto {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The first entry is not a genesis signed by its own authority.
    #[error("genesis: {0}")]
    NotAGenesis(&'static str),
    /// The initial model is not the blob that the genesis names.
    #[error("genesis: the initial model has another hash, length or a value that is not finite")]
    WrongModel,
}

/// The checked genesis of a run.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// Hash of the entry that holds the genesis.
    pub chain_id: ChainId,
    /// The authority's random bytes; certificates are bound to them.
    pub nonce: [u8; 32],
    /// Number of parameters of the model, d.
    pub dimension: u32,
    /// SHA-256 of the initial model.
    pub initial_model: ModelHash,
    /// Number of institutions that may take part at a time, and places of the first committee, n.
    pub institutions: u32,
    /// Shares of the first committee that open a sum, t.
    pub threshold: u32,
    /// Countersignatures that a sealed block needs of the first committee, q = ⌊(n+t−1)/2⌋ + 1.
    pub quorum: u32,
    /// Accepted updates that a sum needs.
    pub min_updates: u32,
    /// Rows that those who sent them have at least, together: Σω is no smaller than these over `max_rows`.
    pub min_rows: u64,
    /// What an update of the largest institution proves about itself; of others, [`Parameters::own_bound`].
    pub bound: Bound,
    /// c: coordinates of an update lie in [−c, c], or its norm is at most c; weighted, at most ω·c.
    pub clip: f32,
    update: UpdateParameters,
    /// How the mean of the updates moves the model.
    pub server_optimiser: ServerOptimiser,
    /// Rows of the largest institution.
    pub max_rows: u64,
    /// Steps that the run is meant to make, whatever they are for ([`Parameters::agenda`]); a privacy budget or evaluations may
    /// end it earlier.
    pub steps: u64,
    agenda: Agenda,
    /// The least time that a collection, or a stage in which a committee is made, gives those who have not spoken, in
    /// milliseconds.
    pub collection_timeout_ms: u64,
    /// Tries at passing the key on before that is given up, until the next step, and the committee that holds it goes on.
    pub max_attempts: u32,
    /// Key of certificates and revocations.
    pub authority: VerifyingKey,
    /// Key of blocks and of the coordinator's transactions.
    pub coordinator: VerifyingKey,
    /// vk: the public half of the key that certifies sums.
    pub evaluation_key: VerifyingKey,
    /// The smallest threshold that a later committee may have.
    pub min_threshold: u32,
    /// Closed rounds after which the key shares are refreshed; 0 where they never are.
    pub refresh_steps: u64,
    /// Collections in a row without an update of an institution after which no further one waits for it; 0 where each
    /// does.
    pub suspend_after: u32,
    /// What the institutions' noise promises them, where they add any.
    pub privacy: Option<Guarantee>,
    /// What the institutions agreed to run locally: bytes that whoever trains reads, and the contract does not.
    pub training: Vec<u8>,
}

fn out_of_range(
    field: &'static str,
    actual: impl ToString,
    expected: impl ToString,
) -> GenesisError {
    GenesisError::OutOfRange { field, actual: actual.to_string(), expected: expected.to_string() }
}

fn crypto(field: &'static str, reason: impl ToString) -> GenesisError {
    GenesisError::Crypto { field, reason: reason.to_string() }
}

fn require(
    holds: bool,
    field: &'static str,
    actual: impl ToString,
    expected: impl ToString,
) -> Result<(), GenesisError> {
    if holds { Ok(()) } else { Err(out_of_range(field, actual, expected)) }
}

/// What the genesis bounds, and c.
fn read_bound(genesis: &v1::Genesis) -> Result<(Bound, f32), GenesisError> {
    let bound = genesis.bound.as_ref().ok_or(GenesisError::NotAGenesis("it names no bound"))?;
    Ok(match bound {
        v1::genesis::Bound::Parameter(v1::ParameterBound { bits, clip }) => {
            let bits = u8::try_from(*bits).map_err(|_| out_of_range("bits", bits, "8 or 16"))?;
            (Bound::parameter(bits), *clip)
        }
        v1::genesis::Bound::Norm(v1::NormBound { norm, clip, projections }) => {
            let projections = u16::try_from(*projections)
                .map_err(|_| out_of_range("projections", projections, "256, 512 or 1024"))?;
            (Bound::Norm { norm: *norm, projections }, *clip)
        }
    })
}

/// What an update of norm B is quantised to before noise: the norm S.
fn signal(bound: Bound, terms: &Terms) -> Bound {
    match bound {
        Bound::Norm { projections, .. } => Bound::Norm { norm: terms.signal, projections },
        other => other,
    }
}

/// The noise and the budget that the genesis names, checked against the rest of it.
fn read_privacy(
    genesis: &v1::Genesis,
    bound: Bound,
    dimension: u32,
) -> Result<Option<Guarantee>, GenesisError> {
    let Some(v1::Privacy { signal_norm, noise_variance, epsilon_milli, delta_bits }) =
        genesis.privacy
    else {
        return Ok(None);
    };
    let Bound::Norm { norm, .. } = bound else {
        return Err(out_of_range("bound", bound, "a bound on the norm, where there is noise"));
    };
    let terms = Terms { signal: signal_norm, variance: noise_variance, epsilon_milli, delta_bits };
    let run = Run {
        dimension,
        norm,
        institutions: genesis.institutions,
        honest: honest_shares(genesis.min_updates, genesis.threshold),
        most_honest: honest_shares(genesis.min_updates, genesis.min_threshold),
        steps: genesis.steps,
    };
    Guarantee::new(terms, run).map(Some).map_err(|error| crypto("privacy", error))
}

/// h: shares of noise in a sum of at least `min_updates` updates that t − 1 colluding institutions do not know.
pub fn honest_shares(min_updates: u32, threshold: u32) -> u32 {
    (min_updates + 1).saturating_sub(threshold)
}

/// The largest threshold with n ≥ 3t − 2.
pub fn largest_threshold(institutions: u32) -> u32 {
    institutions.saturating_add(2) / 3
}

/// Bytes of a model: its parameters and the optimiser's moments of each.
pub fn model_length(dimension: u32, server_optimiser: &ServerOptimiser) -> usize {
    4 * dimension as usize * (1 + server_optimiser.moments())
}

impl Parameters {
    /// Checks a genesis message.
    ///
    /// # Errors
    /// [`GenesisError`] naming the field, what it is and what it should be.
    pub fn from_genesis(genesis: &v1::Genesis, chain_id: ChainId) -> Result<Self, GenesisError> {
        let n = genesis.institutions;
        let t = genesis.threshold;
        require(
            genesis.protocol_version == PROTOCOL_VERSION,
            "protocol version",
            genesis.protocol_version,
            PROTOCOL_VERSION,
        )?;
        require(
            (1..=MAX_INSTITUTIONS).contains(&n),
            "number of institutions",
            n,
            format!("1 to {MAX_INSTITUTIONS}"),
        )?;
        require(
            t >= 1 && t <= largest_threshold(n),
            "threshold",
            t,
            format!("1 to {} (n ≥ 3t − 2)", largest_threshold(n)),
        )?;
        require(
            (1..=t).contains(&genesis.min_threshold),
            "min_threshold",
            genesis.min_threshold,
            format!("1 to {t} (at most the threshold)"),
        )?;
        let min_updates = genesis.min_updates;
        require(
            min_updates > t && min_updates <= n,
            "min_updates",
            min_updates,
            format!("{} to {n} (more than the threshold, at most the institutions)", t + 1),
        )?;
        require(
            genesis.max_rows > 0 && genesis.max_rows <= 1 << 40,
            "max_rows",
            genesis.max_rows,
            "1 to 2^40",
        )?;
        let all_rows = u64::from(n) * genesis.max_rows;
        require(
            (1..=all_rows).contains(&genesis.min_rows),
            "min_rows",
            genesis.min_rows,
            format!("1 to {all_rows} (all institutions, none larger than the largest)"),
        )?;
        require(genesis.steps > 0, "steps", genesis.steps, "at least 1")?;
        require(genesis.max_attempts > 0, "max_attempts", genesis.max_attempts, "at least 1")?;
        require(
            (1..=86_400_000).contains(&genesis.collection_timeout_ms),
            "collection timeout in ms",
            genesis.collection_timeout_ms,
            "1 to 86400000 (a day)",
        )?;

        let dimension = genesis.dimension;
        require(
            (1..=MAX_DIMENSION).contains(&dimension),
            "number of parameters",
            dimension,
            format!("1 to {MAX_DIMENSION}"),
        )?;
        let initial = genesis
            .initial_model
            .as_ref()
            .ok_or(GenesisError::NotAGenesis("it names no initial model"))?;
        let server_optimiser = ServerOptimiser::read(genesis.server_optimiser)?;
        let model_length = model_length(dimension, &server_optimiser);
        require(
            initial.length == model_length as u64,
            "length of the initial model",
            initial.length,
            model_length,
        )?;

        require(
            genesis.training.len() <= TRAINING_BYTES,
            "length of the training plan",
            genesis.training.len(),
            format!("at most {TRAINING_BYTES} bytes"),
        )?;
        let (bound, clip) = read_bound(genesis)?;
        let mask = match &genesis.lattice {
            None => MaskKind::Group,
            Some(lattice) => MaskKind::Lattice { scale: lattice.scale },
        };
        let privacy = read_privacy(genesis, bound, dimension)?;
        let quantised = privacy.as_ref().map_or(bound, |privacy| signal(bound, privacy.terms()));
        mask.quantiser(bound, clip, 1.0, n)
            .and_then(|_| unit(quantised, clip, dimension as usize))
            .map_err(|error| crypto("bound", error))?;

        let update = UpdateParameters::new(mask, dimension, bound, n)
            .map_err(|error| crypto("bound", error))?;
        let agenda = Agenda::read(genesis, Form { purpose: Purpose::Training, bound, update })?;

        let key = |field, bytes: &[u8]| -> Result<VerifyingKey, GenesisError> {
            VerifyingKey::decode(bytes).map_err(|error| crypto(field, error))
        };
        Ok(Self {
            chain_id,
            nonce: hash32("nonce", &genesis.nonce)?,
            dimension,
            initial_model: ModelHash(hash32("hash of the initial model", &initial.sha256)?),
            institutions: n,
            threshold: t,
            quorum: countersign_quorum(n, t),
            min_updates,
            min_rows: genesis.min_rows,
            bound,
            clip,
            update,
            server_optimiser,
            max_rows: genesis.max_rows,
            steps: agenda.steps(),
            agenda,
            collection_timeout_ms: genesis.collection_timeout_ms,
            max_attempts: genesis.max_attempts,
            authority: key("authority key", &genesis.authority_key)?,
            coordinator: key("coordinator key", &genesis.coordinator_key)?,
            evaluation_key: key("evaluation key", &genesis.evaluation_key)?,
            refresh_steps: genesis.refresh_steps,
            suspend_after: genesis.suspend_after,
            min_threshold: genesis.min_threshold,
            privacy,
            training: genesis.training.clone(),
        })
    }

    /// Length of the blob of every model of the run, in bytes.
    pub fn model_length(&self) -> usize {
        model_length(self.dimension, &self.server_optimiser)
    }

    /// What an update is quantised to, and sums are decoded by: the bound that it proves, or a smaller norm where noise
    /// comes on top.
    pub fn quantised_bound(&self) -> Bound {
        self.privacy.as_ref().map_or(self.bound, |privacy| signal(self.bound, privacy.terms()))
    }

    /// The context that an update of this step and attempt, encrypted for this committee, is bound to.
    pub fn round(
        &self,
        committee: &Committee,
        step: u64,
        attempt: u32,
        model_hash: ModelHash,
    ) -> RoundContext {
        let form = self.agenda.form(step);
        RoundContext {
            protocol_version: PROTOCOL_VERSION,
            chain_id: self.chain_id,
            step,
            attempt,
            model_hash,
            bound: form.bound,
            dimension: form.dimension(),
            key_hash: committee.key_hash,
        }
    }

    /// The weight ω of an institution with that many rows.
    pub fn weight(&self, rows: u64) -> f64 {
        rows as f64 / self.max_rows as f64
    }

    /// What turns an update of an institution of that many rows into integers of this run.
    ///
    /// # Errors
    /// [`QuantiseError`] where it has no weight.
    pub fn quantiser(&self, rows: u64) -> Result<Quantiser, QuantiseError> {
        let weight = self.weight(rows);
        let kind = self.update.kind();
        let quantiser =
            kind.quantiser(self.quantised_bound(), self.clip, weight, self.institutions)?;
        Ok(quantiser.within(self.own_quantised_bound(rows)))
    }

    /// What whoever takes part in a run has to be told of its mask.
    pub fn mask_warning(&self) -> Option<&'static str> {
        match self.update.kind() {
            MaskKind::Group => None,
            MaskKind::Lattice { .. } => Some(EXPERIMENTAL),
        }
    }

    /// What the steps of the run are for.
    pub fn agenda(&self) -> &Agenda {
        &self.agenda
    }

    /// How the updates of a step look.
    pub fn form(&self, step: u64) -> Form {
        self.agenda.form(step)
    }

    /// What an update of an institution with that many rows proves about itself in a step. Digits of counts are as long
    /// whatever the rows, so where rows are counted it is the same for everyone.
    pub fn own_bound_in(&self, step: u64, rows: u64) -> Bound {
        let form = self.form(step);
        match form.purpose {
            Purpose::Training => self.own_bound(rows),
            Purpose::Statistics | Purpose::Evaluation => form.bound,
        }
    }

    /// About what the largest update of the run takes in memory while it is verified, in bytes.
    pub fn verifying_bytes(&self) -> usize {
        self.agenda.forms().map(|form| form.update.verifying_bytes()).max().unwrap_or_default()
    }

    /// Length of the longest body of the run, in bytes.
    pub fn longest_body(&self) -> usize {
        self.agenda.forms().map(|form| form.update.body_length()).max().unwrap_or_default()
    }

    /// What an improving update of an institution with that many rows proves about itself: its share of the bound, in
    /// proportion to its weight.
    pub fn own_bound(&self, rows: u64) -> Bound {
        self.promise().share(rows, self.max_rows)
    }

    /// What such an update is quantised to, before noise if there is any.
    pub fn own_quantised_bound(&self, rows: u64) -> Bound {
        self.privacy.as_ref().map_or_else(|| self.own_bound(rows), |_| self.quantised_bound())
    }

    /// Whether so many updates, of institutions with so many rows together, may be opened.
    pub fn is_enough(&self, updates: usize, rows: u64) -> bool {
        updates >= self.min_updates as usize && rows >= self.min_rows
    }

    /// What the encoding of every update follows from that improves the model.
    pub fn update_parameters(&self) -> UpdateParameters {
        self.update
    }

    /// Verifies a certificate of this run.
    ///
    /// # Errors
    /// [`CertificateError`]; nothing of a certificate that fails is used.
    pub fn verify_certificate(
        &self,
        message: &v1::Certificate,
    ) -> Result<Certificate, CertificateError> {
        Certificate::verify(message, &self.authority, &self.nonce, self.max_rows)
    }
}
