//! What is said about the institutions, and what it changes.

use consilium_hash::Pseudonym;
use consilium_proto::v1::{Enrol, Reason, Rejoin, Revoke};

use super::{certificate::Certificate, roster::EnrolmentConflict};
use crate::{
    handler::{Handler, Refusal, Said},
    state::State,
};

impl Handler for Enrol {
    type Read = ();
    type Effect = Certificate;

    fn read(&self) {}

    fn judge(&self, (): (), _: &Said, state: &State) -> Result<Certificate, Refusal> {
        let message = self.certificate.as_ref().ok_or(Reason::BadCertificate)?;
        let certificate =
            state.parameters.verify_certificate(message).map_err(|_| Reason::BadCertificate)?;
        let participants = state.exchange.participants();
        if participants.has(&certificate.pseudonym, &certificate.signing_key) {
            return Err(Reason::Duplicate.into());
        }
        let places = state.parameters.institutions;
        state.roster.has_place_for(&certificate, places).map_err(|conflict| match conflict {
            EnrolmentConflict::Pseudonym | EnrolmentConflict::KeyOrIndex => Reason::Duplicate,
            EnrolmentConflict::Revoked => Reason::Revoked,
            EnrolmentConflict::NoPlace => Reason::NoPlace,
        })?;
        Ok(certificate)
    }

    fn execute(certificate: Certificate, state: &mut State) {
        state.roster.add(certificate);
    }
}

impl Handler for Revoke {
    type Read = Option<Pseudonym>;
    type Effect = Pseudonym;

    fn read(&self) -> Option<Pseudonym> {
        self.pseudonym.as_slice().try_into().ok()
    }

    fn judge(
        &self,
        read: Option<Pseudonym>,
        _: &Said,
        state: &State,
    ) -> Result<Pseudonym, Refusal> {
        let pseudonym = read.ok_or(Reason::MalformedEncoding)?;
        if state.roster.is_revoked(&pseudonym) {
            return Err(Reason::Duplicate.into());
        }
        Ok(pseudonym)
    }

    fn execute(pseudonym: Pseudonym, state: &mut State) {
        state.roster.revoke(&pseudonym);
    }
}

impl Handler for Rejoin {
    type Read = ();
    type Effect = Pseudonym;

    fn read(&self) {}

    fn judge(&self, (): (), said: &Said, state: &State) -> Result<Pseudonym, Refusal> {
        let author = said.institution()?;
        let after = state.parameters.suspend_after;
        state.roster.judge_rejoin(&author, self.step, state.step, after)?;
        Ok(author)
    }

    fn execute(author: Pseudonym, state: &mut State) {
        state.roster.rejoin(&author);
    }
}
