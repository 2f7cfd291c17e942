//! Where an institution stands, read from its state directory alone.

use std::{fmt, path::Path, sync::Arc};

use consilium_authority::{InstitutionFiles, promise};
use consilium_crypto::Hash;

use crate::{CheckedModel, ClientError, error::short, follow::Follower, history::History};

/// Where an institution stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The run.
    pub chain_id: Hash,
    /// The institution's name on the chain.
    pub pseudonym: Hash,
    /// What every update of the run proves about itself, in words.
    pub bound: String,
    /// Verified blocks.
    pub blocks: u64,
    /// Institutions that are enrolled, and how many the genesis asks for.
    pub enrolled: (usize, u32),
    /// Whether this one is among them.
    pub is_enrolled: bool,
    /// Closed rounds, and how many the genesis asks for.
    pub steps: (u64, u64),
    /// What the closed rounds have cost, where institutions add noise.
    pub privacy: Option<String>,
    /// The try at the current step, from 0.
    pub attempt: u32,
    /// The phase of the round.
    pub phase: &'static str,
    /// Rounds whose models are checked, and the hash of the last of them.
    pub checked: (u64, Hash),
}

/// Reads the state directory of an institution, also while it is running.
///
/// # Errors
/// [`ClientError`] where there is none, or where it does not hold.
pub fn status(files: &InstitutionFiles, directory: &Path) -> Result<Status, ClientError> {
    let parameters = Arc::new(files.parameters.clone());
    let mut history = History::view(directory, &parameters)?;
    let mut follower = Follower::new(Arc::clone(&parameters), files.genesis_entry.clone());
    while let Some((block, header)) = history.block(follower.height())? {
        let _ = follower.read(&block, &header)?;
    }
    let checked = CheckedModel::load(directory, &parameters)?;
    Ok(Status {
        chain_id: parameters.chain_id,
        pseudonym: files.identity.pseudonym,
        bound: promise(parameters.bound, parameters.clip),
        blocks: history.len(),
        enrolled: (follower.roster().len(), parameters.institutions),
        is_enrolled: follower.roster().get(&files.identity.pseudonym).is_some(),
        steps: (follower.step(), parameters.steps),
        privacy: parameters.privacy.as_ref().map(|privacy| privacy.spent(follower.step())),
        attempt: follower.attempt(),
        phase: follower.phase().name(),
        checked: checked.map_or((0, parameters.initial_model), |model| (model.step(), model.model().hash())),
    })
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "chain           {}", short(&self.chain_id))?;
        let enrolment = if self.is_enrolled { "enrolled" } else { "not enrolled" };
        writeln!(f, "institution     {} ({enrolment})", short(&self.pseudonym))?;
        writeln!(f, "bound           {}", self.bound)?;
        writeln!(f, "enrolled        {} of {}", self.enrolled.0, self.enrolled.1)?;
        writeln!(f, "verified blocks {}", self.blocks)?;
        writeln!(f, "closed rounds   {} of {}", self.steps.0, self.steps.1)?;
        if let Some(privacy) = &self.privacy {
            writeln!(f, "privacy         {privacy}")?;
        }
        writeln!(f, "now             {}, attempt {}", self.phase, self.attempt)?;
        write!(f, "checked model   {} after {} rounds", short(&self.checked.1), self.checked.0)
    }
}
