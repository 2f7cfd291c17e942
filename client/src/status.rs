//! Where an institution stands, read from its state directory alone.

use std::{fmt, path::Path, sync::Arc};

use consilium_audit::follow::Follower;
use consilium_contract::{
    Attendance, Distance,
    roster::{INITIAL_CREDIT, Institution, Roster},
    transaction::parse_entry,
};
use consilium_datasets::scorecard::Scores;
use consilium_hash::{BlockHash, ChainId, ModelHash, Pseudonym};
use consilium_identity::InstitutionFiles;

use crate::{
    ClientError,
    contribution::last_scores,
    institution::member::Membership,
    state::{history::History, model},
};

/// The name of the phase of a finished run.
const FINISHED: &str = "finished";

/// Where an institution stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// The run.
    pub chain_id: ChainId,
    /// The institution's name on the chain.
    pub pseudonym: Pseudonym,
    /// What every update of the run proves about itself, in words.
    pub bound: String,
    /// What is not proven of the run's mask.
    pub mask_warning: Option<&'static str>,
    /// How far one institution moves the model in a step at most, given who is enrolled: this one, and whoever can the most.
    pub influence: Option<(Distance, Distance)>,
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
    /// Who holds the key, once it is made.
    pub committee: Option<CommitteeStatus>,
    /// What is left of everyone's credit as of the last opened round, by pseudonym, and whether it is revoked.
    pub credit: Vec<(Pseudonym, u32, bool)>,
    /// Rows that everyone's certificate names, by pseudonym, and whether it is revoked or expelled.
    pub certified: Vec<(Pseudonym, u64, bool)>,
    /// Height and hash of the last verified block.
    pub head: Option<(u64, BlockHash)>,
    /// The try at the current step, from 0.
    pub attempt: u32,
    /// The phase of the round.
    pub phase: &'static str,
    /// Whether the authority has paused the run: no further round opens.
    pub is_paused: bool,
    /// Rounds whose models are checked, and the hash of the last of them.
    pub checked: (u64, ModelHash),
    /// The last evaluation of the run: its step, and how good the model was on the held-out rows of all.
    pub evaluated: Option<(u64, Scores)>,
    /// The evaluation with the smallest loss: its step, and the model that it measured.
    pub best: Option<(u64, ModelHash)>,
}

impl Status {
    /// Whether the run is finished, and its last model checked.
    pub fn is_over(&self) -> bool {
        self.phase == FINISHED && self.checked.0 >= self.steps.0
    }
}

/// The committee that holds the key, as an institution sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitteeStatus {
    /// Its number, from 0.
    pub number: u32,
    /// Members, the shares that open a sum, and the countersignatures that come first: n, t, q.
    pub shape: (u32, u32, u32),
    /// This institution's place in it, and whether it holds its share.
    pub own: Option<(u32, bool)>,
    /// Members of whom the chain holds nothing since the step before the present one began.
    pub silent: Vec<Pseudonym>,
}

impl CommitteeStatus {
    /// Whether so few members are heard that the next sum will not be opened.
    pub fn is_thin(&self) -> bool {
        let (members, _, quorum) = self.shape;
        (members as usize).saturating_sub(self.silent.len()) < quorum as usize
    }
}

/// Reads the state directory of an institution, also while it is running.
///
/// # Errors
/// [`ClientError`] where there is none, or where it does not hold.
pub fn status(files: &InstitutionFiles, directory: &Path) -> Result<Status, ClientError> {
    let parameters = Arc::new(files.parameters.clone());
    let mut history = History::view(directory, &parameters)?;
    let mut follower = Follower::new(Arc::clone(&parameters), files.genesis_entry.clone());
    let mut attendance = Attendance::default();
    while let Some((block, header)) = history.block(follower.height())? {
        let step = follower.step();
        let _ = follower.read(&block, &header)?;
        let spoken = block.entries.iter().filter_map(|entry| parse_entry(entry).ok()?.0.author());
        spoken.for_each(|author| attendance.hear(&author, step));
    }
    let own = files.identity.pseudonym;
    let membership = Membership::open(directory, own)?;
    let committee = follower.committee().map(|committee| CommitteeStatus {
        number: committee.number,
        shape: (committee.size(), committee.threshold(), committee.quorum()),
        own: committee.place_of(&own).map(|place| (place, membership.share(committee).is_some())),
        silent: attendance.silent(committee, follower.roster(), follower.step().saturating_sub(1)),
    });
    let roster = follower.roster();
    let credit = roster
        .iter()
        .map(|(name, other)| (*name, follower.credit(name).unwrap_or_default(), other.revoked));
    let credit = credit.collect();
    let certified = roster.iter().map(|(name, other)| {
        let is_out = other.revoked || follower.credit(name) == Some(0);
        (*name, other.certificate.rows, is_out)
    });
    let certified = certified.collect();
    let head = history.chain().head().map(|head| (head.height, *head.hash()));
    let checked = model::load(directory, &parameters)?;
    Ok(Status {
        chain_id: parameters.chain_id,
        pseudonym: files.identity.pseudonym,
        bound: parameters.promise().to_string(),
        mask_warning: parameters.mask_warning(),
        influence: influence(files, roster),
        blocks: history.len(),
        enrolled: (follower.roster().len(), parameters.institutions),
        is_enrolled: follower.roster().get(&files.identity.pseudonym).is_some(),
        steps: (follower.step(), parameters.steps),
        privacy: parameters.describe_privacy(follower.succession()),
        committee,
        credit,
        certified,
        head,
        attempt: follower.attempt(),
        phase: follower.phase().name(),
        is_paused: follower.is_paused(),
        evaluated: checked
            .as_ref()
            .and_then(|checked| last_scores(&parameters, checked.findings())),
        best: checked
            .as_ref()
            .and_then(|checked| checked.findings().best())
            .map(|best| (best.step, best.model.hash())),
        checked: checked
            .map_or((0, parameters.initial_model), |model| (model.step(), model.model().hash())),
    })
}

