//! From a quantised update to bytes that can be sent, sent again, and never made twice.
//!
//! ```text
//! Assignment + QuantisedUpdate ── encrypt, prove, sign ──► Sealed envelope ── store ──► Upload ── send, send again ..
//! ```
//!
//! Only an [`Upload`] can be sent, and it exists only on disk first. After a cut connection or a restart within the same
//! attempt the stored bytes go out again: an encryption is never repeated where the first one may have arrived, because
//! the contract counts the first signed header of an attempt. A new attempt makes a new encryption, with new randomness
//! of the operating system, also if the update has not changed.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use consilium_contract::{
    Parameters,
    transaction::{CandidateTransaction, sign},
};
use consilium_crypto::{
    EncryptError, QuantisedUpdate, RoundContext,
    mask::{CandidateHeader, encrypt},
    signature::SigningKey,
};
use consilium_hash::HeaderHash;
use consilium_ledger::{blob_hash, sha256};
use consilium_proto::v1::{SignedTransaction, SubmitUpdate, transaction::Action};

use consilium_audit::files::{self, FileError};

use crate::institution::assignment::Assignment;

/// The file of the last upload in a state directory: length of the transaction, transaction, signature, body.
const FILE: &str = "upload.bin";

/// An encrypted, proven and signed update that is not on disk yet.
pub struct Envelope {
    signed: SignedTransaction,
    header_hash: HeaderHash,
    round: RoundContext,
    body: Vec<u8>,
    /// Time of the encryption.
    pub encrypt: Duration,
    /// Time of the proofs.
    pub prove: Duration,
}

/// How often an update is encrypted whose random projections are too long to be proven: once in 2^42 times each.
const TRIES: u32 = 4;

/// Encrypts the update for the assignment, proves it and signs its header.
///
/// # Errors
/// [`EncryptError`] where the update does not fit the round; [`EncryptError::Unlucky`] after four of them.
pub fn seal(
    parameters: &Parameters,
    assignment: &Assignment,
    update: &QuantisedUpdate,
    key: &SigningKey,
) -> Result<Envelope, EncryptError> {
    let context = assignment.context();
    let mut encrypting = Duration::ZERO;
    let mut proving = Duration::ZERO;
    let proven = lucky(|| {
        let start = Instant::now();
        let unproven = encrypt(
            &parameters.form(context.round.step).update,
            &assignment.committee().public_key,
            context,
            update,
        )?;
        encrypting += start.elapsed();
        let start = Instant::now();
        let proven = unproven.prove();
        proving += start.elapsed();
        proven
    })?;
    let header_hash = HeaderHash(sha256(&proven.header));
    let action = Action::SubmitUpdate(SubmitUpdate { header: proven.header });
    let signed = sign(key, &context.round.chain_id, Some(&context.pseudonym), action);
    let round = context.round.clone();
    let body = proven.body;
    Ok(Envelope { signed, header_hash, round, body, encrypt: encrypting, prove: proving })
}

/// Repeats what bad luck alone has stopped. Nothing of an encryption that was not proven leaves this process, and the
/// next one has randomness of its own.
fn lucky<T>(mut attempt: impl FnMut() -> Result<T, EncryptError>) -> Result<T, EncryptError> {
    for _ in 1..TRIES {
        match attempt() {
            Err(EncryptError::Unlucky) => {}
            decided => return decided,
        }
    }
    attempt()
}

impl Envelope {
    /// Writes the bytes to disk, flushed; from then on they are what is sent in this attempt.
    ///
    /// # Errors
    /// [`FileError::System`]: nothing may be sent.
    pub fn store(self, directory: &Path) -> Result<Upload, FileError> {
        let Self { signed, header_hash, round, body, .. } = self;
        let length = (signed.transaction.len() as u64).to_be_bytes();
        files::replace(
            &directory.join(FILE),
            &[&length, &signed.transaction, &signed.signature, &body],
        )?;
        Ok(Upload { signed, header_hash, round, body: body.into() })
    }
}

