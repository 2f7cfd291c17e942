//! The service `Federation`: the work of a round, and of making a committee.

use std::{ops::Range, sync::Arc};

use consilium_contract::{
    self as contract, CandidateTransaction,
    action::{Kind, Signer},
    model::Model,
};
use consilium_crypto::{mask::Parameters as UpdateParameters, signature::SigningKey};
use consilium_hash::{BlobHash, HeaderHash, Pseudonym};
use consilium_ledger::SealedHeader;
use consilium_proto::{
    hash32,
    v1::{
        Aggregate, GetAggregateRequest, GetKeyPartRequest, GetMaskedUpdateRequest, GetModelRequest,
        Receipt, SignedTransaction, SubscribeRequest, UpdatePart, federation_server,
        transaction::Action,
    },
};
use prost::Message as _;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::{
    peer::Peer,
    presence::Present,
    status::status,
    stream::{Blocks, Chunks, Extent, blocks, chunks},
    upload::{Uploads, receive},
};
use crate::{
    catalogue::body,
    error::CallError,
    inbox::{Answer, NodeHandle},
    shared::Shared,
};

/// See the .proto file.
pub(crate) struct Federation {
    shared: Arc<Shared>,
    node: NodeHandle,
    uploads: Arc<Uploads>,
    /// Institutions that follow, and by which process.
    present: Arc<Present>,
    /// Signs receipts.
    signing: Arc<SigningKey>,
}

impl Federation {
    pub(crate) fn new(shared: Arc<Shared>, node: NodeHandle, signing: Arc<SigningKey>) -> Self {
        // Each institution once, and again for those that have connected anew.
        let uploads = Arc::new(Uploads::new(shared.parameters.institutions as usize * 2 + 16));
        Self { shared, node, uploads, present: Arc::default(), signing }
    }

    /// The receipt as the coordinator's word, which can be held against it.
    fn sign(&self, receipt: &contract::Receipt) -> Response<Receipt> {
        Response::new(receipt.sign(&self.signing, &self.shared.parameters.chain_id))
    }

    /// Compares the last block of one who connects with the ledger, and tells the node. Returns which institution it is, where it
    /// says so.
    ///
    /// What the coordinator's own signature does not stand on proves nothing: nobody stops a node without it.
    async fn meet(
        &self,
        peer: Peer,
        head: &[u8],
        institution: &[u8],
    ) -> Result<Option<Pseudonym>, CallError> {
        if !head.is_empty() {
            let head = SealedHeader::decode(head).map_err(CallError::Header)?;
            if let Some(height) = self.shared.lacks(&head)? {
                self.node.lacks(height, head.hash()).await?;
                return Err(CallError::LacksBlocks { height });
            }
        }
        if institution.is_empty() {
            return Ok(None);
        }
        let institution = Pseudonym(hash32("pseudonym of an institution", institution)?);
        peer.speaks_for(&institution)?;
        self.node.heard(institution).await?;
        Ok(Some(institution))
    }

    /// These bytes of the body of an accepted update.
    async fn part(
        &self,
        header: &[u8],
        what: &'static str,
        bytes: impl Fn(&UpdateParameters) -> Range<usize>,
    ) -> Result<Response<Chunks>, Status> {
        let header = hash("hash of an update's header", header)?;
        let find = move |shared: &Shared| Ok(body(&shared.store, &HeaderHash(header))?);
        let found = self.shared.read(find).await.map_err(status)?;
        let (step, body) = found.ok_or_else(|| {
            let advice = "no accepted update of this run has this header".to_owned();
            status(CallError::NotFound { what, advice })
        })?;
        let body = self.shared.blob("body", body).await.map_err(status)?;
        let bytes = bytes(&self.shared.parameters.form(step).update);
        Ok(Response::new(chunks(&self.shared, body, bytes)))
    }

    /// Hands in a transaction that has no body.
    async fn submit(
        &self,
        request: Request<SignedTransaction>,
        call: &'static str,
        expected: &'static str,
        takes: fn(&Action) -> bool,
    ) -> Result<Response<Receipt>, Status> {
        let peer = Peer::of(request.extensions());
        let signed = request.into_inner();
        self.shared.traffic.count_up(signed.encoded_len());
        let transaction =
            CandidateTransaction::parse(signed).map_err(CallError::from).map_err(status)?;
        if !takes(transaction.action()) {
            return Err(status(CallError::WrongAction { call, expected }));
        }
        if let Some(author) = transaction.author() {
            let is_statement = Kind::of(transaction.action()).signer == Signer::Participant;
            let may = if is_statement { peer.says_for(&author) } else { peer.speaks_for(&author) };
            may.map_err(status)?;
        }
        match self.node.submit(transaction).await.map_err(status)? {
            Answer::Receipt(receipt) => Ok(self.sign(&receipt)),
            // Only an update has a body.
            Answer::Upload { .. } => Err(status(CallError::WrongAction { call, expected })),
        }
    }
}

fn hash(what: &'static str, bytes: &[u8]) -> Result<[u8; 32], Status> {
    hash32(what, bytes).map_err(CallError::from).map_err(status)
}

