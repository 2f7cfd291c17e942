//! Who a party is: its keys and certificate, and the folder on disk in which it has them.
//!
//! [`CoordinatorFiles::load`] and [`InstitutionFiles::load`] read one party's folder and check all of it against the
//! genesis before anything of it is used. Private files have mode 0600, folders 0700, and no key is ever overwritten.
//! A party makes its keys itself, in a folder of its own, and asks with a request whose fingerprint it reads out: an
//! institution or coordinator with a [`PartyRequest`], a participant in sharing with a [`ParticipantRequest`]. What the authority
//! answers is put beside the keys by [`install_institution`] and [`install_coordinator`]; for the next run, in a folder of its own
//! with the same keys, by [`install_institution_again`] and [`install_coordinator_again`].
//!
//! | file | concept |
//! | --- | --- |
//! | [`layout`] | the names of the files |
//! | [`disk`] | reading private files, writing whole folders or none |
//! | `public` | the genesis and the initial model, which every folder has |
//! | `coordinator`, `institution` | one party's folder |
//! | `folder` | a folder in which a party makes its keys, and asks |
//! | `install` | what the authority has sent, put beside the keys |
//! | `request` | what every request has: a name, signatures by its keys, a fingerprint |
//! | `party_request`, `participant` | requests of institutions and coordinators; of participants in sharing |
//! | `tls_key` | a party's key of the transport |
//! | `error` | what can be wrong, naming the file and what to do |

mod coordinator;
pub mod disk;
mod error;
mod folder;
mod install;
mod institution;
pub mod layout;
mod participant;
mod party_request;
mod public;
mod request;
mod tls_key;

pub use coordinator::CoordinatorFiles;
pub use disk::write_file;
pub use error::FilesError;
pub use folder::{request_as_coordinator, request_as_institution, request_renewal};
pub use install::{
    install_coordinator, install_coordinator_again, install_institution, install_institution_again,
};
pub use institution::InstitutionFiles;
pub use layout::{institution_folder, is_of_local_ceremony};
pub use participant::ParticipantRequest;
pub use party_request::PartyRequest;
pub use public::{MAX_DICTIONARY_BYTES, MAX_FILE_BYTES, PublicFiles};
pub use request::{Fingerprint, is_plain_name};
pub use tls_key::{TlsKey, subject_public_key_info, tls_key_hash};
