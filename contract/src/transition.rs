//! The transitions: what each action does once its author is established.

use std::{cmp::Ordering, mem, sync::Arc};

use consilium_crypto::{
    DecryptionShare, Evaluation, Hash, ShareError, VerifiedShare, verify_share,
};
use consilium_ledger::NoteError;
use consilium_proto::v1::{
    Abandon, BeginKeygen, BlobRef, CloseCollection, CloseRound, Contribute, Countersign, EndStage,
    Enrol, OpenRound, Reason, Revoke, SubmitShare, transaction::Action,
};
use sha2::{Digest, Sha256};

use crate::{
    contract::Contract,
    enrolment::roster::EnrolmentConflict,
    keygen::committee::Committee,
    keygen::{Refusal, StageEnd},
    phase::Phase,
    receipt::Receipt,
    round::model::encode_sums,
    round::{Collecting, Opening},
    transaction::CandidateTransaction,
};

impl Contract {
    pub(crate) fn act(&mut self, transaction: &CandidateTransaction, action: &Action) -> Receipt {
        let id = transaction.id();
        let outcome = match (action, transaction.author()) {
            (Action::Enrol(enrol), _) => self.enrol(enrol),
            (Action::Revoke(revoke), _) => self.revoke(revoke),
            (Action::OpenRound(open), _) => self.open_round(open),
            (Action::CloseCollection(close), _) => self.close_collection(close),
            (Action::CloseRound(close), _) => self.close_round(close),
            (Action::Abandon(abandon), _) => self.abandon(abandon),
            (Action::BeginKeygen(begin), _) => self.begin_keygen(begin),
            (Action::EndStage(end), _) => self.end_stage(end),
            (Action::ChangeCommittee(change), _) => {
                self.succession.ask(change, &self.parameters, &self.roster)
            }
            (Action::Contribute(contribution), Some(author)) => {
                return self.contribute(id, contribution, author);
            }
            (Action::Genesis(_), _) => Err(Reason::Duplicate),
            (Action::Countersign(countersign), Some(author)) => {
                return self.countersign(id, countersign, author);
            }
            (Action::SubmitShare(share), Some(author)) => {
                return self.submit_share(id, share, author);
            }
            _ => Err(Reason::UnknownInstitution),
        };
        match outcome {
            Ok(()) => Receipt::accepted(id),
            Err(reason) => Receipt::rejected(id, reason),
        }
    }

    fn enrol(&mut self, enrol: &Enrol) -> Result<(), Reason> {
        let certificate = self.certificate(enrol).ok_or(Reason::BadCertificate)?;
        self.roster.enrol(certificate, self.parameters.institutions).map_err(|conflict| {
            match conflict {
                EnrolmentConflict::Pseudonym | EnrolmentConflict::KeyOrIndex => Reason::Duplicate,
                EnrolmentConflict::Revoked => Reason::Revoked,
                EnrolmentConflict::NoPlace => Reason::NoPlace,
            }
        })
    }

    fn revoke(&mut self, revoke: &Revoke) -> Result<(), Reason> {
        let pseudonym: Hash =
            revoke.pseudonym.as_slice().try_into().map_err(|_| Reason::MalformedEncoding)?;
        if self.roster.revoke(&pseudonym) { Ok(()) } else { Err(Reason::Duplicate) }
    }

    fn advance_time(&mut self, time_ms: u64) -> Result<(), Reason> {
        if time_ms < self.time_ms {
            return Err(Reason::TooEarly);
        }
        self.time_ms = time_ms;
        Ok(())
    }

    fn open_round(&mut self, open: &OpenRound) -> Result<(), Reason> {
        match self.phase {
            Phase::Idle => {}
            // The budget has finished the run before its steps did.
            Phase::Finished if self.step < self.parameters.steps => {
                return Err(Reason::BudgetSpent);
            }
            _ => return Err(Reason::TooEarly),
        }
        if (open.step, open.attempt) != (self.step, self.attempt) {
            return Err(Reason::WrongStep);
        }
        if open.model_sha256 != self.model.hash() {
            return Err(Reason::WrongModel);
        }
        if open.standings != self.roster.standings() {
            return Err(Reason::WrongResult);
        }
        let able = self.roster.iter().filter(|(_, institution)| institution.may_submit()).count();
        if able < self.parameters.min_updates as usize {
            return Err(Reason::TooFewUpdates);
        }
        if self.succession.is_due(self.step, &self.parameters) {
            return Err(Reason::TooEarly);
        }
        let committee = Arc::clone(self.committee().ok_or(Reason::TooEarly)?);
        self.advance_time(open.time_ms)?;
        let round = self.parameters.round(&committee, self.step, self.attempt, self.model.hash());
        let parameters = self.parameters.update_parameters();
        self.phase =
            Phase::Collecting(Collecting::open(round, committee, &parameters, open.time_ms));
        Ok(())
    }

