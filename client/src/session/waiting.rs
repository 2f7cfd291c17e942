//! Says for whom a run waits that has not begun.

use consilium_audit::follow::Phase;
use consilium_contract::keygen::first_members;
use tracing::info;

use super::Session;

impl Session<'_> {
    /// While the key has not been made: how many have enrolled, and how many it takes. Once for each that comes.
    pub(super) fn say_who_is_awaited(&mut self) {
        let follower = &self.own.follower;
        if follower.committee().is_some() || !matches!(follower.phase(), Phase::Idle) {
            return;
        }
        let parameters = &self.own.parameters;
        let enrolled = first_members(parameters, follower.roster()).len();
        if self.enrolled_said == Some(enrolled) {
            return;
        }
        self.enrolled_said = Some(enrolled);
        let institutions = parameters.institutions;
        let needed = parameters.quorum;
        info!(
            enrolled,
            institutions,
            needed,
            "waiting for institutions to enrol: the key is made with all of them, or with those needed after a while"
        );
    }
}
