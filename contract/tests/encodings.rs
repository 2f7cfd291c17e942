//! Holds the encodings fixed: whoever changes one of these bytes breaks every ledger there is.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use consilium_contract::transaction::{
    CandidateTransaction, NO_CHAIN, chain_id, entry, parse_entry, sign,
};
use consilium_contract::{Certificate, certificate::pseudonym};
use consilium_crypto::signature::SigningKey;
use consilium_hash::{ChainId, Pseudonym, TlsKeyHash};
use consilium_proto::v1::{self, contribute::Part, transaction::Action};
use prost::Message;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

fn key() -> SigningKey {
    SigningKey::from_bytes(&Zeroizing::new([42; 32]))
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn blob() -> Option<v1::BlobRef> {
    Some(v1::BlobRef { sha256: vec![1; 32], length: 36 })
}

fn genesis() -> v1::Genesis {
    v1::Genesis {
        protocol_version: 4,
        nonce: vec![2; 32],
        dimension: 289,
        initial_model: blob(),
        institutions: 10,
        threshold: 4,
        min_updates: 5,
        min_rows: 155,
        bound: Some(v1::genesis::Bound::Parameter(v1::ParameterBound { bits: 8, clip: 0.125 })),
        max_rows: 62,
        steps: 60,
        collection_timeout_ms: 60_000,
        max_attempts: 3,
        authority_key: vec![5; 32],
        coordinator_key: vec![6; 32],
        training: vec![10, 4, 8, 8, 18, 0],
        privacy: None,
        lattice: None,
        statistics: None,
        evaluation: None,
        server_optimiser: None,
        evaluation_key: vec![3; 32],
        refresh_steps: 20,
        min_threshold: 3,
        suspend_after: 0,
    }
}

fn actions() -> Vec<Action> {
    let norm = v1::NormBound { norm: 5_600, projections: 256, clip: 0.5 };
    let lattice = v1::Genesis {
        dimension: 1_000_981,
        bound: Some(v1::genesis::Bound::Norm(norm)),
        lattice: Some(v1::LatticeMask { scale: 2 }),
        privacy: Some(v1::Privacy {
            signal_norm: 100,
            noise_variance: 40_000,
            epsilon_milli: 8_000,
            delta_bits: 17,
        }),
        ..genesis()
    };
    vec![
        Action::Genesis(genesis()),
        Action::Genesis(lattice),
        Action::Enrol(v1::Enrol {
            certificate: Some(
                Certificate {
                    pseudonym: pseudonym("St Mary's", &[7; 32]),
                    signing_key: key().verifying_key(),
                    tls_key: Some(TlsKeyHash([8; 32])),
                    trustee_index: 3,
                    rows: 61,
                }
                .issue(&key(), &[9; 32]),
            ),
        }),
        Action::OpenRound(v1::OpenRound {
            step: 1,
            attempt: 2,
            model_sha256: vec![1; 32],
            time_ms: 3,
            standings: vec![v1::Standing { pseudonym: vec![7; 32], credit: 2 }],
        }),
        Action::SubmitUpdate(v1::SubmitUpdate { header: vec![1; 2700] }),
        Action::CloseCollection(v1::CloseCollection {
            step: 1,
            attempt: 0,
            evaluation: vec![2; 2000],
            time_ms: 4,
        }),
        Action::Countersign(v1::Countersign {
            step: 1,
            sealed_block: vec![3; 32],
            cosignature: vec![6; 72],
        }),
        Action::SubmitShare(v1::SubmitShare {
            step: 1,
            sealed_block: vec![3; 32],
            share: vec![4; 672],
        }),
        Action::CloseRound(v1::CloseRound {
            ends_run: false,
            step: 1,
            mask_key_sum: vec![5; 32],
            sums: blob(),
            model: blob(),
            time_ms: 5,
        }),
        Action::Abandon(v1::Abandon { step: 1, attempt: 1, time_ms: 6 }),
        Action::Revoke(v1::Revoke { pseudonym: vec![7; 32] }),
        Action::Rejoin(v1::Rejoin { step: 3 }),
        Action::Pause(v1::Pause { request: 4 }),
        Action::Resume(v1::Resume { request: 5 }),
        Action::BeginKeygen(v1::BeginKeygen { committee: 1, time_ms: 7 }),
        Action::EndStage(v1::EndStage {
            committee: 1,
            attempt: 2,
            stage: v1::Stage::Dealing.into(),
            time_ms: 8,
        }),
        Action::ChangeCommittee(v1::ChangeCommittee {
            committee: 1,
            members: vec![vec![7; 32]; 4],
            threshold: 2,
            request: 9,
        }),
        Action::AdmitParticipant(v1::AdmitParticipant {
            pseudonym: vec![7; 32],
            signing_key: vec![8; 32],
        }),
        Action::FoundGroup(v1::FoundGroup { issuer_key: vec![1; 96], opener_key: vec![2; 48] }),
        Action::JoinGroup(v1::JoinGroup { join: vec![3; 264] }),
        Action::RevokeMember(v1::RevokeMember { revocation: vec![4; 128], epoch: 5 }),
        Action::StoreRecord(v1::StoreRecord { record: vec![5; 224] }),
        Action::GiveConsent(v1::GiveConsent { consent: vec![6; 300] }),
        Action::WithdrawConsent(v1::WithdrawConsent { withdrawal: vec![7; 96] }),
        Action::PostRequest(v1::PostRequest {
            request: vec![8; 3000],
            epoch: 9,
            signature: vec![10; 400],
        }),
        Action::OpenAccount(v1::OpenAccount { registration: vec![11; 400] }),
        Action::Deposit(v1::Deposit { deposit: vec![12; 1100] }),
        Action::Transfer(v1::Transfer { transfer: vec![13; 1900] }),
        Action::Roll(v1::Roll { roll: vec![14; 8] }),
        Action::Rebase(v1::Rebase { rebase: vec![15; 872] }),
    ]
    .into_iter()
    .chain(parts().map(|part| {
        Action::Contribute(v1::Contribute {
            committee: 1,
            attempt: 2,
            basis: vec![9; 32],
            part: Some(part),
        })
    }))
    .collect()
}

fn parts() -> [Part; 8] {
    let share = |recipient| v1::RevealedShare { recipient, share: vec![6; 320] };
    [
        Part::Offer(vec![1; 32]),
        // Longer than any other transaction of a running chain.
        Part::Dealing(vec![2; 60_000]),
        Part::Complaints(v1::Complaints { dealers: vec![1, 3] }),
        Part::Answers(v1::Answers { shares: vec![share(2), share(4)] }),
        Part::Agreement(v1::Agreement {}),
        Part::Product(vec![3; 640]),
        Part::ShareKey(vec![4; 320]),
        Part::Confirmation(v1::Confirmation { hands_over: true, holds_share: false }),
    ]
}

#[test]
fn every_transaction_decodes_to_the_bytes_it_was_read_from() {
    for action in actions() {
        let bytes = entry(
            sign(&key(), &ChainId([1; 32]), Some(&Pseudonym([2; 32])), action.clone()),
            false,
        );
        let (transaction, missing) = parse_entry(&bytes).unwrap();
        assert_eq!(transaction.action(), &action);
        assert_eq!(entry(transaction.signed().clone(), missing), bytes);
        assert!(transaction.is_signed_by(&key().verifying_key(), &ChainId([1; 32])));
        assert!(!transaction.is_signed_by(&key().verifying_key(), &NO_CHAIN));
    }
}

#[test]
fn the_encodings_and_hashes_are_those_of_version_4() {
    let mut hasher = Sha256::new();
    for action in actions() {
        let signed = sign(&key(), &ChainId([1; 32]), Some(&Pseudonym([2; 32])), action);
        hasher.update(signed.encode_to_vec());
        hasher.update(CandidateTransaction::parse(signed.clone()).unwrap().id());
        hasher.update(chain_id(&entry(signed, false)));
    }
    assert_eq!(
        hex(hasher.finalize()),
        "a583c8bf96e19dc82146d9e8e65aecdaf1dc5bf41ac0897d234f1e4a5e21e29a"
    );
}
