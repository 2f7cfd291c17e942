//! Who has enrolled, as the coordinator's blocks say: advice for an operator whose request was refused. Nothing is decided
//! by it, so nothing of it is verified.

use std::collections::BTreeSet;

use consilium_contract::transaction::parse_entry;
use consilium_ledger::{Block, MAX_BLOCK_BYTES};
use consilium_proto::v1::{
    ChangeCommittee, GetBlocksRequest, ledger_client::LedgerClient, transaction::Action,
};
use tonic::{Status, transport::Channel};

/// Blocks that are asked for at a time: as many as the coordinator gives.
const BLOCKS: u32 = 256;

/// Members of a committee that was asked for who have not enrolled, in hex.
///
/// # Errors
/// What the coordinator answers instead of its blocks.
pub(crate) async fn missing_members(
    channel: Channel,
    change: &ChangeCommittee,
) -> Result<Vec<String>, Status> {
    let mut missing: BTreeSet<&[u8]> = change.members.iter().map(Vec::as_slice).collect();
    let mut ledger = LedgerClient::new(channel).max_decoding_message_size(MAX_BLOCK_BYTES + 1024);
    let mut from_height = 0;
    // Until everyone is found, or the chain ends.
    while !missing.is_empty() {
        let request = GetBlocksRequest { from_height, count: BLOCKS };
        let mut blocks = ledger.get_blocks(request).await?.into_inner();
        let before = from_height;
        while let Some(message) = blocks.message().await? {
            from_height += 1;
            let Ok(block) = Block::decode(&message.block) else { continue };
            for author in block.entries.iter().filter_map(|entry| enrolled(entry)) {
                missing.remove(author.as_slice());
            }
        }
        if from_height < before + u64::from(BLOCKS) {
            break;
        }
    }
    Ok(missing.into_iter().map(hex::encode).collect())
}

/// The institution whose enrolment this entry is.
fn enrolled(entry: &[u8]) -> Option<Vec<u8>> {
    let (transaction, _) = parse_entry(entry).ok()?;
    let author = transaction.author()?;
    matches!(transaction.action(), Action::Enrol(_)).then(|| author.to_vec())
}
