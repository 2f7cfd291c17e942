//! The smart contract: transactions in, receipts and state out
