//! A ceremony played in one process: every member answers, in turn.
//!
//! For fixtures, simulations of one machine and measurements. Whoever runs it holds every share; members of a run each run
//! their own [`Member`](super::member::Member) and meet on the chain only.

use std::convert::Infallible;

use consilium_crypto::{KeyShare, SigningKey};
use consilium_hash::Pseudonym;
use consilium_proto::v1::{BeginKeygen, EndStage, SignedTransaction, transaction::Action};
use rand_core::CryptoRngCore;

use super::member::{Member, MemberError, Oath, Secrets};
use crate::{contract::Contract, phase::Phase, transaction::sign};

/// One institution of a rehearsal.
struct Role {
    name: Pseudonym,
    member: Option<Member>,
    /// Its share of the key, and the number of the committee that it belongs to.
    share: Option<(u32, KeyShare)>,
}

/// Institutions that answer as they should.
pub struct Rehearsal {
    roles: Vec<Role>,
}

impl Rehearsal {
    /// The institutions with these pseudonyms, in any order.
    pub fn new(names: impl IntoIterator<Item = Pseudonym>) -> Self {
        Self {
            roles: names.into_iter().map(|name| Role { name, member: None, share: None }).collect(),
        }
    }

    /// Institutions that hold shares of this committee already, in the order of their names; what it passes on is theirs.
    pub fn holding(mut self, committee: u32, shares: Vec<Option<KeyShare>>) -> Self {
        for (role, share) in self.roles.iter_mut().zip(shares) {
            role.share = share.map(|share| (committee, share));
        }
        self
    }

    /// The next transaction of a ceremony that is due or in progress, signed by the one whose turn it is; nothing once
    /// the committee stands. `keys` are in the order of the institutions.
    ///
    /// # Errors
    /// [`MemberError`]: never, where all are honest and everything is delivered.
    pub fn next(
        &mut self,
        contract: &Contract,
        coordinator: &SigningKey,
        keys: &[&SigningKey],
        time_ms: u64,
        rng: &mut impl CryptoRngCore,
    ) -> Result<Option<SignedTransaction>, MemberError<Infallible>> {
        let chain = &contract.parameters().chain_id;
        let say = |action| Ok(Some(sign(coordinator, chain, None, action)));
        let keygen = match contract.phase() {
            Phase::Keygen(keygen) => keygen,
            Phase::Idle if contract.succession().is_due(contract.step(), contract.parameters()) => {
                let committee = contract.succession().next_number();
                return say(Action::BeginKeygen(BeginKeygen { committee, time_ms }));
            }
            _ => return Ok(None),
        };
        let committee = keygen.number();
        let attempt = keygen.attempt();
        for (role, key) in self.roles.iter_mut().zip(keys) {
            let fresh = role.member.take().filter(|member| member.is_of(keygen));
            let member = role.member.insert(fresh.unwrap_or_else(|| {
                Member::new(role.name, Secrets::generate(committee, attempt, rng))
            }));
            let mut next_share = None;
            let old = role.share.as_ref().map(|(_, share)| share);
            let contribution = member.next(keygen, old, true, rng, |oath| {
                if let Oath::Committee { number, share: Some(share), .. } = oath {
                    next_share =
                        KeyShare::from_bytes(&share.to_bytes()).ok().map(|share| (number, share));
                }
                Ok(())
            })?;
            if let Some(contribution) = contribution {
                role.share = next_share.or(role.share.take());
                return Ok(Some(sign(
                    key,
                    chain,
                    Some(&role.name),
                    Action::Contribute(contribution),
                )));
            }
        }
        let stage = keygen.stage().name().into();
        say(Action::EndStage(EndStage { committee, attempt, stage, time_ms }))
    }

    /// The shares that the institutions hold, in their order; nothing where one has none.
    pub fn into_shares(self) -> Vec<Option<KeyShare>> {
        self.roles.into_iter().map(|role| role.share.map(|(_, share)| share)).collect()
    }
}
