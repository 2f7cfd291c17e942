//! A follower that applies the chain for itself.

use std::time::Duration;

use consilium_contract::{
    Body, CandidateTransaction, Contract, Keygen, Phase, SealedBlock, check_updates,
    transaction::parse_entry,
};
use consilium_crypto::RoundContext;
use consilium_ledger::{Block, HeaderChain, NO_STATE};
use consilium_proto::v1::{Aggregate, GetBlocksRequest, Reason, transaction::Action};
use rand_core::OsRng;
use tokio::{task::JoinSet, time::sleep};

use super::{Institution, Peer};

/// Applies the chain through a contract of its own and compares every state root.
pub struct Follower {
    pub contract: Contract,
    pub chain: HeaderChain,
    /// Every entry so far, with the reason of its receipt.
    pub entries: Vec<(CandidateTransaction, Reason)>,
}

impl Follower {
    /// Takes all durable blocks.
    pub async fn sync(&mut self, peer: &Peer) {
        let from_height = self.chain.len();
        let request = GetBlocksRequest { from_height, count: 256 };
        let mut blocks = peer.ledger.clone().get_blocks(request).await.unwrap().into_inner();
        while let Some(message) = blocks.message().await.unwrap() {
            self.take(&Block::decode(&message.block).unwrap(), peer).await;
        }
    }

    /// The block that this aggregate is sealed in.
    pub fn block(&self, aggregate: &Aggregate) -> SealedBlock {
        let header = self.chain.get(aggregate.sealed_height).unwrap();
        assert_eq!(aggregate.sealed_block, header.hash().as_slice());
        header.into()
    }

    pub async fn take(&mut self, block: &Block, peer: &Peer) {
        self.chain.append_block(block).unwrap();
        if block.height() == 0 {
            assert_eq!(block.header().state_root, NO_STATE);
        } else {
            let named = block.header().state_root;
            assert_eq!(self.contract.state_root(), named, "state before block {}", block.height());
            for entry in &block.entries {
                let (transaction, body_missing) = parse_entry(entry).unwrap();
                let body = self.body(&transaction, body_missing, peer).await;
                let receipt = self.contract.apply(&transaction, body).unwrap();
                self.entries.push((transaction, receipt.reason));
            }
        }
        self.contract.end_block(self.chain.head().unwrap().into());
    }

    async fn body(
        &self,
        transaction: &CandidateTransaction,
        body_missing: bool,
        peer: &Peer,
    ) -> Body {
        use consilium_contract::Admission::NeedsBody;
        match self.contract.admit(transaction) {
            NeedsBody { .. } if body_missing => Body::Missing,
            NeedsBody { sha256, .. } if matches!(transaction.action(), Action::SubmitUpdate(_)) => {
                let body = peer
                    .blob(sha256.as_slice())
                    .await
                    .expect("the body of an entry is on the ledger");
                let checked = check_updates(
                    self.contract.parameters(),
                    self.contract.committee().unwrap(),
                    &[(transaction, &body)],
                    &mut OsRng,
                );
                Body::Checked(checked.into_iter().next().unwrap().into())
            }
            _ => Body::None,
        }
    }