/// An update that is on disk: what is sent, and sent again.
#[derive(Debug, Clone)]
pub struct Upload {
    signed: SignedTransaction,
    header_hash: HeaderHash,
    round: RoundContext,
    body: std::sync::Arc<[u8]>,
}

impl Upload {
    /// Reads the upload that was stored last; `None` where there is none that this institution signed for this chain.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn load(
        directory: &Path,
        parameters: &Parameters,
        key: &SigningKey,
    ) -> Result<Option<Self>, FileError> {
        let most = parameters.longest_body() + consilium_proto::ENTRY_BYTES;
        let Some(bytes) = files::read(&directory.join(FILE), most as u64)? else {
            return Ok(None);
        };
        Ok(Self::parse(&bytes)
            .filter(|(candidate, upload)| {
                upload.round.chain_id == parameters.chain_id
                    && candidate.is_signed_by(&key.verifying_key(), &parameters.chain_id)
            })
            .map(|(_, upload)| upload))
    }

    fn parse(bytes: &[u8]) -> Option<(CandidateTransaction, Self)> {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let (transaction, rest) =
            rest.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)?;
        let (signature, body) =
            rest.split_at_checked(consilium_crypto::signature::SIGNATURE_LEN)?;
        let signed =
            SignedTransaction { transaction: transaction.to_vec(), signature: signature.to_vec() };
        let candidate = CandidateTransaction::parse(signed.clone()).ok()?;
        let Action::SubmitUpdate(update) = candidate.action() else { return None };
        let header = CandidateHeader::decode(&update.header).ok()?;
        // A stored body that is not the header's would only earn an "incomplete" again and again.
        if header.body_hash() != blob_hash(body) {
            return None;
        }
        let upload = Self {
            signed,
            header_hash: header.hash(),
            round: header.context().round.clone(),
            body: body.into(),
        };
        Some((candidate, upload))
    }

    /// The signed header.
    pub fn signed(&self) -> &SignedTransaction {
        &self.signed
    }

    /// SHA-256 of the header: the name of the update.
    pub fn header_hash(&self) -> &HeaderHash {
        &self.header_hash
    }

    /// The round it was made for.
    pub fn round(&self) -> &RoundContext {
        &self.round
    }

    /// The body.
    pub fn body(&self) -> &std::sync::Arc<[u8]> {
        &self.body
    }

    /// Bytes of header and body.
    pub fn bytes(&self) -> u64 {
        (self.signed.transaction.len() + self.signed.signature.len() + self.body.len()) as u64
    }
}

#[cfg(test)]
mod tests {
    use consilium_crypto::mask::CandidateUpdate;

    use super::*;
    use crate::fixture::Kept as _;
    use consilium_audit::{CheckedModel, follow::Phase};
    use consilium_testkit::{DIMENSION, World, ceremony};

    fn assignment(world: &World) -> Assignment {
        let (follower, _) = world.follow();
        let Phase::Collecting(collection) = follower.phase() else { panic!() };
        let initial =
            CheckedModel::initial(&world.ceremony.parameters, &world.ceremony.initial_model)
                .unwrap();
        let own = world.ceremony.parameters.own_bound(25);
        Assignment::new(&initial, collection, &world.name(0), own).unwrap()
    }

    fn envelope(world: &World) -> Envelope {
        let update =
            QuantisedUpdate::new(vec![5; DIMENSION], assignment(world).context().bound).unwrap();
        let files = &world.ceremony.institutions[0];
        seal(&files.parameters, &assignment(world), &update, &files.signing).unwrap()
    }

    fn load(world: &World, directory: &Path) -> Option<Upload> {
        Upload::load(directory, &world.ceremony.parameters, &world.ceremony.institutions[0].signing)
            .unwrap()
    }

    #[test]
    fn after_a_restart_the_stored_bytes_are_sent_and_no_new_encryption() {
        let dir = tempfile::tempdir().unwrap();
        let mut world = World::new();
        world.open();
        assert!(load(&world, dir.path()).is_none());
        let first = envelope(&world).store(dir.path()).unwrap();
        for _ in 0..2 {
            let again = load(&world, dir.path()).unwrap();
            assert_eq!(again.signed(), first.signed());
            assert_eq!(again.body(), first.body());
            assert_eq!((again.round(), again.header_hash()), (&world.round(), first.header_hash()));
        }
        // The contract takes what was stored.
        world.bodies.insert(blob_hash(first.body()), first.body().to_vec());
        world.commit(vec![first.signed().clone()]);
    }

