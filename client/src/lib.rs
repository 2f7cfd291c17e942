//! An institution: trains, submits, holds its key share, audits

pub mod learning;
