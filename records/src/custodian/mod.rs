//! The custodian: stores records for their owners, and serves headers and encrypted bodies to those who may see them.
//!
//! | file | concept |
//! | --- | --- |
//! | [`store`] | the records on its disk |
//! | [`deposit`] | storing a record, whole or not at all |
//! | [`service`] | what owners, proxies and requesters call |
//! | [`publish`] | putting accepted records on the ledger |

pub mod deposit;
pub mod publish;
pub mod service;
pub mod store;
