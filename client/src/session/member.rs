//! As an institution that enrols, and as a member of the committees that are being made.

use std::sync::{Arc, PoisonError};

use consilium_audit::follow::Phase;
use consilium_contract::transaction::sign;
use consilium_proto::v1::{Enrol, transaction::Action};
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

    /// A new committee stands: secrets and shares of the one before are removed.
    pub(super) fn settle_committee(&mut self) -> Result<(), ClientError> {
        let own = &mut *self.own;
        let Some(committee) = own.follower.committee() else { return Ok(()) };
        if own.committee == Some(committee.number) {
            return Ok(());
        }
        own.committee = Some(committee.number);
        let committee = Arc::clone(committee);
        let Some(membership) = &mut own.membership else { return Ok(()) };
        // Durable before the shares of the committee before are gone.
        own.history.flush().wait()?;
        membership.settle(&committee)?;
        let place = committee.place_of(&own.files.identity.pseudonym);
        match (place, membership.share(&committee)) {
            (Some(place), Some(_)) => {
                info!(committee = committee.number, place, "a member of the committee")
            }
            (Some(place), None) => warn!(
                committee = committee.number,
                place,
                "a member of the committee without its share of the key: no part in opening sums until the key is shared again"
            ),
            (None, _) => info!(committee = committee.number, "not a member of the committee"),
        }
        Ok(())
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
        let Some(mut membership) = own.membership.take() else {
            return Err(ClientError::Interrupted("the member is gone".into()));
        };
        let keygen = Arc::clone(keygen);
        let memory = Arc::clone(&own.memory);
        let flush = own.history.flush();
        let work = blocking(move || {
            let said = flush.wait().map_err(ClientError::from).and_then(|()| {
                let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
                membership.next(&keygen, step, &mut memory, &mut OsRng)
            });
            // Let go of before the next block is read, which moves the ceremony on.
            drop(keygen);
            (membership, said)
        });
        let (membership, said) = work.await?;
        own.membership = Some(membership);
        self.contributed = Some(basis);
        if let Some(contribution) = said? {
            let action = Action::Contribute(contribution);
            let signed =
                sign(&own.files.signing, &own.parameters.chain_id, Some(own.pseudonym()), action);
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