/// What this institution, and whoever has most, can do to the model; `None` while this one is not enrolled.
fn influence(files: &InstitutionFiles, roster: &Roster) -> Option<(Distance, Distance)> {
    let own = files.identity.pseudonym;
    roster.get(&own)?;
    let able = roster.iter().filter(|(_, institution)| institution.may_submit());
    let (mine, others): (Vec<_>, Vec<_>) = able.partition(|(name, _)| **name == own);
    let rows = |of: &[(&Pseudonym, &Institution)]| -> Vec<u64> {
        of.iter().map(|(_, institution)| institution.certificate.rows).collect()
    };
    let influence = files.parameters.influence();
    let others = rows(&others);
    let everyone = [rows(&mine), others.clone()].concat();
    Some((influence.of(files.identity.rows, &others), influence.most(&everyone)))
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "chain           {}", self.chain_id.short())?;
        let enrolment = if self.is_enrolled { "enrolled" } else { "not enrolled" };
        writeln!(f, "institution     {} ({enrolment})", self.pseudonym.short())?;
        writeln!(f, "bound           {}", self.bound)?;
        if let Some(warning) = self.mask_warning {
            writeln!(f, "mask            {warning}")?;
        }
        if let Some((own, most)) = &self.influence {
            writeln!(
                f,
                "influence       this institution moves the model by {own} in a step at most; nobody by more than {most}"
            )?;
        }
        writeln!(f, "enrolled        {} of {}", self.enrolled.0, self.enrolled.1)?;
        writeln!(f, "verified blocks {}", self.blocks)?;
        writeln!(f, "closed rounds   {} of {}", self.steps.0, self.steps.1)?;
        if let Some(privacy) = &self.privacy {
            writeln!(f, "privacy         {privacy}")?;
        }
        if let Some(committee) = &self.committee {
            let CommitteeStatus { number, shape: (members, threshold, quorum), own, silent } =
                committee;
            let own = match own {
                Some((place, true)) => format!("member {place}, with its share"),
                Some((place, false)) => format!("member {place}, WITHOUT its share"),
                None => "not a member".to_owned(),
            };
            write!(
                f,
                "committee {number:<5} {members} members, {quorum} countersign, {threshold} open; {own}"
            )?;
            writeln!(f)?;
            if !silent.is_empty() {
                let names: Vec<String> =
                    silent.iter().map(|name| name.short().to_string()).collect();
                let thin = if committee.is_thin() {
                    "; TOO FEW are left to open the next sum"
                } else {
                    ""
                };
                writeln!(f, "silent          {}{thin}", names.join(", "))?;
            }
        }
        for (name, credit, revoked) in &self.credit {
            let own = if *name == self.pseudonym { " (this institution)" } else { "" };
            let state = match (revoked, credit) {
                (true, _) => ", revoked",
                (false, 0) => ", expelled",
                (false, _) => "",
            };
            writeln!(
                f,
                "credit          {} {credit} of {INITIAL_CREDIT}{state}{own}",
                name.short()
            )?;
        }
        let paused =
            if self.is_paused { "; paused by the authority: no further round opens" } else { "" };
        writeln!(f, "now             {}, attempt {}{paused}", self.phase, self.attempt)?;
        write!(f, "checked model   {} after {} rounds", self.checked.1.short(), self.checked.0)?;
        if let Some((step, scores)) = &self.evaluated {
            let rows = scores.rows();
            let scores = scores.in_short();
            write!(
                f,
                "\nevaluated       in step {step}, on {rows} held-out rows of all: {scores}"
            )?;
        }
        if let Some((step, model)) = &self.best {
            write!(f, "\nbest model      {}, by the evaluation in step {step}", model.short())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Kept as _;
    use consilium_proto::v1::{Pause, Resume, transaction::Action};
    use consilium_testkit::World;

    #[test]
    fn a_status_says_how_far_this_institution_and_anyone_can_move_the_model_in_a_step() {
        let directory = tempfile::tempdir().unwrap();
        let world = World::new();
        world.history(directory.path()).flush().wait().unwrap();
        let [first, .., last] = world.ceremony.institutions.as_slice() else { panic!() };
        let said = status(first, directory.path()).unwrap();
        let influence = first.parameters.influence();
        let own = influence.of(25, &[50, 75, 100]);
        let most = influence.most(&[25, 50, 75, 100]);
        assert_eq!(said.influence, Some((own, most)));
        // 32 of 127 units that are 0.5 together, over the weight of 25, 50 and 75 rows; all of them, over 100, 25 and 50.
        let words = "this institution moves the model by 0.0840 in each parameter in a step at most; nobody by more than \
                     0.2857 in each parameter";
        assert!(said.to_string().contains(words), "{said}");
        assert_eq!(status(last, directory.path()).unwrap().influence, Some((most, most)));
    }

    #[test]
    fn a_status_says_that_the_authority_holds_the_run_until_it_lets_go() {
        let mut world = World::new();
        let says = |world: &World| {
            let directory = tempfile::tempdir().unwrap();
            world.history(directory.path()).flush().wait().unwrap();
            let first = world.ceremony.institutions.first().unwrap();
            status(first, directory.path()).unwrap().to_string().contains("paused by the authority")
        };
        assert!(!says(&world));
        world.commit(vec![world.decrees(Action::Pause(Pause { request: 1 }))]);
        assert!(says(&world));
        world.commit(vec![world.decrees(Action::Resume(Resume { request: 2 }))]);
        assert!(!says(&world));
    }
}
