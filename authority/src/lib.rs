//! The authority: the local ceremony that founds a run, and its few words while one goes on.
//!
//! [`Ceremony::hold`] makes everything that a run starts from, [`Ceremony::write`] lays it out as a directory of files,
//! [`AuthorityFiles::load`] reads the authority's own folder. The other parties' folders, which
//! [`consilium_identity`] reads, are written here. While the run goes on, [`AuthorityFiles`] admits an institution,
//! revokes one, and asks for another committee to hold the decryption key.
//!
//! # What a local ceremony means
//!
//! The authority makes the institutions' signing keys as well as its own. Whoever holds the ceremony, or reads its
//! directory before the folders are handed out, can sign as every institution. It does not make the decryption key, of
//! which no folder has any part: the institutions make it among themselves, on the chain, and nobody ever holds it. But
//! who signs as a threshold of institutions while the key is made, or takes the key over, gets their shares. That suits
//! a simulation and a first trial among people who trust one of them with the ceremony; it must not be used where no
//! single party may be trusted. After handing out the folders, delete the institutions' on the authority's machine:
//! nothing in a run reads them there.
//!
//! # The directory
//!
//! ```text
//! genesis.bin, initial-model.bin     public: what every party has
//! dictionary.toml                    public, where a run has agreed on one: with the institutions and the authority
//! authority/                         authority.key, nonce, pseudonyms.toml and participants.toml (the only maps from
//!                                    pseudonyms to names)
//! coordinator/                       coordinator.key (signs blocks), evaluation.key (sk_h: certifies sums)
//! institution-01/ ..                 signing.key, certificate.bin
//! ```
//! Every folder holds the two public files as well, so that a folder is all that a party needs. Private files have mode
//! 0600, folders 0700; no key is ever overwritten.
//!
//! | file | concept |
//! | --- | --- |
//! | `agreed` | the data dictionary that a run agrees on |
//! | `bound` | what updates have to prove: choosing it, and its defaults |
//! | `mask` | how updates are hidden: choosing it |
//! | `spec` | what a run is asked to be, with the defaults |
//! | `ceremony` | keys, certificates and genesis out of a specification |
//! | `initial` | the model that a run starts from, out of a file |
//! | `tensors` | the tensors of a model that institutions train with programs of their own, out of a file |
//! | `register` | the authority after the ceremony: admitting, revoking, asking for a committee |
//! | `participants` | who takes part in sharing, and the group in whose name requests are signed |
//! | `privacy` | from a privacy budget to the noise that keeps it |
//! | `protection` | a threshold of 1, which protects nobody |
//! | `server` | how the mean of the updates moves the model: choosing it |
//! | `training` | how institutions train: choosing it |
//! | `send` | a signed transaction to the coordinator |
//! | `enrolled` | who has not enrolled yet, for an operator whose request was refused |
//! | `error` | what can be wrong with a ceremony or a request, and what to do |

mod agreed;
mod bound;
mod ceremony;
mod deposits;
mod enrolled;
mod error;
mod initial;
mod mask;
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
pub use initial::{read_model, read_tensors};
pub use mask::{LEAST_LATTICE_DIMENSION, MaskChoice, MaskName};
pub use participants::Admitted;
pub use privacy::PrivacyFlags;
pub use protection::Protection;
pub use register::AuthorityFiles;
pub use send::{read_transaction, send};
pub use server::{ServerOptimiserFlags, ServerOptimiserName};
pub use spec::{
    CeremonySpec, default_min_rows, default_min_threshold, default_min_updates, initial_model,
};
pub use tensors::read_program;
pub use training::{OptimiserName, ScheduleChoice, TrainingFlags, default_training};
