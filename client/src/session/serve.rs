//! As a trustee: what a sealed sum asks of an institution.

use std::{
    sync::{Arc, PoisonError},
    time::Instant,
};

use consilium_audit::{
    follow::{Phase, SealedSum},
    judge::{Judged, KeyParts, judge},
};
use consilium_hash::HeaderHash;
use consilium_proto::v1::Reason;
use rand_core::OsRng;

use super::{Answer, RECEIPT_DEADLINE, Session, blocking, bytes, duties};
use crate::{
    ClientError,
    institution::{Duty, Verification},
};

impl Session<'_> {
    /// As a trustee: judges the sealed sum, remembers and countersigns it, and shares once a quorum has.
    pub(super) async fn serve(&mut self) -> Result<(), ClientError> {
        let Phase::Sealed(sealed) = self.own.follower.phase() else { return Ok(()) };
        let sum = Arc::clone(&sealed.sum);
        // Who is no member is a participant only.
        let Some(index) = sum.committee().place_of(self.own.pseudonym()) else { return Ok(()) };
        let is_countersigned = sealed.is_countersigned_by(index);
        let is_shared = sealed.has_share_of(index);
        let step = sum.round().step;

        if self.own.duty.judged().is_none() {
            let accepted = self.accepted_update(&sum).await?;
            let judged = self.judge(&sum, accepted).await?;
            self.own.duty = Duty::Judged(judged);
        }
        if let Duty::Judged(judged) = &self.own.duty {
            let judged = judged.clone();
            let duties = Arc::clone(&self.own.duties);
            let flush = self.own.history.flush();
            let start = Instant::now();
            let countersigned = blocking(move || {
                flush.wait()?;
                duties.lock().unwrap_or_else(PoisonError::into_inner).countersign(&judged)
            });
            let Some(countersigned) = countersigned.await?? else { return Ok(()) };
            self.own.duty = Duty::Countersigned(countersigned);
            self.own.report.countersign += start.elapsed();
        }
        if let Duty::Countersigned(countersigned) = &self.own.duty {
            if !is_countersigned && self.countersignature_sent != Some(step) {
                let signed = countersigned.transaction().clone();
                self.countersignature_sent = Some(step);
                self.own.report.bytes_up += bytes(&signed);
                let mut connection = self.connection.clone();
                let deadline = self.deadline();
                self.calls.spawn(async move {
                    let answered = connection.countersign(signed, deadline).await?;
                    Ok(Answer::Countersigned { step, answered })
                });
            }
            self.share().await?;
        }
        if let Duty::Answered(_, signed) = &self.own.duty
            && !is_shared
            && self.share_sent != Some(step)
        {
            let signed = signed.clone();
            self.share_sent = Some(step);
            self.own.report.bytes_up += bytes(&signed);
            let mut connection = self.connection.clone();
            let deadline = self.deadline();
            self.calls.spawn(async move {
                let answered = connection.share(signed, deadline).await?;
                Ok(Answer::Shared { step, answered })
            });
        }
        Ok(())
    }

    /// Makes the decryption share if q trustees have countersigned the same block.
    pub(super) async fn share(&mut self) -> Result<(), ClientError> {
        let own = &mut *self.own;
        let (Duty::Countersigned(countersigned), Phase::Sealed(sealed)) =
            (&own.duty, own.follower.phase())
        else {
            return Ok(());
        };
        let judged = countersigned.judged().clone();
        let Some(quorum) = countersigned.quorum(sealed.countersignatures()) else { return Ok(()) };
        let Some(share) = duties(own).key_share(&judged).map(Arc::clone) else { return Ok(()) };
        let files = Arc::clone(&own.files);
        let start = Instant::now();
        let work =
            blocking(move || quorum.share(&share, &files.signing, &files.identity.pseudonym));
        let signed = work.await?;
        own.duty = Duty::Answered(judged, signed);
        own.report.share += start.elapsed();
        Ok(())
    }

    /// The hash of the own update's header, if the contract has accepted it. Where the sum does not name it, the
    /// receipt decides, and is waited for.
    pub(super) async fn accepted_update(
        &mut self,
        sum: &SealedSum,
    ) -> Result<Option<HeaderHash>, ClientError> {
        let Some(upload) = self.own.upload_for(sum.round()).cloned() else { return Ok(None) };
        let header = *upload.header_hash();
        if sum.names(&header) {
            self.own.report.verdict = Some(Reason::Accepted);
            return Ok(Some(header));
        }
        loop {
            match &self.own.verdict {
                Some((of, answered)) if *of == header => {
                    return Ok(answered.receipt.is_accepted().then_some(header));
                }
                _ => {}
            }
            self.send_update(upload.clone());
            let answer = tokio::time::timeout(RECEIPT_DEADLINE, self.calls.join_next()).await;
            match answer {
                Ok(Some(answer)) => self.hear(answer)?,
                Ok(None) | Err(_) => {
                    return Err(ClientError::Unreachable("no receipt for the own update".into()));
                }
            }
        }
    }

    /// Judges a sealed sum and verifies its updates, as far as this institution was asked to.
    ///
    /// Whoever executes the chain has verified the key proofs with the bodies. Where that fails, the sum is judged all the
    /// same, by all that the chain shows: what is wrong with it says more than that the contract leads elsewhere.
    pub(super) async fn judge(
        &mut self,
        sum: &Arc<SealedSum>,
        own: Option<HeaderHash>,
    ) -> Result<Judged, ClientError> {
        let executed = match self.own.verification {
            Verification::All => self.execute_through(sum.height()).await,
            Verification::Sample(_) => Ok(()),
        };
        let proven = match (&executed, &self.own.execution) {
            (Ok(()), Some(execution)) => execution.sealed().to_vec(),
            _ => Vec::new(),
        };
        self.own.key_parts = self.key_parts(sum).await?.into();
        let sealed = Arc::clone(sum);
        let parameters = Arc::clone(&self.own.parameters);
        let key_parts = Arc::clone(&self.own.key_parts);
        let start = Instant::now();
        let verdict = blocking(move || {
            let key_parts: KeyParts<'_> = key_parts.iter().map(Vec::as_slice).collect();
            judge(&sealed, &key_parts.proven(&proven), own.as_ref(), &parameters, &mut OsRng)
        });
        let verdict = verdict.await?;
        self.own.report.judge += start.elapsed();
        let judged = verdict.map_err(|source| self.unfaithful_sum(sum.height(), source))?;
        executed?;
        if let Verification::Sample(count) = self.own.verification {
            self.sample(sum, count).await?;
        }
        Ok(judged)
    }
}
