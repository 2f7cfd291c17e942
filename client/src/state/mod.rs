//! Everything that an institution keeps on its disk.
//!
//! | file | concept |
//! | --- | --- |
//! | [`bodies`] | bodies of updates, for as long as they can convict anybody |
//! | [`description`] | what the rows mean that it trains on |
//! | [`history`] | its own verified copy of the chain |
//! | [`memory`] | what it has said and must never contradict |
//! | [`model`] | the last checked model |
//! | [`snapshot`] | the state that a restart goes on from |
//! | [`upload`] | an encrypted update, made once and sent until it arrives |

pub mod bodies;
pub mod description;
pub mod history;
pub mod memory;
pub mod model;
pub mod snapshot;
pub mod upload;
