//! Signed notes ([C2SP signed-note]): a text and lines of signatures under it, which any tool of that world reads.
//!
//! ```text
//! text, of whole lines
//!
//! — name base64(key id ‖ signature)
//! ```
//!
//! key id = the first 4 bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key). Two types are read and written here: a plain
//! Ed25519 signature over the text (0x01), and a cosignature with a time (0x04, [`Cosignature`]). Signatures of other
//! keys and types are carried along and never looked at, as the format asks.
//!
//! A [`Note`] out of `parse` is a candidate; [`Note::open`] says which of the keys that the reader trusts have signed it.
//! Parsing is strict: every note has one encoding, and what is parsed is written again byte for byte.
//!
//! [C2SP signed-note]: https://c2sp.org/signed-note

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::{
    cosignature::Cosignature,
    header::take,
    note_error::{NoteError, malformed},
};

/// Most bytes of a note that is read.
pub const MAX_NOTE_BYTES: usize = 1 << 20;

/// Most signatures under a note that is read.
pub const MAX_NOTE_SIGNATURES: usize = 1024;

/// Longest signature that is carried along, in bytes: those of unknown types may be post-quantum ones.
const MAX_SIGNATURE_BYTES: usize = 8192;

/// Length of a key id in bytes.
const KEY_ID_BYTES: usize = 4;

/// What stands between the text and the signatures.
const BLANK: &str = "\n\n";

/// What a line of a signature begins with: an em dash and a space.
const DASH: &str = "\u{2014} ";

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureType {
    /// Ed25519 over the text.
    Ed25519 = 0x01,
    /// Ed25519 over a time and the text.
    Cosignature = 0x04,
}

/// A public key with the name it signs under: what a reader of notes is configured with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    kind: SignatureType,
    key: VerifyingKey,
}

impl NoteKey {
    /// The key `key` under the name `name`.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] where the name is empty or holds a space, a plus or a control character.
    pub fn new(name: String, kind: SignatureType, key: VerifyingKey) -> Result<Self, NoteError> {
        check_name(&name)?;
        Ok(Self::of(name, kind, key))
    }

    /// Of a name that this crate has made.
    pub(crate) fn of(name: String, kind: SignatureType, key: VerifyingKey) -> Self {
        Self { name, kind, key }
    }

    /// The name that stands in the lines of its signatures.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public key.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The id that stands in its signatures. It identifies; it does not authenticate.
    pub fn id(&self) -> [u8; KEY_ID_BYTES] {
        let digest = Sha256::new()
            .chain_update(&self.name)
            .chain_update(b"\n")
            .chain_update(self.material())
            .finalize();
        let mut id = [0; KEY_ID_BYTES];
        id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        id
    }

    /// The key as one line for other tools: name, id and key, joined by `+`.
    pub fn vkey(&self) -> String {
        format!("{}+{}+{}", self.name, hex::encode(self.id()), STANDARD.encode(self.material()))
    }

    fn material(&self) -> [u8; 33] {
        let mut bytes = [self.kind as u8; 33];
        bytes.iter_mut().skip(1).zip(self.key.to_bytes()).for_each(|(to, from)| *to = from);
        bytes
    }

    fn verify(&self, text: &str, signature: &[u8]) -> Result<(), NoteError> {
        let bad = || NoteError::BadSignature { name: self.name.clone() };
        match self.kind {
            SignatureType::Ed25519 => {
                let signature = Signature::from_slice(signature).map_err(|_| bad())?;
                self.key.verify_strict(text.as_bytes(), &signature).map_err(|_| bad())
            }
            SignatureType::Cosignature => {
                let holds = Cosignature::decode(signature)
                    .is_ok_and(|signature| signature.is_over(text, &self.key));
                if holds { Ok(()) } else { Err(bad()) }
            }
        }
    }
}

/// One line under a note. Nothing about it has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    key_id: [u8; KEY_ID_BYTES],
    signature: Vec<u8>,
}

