//! The contents of a file that says what its writer has reached by some first part of the blocks, so that it need not apply
//! them again: a line that names the format, a checksum, and what the writer put.
//!
//! It follows from the blocks: where it is missing or not what was written, nothing is lost but time. So it is in no manifest
//! and in no copy for auditors. What it says is for its writer to know, and to check against the chain.

use crate::sha256;

const FIRST_LINE: &[u8] = b"consilium ledger snapshot 1\n";

/// The bytes of the file.
pub fn encode(snapshot: &[u8]) -> Vec<u8> {
    [FIRST_LINE, &sha256(snapshot), snapshot].concat()
}

/// What was put into a file with these bytes; `None` where they are not what was written.
pub fn decode(file: &[u8]) -> Option<&[u8]> {
    let (sum, snapshot) = file.strip_prefix(FIRST_LINE)?.split_first_chunk()?;
    (*sum == sha256(snapshot)).then_some(snapshot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_cut_or_changed_anywhere_is_none() {
        let file = encode(b"the state of a run");
        assert_eq!(decode(&file), Some(b"the state of a run".as_slice()));
        for place in 0..file.len() {
            assert_eq!(decode(&file[..place]), None, "cut at {place}");
            let mut changed = file.clone();
            changed[place] ^= 1;
            assert_eq!(decode(&changed), None, "byte {place}");
        }
        assert_eq!(decode(&[file.as_slice(), &[0]].concat()), None);
    }
}
