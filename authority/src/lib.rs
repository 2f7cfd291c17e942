//! The local ceremony: identities, certificates, the dealt key and the genesis of a run.
//!
//! [`Ceremony::hold`] makes everything that a run starts from, [`Ceremony::write`] lays it out as a directory of files,
//! [`CoordinatorFiles::load`] and [`InstitutionFiles::load`] read one party's folder and check all of it against the
//! genesis before anything is used.
//!
//! # What a local ceremony means
//!
//! The authority makes the institutions' signing keys as well as its own, and deals the decryption key. Whoever holds
//! the ceremony, or reads its directory before the folders are handed out, can sign as every institution and open every
//! update of the run. That suits a simulation and a first trial among people who trust one of them with the ceremony;
//! it must not be used where no single party may be trusted. After handing out the folders, delete the institutions'
//! on the authority's machine: nothing in a run reads them there.
//!
//! # The directory
//!
//! ```text
//! genesis.bin, initial-model.bin     public: what every party has
//! authority/                         authority.key, nonce, pseudonyms.toml (the only map from pseudonyms to names)
//! coordinator/                       coordinator.key (signs blocks), evaluation.key (sk_h: certifies sums)
//! institution-01/ ..                 signing.key, share.key, certificate.bin
//! ```
//! The coordinator's and the institutions' folders each hold the two public files as well, so that a folder is all that
//! a party needs. Private files have mode 0600, folders 0700; nothing is ever overwritten.
//!
//! | file | concept |
//! | --- | --- |
//! | `bound` | what updates have to prove: choosing it, its defaults, what it promises |
//! | `spec` | what a run is asked to be, with the defaults |
//! | `ceremony` | keys, dealing, certificates and genesis out of a specification |
//! | `layout` | the names of the files, writing all of them or none |
//! | `privacy` | from a privacy budget to the noise that keeps it |
//! | `load` | one party's folder, checked |
//! | `command_line` | the edges of the programs: arguments, one line of complaint, results |
//! | `error` | what can be wrong, naming the file and what to do |

mod bound;
mod ceremony;
pub mod command_line;
mod error;
mod layout;
mod load;
mod privacy;
mod spec;

pub use bound::{BoundChoice, BoundKind, bound_facts, default_bound, default_clip, promise};
pub use ceremony::Ceremony;
pub use error::AuthorityError;
pub use layout::institution_folder;
pub use load::{CoordinatorFiles, InstitutionFiles};
pub use privacy::PrivacyFlags;
pub use spec::{CeremonySpec, default_min_updates, initial_model};
