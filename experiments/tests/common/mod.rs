//! What several test files compare with.

pub mod clear;
