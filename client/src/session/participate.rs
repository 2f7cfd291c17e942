//! As a participant: what the open round asks of an institution's rows.

use std::sync::Arc;

use consilium_audit::follow::Phase;
use tracing::warn;

use super::{Answer, Session, blocking};
use crate::{
    ClientError,
    institution::assignment::Assignment,
    observer::UpdateReport,
    state::upload::{self, Upload},
};

impl Session<'_> {
    /// As a participant: trains on the checked model and submits.
    pub(super) async fn participate(&mut self) -> Result<(), ClientError> {
        let Phase::Collecting(collection) = self.own.follower.phase() else { return Ok(()) };
        let round = collection.round();
        let attempt = (round.step, round.attempt);
        let is_revoked =
            self.own.follower.roster().get(self.own.pseudonym()).is_none_or(|own| own.revoked);
        if self.own.is_silenced || is_revoked || self.own.sits_out == Some(attempt) {
            return Ok(());
        }
        if let Some(upload) = self.own.upload_for(round) {
            let upload = upload.clone();
            self.send_update(upload);
            return Ok(());
        }
        if collection.has_update_of(self.own.pseudonym()) {
            warn!(
                step = attempt.0,
                "an update of this attempt is on the chain and not on this disk: it stays the only one"
            );
            self.own.sits_out = Some(attempt);
            return Ok(());
        }
        match self.make_update().await? {
            Some(upload) => self.send_update(upload),
            None => self.own.sits_out = Some(attempt),
        }
        Ok(())
    }

    /// Trains, encrypts, proves, and stores the bytes. `None` where no update can be made from the own rows.
    pub(super) async fn make_update(&mut self) -> Result<Option<Upload>, ClientError> {
        let own = &mut *self.own;
        let Phase::Collecting(collection) = own.follower.phase() else { return Ok(None) };
        let identity = &own.files.identity;
        let bound = own.parameters.own_bound_in(collection.round().step, identity.rows);
        let assignment = match Assignment::new(&own.model, collection, &identity.pseudonym, bound) {
            Ok(assignment) => assignment,
            Err(source) => {
                return Err(self.unfaithful_model(
                    self.own.follower.height().saturating_sub(1),
                    source,
                    None,
                ));
            }
        };
        let Some(mut participant) = own.participant.take() else {
            return Err(ClientError::Interrupted("the trainer is gone".into()));
        };
        let files = Arc::clone(&own.files);
        let flush = own.history.flush();
        let directory = own.directory.clone();
        let findings = own.model.findings().clone();
        let work = blocking(move || {
            let parameters = &files.parameters;
            let step = assignment.context().round.step;
            let made = participant
                .contribution(parameters, step, assignment.global(), &findings)
                .map_err(|error| error.to_string())
                .and_then(|(update, own)| {
                    let envelope =
                        upload::seal(parameters, &assignment, &update.quantised, &files.signing);
                    Ok((update, own, envelope.map_err(|error| error.to_string())?))
                });
            let stored = made.map(|(update, own, envelope)| {
                let report = UpdateReport {
                    train: update.train,
                    quantise: update.quantise,
                    encrypt: envelope.encrypt,
                    prove: envelope.prove,
                    clipped_share: update.clipped_share,
                    model: update.model,
                    own,
                };
                // The history on which it is said, and the bytes, before anything is sent.
                flush
                    .wait()
                    .and_then(|()| envelope.store(&directory))
                    .map_err(ClientError::from)
                    .map(|upload| (upload, report))
            });
            (participant, stored)
        });
        let (participant, stored) = work.await?;
        self.own.participant = Some(participant);
        match stored {
            Ok(stored) => {
                let (upload, report) = stored?;
                self.own.report.update = Some(report);
                self.own.upload = Some(upload.clone());
                Ok(Some(upload))
            }
            Err(error) => {
                warn!(%error, "no update of this step; it is left to the others");
                Ok(None)
            }
        }
    }

    /// Sends the stored bytes, once a connection.
    pub(super) fn send_update(&mut self, upload: Upload) {
        let header = *upload.header_hash();
        if self.update_sent == Some(header) {
            return;
        }
        self.update_sent = Some(header);
        self.own.report.bytes_up += upload.bytes();
        let mut connection = self.connection.clone();
        let deadline = self.deadline();
        self.calls.spawn(async move {
            let step = upload.round().step;
            let (answered, times) = connection.submit(upload, deadline).await?;
            Ok(Answer::Judged { header, step, answered, times })
        });
    }
}
