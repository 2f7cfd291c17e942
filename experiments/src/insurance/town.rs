//! All parties of a town in one process, each on its own sockets: the authority's coordinator, car owners, insurers with
//! their policies and their claims departments, repair shops, a proxy, and the group's issuer and opener. Every connection
//! goes through a relay that counts its bytes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use consilium_authority::{
    AuthorityFiles, Ceremony, CeremonySpec, Protection, initial_model, send,
};
use consilium_coordinator::{Config, Coordinator, Linger, Running};
use consilium_hash::Pseudonym;
use consilium_identity::{CoordinatorFiles, ParticipantRequest};
use consilium_proto::training::Layers;
use consilium_records::card::Card;
use consilium_records::issuer::certify;
use consilium_records::ledger::Following;
use consilium_records::party::{Founding, Party, Role};
use consilium_records::requester::membership::join;
use consilium_records::serve::Bound;
use rand_core::OsRng;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::config::InsuranceConfig;
use super::frames::Counted;
use super::meter::Meter;
use super::record::Link;
use crate::ExperimentError;

/// How long anything on a loopback socket may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Institutions of the run that the ledger belongs to; none of them trains here.
const INSTITUTIONS: usize = 4;

/// A party that is admitted and follows the ledger.
pub(super) struct Member {
    /// Its copy of the ledger, with its keys and folder.
    pub(super) following: Arc<Following>,
    /// Its pseudonym.
    pub(super) name: Pseudonym,
    /// Its card.
    pub(super) card: Card,
    /// To the ledger, and to itself if it serves.
    ledger: Meter,
    service: Option<(Link, Meter)>,
    /// It serves until this is dropped.
    _stop: Option<oneshot::Sender<()>>,
}

impl Member {
    /// Its folder and keys.
    pub(super) fn party(&self) -> &Party {
        self.following.party()
    }
}

/// An insurer: who keeps its policies, and who settles claims.
pub(super) struct Insurer {
    /// A custodian.
    pub(super) policies: Member,
    /// A requester.
    pub(super) claims: Member,
}

/// See the module.
pub(super) struct Town {
    /// Car owners.
    pub(super) owners: Vec<Member>,
    /// Insurers.
    pub(super) insurers: Vec<Insurer>,
    /// Repair shops: custodians.
    pub(super) shops: Vec<Member>,
    /// The agent that re-encrypts.
    pub(super) proxy: Member,
    issuer: Member,
    opener: Member,
    coordinator: Running,
}

fn failed<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> ExperimentError {
    ExperimentError::bench(format!("the town: {what}"))
}

impl Town {
    /// Founds a run below a folder, starts everybody, and makes the claims departments members of the group.
    pub(super) async fn new(
        config: &InsuranceConfig,
        root: &Path,
    ) -> Result<Self, ExperimentError> {
        let ground = Ground::new(root).await?;
        let proxy = ground.admit(Role::Proxy, "proxy").await?;
        let issuer = ground.admit(Role::Issuer, "issuer").await?;
        let opener = ground.admit(Role::Opener, "opener").await?;
        let group =
            ground.authority.found_group(&ground.request("issuer")?, &ground.request("opener")?);
        let group = group.map_err(failed("the group"))?;
        send(&ground.url(), group).await.map_err(failed("the group"))?;
        let mut insurers = Vec::with_capacity(config.insurers);
        for number in 1..=config.insurers {
            let policies = ground.admit(Role::Custodian, &format!("policies-{number}")).await?;
            let claims = ground.admit(Role::Requester, &format!("claims-{number}")).await?;
            insurers.push(Insurer { policies, claims });
        }
        let mut shops = Vec::with_capacity(config.shops);
        for number in 1..=config.shops {
            shops.push(ground.admit(Role::Custodian, &format!("shop-{number}")).await?);
        }
        let mut owners = Vec::with_capacity(config.users);
        for number in 1..=config.users {
            owners.push(ground.admit(Role::Owner, &format!("owner-{number}")).await?);
        }
        let coordinator = ground.coordinator;
        let town = Self { owners, insurers, shops, proxy, issuer, opener, coordinator };
        town.certify_all().await?;
        Ok(town)
    }

    async fn certify_all(&self) -> Result<(), ExperimentError> {
        self.settle().await?;
        for Insurer { claims, .. } in &self.insurers {
            let joined = join(&claims.following, &claims.name, PATIENCE).await;
            joined.map_err(failed("joining the group"))?;
            self.settle().await?;
            let certified = certify(&self.issuer.following, &self.issuer.name, &claims.card).await;
            certified.map_err(failed("a certificate"))?;
        }
        Ok(())
    }

    fn members(&self) -> impl Iterator<Item = &Member> {
        let insurers =
            self.insurers.iter().flat_map(|insurer| [&insurer.policies, &insurer.claims]);
        let others = [&self.proxy, &self.issuer, &self.opener];
        self.owners.iter().chain(&self.shops).chain(insurers).chain(others)
    }

    /// How many follow the ledger.
    pub(super) fn followers(&self) -> usize {
        self.members().count()
    }

