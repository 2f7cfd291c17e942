//! What the node tells its log and its observer.

use std::{sync::Arc, time::Duration};

use consilium_contract::{CandidateTransaction, Contract, Phase, action::Kind};
use consilium_proto::v1::transaction::Action;

use crate::{
    Event, Observer,
    clock::millis,
    error::names,
    executor::{Executed, Executor, Position},
    observatory::{Observatory, Shown, is_ordinary},
    recorder::Recorder,
    sequencer::Sealed,
    waiting::{self, Waiting},
};

/// See the module. Owned by the node's thread, on which the observer is called.
pub(crate) struct Report {
    observer: Option<Observer>,
    recorder: Recorder,
    /// When the committee that is being made was begun, or the node was started meanwhile.
    keygen_since_ms: u64,
    waiting: Waiting,
    observatory: Observatory,
    /// When the run came to where it stands.
    moved_ms: u64,
}

impl Report {
    pub(crate) fn new(
        observer: Option<Observer>,
        observatory: Observatory,
        position: Position,
        now_ms: u64,
    ) -> Self {
        let mut recorder = Recorder::default();
        recorder.opened(position.step, position.attempt, now_ms);
        let waiting = Waiting::new(position, now_ms);
        let keygen_since_ms = now_ms;
        Self { observer, recorder, keygen_since_ms, waiting, observatory, moved_ms: now_ms }
    }

    /// What is shown to operators.
    pub(crate) fn shown(&self) -> &Arc<Shown> {
        self.observatory.shown()
    }

    /// Time that the verifier took for a batch.
    pub(crate) fn verified(&mut self, took: Duration) {
        self.recorder.verified(took);
        self.observatory.verified(took);
    }

    /// Time that certifying a sum took.
    pub(crate) fn aggregated(&mut self, took: Duration) {
        self.recorder.aggregated(took);
    }

    pub(crate) fn executed(
        &mut self,
        transaction: &CandidateTransaction,
        executed: &Executed,
        now_ms: u64,
    ) {
        let Executed { receipt, before, took, .. } = executed;
        self.recorder.applied(transaction.action(), receipt, *took, now_ms);
        self.observatory.decided(transaction, receipt, before.step, now_ms);
        let Some(author) = transaction.author() else { return };
        let institution = author.short();
        let step = before.step;
        match transaction.action() {
            _ if is_ordinary(transaction, receipt) => {}
            _ if !receipt.is_accepted() => tracing::warn!(
                %institution,
                step,
                what = Kind::of(transaction.action()).name,
                reason = receipt.reason.as_str_name(),
                costs_credit = receipt.culprit.is_some(),
                "rejected"
            ),
            Action::Enrol(_) => tracing::info!(%institution, "enrolled"),
            Action::SubmitUpdate(_) => tracing::info!(%institution, step, "uploaded"),
            _ => {}
        }
    }

    pub(crate) fn sealed(&mut self, sealed: &Sealed) {
        self.recorder.written(sealed.took);
        self.observatory.written(sealed.took);
        self.tell(Event::Block { height: sealed.height, entries: sealed.recorded.len() });
    }

    /// The run stands elsewhere than before, and the block that ended there is durable.
    pub(crate) fn moved(&mut self, executor: &Executor, before: Position, traffic: (u64, u64)) {
        let now = executor.position();
        let now_ms = executor.phase_since_ms();
        let lasted = Duration::from_millis(now_ms.saturating_sub(self.moved_ms));
        self.moved_ms = now_ms;
        self.observatory.moved(executor, before, lasted);
        self.round(executor.contract(), before, now, traffic);
        self.keygen(executor, before, now);
        match executor.contract().phase() {
            Phase::Collecting(_) => {
                self.recorder.opened(now.step, now.attempt, executor.phase_since_ms());
                // What the last step brought says who will be there to countersign this one.
                self.silence(executor, now.step.saturating_sub(1));
            }
            Phase::Sealed(_) => self.silence(executor, now.step),
            _ => {}
        }
        let Position { step, attempt, phase, .. } = now;
        tracing::info!(step, attempt, phase, "phase");
        self.tell(Event::Phase { step, attempt, phase });
    }

