//! As an institution that enrols, and as a member of the committees that are being made.

use std::sync::{Arc, PoisonError};

use consilium_audit::follow::Phase;
use consilium_contract::transaction::sign;
use consilium_ledger::Block;
use consilium_proto::v1::{Enrol, Rejoin, transaction::Action};
use rand_core::OsRng;
use tracing::{info, warn};

use super::{Answer, Session, blocking, bytes};
use crate::ClientError;

impl Session<'_> {
    pub(super) fn enrol(&mut self) {
        let own = &self.own;
        if self.has_enrolled || own.follower.roster().get(own.pseudonym()).is_some() {
            return;
        }
        self.has_enrolled = true;
        let action = Action::Enrol(Enrol { certificate: Some(own.files.certificate.clone()) });
        let signed =
            sign(&own.files.signing, &own.parameters.chain_id, Some(own.pseudonym()), action);
        let mut connection = self.connection.clone();
        let deadline = self.deadline();
        self.calls
            .spawn(async move { connection.enrol(signed, deadline).await.map(Answer::Enrolled) });
    }

    /// Ends the part of an institution that the authority has revoked. As long as it holds a share of the key, the others may
    /// need it: it stays until a committee without it stands.
    pub(super) fn leave(&mut self) -> Result<(), ClientError> {
        let own = &mut *self.own;
        let follower = &own.follower;
        let name = &own.files.identity.pseudonym;
        if !follower.roster().is_revoked(name) {
            return Ok(());
        }
        let is_member =
            follower.committee().is_some_and(|committee| committee.place_of(name).is_some());
        if !is_member && !matches!(follower.phase(), Phase::Keygen(_)) {
            return Err(ClientError::Revoked);
        }
        if !own.is_leaving {
            own.is_leaving = true;
            warn!(
                "the authority has revoked this institution: its updates are taken no longer; it goes on countersigning and \
                 opening sums until a committee without it holds the key"
            );
        }
        Ok(())
    }

    /// Where rounds no longer wait for this institution, it says that it is there again: once it has made an update, so that
    /// nobody is made to wait for one whose trainer fails.
    pub(super) fn rejoin(&mut self) {
        let own = &self.own;
        let name = own.pseudonym();
        let suspend_after = own.parameters.suspend_after;
        let is_suspended = own.follower.roster().get(name).is_some_and(|institution| {
            institution.may_submit() && institution.is_suspended(suspend_after)
        });
        if !is_suspended || self.update_sent == self.rejoined_with {
            return;
        }
        self.rejoined_with = self.update_sent;
        let step = own.follower.step();
        info!(step, "rounds no longer waited for this institution: it says that it is there again");
        let action = Action::Rejoin(Rejoin { step });
        let signed = sign(&own.files.signing, &own.parameters.chain_id, Some(name), action);
        let mut connection = self.connection.clone();
        let deadline = self.deadline();
        self.calls
            .spawn(async move { connection.enrol(signed, deadline).await.map(Answer::Rejoined) });
    }

    /// What a block says about this institution, and about the committee that it may complete.
    pub(super) fn read_as_a_member(&mut self, block: &Block) -> Result<(), ClientError> {
        let own = &mut *self.own;
        let committee = own.follower.committee().map(|committee| committee.number);
        if own.committee != committee {
            own.committee = committee;
            // Durable before the shares of the committee before are gone.
            own.history.flush().wait()?;
        }
        let mut duties = own.duties.lock().unwrap_or_else(PoisonError::into_inner);
        duties.read(block, &mut own.follower)
    }

    /// As a member of a committee that is being made: says what the stage calls for.
    pub(super) async fn contribute(&mut self) -> Result<(), ClientError> {
        let own = &mut *self.own;
        let Phase::Keygen(keygen) = own.follower.phase() else { return Ok(()) };
        if self.contributed == Some(*keygen.basis()) || keygen.has_heard(own.pseudonym()) {
            return Ok(());
        }
        let basis = *keygen.basis();
        let step = own.follower.step();
        let keygen = Arc::clone(keygen);
        let duties = Arc::clone(&own.duties);
        let chain = own.parameters.chain_id;
        let flush = own.history.flush();
        let work = blocking(move || {
            flush.wait()?;
            let mut duties = duties.lock().unwrap_or_else(PoisonError::into_inner);
            let said = duties.contribute(&keygen, step, &chain, &mut OsRng);
            // Let go of before the next block is read, which moves the ceremony on.
            drop(keygen);
            said
        });
        let said = work.await??;
        self.contributed = Some(basis);
        if let Some(signed) = said {
            own.report.bytes_up += bytes(&signed);
            let mut connection = self.connection.clone();
            let deadline = self.deadline();
            self.calls.spawn(async move {
                connection.contribute(signed, deadline).await.map(Answer::Contributed)
            });
        }
        Ok(())
    }
}
