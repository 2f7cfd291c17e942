//! What participants say, and through which calls.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod common;

use common::{Peer, World};
use consilium_contract::transaction::sign;
use consilium_crypto::SigningKey;
use consilium_hash::Pseudonym;
use consilium_proto::v1::{
    GetBlocksRequest, PostRequest, Reason, SignedTransaction, transaction::Action,
};
use consilium_testkit::{Sharing, admission};
use rand_core::OsRng;
use tonic::Code;

async fn say(peer: &Peer, signed: SignedTransaction) -> Result<Reason, Code> {
    let answer = peer.federation.clone().say(signed).await;
    answer.map(|answer| answer.into_inner().reason()).map_err(|status| status.code())
}

async fn blocks(peer: &Peer) -> usize {
    let request = GetBlocksRequest { from_height: 0, count: 256 };
    let mut blocks = peer.ledger.clone().get_blocks(request).await.unwrap().into_inner();
    let mut count = 0;
    while blocks.message().await.unwrap().is_some() {
        count += 1;
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn participants_are_heard_through_say_and_the_authority_admits_them_through_administer() {
    let world = World::new(|_| {});
    let (running, peer) = world.start(|_| {}).await;
    let parameters = &world.ceremony.parameters;
    let shop = Pseudonym([7; 32]);
    let shop_key = SigningKey::generate(&mut OsRng);
    let mut sharing = Sharing::new(parameters.chain_id, shop, &shop_key);
    let authority =
        |action| sign(&world.ceremony.authority.signing, &parameters.chain_id, None, action);
    let by_owner = |sharing: &Sharing, action| {
        sign(&sharing.owner_key, &parameters.chain_id, Some(&sharing.owner), action)
    };
    let (_, request) = sharing.request(Pseudonym([9; 32]));
    let given = sharing.consent(&request, Pseudonym([8; 32]));
    let consent =
        Action::GiveConsent(consilium_proto::v1::GiveConsent { consent: given.consent().encode() });

    // A stranger leaves nothing on the chain.
    let before = blocks(&peer).await;
    let said = by_owner(&sharing, consent.clone());
    assert_eq!(say(&peer, said.clone()).await, Ok(Reason::UnknownInstitution));
    assert_eq!(blocks(&peer).await, before);

    let admits = authority(admission(&sharing.owner, &sharing.owner_key));
    assert_eq!(say(&peer, admits.clone()).await, Err(Code::InvalidArgument));
    let receipt = peer.federation.clone().administer(admits).await.unwrap().into_inner();
    assert_eq!(receipt.reason(), Reason::Accepted);
    let refused = peer.federation.clone().administer(said.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);

    assert_eq!(say(&peer, said.clone()).await, Ok(Reason::Accepted));
    // The same bytes have the same receipt.
    assert_eq!(say(&peer, said).await, Ok(Reason::Accepted));
    let before = blocks(&peer).await;
    let no_group = by_owner(&sharing, Action::PostRequest(PostRequest::default()));
    assert_eq!(say(&peer, no_group).await, Ok(Reason::NoGroup));
    assert!(blocks(&peer).await >= before);
    // What belongs to a round has its own call.
    let enrolment = world.institution(0).enrolment();
    assert_eq!(say(&peer, enrolment).await, Err(Code::InvalidArgument));
    running.stop().await.unwrap();
}
