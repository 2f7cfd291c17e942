//! The authority: it founds a run, and says a few words while one goes on.
//!
//! [`Founding::hold`] founds a run on the requests of its parties, which have made their keys themselves; the authority never
//! sees a private key but its own. [`AuthorityFiles::load`] reads the authority's own folder. While the run goes on,
//! [`AuthorityFiles`] approves institutions that join, renews certificates, revokes, and asks for another committee to hold the
//! decryption key, of which the authority has no part: the institutions make it among themselves, on the chain.
//! [`Founding::again`] founds the next run on the parties that an earlier one knows.
//!
//! # What a local ceremony means
//!
//! [`Ceremony::hold`] makes the keys of all parties in one place, for simulations and tests. Whoever holds it, or reads its
//! directory before the folders are handed out, can sign as every party; who signs as a threshold of institutions while the
//! decryption key is made, or takes it over, gets their shares. It must not be used where no single party may be trusted.
//!
//! # The directory
//!
//! ```text
//! genesis.bin, initial-model.bin     public: what every party has
//! dictionary.toml                    public, where a run has agreed on one
//! authority/                         authority.key, tls.key, nonce, pseudonyms.toml and participants.toml (the only maps from
//!                                    pseudonyms to names), and revoked.toml where the run was founded on one that has revoked somebody
//! coordinator/                       public: what the coordinator is to be sent
//! institutions/NAME/                 public: certificate.bin and what else an institution is to be sent
//! ```
//! A local ceremony writes `coordinator/` and `institution-01/` .. with the private keys of each instead. Private files have
//! mode 0600, folders 0700; no key is ever overwritten.
//!
//! | file | concept |
//! | --- | --- |
//! | `agreed` | the data dictionary that a run agrees on |
//! | `bound` | what updates have to prove: choosing it, and its defaults |
//! | `mask` | how updates are hidden: choosing it |
//! | `spec` | what a run is asked to be, with the defaults |
//! | `founding` | the genesis out of a specification; a run founded on requests |
//! | `known` | the parties of an earlier run, for the next one |
//! | `barred` | who was revoked in earlier runs |
//! | `ceremony` | a local ceremony: every key made in one place |
//! | `initial` | the model that a run starts from, out of a file |
//! | `tensors` | the tensors of a model that institutions train with programs of their own, out of a file |
//! | `files` | the authority's folder |
//! | `register` | whom it has registered |
//! | `membership` | approving, renewing, revoking |
//! | `committee` | asking for a committee |
//! | `participants` | who takes part in sharing, and the group in whose name requests are signed |
//! | `privacy` | from a privacy budget to the noise that keeps it |
//! | `protection` | a threshold of 1, which protects nobody |
//! | `server` | how the mean of the updates moves the model: choosing it |
//! | `training` | how institutions train: choosing it |
//! | `send` | a signed transaction to the coordinator |
//! | `enrolled` | who has not enrolled yet, for an operator whose request was refused |
//! | `error` | what can be wrong with a ceremony or a request, and what to do |

mod agreed;
mod barred;
mod bound;
mod ceremony;
mod committee;
mod deposits;
mod enrolled;
mod error;
mod files;
mod founding;
mod initial;
mod known;
mod mask;
mod membership;
mod participants;
mod privacy;
mod protection;
mod register;
mod send;
mod server;
mod spec;
mod tensors;
mod training;

pub use agreed::{AgreedDictionary, tally_of};
pub use bound::{BoundChoice, BoundKind, bound_facts, default_bound, default_clip};
pub use ceremony::Ceremony;
pub use error::{AuthorityError, TensorsFileError};
pub use files::AuthorityFiles;
pub use founding::{Asked, Founding, INSTITUTIONS};
pub use initial::{read_model, read_tensors};
pub use known::Known;
pub use mask::{LEAST_LATTICE_DIMENSION, MaskChoice, MaskName};
pub use membership::{Certified, Listed};
pub use participants::Admitted;
pub use privacy::PrivacyFlags;
pub use protection::Protection;
pub use send::{Route, read_transaction, send, send_by};
pub use server::{ServerOptimiserFlags, ServerOptimiserName};
pub use spec::{
    CeremonySpec, default_min_rows, default_min_threshold, default_min_updates, initial_model,
};
pub use tensors::read_program;
pub use training::{OptimiserName, ScheduleChoice, TrainingFlags, default_training};
