//! Heads of a chain as other tools read them: [C2SP tlog-checkpoint] and [C2SP tlog-cosignature].
//!
//! The tree is that of `history_root`: RFC 6962 over the hashes of the headers. The checkpoint of size h + 1 covers the
//! blocks 0 to h, so its root is the `history_root` of block h + 1, before that block exists. Its text is
//!
//! ```text
//! consilium/<chain id, hexadecimal>
//! <size, decimal>
//! <root, base64>
//! ```
//!
//! The coordinator signs that text (type 0x01, under the origin as its name); trustees cosign it (type 0x04): the
//! signature is over `cosignature/v1\ntime <seconds since the epoch>\n` and the text. No other signature of this project
//! is over bytes that begin like either, nor are those ever 64 bytes, the length of a digest that transactions are
//! signed as; so a key that signs transactions or headers may sign both.
//!
//! Two checkpoints signed by one coordinator, of which neither tree is the beginning of the other, convict it.
//!
//! [C2SP tlog-checkpoint]: https://c2sp.org/tlog-checkpoint
//! [C2SP tlog-cosignature]: https://c2sp.org/tlog-cosignature

use base64::{Engine, engine::general_purpose::STANDARD};
use consilium_hash::{ChainId, MerkleRoot, Pseudonym};
use ed25519_dalek::{SigningKey, VerifyingKey};

use crate::{
    cosignature::Cosignature,
    merkle,
    note::{Note, NoteKey, SignatureType},
    note_error::{NoteError, malformed},
    seal::Validators,
};

const ORIGIN: &str = "consilium/";

/// The tree over the first `size` blocks of a chain. Nothing about it has been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The chain.
    pub chain_id: ChainId,
    /// Number of blocks.
    pub size: u64,
    /// RFC 6962 root over the hashes of their headers.
    pub root: MerkleRoot,
}

impl Checkpoint {
    /// The first line of every checkpoint of this chain, and the name that its coordinator signs them under.
    pub fn origin(chain_id: &ChainId) -> String {
        format!("{ORIGIN}{chain_id}")
    }

    /// The checkpoint's only text.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", Self::origin(&self.chain_id), self.size, STANDARD.encode(self.root))
    }

    /// Reads the text of a checkpoint: exactly three lines, as [`Self::text`] writes them.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let wrong = |detail: &str| malformed("checkpoint of a chain", detail);
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(wrong("it has not three lines"));
        };
        let chain_id = origin
            .strip_prefix(ORIGIN)
            .and_then(|id| hex::decode(id).ok())
            .and_then(|id| ChainId::try_from(id.as_slice()).ok());
        let chain_id = chain_id.ok_or_else(|| wrong("its origin names no chain"))?;
        let size = size.parse().map_err(|_| wrong("its size is no number"))?;
        let root = STANDARD.decode(root).ok().and_then(|root| root.as_slice().try_into().ok());
        let root = root.ok_or_else(|| wrong("its root is not the base64 of 32 bytes"))?;
        let checkpoint = Self { chain_id, size, root };
        if size == 0 && root != merkle::root(&[]) {
            return Err(wrong("it has a root over nothing that is not that of the empty tree"));
        }
        // Capitals, leading zeroes, signs and missing or doubled line ends all come out another way.
        if checkpoint.text() == text {
            Ok(checkpoint)
        } else {
            Err(wrong("it is not written in the one way it has"))
        }
    }

    /// The note in which the coordinator signs it.
    ///
    /// A coordinator signs durable heads of its one chain only: two that contradict each other convict it.
    pub fn sign(&self, coordinator: &SigningKey) -> Note {
        let mut note = Note::unsigned(self.text());
        note.sign_as(&coordinator_key(&self.chain_id, coordinator.verifying_key()), coordinator);
        note
    }

    /// A trustee's cosignature: that it has seen this tree continue every earlier one, and as of `time_s` (seconds since
    /// the epoch) knew of no larger one.
    pub fn cosign(&self, time_s: u64, trustee: &SigningKey) -> Cosignature {
        Cosignature::sign(&self.text(), time_s, trustee)
    }

    /// Checks a cosignature of this checkpoint.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`] that names `trustee`, the pseudonym.
    pub fn verify_cosignature(
        &self,
        cosignature: &Cosignature,
        trustee: &Pseudonym,
        key: &VerifyingKey,
    ) -> Result<(), NoteError> {
        let bad = || NoteError::BadSignature { name: trustee_name(&self.chain_id, trustee) };
        if cosignature.is_over(&self.text(), key) { Ok(()) } else { Err(bad()) }
    }
}