    /// Waits until everybody has read what anybody has.
    pub(super) async fn settle(&self) -> Result<(), ExperimentError> {
        let height = |member: &Member| member.following.ledger().height();
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let highest = self.members().map(height).max().unwrap_or_default();
            if self.members().all(|member| height(member) == highest) {
                return Ok(());
            }
            if tokio::time::Instant::now() > until {
                return Err(failed("the ledger")("somebody does not read its last block"));
            }
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Bytes so far, of a kind of connection. Of blocks: those that one party reads, since everybody reads the same.
    pub(super) fn counted(&self, link: Link) -> Result<Counted, ExperimentError> {
        let again =
            || failed("a count")("a party has lost its connection to the ledger; run it again");
        let mut sum = Counted::default();
        match link {
            Link::Blocks => sum += self.proxy.ledger.first().ok_or_else(again)?,
            Link::Statements => {
                for member in self.members() {
                    // The first connection of each is the one that it follows by; every statement has one of its own.
                    let blocks = member.ledger.first().ok_or_else(again)?;
                    sum += member.ledger.counted() - blocks;
                }
            }
            Link::Custodians | Link::Proxies | Link::Requesters => {
                let services = self.members().filter_map(|member| member.service.as_ref());
                for (_, meter) in services.filter(|(of, _)| *of == link) {
                    sum += meter.counted();
                }
            }
        }
        Ok(sum)
    }

    /// Ends it.
    pub(super) async fn close(self) -> Result<(), ExperimentError> {
        self.coordinator.stop().await.map(drop).map_err(failed("the coordinator"))
    }
}

/// A run with its coordinator, before anybody is admitted.
struct Ground {
    root: PathBuf,
    authority: AuthorityFiles,
    coordinator: Running,
}

impl Ground {
    async fn new(root: &Path) -> Result<Self, ExperimentError> {
        let ceremony = root.join("ceremony");
        let layers = Layers::dense(2, vec![2]);
        let initial = initial_model(&layers, &mut OsRng).map_err(failed("the ceremony"))?;
        let spec = CeremonySpec {
            protection: Protection { allow_threshold_one: true },
            ..CeremonySpec::new(layers, initial, vec![100; INSTITUTIONS])
        };
        let held = Ceremony::hold(&spec, &mut OsRng).map_err(failed("the ceremony"))?;
        held.write(&ceremony).map_err(failed("the ceremony"))?;
        let files = CoordinatorFiles::load(&ceremony.join("coordinator"));
        let config = Config {
            new: true,
            hearing: Duration::ZERO,
            // Nobody waits for a block, and every statement gets one of its own.
            block_age: Duration::ZERO,
            linger: Linger::Forever,
            ..Config::new(files.map_err(failed("the coordinator"))?, root.join("ledger"))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed("the coordinator"))?;
        let coordinator = Coordinator::start(config, listener).await;
        let coordinator = coordinator.map_err(failed("the coordinator"))?;
        let authority = AuthorityFiles::load(&ceremony.join("authority"));
        let authority = authority.map_err(failed("the authority"))?;
        Ok(Self { root: root.to_owned(), authority, coordinator })
    }

    fn url(&self) -> String {
        format!("http://{}", self.coordinator.address())
    }

    fn request(&self, name: &str) -> Result<ParticipantRequest, ExperimentError> {
        let path = self.root.join(name).join("request.bin");
        ParticipantRequest::load(&path).map_err(failed(name))
    }

    /// A party with keys of its own, admitted, following, and serving if its role does.
    async fn admit(&self, role: Role, name: &str) -> Result<Member, ExperimentError> {
        let link = match role {
            Role::Custodian => Some(Link::Custodians),
            Role::Proxy => Some(Link::Proxies),
            Role::Requester => Some(Link::Requesters),
            Role::Owner | Role::Issuer | Role::Opener => None,
        };
        let mut bound = None;
        let mut service = None;
        if let Some(link) = link {
            let listening = Bound::at(([127, 0, 0, 1], 0).into()).await.map_err(failed(name))?;
            service = Some((link, Meter::before(listening.address).await?));
            bound = Some(listening);
        }
        let address = service.as_ref().map(|(_, meter)| meter.url()).unwrap_or_default();
        let dir = self.root.join(name);
        let genesis = self.root.join("ceremony/genesis.bin");
        let founding =
            Founding { role, name, address: &address, genesis: &genesis, institution: None };
        let fingerprint = Party::found(&dir, &founding).map_err(failed(name))?.to_string();
        let register = self.root.join("ceremony/authority");
        let admitted =
            self.authority.admit_participant(&register, &self.request(name)?, &fingerprint);
        let admitted = admitted.map_err(failed(name))?;
        send(&self.url(), admitted.signed).await.map_err(failed(name))?;

        let ledger = Meter::before(self.coordinator.address()).await?;
        let party = Arc::new(Party::load(&dir).map_err(failed(name))?);
        let following = Following::start(party, &ledger.url()).await.map_err(failed(name))?;
        let pseudonym = following.name(PATIENCE).await.map_err(failed(name))?;
        following.caught_up(PATIENCE).await.map_err(failed(name))?;
        let card = Card::of(following.party(), pseudonym).map_err(failed(name))?;
        let mut stop = None;
        if let Some(bound) = bound {
            let (sender, stopped) = oneshot::channel();
            let (ready, is_ready) = oneshot::channel();
            let served = Arc::clone(&following);
            // Whoever waits for it is still there.
            let ready = move || {
                let _ = ready.send(());
            };
            tokio::spawn(async move { bound.serve(served, pseudonym, ready, stopped).await });
            is_ready.await.map_err(|_| failed(name)("it does not begin to serve"))?;
            stop = Some(sender);
        }
        Ok(Member { following, name: pseudonym, card, ledger, service, _stop: stop })
    }
}
