//! One history that the coordinator keeps, with the hostile institutions in it.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc};

use consilium_audit::follow::Follower;
use consilium_contract::{
    Committee, Model, SealedBlock,
    keygen::{
        Keygen, Stage,
        member::{Member, Oath, Secrets},
    },
};
use consilium_crypto::{KeyShare, VerifiedEvaluation};
use consilium_hash::Pseudonym;
use consilium_ledger::{Block, HeaderChain};
use consilium_proto::v1::{Complaints, Contribute, contribute::Part};
use rand_chacha::ChaCha20Rng;
use rand_core::RngCore;

use crate::{
    operation::Twist,
    world::{Pooled, World},
};

/// What the adversary remembers of a history beside its blocks, after each of them.
#[derive(Clone)]
pub struct Track {
    pub model: Model,
    pub submitted: Vec<Arc<Pooled>>,
    pub sealed: Option<Arc<Sealed>>,
}

pub struct Sealed {
    pub block: SealedBlock,
    pub committee: Arc<Committee>,
    pub evaluation: Option<VerifiedEvaluation>,
    pub inputs: Vec<Arc<Pooled>>,
}

/// A hostile institution in one history.
#[derive(Default)]
pub struct Puppet {
    pub member: Option<Member>,
    /// By committee, encoded.
    pub shares: BTreeMap<u32, Vec<u8>>,
}

impl Puppet {
    pub fn copy(&self, name: Pseudonym, deals_anew: bool, rng: &mut ChaCha20Rng) -> Self {
        let copy = |member: &Member| {
            let mut bytes = member.secrets().unwrap().to_bytes();
            if deals_anew {
                let dealer = bytes.len() - 32;
                rng.fill_bytes(&mut bytes[dealer..]);
            }
            Member::new(name, Secrets::from_bytes(&bytes).unwrap())
        };
        Self { member: self.member.as_ref().map(copy), shares: self.shares.clone() }
    }

    pub fn contribution(
        &mut self,
        name: Pseudonym,
        keygen: &Keygen,
        twist: Twist,
        rng: &mut ChaCha20Rng,
    ) -> Option<Contribute> {
        if twist == Twist::Silent {
            return None;
        }
        if !self.member.as_ref().is_some_and(|member| member.is_of(keygen)) {
            self.member =
                Some(Member::new(name, Secrets::generate(keygen.number(), keygen.attempt(), rng)));
        }
        let old = keygen.old().and_then(|old| self.shares.get(&old.number));
        let old = old.map(|bytes| KeyShare::from_bytes(bytes).unwrap());
        let shares = &mut self.shares;
        let swear = |oath: Oath<'_>| {
            if let Oath::Committee { number, share: Some(share), .. } = oath {
                shares.insert(number, share.to_bytes().to_vec());
            }
            Ok::<_, Infallible>(())
        };
        let mut said =
            self.member.as_mut()?.next(keygen, old.as_ref(), true, rng, swear).ok().flatten()?;
        match (twist, &mut said.part) {
            (Twist::Complains, Some(Part::Complaints(Complaints { dealers }))) => {
                let Stage::Checking { dealt, .. } = keygen.stage() else { return None };
                *dealers = dealt.dealings.keys().copied().collect();
            }
            (Twist::Garbles, Some(Part::Dealing(bytes))) => *bytes.last_mut()? ^= 1,
            _ => {}
        }
        Some(said)
    }
}

pub struct Branch {
    pub blocks: Vec<Arc<Block>>,
    pub chain: HeaderChain,
    pub follower: Follower,
    pub tracks: Vec<Track>,
    pub puppets: BTreeMap<usize, Puppet>,
    pub time_ms: u64,
}

impl Branch {
    pub fn track(&self) -> &Track {
        self.tracks.last().unwrap()
    }
}

pub fn follower(world: &World) -> Follower {
    Follower::new(Arc::new(world.ceremony.parameters.clone()), world.ceremony.genesis_entry.clone())
}