    fn begin_keygen(&mut self, begin: &BeginKeygen) -> Result<(), Reason> {
        if !matches!(self.phase, Phase::Idle) {
            return Err(Reason::TooEarly);
        }
        if begin.time_ms < self.time_ms {
            return Err(Reason::TooEarly);
        }
        let keygen = self.succession.begin(begin, self.step, &self.parameters, &self.roster)?;
        self.time_ms = begin.time_ms;
        self.phase = Phase::Keygen(Box::new(keygen));
        Ok(())
    }

    fn contribute(&mut self, id: Hash, contribution: &Contribute, author: Hash) -> Receipt {
        let Phase::Keygen(keygen) = &mut self.phase else {
            let is_past = contribution.committee < self.succession.next_number();
            return Receipt::rejected(id, if is_past { Reason::TooLate } else { Reason::TooEarly });
        };
        match keygen.contribute(&author, contribution) {
            Ok(()) => Receipt::accepted(id),
            Err(Refusal { reason, is_fault: true }) => Receipt::fault(id, reason, author),
            Err(Refusal { reason, is_fault: false }) => Receipt::rejected(id, reason),
        }
    }

    fn end_stage(&mut self, end: &EndStage) -> Result<(), Reason> {
        let Phase::Keygen(keygen) = &mut self.phase else { return Err(Reason::TooEarly) };
        if end.time_ms < self.time_ms {
            return Err(Reason::TooEarly);
        }
        let ended = keygen.end_stage(end, &self.parameters)?;
        self.time_ms = end.time_ms;
        match ended {
            StageEnd::Next | StageEnd::Again => {}
            StageEnd::GivenUp => {
                let has_committee = self.succession.give_up(self.step);
                self.phase = if has_committee { Phase::Idle } else { Phase::Stopped };
            }
            StageEnd::Complete(committee) => {
                self.succession.succeed(committee, self.step);
                self.phase = Phase::Idle;
            }
        }
        Ok(())
    }

