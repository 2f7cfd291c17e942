//! Copies that a ledger is rebuilt from. Nothing in them is believed: blocks are verified and bodies have their hash.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{BufReader, Read},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use consilium_crypto::signature::SIGNATURE_LEN;
use consilium_hash::BlobHash;
use consilium_ledger::{Block, MAX_BLOB_BYTES, MAX_BLOCK_BYTES, Store, blob_hash};
use consilium_proto::ENTRY_BYTES;

use crate::CoordinatorError;

/// An institution's blocks: each preceded by its length (u32, big-endian).
const BLOCKS_FILE: &str = "blocks.bin";

/// The bodies that it has verified, in the same form: those of all updates, or of the last rounds where they are long.
const BODIES_FILE: &str = "bodies.bin";

/// Its last update: length of the transaction (u64, big-endian), transaction, signature, body.
const UPLOAD_FILE: &str = "upload.bin";

/// One copy.
pub(super) struct Source {
    pub(super) path: PathBuf,
    holds: Holds,
}

enum Holds {
    /// A ledger's folder: a mirror, or a backup. It is read through a copy, and stays as it is.
    Ledger(Box<Store>),
    /// An institution's state directory, or its file of blocks alone.
    Institution {
        blocks: PathBuf,
        bodies: Bodies,
        /// Its own last one.
        body: Option<Vec<u8>>,
    },
}

impl Source {
    /// Opens a copy to read it. `scratch` is a folder for a copy of a ledger.
    ///
    /// # Errors
    /// [`CoordinatorError::Config`] where there is neither a ledger nor a file of blocks.
    pub(super) fn open(path: &Path, scratch: &Path) -> Result<Self, CoordinatorError> {
        let blocks = if path.is_dir() { path.join(BLOCKS_FILE) } else { path.to_owned() };
        let holds = if Store::exists(path) {
            Holds::Ledger(Box::new(Store::open_copy(path, scratch)?))
        } else if blocks.is_file() {
            let bodies = Bodies::open(&path.join(BODIES_FILE));
            Holds::Institution { blocks, bodies, body: last_body(&path.join(UPLOAD_FILE)) }
        } else {
            let at = path.display();
            return Err(CoordinatorError::Config(format!(
                "{at} is neither a ledger's folder nor an institution's state directory, nor its {BLOCKS_FILE}"
            )));
        };
        Ok(Self { path: path.to_owned(), holds })
    }

    /// Its blocks from height 0 on, as far as they can be read.
    pub(super) fn blocks(&self) -> Box<dyn Iterator<Item = Block> + '_> {
        match &self.holds {
            Holds::Ledger(store) => Box::new(store.blocks(0).map_while(Result::ok)),
            Holds::Institution { blocks, .. } => match File::open(blocks) {
                Ok(file) => {
                    let mut file = BufReader::new(file);
                    Box::new(std::iter::from_fn(move || next_block(&mut file)))
                }
                Err(_) => Box::new(std::iter::empty()),
            },
        }
    }

    /// The blob with this SHA-256, if it is here and whole.
    pub(super) fn blob(&self, address: &BlobHash) -> Option<Vec<u8>> {
        match &self.holds {
            Holds::Ledger(store) => store.get_blob(address).ok().flatten(),
            Holds::Institution { bodies, body, .. } => bodies
                .get(address)
                .or_else(|| body.clone())
                .filter(|body| blob_hash(body) == *address),
        }
    }
}

/// The next record of a file; `None` at its end, and where what follows is longer than it can be.
fn next_record(file: &mut impl Read, longest: usize) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    file.read_exact(&mut length).ok()?;
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    if length > longest {
        return None;
    }
    let mut bytes = vec![0; length];
    file.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn next_block(file: &mut impl Read) -> Option<Block> {
    next_record(file, MAX_BLOCK_BYTES).and_then(|bytes| Block::decode(&bytes).ok())
}

/// A file of bodies, read through once to know where each of them is.
struct Bodies {
    file: Option<File>,
    /// SHA-256 → where it begins, and its length.
    places: HashMap<BlobHash, (u64, usize)>,
}

impl Bodies {
    /// Of a file that is not there, or cannot be read, there are none.
    fn open(path: &Path) -> Self {
        let file = File::open(path).ok();
        let mut places = HashMap::new();
        if let Some(file) = &file {
            let mut reader = BufReader::new(file);
            let mut place = 0;
            while let Some(body) = next_record(&mut reader, MAX_BLOB_BYTES) {
                let start = place + 4;
                place = start + body.len() as u64;
                places.insert(blob_hash(&body), (start, body.len()));
            }
        }
        Self { file, places }
    }

    fn get(&self, address: &BlobHash) -> Option<Vec<u8>> {
        let (start, length) = *self.places.get(address)?;
        let mut body = vec![0; length];
        self.file.as_ref()?.read_exact_at(&mut body, start).ok()?;
        Some(body)
    }
}

/// The body in a file of an institution's last update.
fn last_body(path: &Path) -> Option<Vec<u8>> {
    let most = MAX_BLOB_BYTES + ENTRY_BYTES;
    let length = fs::metadata(path).ok()?.len();
    if usize::try_from(length).ok()? > most {
        return None;
    }
    let bytes = fs::read(path).ok()?;
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (_, rest) = rest.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)?;
    let (_, body) = rest.split_at_checked(SIGNATURE_LEN)?;
    Some(body.to_vec())
}