impl NoteSignature {
    /// Name of the key that is said to have signed.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The signature, as its type encodes it.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Whether it says that it is `key`'s.
    pub fn is_of(&self, key: &NoteKey) -> bool {
        self.name == key.name && self.key_id == key.id()
    }

    fn parse(line: &str) -> Result<Self, NoteError> {
        let wrong = |detail: &str| malformed("signature line of a note", detail);
        let rest = line
            .strip_prefix(DASH)
            .ok_or_else(|| wrong("it does not begin with a dash and a space"))?;
        let (name, encoded) =
            rest.split_once(' ').ok_or_else(|| wrong("it has no space after the name"))?;
        check_name(name)?;
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|error| wrong(&format!("its base64 does not decode: {error}")))?;
        let mut signature = bytes.as_slice();
        let key_id = take(&mut signature).ok_or_else(|| wrong("it holds no key id"))?;
        if signature.is_empty() || signature.len() > MAX_SIGNATURE_BYTES {
            return Err(wrong(&format!("it has {} bytes of signature", signature.len())));
        }
        Ok(Self { name: name.to_owned(), key_id, signature: signature.to_vec() })
    }

    fn encode(&self) -> String {
        let bytes = [self.key_id.as_slice(), &self.signature].concat();
        format!("{DASH}{} {}\n", self.name, STANDARD.encode(bytes))
    }
}

/// A text and signatures under it. A candidate: nothing about it has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// A text that nobody has signed yet.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] where the text does not end with a newline or holds another control character.
    pub fn new(text: String) -> Result<Self, NoteError> {
        if !text.ends_with('\n') || text.len() == 1 {
            return Err(malformed("note", "its text does not end with a line"));
        }
        check_characters(&text)?;
        Ok(Self::unsigned(text))
    }

    /// Of a text that this crate has made.
    pub(crate) fn unsigned(text: String) -> Self {
        Self { text, signatures: Vec::new() }
    }

    /// Reads a note of at most [`MAX_NOTE_BYTES`] bytes and 1 to [`MAX_NOTE_SIGNATURES`] signatures.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        let wrong = |detail: String| malformed("note", detail);
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(wrong(format!(
                "it has {} bytes, at most {MAX_NOTE_BYTES} are read",
                bytes.len()
            )));
        }
        let note = str::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?;
        let (text, lines) =
            note.rsplit_once(BLANK).ok_or_else(|| wrong("it has no blank line".to_owned()))?;
        let lines = lines
            .strip_suffix('\n')
            .ok_or_else(|| wrong("its last line does not end".to_owned()))?;
        let count = lines.split('\n').count();
        if count > MAX_NOTE_SIGNATURES {
            return Err(wrong(format!(
                "it has {count} signatures, at most {MAX_NOTE_SIGNATURES} are read"
            )));
        }
        let mut note = Self::new(format!("{text}\n"))?;
        note.signatures = lines.split('\n').map(NoteSignature::parse).collect::<Result<_, _>>()?;
        Ok(note)
    }

    /// The note's only encoding. One without a signature is none, and is not read again.
    pub fn encode(&self) -> String {
        let lines: String = self.signatures.iter().map(NoteSignature::encode).collect();
        format!("{}\n{lines}", self.text)
    }

    /// The text, with its last newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The lines under it.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a plain signature (0x01) over the text.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] where no key can have that name.
    pub fn sign(&mut self, name: String, key: &SigningKey) -> Result<(), NoteError> {
        self.sign_as(&NoteKey::new(name, SignatureType::Ed25519, key.verifying_key())?, key);
        Ok(())
    }

    pub(crate) fn sign_as(&mut self, of: &NoteKey, key: &SigningKey) {
        self.add(of, key.sign(self.text.as_bytes()).to_bytes().to_vec());
    }

    /// Adds a cosignature (0x04) of `of`. Whether it holds, [`Note::open`] says.
    pub fn add_cosignature(&mut self, of: &NoteKey, cosignature: &Cosignature) {
        self.add(of, cosignature.encode().to_vec());
    }

    fn add(&mut self, of: &NoteKey, signature: Vec<u8>) {
        self.signatures.push(NoteSignature { name: of.name.clone(), key_id: of.id(), signature });
    }

    /// Verifies every signature that says it is of one of the `known` keys, and returns those keys, each once and in
    /// their order. Other lines are passed over.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`] where one of them does not hold, [`NoteError::Unsigned`] where there is none.
    pub fn open<'a>(&self, known: &'a [NoteKey]) -> Result<Vec<&'a NoteKey>, NoteError> {
        let mut signers = Vec::new();
        for key in known {
            let mut of_key = self.signatures.iter().filter(|line| line.is_of(key)).peekable();
            if of_key.peek().is_some() {
                of_key.try_for_each(|line| key.verify(&self.text, &line.signature))?;
                signers.push(key);
            }
        }
        if signers.is_empty() {
            let expected = known.first().map_or_else(|| "none".to_owned(), |key| key.name.clone());
            return Err(NoteError::Unsigned { expected });
        }
        Ok(signers)
    }
}