    /// Follows until the contract is where it should be.
    pub async fn until(&mut self, peer: &Peer, what: &str, reached: impl Fn(&Contract) -> bool) {
        for _ in 0..1_000 {
            self.sync(peer).await;
            if reached(&self.contract) {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("never came: {what}; the run is at {:?}", self.contract.phase().name());
    }

    /// The present ceremony.
    pub fn keygen(&self) -> Option<&Keygen> {
        match self.contract.phase() {
            Phase::Keygen(keygen) => Some(keygen),
            _ => None,
        }
    }

    /// Follows while these make the committee of that number, until it stands.
    pub async fn share(&mut self, peer: &Peer, members: &[Institution], number: u32) -> Duration {
        let start = std::time::Instant::now();
        let stands = |contract: &Contract| {
            contract.committee().is_some_and(|committee| committee.number >= number)
        };
        let is_next =
            |contract: &Contract| stands(contract) || matches!(contract.phase(), Phase::Keygen(_));
        self.until(peer, "keygen", is_next).await;
        while !stands(&self.contract) {
            self.stage(peer, members).await;
        }
        members.iter().for_each(|member| member.learn(self.contract.committee().unwrap()));
        start.elapsed()
    }

    /// Everyone who has something to say in this stage says it, and the stage ends.
    pub async fn stage(&mut self, peer: &Peer, members: &[Institution]) {
        let place = |contract: &Contract| match contract.phase() {
            Phase::Keygen(keygen) => {
                Some((keygen.number(), keygen.attempt(), keygen.stage().name()))
            }
            _ => None,
        };
        let before = place(&self.contract);
        let Some(keygen) = self.keygen() else { panic!("no committee is being made") };
        let mut calls = JoinSet::new();
        for signed in members.iter().filter_map(|member| member.contribution(keygen)) {
            let peer = peer.clone();
            calls.spawn(async move { peer.contribute(signed).await.unwrap().reason() });
        }
        for reason in calls.join_all().await {
            // Some stages need fewer than everyone.
            assert!(matches!(reason, Reason::Accepted | Reason::TooLate), "{reason:?}");
        }
        self.until(peer, "the next stage", |contract| place(contract) != before).await;
    }

    /// Follows until updates of this step and attempt are taken.
    pub async fn collecting(&mut self, peer: &Peer, step: u64, attempt: u32) -> RoundContext {
        let reached = |contract: &Contract| {
            (contract.step(), contract.attempt()) == (step, attempt)
                && matches!(contract.phase(), Phase::Collecting(_))
        };
        self.until(peer, "collecting", reached).await;
        self.round()
    }

    /// What an update of this attempt is bound to.
    pub fn round(&self) -> RoundContext {
        let contract = &self.contract;
        contract.parameters().round(
            contract.committee().unwrap(),
            contract.step(),
            contract.attempt(),
            contract.model().hash(),
        )
    }

    /// Follows until the collection of this step is sealed.
    pub async fn sealed(&mut self, peer: &Peer, step: u64) -> Aggregate {
        self.until(peer, "sealed", |contract| {
            contract.step() == step && matches!(contract.phase(), Phase::Sealed(_))
        })
        .await;
        peer.aggregate(step).await.unwrap()
    }

    pub async fn opening(&mut self, peer: &Peer, step: u64) {
        let reached = |contract: &Contract| {
            contract.step() == step && matches!(contract.phase(), Phase::Opening(_))
        };
        self.until(peer, "opening", reached).await;
    }

    pub async fn closed(&mut self, peer: &Peer, step: u64) {
        self.until(peer, "closed", |contract| contract.step() > step).await;
    }

    /// Reasons of the receipts of one institution's transactions of a kind.
    pub fn reasons(&self, author: &Institution, kind: fn(&Action) -> bool) -> Vec<Reason> {
        let of_author = |transaction: &CandidateTransaction| {
            transaction.author() == Some(author.pseudonym()) && kind(transaction.action())
        };
        self.entries
            .iter()
            .filter(|(transaction, _)| of_author(transaction))
            .map(|(_, reason)| *reason)
            .collect()
    }

    /// How many transactions of an author have been rejected since the last attempt was opened.
    pub fn rejected_in_this_attempt(&self, author: &Institution) -> usize {
        let opens = |transaction: &CandidateTransaction| {
            matches!(transaction.action(), Action::OpenRound(_))
        };
        let since = self.entries.iter().rev().take_while(|(transaction, _)| !opens(transaction));
        since
            .filter(|(transaction, reason)| {
                transaction.author() == Some(author.pseudonym()) && *reason != Reason::Accepted
            })
            .count()
    }
}

pub fn is_update(action: &Action) -> bool {
    matches!(action, Action::SubmitUpdate(_))
}
