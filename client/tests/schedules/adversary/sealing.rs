//! What the coordinator and the hostile institutions put into a block.

use std::{collections::BTreeSet, sync::Arc};

use consilium_audit::follow::Phase;
use consilium_contract::{Committee, Model, model::encode_sums, transaction::entry};
use consilium_crypto::{
    DecryptionShare, Evaluation, KeyShare,
    mask::{MaskedSum, VerifiedHeader, combine},
    verify_share,
};
use consilium_hash::HeaderHash;
use consilium_ledger::{VerifiedHeader as VerifiedBlock, blob_hash, sha256};
use consilium_proto::v1::{
    Abandon, BeginKeygen, BlobRef, ChangeCommittee, CloseCollection, CloseRound, EndStage,
    OpenRound, Revoke, SignedTransaction, SubmitShare, SubmitUpdate, transaction::Action,
};
use consilium_testkit::Parties as _;

use super::{Adversary, BRANCHES};
use crate::{
    branch::{Sealed, follower},
    observer::SealedSum,
    operation::{Order, Sum, Twist},
    world::{Pooled, TIMEOUT_MS, read},
};

impl Adversary<'_> {
    /// What others have said that fits in the next block of a branch.
    pub(super) fn fitting(&self, branch: usize) -> Vec<(usize, &SignedTransaction)> {
        let branch = &self.branches[branch];
        let fits = |(from, signed): &&(usize, SignedTransaction)| {
            let name = self.world.name(*from);
            match (read(signed).action(), branch.follower.phase()) {
                (Action::Contribute(said), Phase::Keygen(keygen)) => {
                    said.basis == keygen.basis().as_slice() && !keygen.has_heard(&name)
                }
                (Action::SubmitUpdate(update), Phase::Collecting(collection)) => {
                    let pooled = self.world.pooled(&HeaderHash(sha256(&update.header))).unwrap();
                    let is_revoked =
                        branch.follower.roster().get(&name).is_none_or(|own| own.revoked);
                    !is_revoked
                        && pooled.header.context().round == *collection.round()
                        && !collection.has_update_of(&name)
                }
                (Action::Countersign(said), Phase::Sealed(sealed)) => {
                    let place =
                        branch.follower.committee().and_then(|committee| committee.place_of(&name));
                    said.sealed_block == sealed.sum.block().as_slice()
                        && place.is_some_and(|at| !sealed.is_countersigned_by(at))
                }
                (Action::SubmitShare(said), Phase::Sealed(sealed)) => {
                    let place =
                        branch.follower.committee().and_then(|committee| committee.place_of(&name));
                    said.sealed_block == sealed.sum.block().as_slice()
                        && place.is_some_and(|at| !sealed.has_share_of(at))
                }
                _ => false,
            }
        };
        let mut seen = BTreeSet::new();
        let fitting = self.heard.iter().filter(fits).map(|(from, signed)| (*from, signed));
        // Said twice, it counts once; countersignatures come before shares.
        let mut fitting: Vec<_> = fitting
            .filter(|(from, signed)| {
                seen.insert((*from, matches!(read(signed).action(), Action::SubmitShare(_))))
            })
            .collect();
        fitting.sort_by_key(|(from, signed)| {
            (matches!(read(signed).action(), Action::SubmitShare(_)), *from)
        });
        fitting
    }

    /// What the hostile institutions say in the present phase of a branch.
    pub(super) fn hostile_words(&mut self, at: usize, twist: Twist) -> Vec<SignedTransaction> {
        let world = self.world;
        let branch = &mut self.branches[at];
        let mut said = Vec::new();
        let mut shares = Vec::new();
        for (index, puppet) in &mut branch.puppets {
            let name = world.name(*index);
            match branch.follower.phase() {
                Phase::Keygen(keygen) => {
                    let own = puppet.contribution(name, keygen, twist, &mut self.rng);
                    said.extend(own.map(|own| world.says(*index, Action::Contribute(own))));
                }
                Phase::Collecting(collection)
                    if twist != Twist::Silent
                        && !collection.has_update_of(&name)
                        && branch.follower.roster().get(&name).is_some_and(|own| !own.revoked) =>
                {
                    // Another one in every history.
                    let pooled =
                        world.update(collection.committee(), collection.round(), *index, at);
                    let header = pooled.update.header.clone();
                    said.push(world.says(*index, Action::SubmitUpdate(SubmitUpdate { header })));
                }
                Phase::Sealed(sealed) => {
                    let Some(sum) = branch.tracks.last().and_then(|track| track.sealed.clone())
                    else {
                        continue;
                    };
                    let Some(place) = sum.committee.place_of(&name) else { continue };
                    let step = sealed.sum.round().step;
                    if !sealed.is_countersigned_by(place) {
                        let answer = sum.block.countersign(step, &world.files(*index).signing);
                        said.push(world.says(*index, Action::Countersign(answer)));
                    }
                    let share = puppet
                        .shares
                        .get(&sum.committee.number)
                        .map(|bytes| KeyShare::from_bytes(bytes).unwrap());
                    if let (Some(share), Some(evaluation)) = (share, &sum.evaluation)
                        && twist == Twist::Honest
                        && sealed.countersignatures().count() >= sum.committee.quorum() as usize
                        && !sealed.has_share_of(place)
                    {
                        let key = &sum.committee.public_key;
                        let share =
                            share.decryption_share(key, evaluation, &sum.block.hash).encode();
                        let sealed_block = sum.block.hash.to_vec();
                        let action = Action::SubmitShare(SubmitShare { step, sealed_block, share });
                        shares.push(world.says(*index, action));
                    }
                }
                _ => {}
            }
        }
        said.extend(shares);
        said
    }

    pub(super) fn seal(&mut self, at: usize, order: &Order) {
        let mut track = self.branches[at].track().clone();
        let step = self.branches[at].follower.step();
        let attempt = self.branches[at].follower.attempt();
        let mut closing = None;
        let is_late = matches!(order, Order::EndStage | Order::Abandon);
        self.branches[at].time_ms += if is_late { TIMEOUT_MS } else { 1 };
        let time_ms = self.branches[at].time_ms;
        let orders = |action| vec![self.world.orders(action)];
        let transactions = match order {
            Order::Gather { said, twist } => {
                let own = self.hostile_words(at, *twist);
                let fitting = self.fitting(at);
                let others = said
                    .iter()
                    .filter_map(|place| fitting.get(*place))
                    .map(|(_, signed)| (*signed).clone());
                let is_share = |signed: &SignedTransaction| {
                    matches!(read(signed).action(), Action::SubmitShare(_))
                };
                let mut all: Vec<_> = others.chain(own).collect();
                all.sort_by_key(is_share);
                for signed in &all {
                    if let Action::SubmitUpdate(update) = read(signed).action() {
                        track
                            .submitted
                            .push(self.world.pooled(&HeaderHash(sha256(&update.header))).unwrap());
                    }
                }
                all
            }
            Order::Begin => {
                let next = self.branches[at]
                    .follower
                    .committee()
                    .map_or(0, |committee| committee.number + 1);
                orders(Action::BeginKeygen(BeginKeygen { committee: next, time_ms }))
            }
            Order::EndStage => {
                let Phase::Keygen(keygen) = self.branches[at].follower.phase() else { return };
                let stage = keygen.stage().name().into();
                let committee = keygen.number();
                let attempt = keygen.attempt();
                orders(Action::EndStage(EndStage { committee, attempt, stage, time_ms }))
            }
            Order::Open => {
                (track.submitted, track.sealed) = (Vec::new(), None);
                let model_sha256 = track.model.hash().to_vec();
                let standings = self.branches[at].follower.roster().standings();
                orders(Action::OpenRound(OpenRound {
                    step,
                    attempt,
                    model_sha256,
                    time_ms,
                    standings,
                }))
            }
            Order::Close { inputs, sum } => {
                let Some((evaluation, inputs)) = self.sum(at, inputs, *sum) else { return };
                let encoded = evaluation.encode();
                closing = Some((evaluation, inputs));
                orders(Action::CloseCollection(CloseCollection {
                    step,
                    attempt,
                    evaluation: encoded,
                    time_ms,
                }))
            }
            Order::Abandon => orders(Action::Abandon(Abandon { step, attempt, time_ms })),
            Order::Result { right } => {
                let Some((close, sums, model)) = self.result(at, *right, step, time_ms) else {
                    return;
                };
                let hash = blob_hash(&sums);
                self.trustees.values_mut().for_each(|trustee| {
                    trustee.blobs.insert(hash, sums.clone());
                });
                track.model = model;
                orders(Action::CloseRound(close))
            }
            Order::Revoke { institution } => {
                self.tally.revocations += 1;
                let pseudonym = self.world.name(*institution).to_vec();
                vec![self.world.decrees(Action::Revoke(Revoke { pseudonym }))]
            }
            Order::Change { members, threshold } => {
                let Some(committee) = self.branches[at].follower.committee() else { return };
                let committee = committee.number + 1;
                self.asked.push((members.iter().copied().collect(), *threshold as usize));
                let members =
                    members.iter().map(|member| self.world.name(*member).to_vec()).collect();
                // The latest request counts, in whichever branch.
                let request = self.asked.len() as u64;
                let threshold = *threshold;
                let change = ChangeCommittee { committee, members, threshold, request };
                vec![self.world.decrees(Action::ChangeCommittee(change))]
            }
        };
        if transactions.is_empty() {
            return;
        }
        let entries = transactions.into_iter().map(|signed| entry(signed, false)).collect();
        let branch = &mut self.branches[at];
        let block = Arc::new(self.world.seal(&branch.chain, entries, time_ms));
        // What nobody would take is not shown to anybody: it would only stop them.
        let committee = branch.follower.committee().map(Arc::clone);
        let mut chain = branch.chain.clone();
        let header = chain.append_block(&block).unwrap().clone();
        if branch.follower.read(&block, &header).is_err() {
            // The follower has read the transactions before the one that it refuses; there is only one.
            branch.follower = follower(self.world);
            for (block, header) in branch.blocks.iter().zip(branch.chain.headers()) {
                let _ = branch.follower.read(block, header).unwrap();
            }
            return;
        }
        branch.chain = chain;
        if let (Some((evaluation, inputs)), Some(committee)) = (closing, committee) {
            track.sealed = Some(Arc::new(self.seals(evaluation, inputs, committee, &header)));
        }
        let branch = &mut self.branches[at];
        branch.blocks.push(block);
        branch.tracks.push(track);
    }

    /// Tells the observer of a sealed sum.
    pub(super) fn seals(
        &mut self,
        evaluation: Evaluation,
        inputs: Vec<Arc<Pooled>>,
        committee: Arc<Committee>,
        header: &VerifiedBlock,
    ) -> Sealed {
        let headers: Vec<&VerifiedHeader> = inputs.iter().map(|pooled| &pooled.header).collect();
        let round = evaluation.round().clone();
        let step = evaluation.round().step;
        let verified = evaluation.verify(&committee.public_key, &round, &headers).ok();
        let names = inputs.iter().map(|pooled| (pooled.header.hash(), pooled.author));
        let sum = SealedSum {
            committee: Arc::clone(&committee),
            inputs: verified.is_some().then(|| names.collect()),
            evaluation: verified.clone(),
            step,
        };
        self.observer.seals(*header.hash(), sum);
        Sealed { block: header.into(), committee, evaluation: verified, inputs }
    }

    /// The certified sum of these submissions, or what goes for one.
    pub(super) fn sum(
        &self,
        at: usize,
        inputs: &[usize],
        sum: Sum,
    ) -> Option<(Evaluation, Vec<Arc<Pooled>>)> {
        let branch = &self.branches[at];
        let Phase::Collecting(collection) = branch.follower.phase() else { return None };
        let mut round = collection.round().clone();
        let mut inputs: Vec<Arc<Pooled>> = inputs
            .iter()
            .filter_map(|input| branch.track().submitted.get(*input))
            .cloned()
            .collect();
        let unseen = |inputs: &[Arc<Pooled>]| {
            let author = inputs.first()?.author;
            Some(self.world.update(collection.committee(), &round, author, BRANCHES))
        };
        let mut named = None;
        match sum {
            Sum::Right => {}
            Sum::Twice => {
                named = Some((inputs.get(1)?.header.hash(), inputs.first()?.header.hash()))
            }
            Sum::Unseen => {
                let other = unseen(&inputs)?;
                *inputs.first_mut()? = other;
            }
            Sum::Other => {
                named = Some((inputs.first()?.header.hash(), unseen(&inputs)?.header.hash()))
            }
            Sum::Old => {
                round.attempt = round.attempt.checked_sub(1)?;
                let old = |input: &Arc<Pooled>| {
                    let which = if self.observer.hostile.contains(&input.author) { at } else { 0 };
                    self.world.update(collection.committee(), &round, input.author, which)
                };
                inputs = inputs.iter().map(old).collect();
            }
        }
        let headers: Vec<&VerifiedHeader> = inputs.iter().map(|pooled| &pooled.header).collect();
        let key = &self.world.ceremony.coordinator.evaluation;
        let evaluation = key.evaluate(&round, &headers).ok()?;
        let Some((old, new)) = named else { return Some((evaluation, inputs)) };
        let mut bytes = evaluation.encode();
        let place = bytes.windows(32).position(|window| window == old.as_slice())?;
        bytes[place..place + 32].copy_from_slice(&new.0);
        Some((Evaluation::decode(&bytes).ok()?, inputs))
    }

    /// The coordinator's result of a sealed sum that it can open, or a wrong one of any.
    pub(super) fn result(
        &self,
        at: usize,
        right: bool,
        step: u64,
        time_ms: u64,
    ) -> Option<(CloseRound, Vec<u8>, Model)> {
        let branch = &self.branches[at];
        let Phase::Sealed(_) = branch.follower.phase() else { return None };
        let sealed = branch.track().sealed.as_ref()?;
        let parameters = &self.world.ceremony.parameters;
        let blob = |bytes: &[u8]| {
            Some(BlobRef { sha256: sha256(bytes).to_vec(), length: bytes.len() as u64 })
        };
        let close = |mask_key_sum: Vec<u8>, sums: Vec<u8>, model: Model| {
            let close = CloseRound {
                ends_run: false,
                step,
                mask_key_sum,
                sums: blob(&sums),
                model: blob(&model.to_bytes()),
                time_ms,
            };
            Some((close, sums, model))
        };
        let opened = || {
            let evaluation = sealed.evaluation.as_ref()?;
            let committee = &sealed.committee;
            let Phase::Sealed(answers) = branch.follower.phase() else { return None };
            let verify = |share: &DecryptionShare| {
                verify_share(
                    share,
                    &committee.public_key,
                    &committee.dealing,
                    evaluation,
                    &sealed.block.hash,
                )
                .ok()
            };
            let shares = answers.shares().filter_map(|share| verify(share.share()));
            let shares: Vec<_> = shares.take(committee.threshold() as usize).collect();
            let update_parameters = parameters.update_parameters();
            let dealing = &committee.dealing;
            let table = &self.world.table;
            let key = combine(&update_parameters, evaluation, &shares, dealing, table).ok()?;
            let mut sum = MaskedSum::new(&update_parameters, evaluation.round());
            for input in &sealed.inputs {
                let masked = &input.update.body[update_parameters.masked()];
                sum.add_masked(masked, &input.header).ok()?;
            }
            let sums = sum.open(&key, &self.world.table).ok()?;
            let names = sealed.inputs.iter().map(|input| &input.header.context().pseudonym);
            let weight = branch.follower.roster().weight_sum(names, parameters.max_rows);
            let model = branch.track().model.step(parameters, &sums, weight)?;
            Some((key, encode_sums(&sums)?, model))
        };
        match (opened(), right) {
            (Some((key, sums, model)), true) => close(key.encode(), sums, model),
            (None, true) => None,
            (opened, false) => {
                let model = Model::starting(
                    vec![0.125; parameters.dimension as usize],
                    &parameters.server_optimiser,
                )?;
                let (key, sums) =
                    opened.map_or((vec![0; 32], vec![0; 8]), |(key, sums, _)| (key.encode(), sums));
                close(key, sums, model)
            }
        }
    }
}
