//! What institutions do in a run, all of them at once.

use consilium_crypto::RoundContext;
use consilium_hash::ModelHash;
use consilium_proto::v1::Reason;
use tokio::task::JoinSet;

use super::{DIMENSION, Follower, Institution, Peer, World};

/// Enrols everyone, who then make the key.
pub async fn found(peer: &Peer, follower: &mut Follower, institutions: &[Institution]) {
    enrol_all(peer, institutions).await;
    follower.share(peer, institutions, 0).await;
}

/// Enrols these.
pub async fn enrol_all(peer: &Peer, institutions: &[Institution]) {
    for institution in institutions {
        assert_eq!(peer.enrol(institution.enrolment()).await.unwrap().reason(), Reason::Accepted);
    }
}

/// Submits the updates of all these institutions at once and gives their receipts' reasons, in order.
pub async fn submit_all(
    peer: &Peer,
    institutions: &[Institution],
    round: &RoundContext,
) -> Vec<Reason> {
    let mut calls = JoinSet::new();
    for (place, institution) in institutions.iter().cloned().enumerate() {
        let peer = peer.clone();
        let round = round.clone();
        calls.spawn(async move {
            (place, peer.submit(&institution.update(&round)).await.unwrap().reason())
        });
    }
    let mut reasons = calls.join_all().await;
    reasons.sort_by_key(|(place, _)| *place);
    reasons.into_iter().map(|(_, reason)| reason).collect()
}

/// Takes a sealed step to its close: everyone countersigns, everyone gives a share.
pub async fn open(peer: &Peer, follower: &mut Follower, trustees: &[Institution]) {
    let step = follower.contract.step();
    let round = follower.round();
    let aggregate = follower.sealed(peer, step).await;
    let mut calls = JoinSet::new();
    for trustee in trustees {
        let peer = peer.clone();
        let signed = trustee.countersignature(step, &follower.block(&aggregate));
        calls.spawn(async move { peer.countersign(signed).await.unwrap() });
    }
    follower.opening(peer, step).await;
    for trustee in trustees {
        let peer = peer.clone();
        let signed = trustee.share(&round, &aggregate);
        calls.spawn(async move { peer.share(signed).await.unwrap() });
    }
    follower.closed(peer, step).await;
    calls.join_all().await;
}

/// The model that follows from the plain updates of these institutions.
pub fn expected_model(world: &World, institutions: &[Institution]) -> ModelHash {
    let parameters = &world.ceremony.parameters;
    let mut sums = vec![0_i64; DIMENSION];
    let mut weight_sum = 0.0;
    for institution in institutions {
        for (sum, value) in sums.iter_mut().zip(institution.values()) {
            *sum += value;
        }
        weight_sum += parameters.weight(institution.files().identity.rows);
    }
    let model =
        consilium_contract::Model::from_bytes(&world.ceremony.initial_model, parameters).unwrap();
    model.step(parameters, &sums, weight_sum).unwrap().hash()
}
