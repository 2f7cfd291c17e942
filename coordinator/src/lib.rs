//! A node: orders transactions, runs the contract, keeps the ledger
