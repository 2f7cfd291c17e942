//! What the program does, by role.
//!
//! | file | concept |
//! | --- | --- |
//! | `session` | what most commands begin with: a party that has caught up with the ledger |
//! | `everyone` | keys, cards, serving, status |
//! | `owner`, `custodian`, `requester`, `issuer`, `opener` | the roles |

pub(super) mod custodian;
pub(super) mod everyone;
pub(super) mod issuer;
pub(super) mod opener;
pub(super) mod owner;
pub(super) mod requester;
mod session;
