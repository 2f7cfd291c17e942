//! The calls to the coordinator. Everything that comes back is bounded, and verified elsewhere.

use std::{fmt::Display, time::Duration};

use consilium_contract::{CandidateTransaction, Parameters, Receipt};
use consilium_ledger::{Block, MAX_BLOCK_BYTES, SealedHeader};
use consilium_proto::v1::{
    BlockMessage, GetHeadRequest, Reason, SignedTransaction, SubscribeRequest,
    federation_client::FederationClient, ledger_client::LedgerClient,
};
use tokio::time::timeout;
use tonic::{Code, Response, Status, Streaming, transport::Channel};

use crate::{
    RecordsError,
    error::Result,
    transport::{READ_DEADLINE, connect_to_coordinator},
};

const WHO: &str = "the coordinator";

/// A receipt comes once its block is sealed: after a minute at the latest, as coordinators are usually run.
const RECEIPT_DEADLINE: Duration = Duration::from_secs(150);

/// A connection to the coordinator.
pub(super) struct Connection {
    federation: FederationClient<Channel>,
    ledger: LedgerClient<Channel>,
}

impl Connection {
    pub(super) async fn open(address: &str, parameters: &Parameters) -> Result<Self> {
        let channel = connect_to_coordinator(WHO, address, parameters).await?;
        let most = MAX_BLOCK_BYTES + 1024;
        Ok(Self {
            federation: FederationClient::new(channel.clone()).max_decoding_message_size(most),
            ledger: LedgerClient::new(channel).max_decoding_message_size(most),
        })
    }

    /// What the coordinator calls its last block.
    pub(super) async fn head(&mut self) -> Result<SealedHeader> {
        let call = self.ledger.get_head(GetHeadRequest { size: 0 });
        let head = within(READ_DEADLINE, "GetHead", call).await?;
        SealedHeader::decode(&head.sealed_header).map_err(malformed)
    }

    /// Blocks from a height on, as they become durable; the coordinator is shown the last one that is held here.
    pub(super) async fn subscribe(
        &mut self,
        from_height: u64,
        head: Option<&SealedHeader>,
    ) -> Result<Blocks> {
        let head = head.map(|head| head.encode().to_vec()).unwrap_or_default();
        let request = SubscribeRequest { from_height, head, ..Default::default() };
        let call = self.federation.subscribe(request);
        Ok(Blocks(within(READ_DEADLINE, "Subscribe", call).await?))
    }

    /// Says something, and waits until its block is sealed. That it is, the chain shows, not this answer.
    pub(super) async fn say(
        &mut self,
        signed: SignedTransaction,
        parameters: &Parameters,
    ) -> Result<Reason> {
        let transaction = CandidateTransaction::parse(signed.clone())?;
        let answer = within(RECEIPT_DEADLINE, "Say", self.federation.say(signed)).await?;
        let receipt = Receipt::verify(&answer, &parameters.coordinator, &parameters.chain_id)
            .map_err(malformed)?;
        if receipt.transaction != transaction.id() {
            return Err(malformed("the receipt is for another transaction"));
        }
        Ok(receipt.reason)
    }
}

/// The stream of blocks: candidates.
pub(super) struct Blocks(Streaming<BlockMessage>);

impl Blocks {
    pub(super) async fn next(&mut self) -> Result<Block> {
        let message = self.0.message().await.map_err(|status| failed("Subscribe", &status))?;
        let message = message.ok_or_else(|| unreachable("it ended the stream of blocks"))?;
        Block::decode(&message.block).map_err(malformed)
    }
}

fn malformed(error: impl Display) -> RecordsError {
    RecordsError::Blocks(format!("malformed answer: {error}"))
}

fn unreachable(problem: impl Display) -> RecordsError {
    RecordsError::Unreachable { who: WHO.to_owned(), problem: problem.to_string() }
}

fn failed(call: &str, status: &Status) -> RecordsError {
    match status.code() {
        Code::InvalidArgument | Code::Unimplemented => {
            RecordsError::refused(WHO, format!("{call}: {}", status.message()))
        }
        code => unreachable(format!("{call}: {code}: {}", status.message())),
    }
}

async fn within<T>(
    deadline: Duration,
    call: &str,
    answer: impl Future<Output = std::result::Result<Response<T>, Status>>,
) -> Result<T> {
    let late = |_| unreachable(format!("{call} was not answered within {} s", deadline.as_secs()));
    let answer = timeout(deadline, answer).await.map_err(late)?;
    answer.map(Response::into_inner).map_err(|status| failed(call, &status))
}
