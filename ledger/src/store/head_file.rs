//! The `HEAD` file: the last block that was durable, written beside the store after every append.
//!
//! sled's recovery silently drops the end of its log where it cannot read it. The store alone could therefore come back
//! shorter than what was acknowledged; with `HEAD` it cannot do so unnoticed. `HEAD` may be behind the store after a
//! crash between the two, never ahead of it.

use std::{fs, io, path::Path};

use consilium_hash::BlockHash;

use crate::{
    error::LedgerError,
    head::Head,
    store::{
        disk::{io_error, replace},
        layout::HEAD_FILE,
    },
};

const FIRST_LINE: &str = "consilium ledger head 1";

/// What the file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    /// There is no file: the ledger is being created.
    Nothing,
    /// The ledger exists and has no block.
    NoBlock,
    /// The last durable block.
    At(Head),
}

fn contents(head: Option<Head>) -> String {
    match head {
        None => format!("{FIRST_LINE}\nno block\n"),
        Some(Head { height, hash }) => format!("{FIRST_LINE}\n{height} {hash}\n"),
    }
}

pub(super) fn write(root: &Path, head: Option<Head>) -> Result<(), LedgerError> {
    replace(root, HEAD_FILE, contents(head).as_bytes())
}

pub(super) fn read(root: &Path) -> Result<Recorded, LedgerError> {
    let path = root.join(HEAD_FILE);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Recorded::Nothing),
        other => other.map_err(io_error("read", &path))?,
    };
    parse(&bytes).ok_or_else(|| LedgerError::Damaged {
        path: root.to_owned(),
        detail: format!("{} is not what was written", path.display()),
    })
}

/// Reads nothing but what [`contents`] writes.
fn parse(bytes: &[u8]) -> Option<Recorded> {
    let text = str::from_utf8(bytes).ok()?;
    if text == contents(None) {
        return Some(Recorded::NoBlock);
    }
    let (height, hash) = text.lines().nth(1)?.split_once(' ')?;
    let mut head = Head { height: height.parse().ok()?, hash: BlockHash([0; 32]) };
    hex::decode_to_slice(hash, &mut head.hash.0).ok()?;
    (text == contents(Some(head))).then_some(Recorded::At(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_is_the_inverse_of_writing_and_any_flip_is_seen() {
        let head = Head { height: 17, hash: BlockHash([0xc4; 32]) };
        let text = contents(Some(head));
        assert_eq!(text, format!("consilium ledger head 1\n17 {}\n", "c4".repeat(32)));
        assert_eq!(parse(text.as_bytes()), Some(Recorded::At(head)));
        assert_eq!(parse(contents(None).as_bytes()), Some(Recorded::NoBlock));
        for place in 0..text.len() {
            for bit in 0..8 {
                let mut flipped = text.clone().into_bytes();
                flipped[place] ^= 1 << bit;
                assert_ne!(parse(&flipped), Some(Recorded::At(head)));
                assert_ne!(parse(&flipped), Some(Recorded::NoBlock));
            }
        }
        for odd in ["+17 ", "017 ", "17  "] {
            assert_eq!(parse(text.replace("17 ", odd).as_bytes()), None, "{odd:?}");
        }
    }
}