    #[test]
    fn a_new_attempt_is_a_new_encryption_that_shares_no_element_with_the_old_one() {
        let mut world = World::new();
        world.open();
        let first = envelope(&world);
        let second = envelope(&world);
        let masked =
            |envelope: &Envelope| -> Vec<[u8; 32]> { envelope.body.as_chunks::<32>().0.to_vec() };
        let first = masked(&first);
        let second = masked(&second);
        assert!(first.len() > DIMENSION);
        assert!(first.iter().all(|element| !second.contains(element)));
    }

    #[test]
    fn an_upload_of_another_chain_or_key_or_with_a_changed_byte_is_not_sent() {
        let dir = tempfile::tempdir().unwrap();
        let mut world = World::new();
        world.open();
        envelope(&world).store(dir.path()).unwrap();
        let other = World::of(ceremony(2, |_| {}));
        assert!(load(&other, dir.path()).is_none());
        let parameters = &world.ceremony.parameters;
        let key = &world.ceremony.institutions[1].signing;
        assert!(Upload::load(dir.path(), parameters, key).unwrap().is_none());
        let path = dir.path().join(FILE);
        let whole = std::fs::read(&path).unwrap();
        for position in (0..whole.len()).step_by(97) {
            let mut changed = whole.clone();
            changed[position] ^= 1;
            std::fs::write(&path, changed).unwrap();
            assert!(load(&world, dir.path()).is_none(), "byte {position}");
        }
    }

    #[test]
    fn what_is_stored_passes_the_checks_of_the_other_side() {
        let dir = tempfile::tempdir().unwrap();
        let mut world = World::new();
        world.open();
        let upload = envelope(&world).store(dir.path()).unwrap();
        let parameters = &world.ceremony.parameters;
        assert_eq!(upload.body().len(), parameters.update_parameters().body_length());
        assert!(upload.bytes() > upload.body().len() as u64);
        let candidate = CandidateTransaction::parse(upload.signed().clone()).unwrap();
        let Action::SubmitUpdate(update) = candidate.action() else { panic!() };
        let header = CandidateHeader::decode(&update.header).unwrap();
        let parsed =
            CandidateUpdate::parse(header, upload.body(), &parameters.update_parameters()).unwrap();
        assert_eq!(parsed.context().pseudonym, world.name(0));
    }

    #[test]
    fn what_bad_luck_stops_is_tried_again_a_few_times_and_what_else_stops_it_is_not() {
        let wrong = EncryptError::Dimension { expected: 13, found: 14 };
        for (unlucky, then, expected, tried) in [
            (0, Ok(7), Ok(7), 1),
            (TRIES - 1, Ok(7), Ok(7), TRIES),
            (TRIES, Ok(7), Err(EncryptError::Unlucky), TRIES),
            (1, Err(wrong.clone()), Err(wrong.clone()), 2),
        ] {
            let mut tries = 0;
            let outcome = lucky(|| {
                tries += 1;
                if tries > unlucky { then.clone() } else { Err(EncryptError::Unlucky) }
            });
            assert_eq!((outcome, tries), (expected, tried), "unlucky {unlucky} times");
        }
    }

    #[test]
    fn an_update_of_another_length_is_not_encrypted() {
        let mut world = World::new();
        world.open();
        let update =
            QuantisedUpdate::new(vec![5; DIMENSION + 1], assignment(&world).context().bound)
                .unwrap();
        let files = &world.ceremony.institutions[0];
        let refused = seal(&files.parameters, &assignment(&world), &update, &files.signing);
        assert!(
            matches!(refused.err(), Some(EncryptError::Dimension { expected: DIMENSION, found })
                if found == DIMENSION + 1)
        );
    }
}