fn check_name(name: &str) -> Result<(), NoteError> {
    if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+') {
        return Err(malformed("key name", format!("{name:?} is empty or holds a space or a plus")));
    }
    Ok(())
}

fn check_characters(text: &str) -> Result<(), NoteError> {
    match text.bytes().find(|byte| *byte < 0x20 && *byte != b'\n') {
        Some(byte) => Err(malformed("note", format!("it holds the control character {byte:#04x}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of the specification.
    const EXAMPLE: &str = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n\
        — quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_bytes(&[byte; 32])
    }

    fn named(name: &str, byte: u8) -> NoteKey {
        NoteKey::new(name.to_owned(), SignatureType::Ed25519, key(byte).verifying_key()).unwrap()
    }

    fn signed() -> Note {
        let mut note = Note::new("a text\n\nof lines\n".to_owned()).unwrap();
        note.sign("example.com/a".to_owned(), &key(1)).unwrap();
        note.sign("example.com/b".to_owned(), &key(2)).unwrap();
        note
    }

    #[test]
    fn the_example_of_the_specification_is_read_and_written_byte_for_byte() {
        let note = Note::parse(EXAMPLE.as_bytes()).unwrap();
        assert!(note.text().contains("\n\ned") && note.text().ends_with("sera.\n"));
        let [line] = note.signatures() else { panic!() };
        assert_eq!((line.name(), line.signature().len()), ("quasimodo.example/salvatore", 64));
        assert_eq!(hex::encode(line.key_id), "367ba04b");
        assert_eq!(note.encode(), EXAMPLE);
    }

    #[test]
    fn a_note_names_the_known_keys_that_signed_it_and_passes_over_others() {
        let note = Note::parse(signed().encode().as_bytes()).unwrap();
        let a = named("example.com/a", 1);
        let b = named("example.com/b", 2);
        let c = named("example.com/c", 3);
        assert_eq!(note.open(&[c.clone(), b.clone(), a.clone()]).unwrap(), [&b, &a]);
        assert_eq!(note.open(std::slice::from_ref(&a)).unwrap(), [&a]);
        let expected = NoteError::Unsigned { expected: "example.com/c".into() };
        assert_eq!(note.open(&[c]).unwrap_err(), expected);
        // Another key under a known name, and a known key under another name, are other keys.
        assert!(matches!(note.open(&[named("example.com/a", 2)]), Err(NoteError::Unsigned { .. })));
        assert!(matches!(note.open(&[named("example.com/b", 1)]), Err(NoteError::Unsigned { .. })));
    }

    #[test]
    fn a_changed_text_or_signature_of_a_known_key_spoils_the_note() {
        let keys = [named("example.com/a", 1), named("example.com/b", 2)];
        let note = signed();
        let other = Note { text: "another text\n".to_owned(), ..note.clone() };
        assert_eq!(
            other.open(&keys).unwrap_err(),
            NoteError::BadSignature { name: "example.com/a".into() }
        );
        for place in 0..64 {
            let mut changed = note.clone();
            changed.signatures[1].signature[place] ^= 1;
            let expected = NoteError::BadSignature { name: "example.com/b".into() };
            assert_eq!(changed.open(&keys).unwrap_err(), expected, "byte {place}");
        }
        let mut short = note.clone();
        short.signatures[0].signature.pop();
        assert!(matches!(short.open(&keys), Err(NoteError::BadSignature { .. })));
        // A second line of one key does not hide behind a good one.
        let mut doubled = note.clone();
        let mut bad = note.signatures[0].clone();
        bad.signature[0] ^= 1;
        doubled.signatures.push(bad);
        assert!(matches!(doubled.open(&keys), Err(NoteError::BadSignature { .. })));
        let mut doubled = note.clone();
        doubled.signatures.push(note.signatures[0].clone());
        assert_eq!(doubled.open(&keys).unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let good = signed().encode();
        let line = good.lines().last().unwrap().to_owned() + "\n";
        let refused = [
            String::new(),
            "\n\n".to_owned(),
            "text\n".to_owned(),
            format!("text\n{line}"),
            "text\n\n".to_owned(),
            format!("\n\n{line}"),
            good.trim_end().to_owned(),
            good.clone() + "\n",
            good.replace("lines", "li\tnes"),
            good.replace("lines", "li\u{0}nes"),
            good.replace('\u{2014}', "-"),
            good.replace("\u{2014} ", "\u{2014}"),
            good.replace("example.com/b ", "example.com/b"),
            good.replace("example.com/b", "example.com+b"),
            good.replace("example.com/b", "example.com\u{a0}b"),
            good.replace("example.com/b ", "example.com/b  "),
            "text\n\n\u{2014} name AAAAAA==\n".to_owned(),
            "text\n\n\u{2014} name AAAA\n".to_owned(),
            format!(
                "text\n\n\u{2014} name {}\n",
                STANDARD.encode(vec![0; 4 + MAX_SIGNATURE_BYTES + 1])
            ),
            format!("text\n\n{}", line.repeat(MAX_NOTE_SIGNATURES + 1)),
            format!("{}\n{good}", "x".repeat(MAX_NOTE_BYTES)),
        ];
        for note in refused {
            let shown: String = note.chars().take(60).collect();
            assert!(
                matches!(Note::parse(note.as_bytes()), Err(NoteError::Malformed { .. })),
                "{shown:?}"
            );
        }
        assert!(matches!(Note::parse(&[0xff, 0xfe]), Err(NoteError::Malformed { .. })));
        assert_eq!(
            Note::parse(format!("text\n\n{}", line.repeat(MAX_NOTE_SIGNATURES)).as_bytes())
                .unwrap()
                .text(),
            "text\n"
        );
        assert!(Note::new("no end".to_owned()).is_err() && Note::new("\n".to_owned()).is_err());
    }

    #[test]
    fn key_ids_bind_name_type_and_key() {
        let a = named("example.com/a", 1);
        let cosigner = NoteKey { kind: SignatureType::Cosignature, ..a.clone() };
        let ids =
            [a.id(), cosigner.id(), named("example.com/b", 1).id(), named("example.com/a", 2).id()];
        for (i, id) in ids.iter().enumerate() {
            assert!(!ids[..i].contains(id));
        }
    }

    proptest! {
        #[test]
        fn whatever_parses_is_written_again_byte_for_byte(place in 0usize..200, byte in any::<u8>()) {
            let mut bytes = signed().encode().into_bytes();
            if let Some(at) = bytes.get_mut(place) {
                *at = byte;
            }
            if let Ok(note) = Note::parse(&bytes) {
                prop_assert_eq!(note.encode().into_bytes(), bytes);
            }
        }
    }
}