#[async_trait]
impl federation_server::Federation for Federation {
    type SubscribeStream = Blocks;
    type GetModelStream = Chunks;
    type GetKeyPartStream = Chunks;
    type GetMaskedUpdateStream = Chunks;

    async fn enrol(
        &self,
        request: Request<SignedTransaction>,
    ) -> Result<Response<Receipt>, Status> {
        let takes = |action: &Action| matches!(action, Action::Enrol(_) | Action::Rejoin(_));
        self.submit(request, "Enrol", "an enrolment, or a return", takes).await
    }

    async fn administer(
        &self,
        request: Request<SignedTransaction>,
    ) -> Result<Response<Receipt>, Status> {
        let takes = |action: &Action| Kind::of(action).signer == Signer::Authority;
        let expected = "a revocation, a pause or its end, a change of the committee or what concerns sharing, by the authority";
        self.submit(request, "Administer", expected, takes).await
    }

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Blocks>, Status> {
        let peer = Peer::of(request.extensions());
        let SubscribeRequest { from_height, head, institution, process } = request.into_inner();
        let named = !institution.is_empty();
        let institution = self.meet(peer, &head, &institution).await.map_err(status)?;
        let presence = match peer {
            // Without a certificate a name is anybody's.
            Peer::Institution(name) if named => {
                Some(self.present.enter(name, process).map_err(status)?)
            }
            _ => None,
        };
        let extent = Extent::Following(institution, presence);
        blocks(&self.shared, from_height, extent).map(Response::new).map_err(status)
    }

    async fn get_model(
        &self,
        request: Request<GetModelRequest>,
    ) -> Result<Response<Chunks>, Status> {
        let sha256 = hash("hash of a model", &request.into_inner().sha256)?;
        let blob = self.shared.blob("model", BlobHash(sha256)).await.map_err(status)?;
        if Model::from_bytes(&blob, &self.shared.parameters).is_none() {
            let advice = "the blob with this SHA-256 is no model; GetBlob serves it".to_owned();
            return Err(status(CallError::NotFound { what: "model", advice }));
        }
        let length = blob.len();
        Ok(Response::new(chunks(&self.shared, blob, 0..length)))
    }

    async fn submit_update(
        &self,
        request: Request<Streaming<UpdatePart>>,
    ) -> Result<Response<Receipt>, Status> {
        let peer = Peer::of(request.extensions());
        let shared = Arc::clone(&self.shared);
        let node = self.node.clone();
        let uploads = Arc::clone(&self.uploads);
        let receipt =
            tokio::spawn(receive(shared, node, uploads, peer, request.into_inner())).await;
        let receipt = receipt.unwrap_or(Err(CallError::Stopping)).map_err(status)?;
        Ok(self.sign(&receipt))
    }

    async fn get_aggregate(
        &self,
        request: Request<GetAggregateRequest>,
    ) -> Result<Response<Aggregate>, Status> {
        let step = request.into_inner().step;
        let aggregate = self.shared.catalogue().aggregate(step).cloned().ok_or_else(|| {
            let advice =
                format!("step {step} is not the last sealed one; earlier ones are on the chain");
            status(CallError::NotFound { what: "aggregate", advice })
        })?;
        self.shared.traffic.count_down(aggregate.encoded_len());
        Ok(Response::new(aggregate))
    }

    async fn get_masked_update(
        &self,
        request: Request<GetMaskedUpdateRequest>,
    ) -> Result<Response<Chunks>, Status> {
        let header = request.into_inner().header_sha256;
        self.part(&header, "masked update", UpdateParameters::masked).await
    }

    async fn get_key_part(
        &self,
        request: Request<GetKeyPartRequest>,
    ) -> Result<Response<Chunks>, Status> {
        let header = request.into_inner().header_sha256;
        self.part(&header, "key part", UpdateParameters::key_part).await
    }

    async fn countersign(
        &self,
        request: Request<SignedTransaction>,
    ) -> Result<Response<Receipt>, Status> {
        let takes = |action: &Action| matches!(action, Action::Countersign(_));
        self.submit(request, "Countersign", "a trustee's countersignature", takes).await
    }

    async fn contribute(
        &self,
        request: Request<SignedTransaction>,
    ) -> Result<Response<Receipt>, Status> {
        let takes = |action: &Action| matches!(action, Action::Contribute(_));
        self.submit(request, "Contribute", "a member's part in making a committee", takes).await
    }

    async fn submit_share(
        &self,
        request: Request<SignedTransaction>,
    ) -> Result<Response<Receipt>, Status> {
        let takes = |action: &Action| matches!(action, Action::SubmitShare(_));
        self.submit(request, "SubmitShare", "a trustee's decryption share", takes).await
    }

    async fn say(&self, request: Request<SignedTransaction>) -> Result<Response<Receipt>, Status> {
        let takes = |action: &Action| Kind::of(action).signer == Signer::Participant;
        self.submit(request, "Say", "a participant's statement about sharing", takes).await
    }
}
