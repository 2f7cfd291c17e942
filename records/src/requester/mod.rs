//! The requester: joins the group, asks, and reads what owners have consented to.
//!
//! | file | concept |
//! | --- | --- |
//! | [`membership`] | the member's secret and certificate |
//! | [`ask`] | requests under the group's signature |
//! | [`fetch`] | gathering re-encryptions, and reading records |

pub mod ask;
pub mod fetch;
pub mod membership;
