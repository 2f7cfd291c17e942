//! What several test files compare with.
#![allow(dead_code, reason = "each test file uses its own part of this")]

pub mod accepted;
pub mod clear;
