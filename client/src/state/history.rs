//! An institution's own copy of the chain, as [`consilium_audit::history`] keeps it.

pub use consilium_audit::history::{History, blocks};

#[cfg(test)]
mod tests;
