//! A connection, and what goes over it.

use consilium_proto::v1::{
    Aggregate, GetAggregateRequest, GetBlobRequest, Receipt, SignedTransaction, UpdatePart,
    federation_client::FederationClient, ledger_client::LedgerClient, update_part::Part,
};
use tonic::{Status, transport::Channel};

/// A connection.
#[derive(Clone)]
pub struct Peer {
    pub federation: FederationClient<Channel>,
    pub ledger: LedgerClient<Channel>,
}

impl Peer {
    pub async fn connect(address: &str) -> Self {
        let endpoint =
            tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = endpoint.connect().await.unwrap();
        Self {
            federation: FederationClient::new(channel.clone()),
            ledger: LedgerClient::new(channel),
        }
    }

    pub async fn enrol(&self, signed: SignedTransaction) -> Result<Receipt, Status> {
        self.federation.clone().enrol(signed).await.map(|response| response.into_inner())
    }

    pub async fn administer(&self, signed: SignedTransaction) -> Result<Receipt, Status> {
        self.federation.clone().administer(signed).await.map(|response| response.into_inner())
    }

    pub async fn contribute(&self, signed: SignedTransaction) -> Result<Receipt, Status> {
        self.federation.clone().contribute(signed).await.map(|response| response.into_inner())
    }

    pub async fn submit(&self, update: &Update) -> Result<Receipt, Status> {
        let chunks = update.body.chunks(700).map(|chunk| Part::Chunk(chunk.to_vec()));
        self.send(std::iter::once(Part::Header(update.signed.clone())).chain(chunks).collect())
            .await
    }

    pub async fn send(&self, parts: Vec<Part>) -> Result<Receipt, Status> {
        let parts =
            parts.into_iter().map(|part| UpdatePart { part: Some(part) }).collect::<Vec<_>>();
        let response = self.federation.clone().submit_update(tokio_stream::iter(parts)).await;
        response.map(|response| response.into_inner())
    }

    pub async fn countersign(&self, signed: SignedTransaction) -> Result<Receipt, Status> {
        self.federation.clone().countersign(signed).await.map(|response| response.into_inner())
    }

    pub async fn share(&self, signed: SignedTransaction) -> Result<Receipt, Status> {
        self.federation.clone().submit_share(signed).await.map(|response| response.into_inner())
    }

    pub async fn aggregate(&self, step: u64) -> Result<Aggregate, Status> {
        self.federation
            .clone()
            .get_aggregate(GetAggregateRequest { step })
            .await
            .map(|response| response.into_inner())
    }

    pub async fn blob(&self, sha256: &[u8]) -> Result<Vec<u8>, Status> {
        let request = GetBlobRequest { sha256: sha256.to_vec() };
        let mut stream = self.ledger.clone().get_blob(request).await?.into_inner();
        let mut blob = Vec::new();
        while let Some(chunk) = stream.message().await? {
            blob.extend(chunk.data);
        }
        Ok(blob)
    }
}

/// An update as it is sent.
#[derive(Clone)]
pub struct Update {
    pub signed: SignedTransaction,
    pub body: Vec<u8>,
}