/// The key that a coordinator signs the checkpoints of a chain with.
pub fn coordinator_key(chain_id: &ChainId, key: VerifyingKey) -> NoteKey {
    NoteKey::of(Checkpoint::origin(chain_id), SignatureType::Ed25519, key)
}

/// The key that the trustee with this pseudonym cosigns the checkpoints of a chain with.
pub fn trustee_key(chain_id: &ChainId, pseudonym: &Pseudonym, key: VerifyingKey) -> NoteKey {
    NoteKey::of(trustee_name(chain_id, pseudonym), SignatureType::Cosignature, key)
}

fn trustee_name(chain_id: &ChainId, pseudonym: &Pseudonym) -> String {
    format!("{}/{pseudonym}", Checkpoint::origin(chain_id))
}

/// A checkpoint that the coordinator has signed, with the trustees whose cosignatures under it hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
    cosigners: Vec<String>,
}

impl SignedCheckpoint {
    /// Verifies a note: a checkpoint of this chain, signed by its coordinator. Every cosignature that names one of the
    /// `trustees` must hold.
    ///
    /// # Errors
    /// [`NoteError::Malformed`], [`NoteError::OtherOrigin`], [`NoteError::Unsigned`], [`NoteError::BadSignature`].
    pub fn verify(
        note: Note,
        validators: &Validators,
        trustees: &[NoteKey],
    ) -> Result<Self, NoteError> {
        let chain_id = validators.chain_id();
        let checkpoint = Checkpoint::parse(note.text())?;
        if checkpoint.chain_id != *chain_id {
            let expected = Checkpoint::origin(chain_id);
            let found = Checkpoint::origin(&checkpoint.chain_id);
            return Err(NoteError::OtherOrigin { expected, found });
        }
        note.open(&[coordinator_key(chain_id, *validators.coordinator())])?;
        let cosigners = match note.open(trustees) {
            Ok(keys) => keys.into_iter().map(|key| key.name().to_owned()).collect(),
            Err(NoteError::Unsigned { .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { checkpoint, note, cosigners })
    }

    /// The checkpoint.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note, with all that stands under it.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// Names of the trustees that have cosigned it.
    pub fn cosigners(&self) -> &[String] {
        &self.cosigners
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::Signer;
    use proptest::prelude::*;

    use super::*;

    const CHAIN: ChainId = ChainId([0xa1; 32]);

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_bytes(&[byte; 32])
    }

    fn a_checkpoint() -> Checkpoint {
        Checkpoint { chain_id: CHAIN, size: 120, root: MerkleRoot([7; 32]) }
    }

    fn cosigned() -> Note {
        let mut note = a_checkpoint().sign(&key(1));
        for trustee in [2, 3] {
            let of = trustee_key(&CHAIN, &Pseudonym([trustee; 32]), key(trustee).verifying_key());
            note.add_cosignature(&of, &a_checkpoint().cosign(1_700_000_000, &key(trustee)));
        }
        note
    }

    fn trustees() -> [NoteKey; 2] {
        [2, 3].map(|trustee| {
            trustee_key(&CHAIN, &Pseudonym([trustee; 32]), key(trustee).verifying_key())
        })
    }

    fn verify(note: Note) -> Result<SignedCheckpoint, NoteError> {
        let validators = Validators::single(CHAIN, key(1).verifying_key());
        SignedCheckpoint::verify(note, &validators, &trustees())
    }

    #[test]
    fn encodings_are_held_fixed() {
        let expected = format!(
            "consilium/{}\n120\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n",
            "a1".repeat(32)
        );
        assert_eq!(a_checkpoint().text(), expected);
        assert_eq!(Checkpoint::parse(&expected).unwrap(), a_checkpoint());
        let name = Checkpoint::origin(&CHAIN);
        let lines = [
            format!(
                "\u{2014} {name} Fpf81XY+n2a30MXabU9WLcQVVrQb10GfT267mFkiHtKmSRTUYyrJiEa4F9S0lTJAU/GCjKgrmiswVQ3F65vAbPuz8Ao=\n"
            ),
            format!(
                "\u{2014} {name}/{} zDtOWQAAAABlU/EAIwfGBQ//Z8dkiHZnahAXJ70kqDbG3ZgT/2saxPf2TbeVpfQu8qI28h0G6M1sPNLWHVWrSS23P8vCo5X5rRduAw==\n",
                "02".repeat(32)
            ),
            format!(
                "\u{2014} {name}/{} H6q1aAAAAABlU/EAl7wCwkB/GhalVrYEKfjljyuAeNvXQgZC/b6Dhnzjus46l0hDFcJbg+RKDkRKOKWzTRszG5KoXTsFyr82yY8KAA==\n",
                "03".repeat(32)
            ),
        ];
        assert_eq!(cosigned().encode(), format!("{expected}\n{}", lines.concat()));
    }

    #[test]
    fn the_example_of_the_specification_is_read_as_a_note_with_a_cosignature() {
        let example = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
            — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
            — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
        let note = Note::parse(example.as_bytes()).unwrap();
        assert_eq!(note.encode(), example);
        let cosignature = Cosignature::decode(note.signatures()[1].signature()).unwrap();
        assert_eq!(cosignature.time_s(), 1_679_315_147);
        assert!(Checkpoint::parse(note.text()).is_err(), "it is of no chain of ours");
    }

    #[test]
    fn a_note_of_the_coordinator_names_the_trustees_that_cosigned_it() {
        let signed = verify(Note::parse(cosigned().encode().as_bytes()).unwrap()).unwrap();
        assert_eq!(signed.checkpoint(), &a_checkpoint());
        assert_eq!(signed.cosigners(), trustees().map(|key| key.name().to_owned()));
        assert_eq!(verify(a_checkpoint().sign(&key(1))).unwrap().cosigners(), [""; 0]);
    }

    #[test]
    fn a_change_of_any_field_or_byte_is_refused() {
        let verified = verify(cosigned()).unwrap();
        let other = |change: fn(&mut Checkpoint)| {
            let mut changed = a_checkpoint();
            change(&mut changed);
            let text = cosigned().encode().replace(&a_checkpoint().text(), &changed.text());
            verify(Note::parse(text.as_bytes()).unwrap()).unwrap_err()
        };
        let bad = NoteError::BadSignature { name: Checkpoint::origin(&CHAIN) };
        assert_eq!(other(|checkpoint| checkpoint.size += 1), bad);
        assert_eq!(other(|checkpoint| checkpoint.root.0[31] ^= 1), bad);
        assert!(matches!(
            other(|checkpoint| checkpoint.chain_id.0[0] ^= 1),
            NoteError::OtherOrigin { .. }
        ));

        let whole = cosigned().encode().into_bytes();
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            let Ok(signed) = Note::parse(&bytes).and_then(verify) else { continue };
            // Only a line that no longer says that it is a trustee's is passed over.
            assert!(signed.cosigners().len() < verified.cosigners().len(), "byte {place}");
            assert_eq!(signed.checkpoint(), verified.checkpoint());
        }
    }

    #[test]
    fn a_cosignature_holds_for_its_text_time_and_key_alone() {
        let text = a_checkpoint().text();
        let of = key(2).verifying_key();
        let cosignature = a_checkpoint().cosign(1_700_000_000, &key(2));
        assert!(cosignature.is_over(&text, &of));
        assert_eq!(
            a_checkpoint().verify_cosignature(&cosignature, &Pseudonym([2; 32]), &of),
            Ok(())
        );
        assert!(!cosignature.is_over(&text, &key(3).verifying_key()));
        let larger = Checkpoint { size: 121, ..a_checkpoint() };
        let expected = NoteError::BadSignature { name: trustees()[0].name().to_owned() };
        assert_eq!(
            larger.verify_cosignature(&cosignature, &Pseudonym([2; 32]), &of),
            Err(expected)
        );
        for place in 0..Cosignature::LEN {
            let mut bytes = cosignature.encode();
            bytes[place] ^= 1;
            let holds =
                Cosignature::decode(&bytes).is_ok_and(|changed| changed.is_over(&text, &of));
            assert!(!holds, "byte {place}");
        }
        // A plain signature over the text is none, and neither is a cosignature a plain one.
        let plain = [&[0; 8], key(2).sign(text.as_bytes()).to_bytes().as_slice()].concat();
        let plain = Cosignature::decode(&plain).unwrap();
        assert!(!plain.is_over(&text, &of));
    }

    #[test]
    fn times_that_the_format_has_not_are_neither_written_nor_read() {
        let last = a_checkpoint().cosign(u64::MAX, &key(2));
        assert_eq!(last.time_s(), i64::MAX as u64);
        assert_eq!(Cosignature::decode(&last.encode()), Ok(last));
        let mut bytes = last.encode();
        bytes[0] = 0x80;
        assert!(matches!(Cosignature::decode(&bytes), Err(NoteError::Malformed { .. })));
        for length in [0, 71, 73] {
            assert!(Cosignature::decode(&vec![0; length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn texts_that_are_written_another_way_are_refused() {
        let good = a_checkpoint().text();
        let refused = [
            good.replace("consilium/a1", "consilium/A1"),
            good.replace("consilium", "Consilium"),
            good.replace("consilium/a1", "consilium/"),
            good.replace("\n120\n", "\n0120\n"),
            good.replace("\n120\n", "\n+120\n"),
            good.replace("\n120\n", "\n-1\n"),
            good.replace("\n120\n", "\n18446744073709551616\n"),
            good.replace("\n120\n", "\n120\r\n"),
            good.replace("\n120\n", "\n\n"),
            good.replace('=', ""),
            good.replace("BwcH", "BwcHBwcH"),
            good.replace("c=", "d="),
            good.trim_end().to_owned(),
            good.clone() + "extension\n",
            good.clone() + "\n",
            String::new(),
        ];
        for text in refused {
            assert!(Checkpoint::parse(&text).is_err(), "{text:?}");
        }
        let empty = Checkpoint { size: 0, ..a_checkpoint() };
        assert!(Checkpoint::parse(&empty.text()).is_err());
        let empty = Checkpoint { root: merkle::root(&[]), ..empty };
        assert_eq!(Checkpoint::parse(&empty.text()), Ok(empty));
    }

    proptest! {
        #[test]
        fn every_checkpoint_and_cosignature_is_read_as_it_was_written(
            chain_id: [u8; 32], size in 1u64.., root: [u8; 32], time_s: u64,
        ) {
            let checkpoint = Checkpoint { chain_id: ChainId(chain_id), size, root: MerkleRoot(root) };
            prop_assert_eq!(Checkpoint::parse(&checkpoint.text()), Ok(checkpoint));
            let cosignature = checkpoint.cosign(time_s, &key(2));
            prop_assert_eq!(Cosignature::decode(&cosignature.encode()), Ok(cosignature));
            prop_assert!(cosignature.is_over(&checkpoint.text(), &key(2).verifying_key()));
        }
    }
}
