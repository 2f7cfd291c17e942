//! One sequence of bytes for each meaning, and its hash.

use consilium_hash::DictionaryHash;
use sha2::{Digest, Sha256};

use super::definition::{Dictionary, Kind, TargetKind, TargetRange};

/// What sets these bytes apart from everything else that is hashed.
const DOMAIN: &str = "consilium data dictionary 1";

impl Dictionary {
    /// What names this dictionary. Comments, blanks and the order of keys in its TOML do not change it; the order of columns,
    /// categories and classes does, because it is the order of the model's inputs and outputs.
    pub fn hash(&self) -> DictionaryHash {
        DictionaryHash(Sha256::digest(self.encoding()).into())
    }

    /// The canonical encoding. Texts and lists are preceded by their length, u32 little-endian; what may be absent by a byte 0
    /// or 1; alternatives by a byte that says which; numbers are f64, little-endian. In order: a domain, name, missing codes,
    /// target (column, 0 and positive and negative values, or 1 and classes, or 2 and unit, minimum, maximum), columns (name, missing codes, 0 and unit,
    /// minimum, maximum, or 1 and categories, other).
    pub fn encoding(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_text(&mut bytes, DOMAIN);
        put_text(&mut bytes, &self.name);
        put_texts(&mut bytes, &self.missing);
        put_text(&mut bytes, &self.target.column);
        match &self.target.kind {
            TargetKind::Binary { positive, negative } => {
                bytes.push(0);
                put_texts(&mut bytes, positive);
                put_texts(&mut bytes, negative);
            }
            TargetKind::Several(classes) => {
                bytes.push(1);
                put_texts(&mut bytes, classes);
            }
            TargetKind::Number(TargetRange { unit, minimum, maximum }) => {
                bytes.push(2);
                put_text(&mut bytes, unit);
                bytes.extend(minimum.to_le_bytes());
                bytes.extend(maximum.to_le_bytes());
            }
        }
        put_length(&mut bytes, self.columns.len());
        for column in &self.columns {
            put_text(&mut bytes, &column.name);
            put_texts(&mut bytes, &column.missing);
            match &column.kind {
                Kind::Number { unit, minimum, maximum } => {
                    bytes.push(0);
                    put_text(&mut bytes, unit);
                    bytes.extend(minimum.to_le_bytes());
                    bytes.extend(maximum.to_le_bytes());
                }
                Kind::Category { categories, other } => {
                    bytes.push(1);
                    put_texts(&mut bytes, categories);
                    bytes.push(u8::from(other.is_some()));
                    other.iter().for_each(|other| put_text(&mut bytes, other));
                }
            }
        }
        bytes
    }
}

/// No length of a dictionary is above 4,096: its limits are checked before one exists.
fn put_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_length(bytes, text.len());
    bytes.extend(text.as_bytes());
}

fn put_texts(bytes: &mut Vec<u8>, texts: &[String]) {
    put_length(bytes, texts.len());
    texts.iter().for_each(|text| put_text(bytes, text));
}
