//! Who a party is: its keys and certificate, and the folder on disk in which it has them.
//!
//! [`CoordinatorFiles::load`] and [`InstitutionFiles::load`] read one party's folder and check all of it against the
//! genesis before anything of it is used. Private files have mode 0600, folders 0700, and no key is ever overwritten.
//! Requests for certificates and the material for TLS belong here once institutions make their own keys.
//!
//! | file | concept |
//! | --- | --- |
//! | [`layout`] | the names of the files |
//! | [`disk`] | reading private files, writing whole folders or none |
//! | `public` | the genesis and the initial model, which every folder has |
//! | `coordinator`, `institution` | one party's folder |
//! | `error` | what can be wrong, naming the file and what to do |

mod coordinator;
pub mod disk;
mod error;
mod institution;
pub mod layout;
mod public;

pub use coordinator::CoordinatorFiles;
pub use disk::write_file;
pub use error::FilesError;
pub use institution::InstitutionFiles;
pub use layout::institution_folder;
pub use public::{MAX_FILE_BYTES, PublicFiles};
