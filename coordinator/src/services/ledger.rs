//! The service `Ledger`: the record of what happened, for anyone.

use std::sync::Arc;

use consilium_hash::BlobHash;
use consilium_proto::{
    hash32,
    v1::{
        ConsistencyProof, GetBlobRequest, GetBlocksRequest, GetConsistencyProofRequest,
        GetHeadRequest, GetInclusionProofRequest, Head, InclusionProof, ledger_server,
    },
};
use tonic::{Request, Response, Status, async_trait};

use super::{
    status::status,
    stream::{Blocks, Chunks, Extent, block, blocks, chunks},
};
use crate::{error::CallError, shared::Shared};

/// Blocks that one call may ask for.
const MAX_BLOCKS: u32 = 256;

/// See the .proto file.
pub(crate) struct Ledger(pub(crate) Arc<Shared>);

#[async_trait]
impl ledger_server::Ledger for Ledger {
    type GetBlocksStream = Blocks;
    type GetBlobStream = Chunks;

    async fn get_head(&self, request: Request<GetHeadRequest>) -> Result<Response<Head>, Status> {
        let size = request.into_inner().size;
        let head = self.0.read(move |shared| shared.head(size)).await.map_err(status)?;
        head.map(Response::new).ok_or_else(|| {
            status(CallError::NotFound {
                what: "head",
                advice: "the chain has not so many blocks".to_owned(),
            })
        })
    }

    async fn get_blocks(
        &self,
        request: Request<GetBlocksRequest>,
    ) -> Result<Response<Blocks>, Status> {
        let GetBlocksRequest { from_height, count } = request.into_inner();
        if count > MAX_BLOCKS {
            let expected = format!("at most {MAX_BLOCKS} a call");
            let error =
                CallError::OutOfRange { what: "number of blocks", actual: count.into(), expected };
            return Err(status(error));
        }
        let to = from_height.saturating_add(count.into());
        blocks(&self.0, from_height, Extent::To(to)).map(Response::new).map_err(status)
    }

    async fn get_blob(&self, request: Request<GetBlobRequest>) -> Result<Response<Chunks>, Status> {
        let sha256 = hash32("hash of a blob", &request.into_inner().sha256);
        let sha256 = sha256.map_err(CallError::from).map_err(status)?;
        let blob = self.0.blob("blob", BlobHash(sha256)).await.map_err(status)?;
        let length = blob.len();
        Ok(Response::new(chunks(&self.0, blob, 0..length)))
    }

    async fn get_inclusion_proof(
        &self,
        request: Request<GetInclusionProofRequest>,
    ) -> Result<Response<InclusionProof>, Status> {
        let GetInclusionProofRequest { height, index } = request.into_inner();
        let proof = self.0.read(move |shared| {
            let block = block(shared, height)?;
            let place = index as usize;
            let (Some(entry), Some(proof)) = (block.entries.get(place), block.entry_proof(place))
            else {
                let expected = format!("block {height} has {} entries", block.entries.len());
                return Err(CallError::OutOfRange {
                    what: "entry",
                    actual: index.into(),
                    expected,
                });
            };
            let path = proof.path.iter().map(|hash| hash.to_vec()).collect();
            Ok(InclusionProof {
                sealed_header: block.sealed.encode().to_vec(),
                entry: entry.clone(),
                path,
            })
        });
        proof.await.map(Response::new).map_err(status)
    }

    /// Sizes are those of checkpoints: the tree of size s is over the first s blocks.
    async fn get_consistency_proof(
        &self,
        request: Request<GetConsistencyProofRequest>,
    ) -> Result<Response<ConsistencyProof>, Status> {
        let GetConsistencyProofRequest { from_size, to_size } = request.into_inner();
        let proof = self.0.read(move |shared| {
            let path = shared.consistency(from_size, to_size)?.ok_or_else(|| {
                let blocks = shared.chain().len();
                let expected = format!("from_size ≤ to_size ≤ {blocks} blocks");
                CallError::OutOfRange { what: "size of a history", actual: to_size, expected }
            })?;
            Ok(ConsistencyProof { path: path.iter().map(|hash| hash.to_vec()).collect() })
        });
        proof.await.map(Response::new).map_err(status)
    }
}
