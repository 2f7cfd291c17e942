//! Calls that no command makes.

use std::sync::Arc;

use consilium_exchange::records::{Category, Period, Selection};
use consilium_hash::{ConsentHash, Pseudonym, RecordHash};
use consilium_proto::v1::{Pass, StoredHeader};
use consilium_records::{
    RecordsError,
    card::Card,
    ledger::Following,
    owner::review::review,
    party::Party,
    pass::{self, Terms},
    peer::Peer,
};

use super::{Cast, Member};

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

fn hash(text: &str) -> [u8; 32] {
    hex::decode(text).unwrap().try_into().unwrap()
}

async fn follow(cast: &Cast, member: &Member) -> Arc<Following> {
    let party = Arc::new(Party::load(&member.dir).unwrap());
    let following = Following::start(party, &cast.world.coordinator).await.unwrap();
    following.caught_up(PATIENCE).await.unwrap();
    following
}

async fn connect<'a>(following: &'a Following, from: &Member, to: &Member) -> Peer<'a> {
    let card = Card::load(&to.card, &following.ledger()).unwrap();
    Peer::connect(following.party(), &from.name, &card, "peer").await.unwrap()
}

/// Has a proxy re-encrypt a record for the requester, whatever record it is; its reason where it refuses.
pub fn reencrypt(
    cast: &Cast,
    proxy: &Member,
    consent: &str,
    stored: StoredHeader,
) -> Result<Vec<u8>, String> {
    cast.world.runtime.block_on(async {
        let following = follow(cast, &cast.requester).await;
        let peer = connect(&following, &cast.requester, proxy).await;
        let consent = ConsentHash(hash(consent));
        peer.reencrypt(&consent, stored).await.map_err(|error| error.to_string())
    })
}

/// Searches with somebody else's consent; the reason why that is refused.
pub fn ask_proxy_as(cast: &Cast, member: &Member, consent: &str) -> String {
    cast.world.runtime.block_on(async {
        let following = follow(cast, member).await;
        let peer = connect(&following, member, &cast.proxies[0]).await;
        let refused: RecordsError = peer.search(&ConsentHash(hash(consent))).await.unwrap_err();
        refused.to_string()
    })
}

/// Accepts a record, and kills the custodian as soon as it has acknowledged that.
pub fn accept_and_kill(cast: &mut Cast, record: &str) {
    let accepted = cast.world.runtime.block_on(async {
        let following = follow(cast, &cast.owner).await;
        let peer = connect(&following, &cast.owner, &cast.custodian).await;
        let card = Card::load(&cast.custodian.card, &following.ledger()).unwrap();
        let record = RecordHash(hash(record));
        let reviewed = review(&following, &cast.owner.name, &peer, &card, &record, None).await;
        let signed = reviewed.unwrap().accept(following.party());
        peer.accept(&signed).await
    });
    accepted.unwrap();
    cast.custodian_server.kill();
}

/// Searches with the requester's own consent while nobody reaches the coordinator; the reason why that is refused.
pub fn search_without_ledger(cast: &mut Cast, consent: &str) -> String {
    let handle = cast.world.runtime.handle().clone();
    let following = handle.block_on(follow(cast, &cast.requester));
    let peer = handle.block_on(connect(&following, &cast.requester, &cast.proxies[0]));
    let consent = ConsentHash(hash(consent));
    assert_eq!(handle.block_on(peer.search(&consent)).unwrap().len(), 1);
    cast.world.stop_coordinator();
    for _ in 0..100 {
        if let Err(error) = handle.block_on(peer.search(&consent)) {
            return error.to_string();
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("the proxy goes on without the ledger")
}

/// Has the requester show the custodian a pass that the owner has signed; why the body of the record is not served, or that
/// it is.
pub fn show_pass(
    cast: &Cast,
    consent: &str,
    record: &str,
    issue: Issue,
    change: impl FnOnce(&mut Pass),
) -> String {
    cast.world.runtime.block_on(async {
        let following = follow(cast, &cast.requester).await;
        let peer = connect(&following, &cast.requester, &cast.custodian).await;
        let owner = Party::load(&cast.owner.dir).unwrap();
        let consent = ConsentHash(hash(consent));
        let Issue { custodian, holder, month, until_ms, bodies } = issue;
        let months = vec![Period::new(2026, month).unwrap()];
        let category = Category::new("repairs").unwrap();
        let selection = Selection::new(custodian, category, months).unwrap();
        let terms = Terms { consent: &consent, selection: &selection, until_ms };
        let mut pass = pass::issue(&owner, &cast.owner.name, &holder, &terms, bodies);
        change(&mut pass);
        let body = peer.body(&RecordHash(hash(record)), Some(pass)).await;
        match body {
            Ok(_) => "served".to_owned(),
            Err(error) => error.to_string(),
        }
    })
}

/// What a pass says.
pub struct Issue {
    pub custodian: Pseudonym,
    pub holder: Pseudonym,
    pub month: u8,
    pub until_ms: u64,
    pub bodies: bool,
}