    /// Σω over the named institutions.
    fn weight_sum<'a>(&self, pseudonyms: impl IntoIterator<Item = &'a Hash>) -> f64 {
        self.roster.weight_sum(pseudonyms, self.parameters.max_rows)
    }

    fn deadline_passed(&self, collecting: &Collecting, time_ms: u64) -> bool {
        time_ms >= collecting.opened_ms().saturating_add(self.parameters.collection_timeout_ms)
    }

    fn close_collection(&mut self, close: &CloseCollection) -> Result<(), Reason> {
        if (close.step, close.attempt) != (self.step, self.attempt) {
            return Err(Reason::WrongStep);
        }
        let Phase::Collecting(collecting) = &self.phase else {
            return Err(Reason::TooLate);
        };
        if !collecting.is_complete(&self.roster) && !self.deadline_passed(collecting, close.time_ms)
        {
            return Err(Reason::TooEarly);
        }
        if collecting.accepted().len() < self.parameters.min_updates as usize {
            return Err(Reason::TooFewUpdates);
        }
        let evaluation =
            Evaluation::decode(&close.evaluation).map_err(|_| Reason::MalformedEncoding)?;
        let evaluation = collecting.judge(&evaluation).map_err(|_| Reason::WrongAggregate)?;
        self.advance_time(close.time_ms)?;
        self.phase = match mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Collecting(collecting) => Phase::Sealed(collecting.seal(evaluation)),
            other => other,
        };
        Ok(())
    }

    fn abandon(&mut self, abandon: &Abandon) -> Result<(), Reason> {
        if (abandon.step, abandon.attempt) != (self.step, self.attempt) {
            return Err(Reason::WrongStep);
        }
        let Phase::Collecting(collecting) = &self.phase else {
            return Err(Reason::TooLate);
        };
        let enough = collecting.accepted().len() >= self.parameters.min_updates as usize;
        let over = collecting.is_complete(&self.roster)
            || self.deadline_passed(collecting, abandon.time_ms);
        if enough || !over {
            return Err(Reason::TooEarly);
        }
        self.advance_time(abandon.time_ms)?;
        self.attempt += 1;
        self.phase =
            if self.attempt >= self.parameters.max_attempts { Phase::Stopped } else { Phase::Idle };
        Ok(())
    }

    /// A trustee beyond those that were needed may answer a step that is closed by then; nobody can answer one that has
    /// not begun.
    fn misses_step(&self, step: u64) -> Option<Reason> {
        match step.cmp(&self.step) {
            Ordering::Less => Some(Reason::TooLate),
            Ordering::Equal => None,
            Ordering::Greater => Some(Reason::WrongStep),
        }
    }

    fn countersign(&mut self, id: Hash, message: &Countersign, author: Hash) -> Receipt {
        let rejected = |reason| Receipt::rejected(id, reason);
        if let Some(reason) = self.misses_step(message.step) {
            return rejected(reason);
        }
        let (block, countersigners, committee) = match &self.phase {
            Phase::Sealed(sealed) => {
                (sealed.sealed_block(), sealed.countersigners(), sealed.committee())
            }
            Phase::Opening(opening) => {
                (Some(opening.sealed_block()), opening.countersigners(), opening.committee())
            }
            _ => return rejected(Reason::TooEarly),
        };
        if committee.place_of(&author).is_none() {
            return rejected(Reason::NotAMember);
        }
        let Some(block) = block else {
            return rejected(Reason::TooEarly);
        };
        match (countersigners.contains(&author), message.sealed_block == block) {
            // Two countersignatures of one trustee for one step: it would have two sums opened.
            (true, false) => return Receipt::fault(id, Reason::WrongAggregate, author),
            (true, true) => return rejected(Reason::Duplicate),
            (false, false) => return rejected(Reason::WrongAggregate),
            (false, true) => {}
        }
        let Phase::Sealed(sealed) = &mut self.phase else {
            return rejected(Reason::TooLate);
        };
        let Some((institution, block)) = self.roster.get(&author).zip(sealed.block()) else {
            return rejected(Reason::UnknownInstitution);
        };
        // Block and checkpoint belong to each other, so an honest trustee of this block cannot have signed another one.
        match block.verify(&message.cosignature, &author, institution.certificate.signing_key) {
            Ok(_) => sealed.countersign(author),
            Err(NoteError::Malformed { .. }) => {
                return Receipt::fault(id, Reason::MalformedEncoding, author);
            }
            Err(_) => return Receipt::fault(id, Reason::BadCosignature, author),
        }
        if let Some(block) = sealed.countersigned_block() {
            self.phase = match mem::replace(&mut self.phase, Phase::Idle) {
                Phase::Sealed(sealed) => Phase::Opening(sealed.open(block)),
                other => other,
            };
        }
        Receipt::accepted(id)
    }

    fn submit_share(&mut self, id: Hash, message: &SubmitShare, author: Hash) -> Receipt {
        let rejected = |reason| Receipt::rejected(id, reason);
        if let Some(reason) = self.misses_step(message.step) {
            return rejected(reason);
        }
        let Phase::Opening(opening) = &self.phase else {
            return rejected(Reason::TooEarly);
        };
        if message.sealed_block != opening.sealed_block() {
            return rejected(Reason::WrongAggregate);
        }
        if opening.outcome().is_some() {
            return rejected(Reason::TooLate);
        }
        let Some(index) = opening.committee().place_of(&author) else {
            return rejected(Reason::NotAMember);
        };
        // The first share of a trustee counts.
        if opening.has_refused(&author)
            || opening.shares().iter().any(|share| share.index() == index)
        {
            return rejected(Reason::Duplicate);
        }
        let verified = self.judge_share(&message.share, index, opening);
        let weight_sum =
            self.weight_sum(opening.accepted().iter().map(|header| &header.context().pseudonym));
        let Phase::Opening(opening) = &mut self.phase else {
            return rejected(Reason::TooEarly);
        };
        match verified {
            Ok(share) => {
                opening.add(share, &self.parameters, &self.model, weight_sum, &self.table);
                Receipt::accepted(id)
            }
            Err(reason) => {
                opening.refuse(author);
                Receipt::fault(id, reason, author)
            }
        }
    }

    /// Whether the bytes are the share of trustee `index` for the sum that is being opened. All that can be wrong with
    /// them was signed by the trustee.
    fn judge_share(
        &self,
        share: &[u8],
        index: u32,
        opening: &Opening,
    ) -> Result<VerifiedShare, Reason> {
        let share = DecryptionShare::decode(share).map_err(|_| Reason::MalformedEncoding)?;
        // Another trustee's share proves nothing about that trustee, who did not sign this; it is the sender's fault.
        if share.index() != index {
            return Err(Reason::BadShareProof);
        }
        let Committee { public_key, dealing, .. } = &**opening.committee();
        verify_share(&share, public_key, dealing, opening.evaluation(), opening.sealed_block())
            .map_err(|error| match error {
                ShareError::OtherBlock { .. } => Reason::WrongAggregate,
                _ => Reason::BadShareProof,
            })
    }

    fn close_round(&mut self, close: &CloseRound) -> Result<(), Reason> {
        if close.step != self.step {
            return Err(Reason::WrongStep);
        }
        let Phase::Opening(opening) = &self.phase else {
            return Err(Reason::TooEarly);
        };
        let Some(Ok(opened)) = opening.outcome() else {
            return Err(Reason::TooEarly);
        };
        let sums = encode_sums(&opened.sums).ok_or(Reason::WrongResult)?;
        let names = |blob: &Option<BlobRef>, sha256: &[u8], length: usize| {
            blob.as_ref().is_some_and(|blob| blob.sha256 == sha256 && blob.length == length as u64)
        };
        let right = close.mask_key_sum == opened.mask_key_sum.encode()
            && names(&close.sums, &Sha256::digest(&sums), sums.len())
            && names(&close.model, &opened.model.hash(), opened.model.parameters().len() * 4);
        if !right {
            return Err(Reason::WrongResult);
        }
        self.advance_time(close.time_ms)?;
        if let Phase::Opening(opening) = mem::replace(&mut self.phase, Phase::Idle)
            && let Some(model) = opening.into_model()
        {
            self.model = model;
        }
        self.step += 1;
        self.attempt = 0;
        if self.step >= self.parameters.last_step() {
            self.phase = Phase::Finished;
        }
        Ok(())
    }
}
