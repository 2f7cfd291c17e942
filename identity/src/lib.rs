//! Who a party is: its keys and certificate, and the folder on disk in which it has them.
//!
//! [`CoordinatorFiles::load`] and [`InstitutionFiles::load`] read one party's folder and check all of it against the
//! genesis before anything of it is used. Private files have mode 0600, folders 0700, and no key is ever overwritten.
//! Participants in sharing make their keys themselves and ask with a [`ParticipantRequest`]; requests for certificates and
//! the material for TLS belong here once institutions do.
//!
//! | file | concept |
//! | --- | --- |
//! | [`layout`] | the names of the files |
//! | [`disk`] | reading private files, writing whole folders or none |
//! | `public` | the genesis and the initial model, which every folder has |
//! | `coordinator`, `institution` | one party's folder |
//! | `participant` | a participant's request to be admitted, and its fingerprint |
//! | `error` | what can be wrong, naming the file and what to do |

mod coordinator;
pub mod disk;
mod error;
mod institution;
pub mod layout;
mod participant;
mod public;

pub use coordinator::CoordinatorFiles;
pub use disk::write_file;
pub use error::FilesError;
pub use institution::InstitutionFiles;
pub use layout::institution_folder;
pub use participant::{Fingerprint, ParticipantRequest, is_plain_name};
pub use public::{MAX_DICTIONARY_BYTES, MAX_FILE_BYTES, PublicFiles};