    /// Shows how things stand, and says who has begun to follow or has ceased to. `is_listening` says that the node hears others
    /// before it signs anything.
    pub(crate) fn look(&mut self, executor: &Executor, is_listening: bool, now_ms: u64) {
        let (came, went) = self.observatory.look(executor, is_listening, now_ms);
        for name in came {
            tracing::info!(institution = %name.short(), "connected");
        }
        for name in went {
            tracing::info!(institution = %name.short(), "disconnected");
        }
        if let Some(waiting) = self.observatory.late() {
            let absent = waiting.names();
            let waited_s = now_ms.saturating_sub(waiting.since_ms) / 1000;
            let step = executor.contract().step();
            tracing::info!(step, waited_s, absent, "enough updates are in; others are waited for");
        }
    }

    /// Says for whom the run waits, where it has waited for long.
    pub(crate) fn waiting(&mut self, executor: &Executor, now_ms: u64) {
        self.look(executor, false, now_ms);
        let contract = executor.contract();
        if let Some(awaited) = self.waiting.look(contract, executor.position(), now_ms) {
            let waited = Duration::from_millis(now_ms.saturating_sub(executor.phase_since_ms()));
            waiting::log(&awaited, contract, waited);
            self.tell(Event::Waiting(awaited));
        }
    }

    /// The attempt at a step that has ended.
    fn round(&mut self, contract: &Contract, before: Position, now: Position, traffic: (u64, u64)) {
        let Position { step, attempt, .. } = before;
        if (now.step, now.attempt) == (step, attempt)
            && !matches!(contract.phase(), Phase::Finished)
        {
            return;
        }
        let mut metrics = self.recorder.finish(contract.model().hash(), traffic);
        let closed = now.step != step;
        self.observatory.ended(&metrics, closed, self.moved_ms);
        let parameters = contract.parameters();
        let epsilon = parameters.epsilon(contract.succession());
        metrics.epsilon_milli = epsilon.map(|epsilon| epsilon.0);
        tracing::info!(
            step,
            attempt,
            accepted = metrics.accepted,
            rejected = metrics.rejected.values().sum::<u32>(),
            verify_ms = millis(metrics.verify),
            epsilon = epsilon.map(tracing::field::display),
            "{}",
            if closed { "round closed" } else { "attempt abandoned" }
        );
        if let (Phase::Finished, Some(spent)) =
            (contract.phase(), parameters.describe_privacy(contract.succession()))
            && now.step < parameters.steps
        {
            tracing::info!("the privacy budget ends the run: {spent}");
        }
        if contract.findings().end_run(parameters.agenda()) {
            tracing::info!("evaluations show no smaller loss any more: they end the run");
        }
        self.tell(if closed { Event::RoundClosed(metrics) } else { Event::Abandoned(metrics) });
    }

    /// The attempt at a committee that has ended.
    fn keygen(&mut self, executor: &Executor, before: Position, now: Position) {
        let since_ms = executor.phase_since_ms();
        if before.keygen.is_none() {
            self.keygen_since_ms = since_ms;
        }
        let Some((number, attempt)) = before.keygen.filter(|_| before.keygen != now.keygen) else {
            return;
        };
        let took = Duration::from_millis(since_ms.saturating_sub(self.keygen_since_ms));
        let committee = executor.contract().committee();
        let event = match committee.filter(|committee| committee.number == number) {
            Some(committee) => {
                let members = committee.members().len();
                let threshold = committee.threshold();
                tracing::info!(
                    committee = number,
                    members,
                    threshold,
                    took_ms = millis(took),
                    "a committee holds the key"
                );
                Event::Committee { number, attempt, members, threshold, took }
            }
            None => {
                tracing::warn!(
                    committee = number,
                    attempt,
                    "too few took part in making a committee: another attempt, or it is tried again after the next step"
                );
                Event::KeygenAbandoned { number, attempt }
            }
        };
        self.tell(event);
    }

    /// Warns where fewer members of the committee have been heard since `step` began than a sum needs.
    fn silence(&mut self, executor: &Executor, step: u64) {
        let contract = executor.contract();
        let Some(committee) = contract.committee() else { return };
        let silent = executor.attendance().silent(committee, contract.roster(), step);
        let heard = committee.members().len().saturating_sub(silent.len());
        let needed = committee.quorum() as usize;
        if heard < needed {
            let absent = names(&silent);
            tracing::warn!(
                heard,
                needed,
                %absent,
                "too few members of the committee were heard lately to open a sum"
            );
            self.tell(Event::FewTrustees { heard, needed, silent });
        }
    }

    fn tell(&mut self, event: Event) {
        if let Some(observer) = &mut self.observer {
            observer(event);
        }
    }
}
