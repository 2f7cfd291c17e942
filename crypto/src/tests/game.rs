//! The game of mo2023, Definition 3 (KH-CCA), against adversaries with a plan.
//!
//! The oracles are the definition's: Eval until RevHK has been asked; RevHK once; Dec, unavailable once both RevHK and the
//! challenge are out, ⊥ on the list D of the challenge and all that Eval made of it. An adversary wins who gets Dec to
//! answer on anything that contains the challenge; the tests play each plan and require ⊥.

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::group::random_scalar;
use crate::khpke::{Bottom, Sealed, decrypt, encrypt_with_rng, evaluate, generate};
use crate::signature::SIGNATURE_LEN;
use crate::transcript::STANDALONE_EVALUATION;
use crate::{Ciphertext, DecryptionKey, DiscreteLogTable, PublicKey};

const CONTEXT: Hash = [1; 32];

struct Game {
    key: PublicKey,
    secret: DecryptionKey,
    /// None once RevHK has handed it out.
    evaluation_key: Option<EvaluationKey>,
    d: Vec<Sealed>,
    rng: ChaCha20Rng,
}

/// ⊥ of an oracle rather than of the scheme.
#[derive(Debug, PartialEq)]
enum NoAnswer {
    Unavailable,
    OnList,
    Bottom(Bottom),
}

impl Game {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let (key, secret, evaluation_key) = generate(&mut rng).unwrap();
        Self { key, secret, evaluation_key: Some(evaluation_key), d: Vec::new(), rng }
    }

    fn encrypt(&mut self, message: u16) -> Sealed {
        encrypt_with_rng(&self.key, &CONTEXT, message, &mut self.rng).unwrap()
    }

    fn challenge(&mut self, message: u16) -> Sealed {
        let challenge = self.encrypt(message);
        self.d.push(challenge.clone());
        challenge
    }

    fn eval(&mut self, ciphertexts: &[Sealed]) -> Result<Sealed, NoAnswer> {
        let evaluation_key = self.evaluation_key.as_ref().ok_or(NoAnswer::Unavailable)?;
        let result =
            evaluate(&self.key, evaluation_key, &CONTEXT, ciphertexts).map_err(NoAnswer::Bottom)?;
        if ciphertexts.iter().any(|ciphertext| self.d.contains(ciphertext)) {
            self.d.push(result.clone());
        }
        Ok(result)
    }

    fn reveal(&mut self) -> EvaluationKey {
        self.evaluation_key.take().unwrap()
    }

    fn dec_in(&self, context: &Hash, ciphertext: &Sealed) -> Result<u64, NoAnswer> {
        if self.evaluation_key.is_none() && !self.d.is_empty() {
            return Err(NoAnswer::Unavailable);
        }
        if self.d.contains(ciphertext) {
            return Err(NoAnswer::OnList);
        }
        decrypt(&self.key, &self.secret, context, ciphertext, &DiscreteLogTable::shared())
            .map_err(NoAnswer::Bottom)
    }

    fn dec(&self, ciphertext: &Sealed) -> Result<u64, NoAnswer> {
        self.dec_in(&CONTEXT, ciphertext)
    }
}

fn bytes(sealed: &Sealed) -> Vec<u8> {
    match sealed {
        Sealed::Fresh(bytes) | Sealed::Evaluated(bytes) => bytes.clone(),
    }
}

/// Adds `difference` to the C1, C2, C3 that start at `start`.
fn add(bytes: &mut [u8], start: usize, difference: [RistrettoPoint; 3]) {
    for (slot, difference) in
        bytes[start..start + 96].as_chunks_mut::<32>().0.iter_mut().zip(difference)
    {
        let point = CompressedRistretto(*slot).decompress().unwrap();
        *slot = (point + difference).compress().to_bytes();
    }
}

#[test]
fn honest_ciphertexts_decrypt_and_evaluations_decrypt_to_sums() {
    let mut game = Game::new(41);
    let messages = [0u16, 1, 65_535];
    let ciphertexts = messages.map(|message| game.encrypt(message));
    for (message, ciphertext) in messages.iter().zip(&ciphertexts) {
        assert_eq!(game.dec(ciphertext), Ok(u64::from(*message)));
    }
    let sum = game.eval(&ciphertexts).unwrap();
    assert_eq!(game.dec(&sum), Ok(65_536));
    let sum_of_sums = game.eval(&[sum.clone(), ciphertexts[2].clone(), sum]).unwrap();
    assert_eq!(game.dec(&sum_of_sums), Ok(2 * 65_536 + 65_535));
    assert_eq!(game.eval(&[]), Err(NoAnswer::Bottom(Bottom::Count { found: 0 })));
}

#[test]
fn a_mauled_challenge_is_bottom_at_every_byte_and_under_every_shift() {
    let mut game = Game::new(42);
    let challenge = bytes(&game.challenge(7));
    for position in 0..challenge.len() {
        let mut mauled = challenge.clone();
        mauled[position] ^= 1 << (position % 8);
        assert!(game.dec(&Sealed::Fresh(mauled)).is_err(), "byte {position}");
    }
    // u + 1, and the same u under new randomness: both keep C a valid encryption of something.
    let r = random_scalar(&mut game.rng);
    let shift = [RistrettoPoint::default(), RistrettoPoint::default(), *crate::group::h()];
    let fresh = [game.key.x1 * r, RistrettoPoint::default(), RISTRETTO_BASEPOINT_POINT * r];
    for difference in [shift, fresh] {
        let mut mauled = challenge.clone();
        add(&mut mauled, 32, difference);
        let result = game.dec(&Sealed::Fresh(mauled));
        assert_eq!(result, Err(NoAnswer::Bottom(Bottom::BadProof { input: 0 })));
    }
    let longer = [challenge.as_slice(), &[0]].concat();
    assert!(matches!(game.dec(&Sealed::Fresh(longer)), Err(NoAnswer::Bottom(Bottom::Decode(_)))));
}

#[test]
fn without_the_evaluation_key_nothing_is_combined() {
    let mut game = Game::new(43);
    let challenge = game.challenge(7);
    let own = game.encrypt(1);

    // The sum under the challenge's proof.
    let mut combined = bytes(&challenge);
    let c: Vec<_> = bytes(&own)[32..128]
        .as_chunks::<32>()
        .0
        .iter()
        .map(|c| CompressedRistretto(*c).decompress().unwrap())
        .collect();
    add(&mut combined, 32, [c[0], c[1], c[2]]);
    assert_eq!(
        game.dec(&Sealed::Fresh(combined)),
        Err(NoAnswer::Bottom(Bottom::BadProof { input: 0 }))
    );

    // The sum under the certificate of one's own key.
    let stranger = EvaluationKey::generate(&mut game.rng);
    let forged = evaluate(&game.key, &stranger, &CONTEXT, &[challenge, own]).unwrap();
    assert_eq!(game.dec(&forged), Err(NoAnswer::Bottom(Bottom::BadCertificate)));
}

#[test]
fn a_challenge_inside_an_evaluation_stays_on_the_list_and_cannot_be_taken_out() {
    let mut game = Game::new(44);
    let challenge = game.challenge(7);
    let one = game.encrypt(1);
    let two = game.encrypt(2);
    let inside = game.eval(&[one.clone(), challenge.clone()]).unwrap();
    assert_eq!(game.dec(&inside), Err(NoAnswer::OnList));
    let deeper = game.eval(&[inside.clone(), two.clone()]).unwrap();
    assert_eq!(game.dec(&deeper), Err(NoAnswer::OnList));

    // Re-certifying: the result over the inputs of an evaluation that does not hold the challenge, with its certificate.
    let innocent = bytes(&game.eval(&[one.clone(), two.clone()]).unwrap());
    let inside = bytes(&inside);
    let end = inside.len();
    let result = end - SIGNATURE_LEN - Ciphertext::LEN;
    let mut spliced = innocent.clone();
    spliced[result..end - SIGNATURE_LEN].copy_from_slice(&inside[result..end - SIGNATURE_LEN]);
    assert_eq!(
        game.dec(&Sealed::Evaluated(spliced)),
        Err(NoAnswer::Bottom(Bottom::BadCertificate))
    );
    let mut recertified = inside.clone();
    recertified[end - SIGNATURE_LEN..].copy_from_slice(&innocent[end - SIGNATURE_LEN..]);
    assert_eq!(
        game.dec(&Sealed::Evaluated(recertified)),
        Err(NoAnswer::Bottom(Bottom::BadCertificate))
    );

    // Reordering: the same inputs, the same sum, another order.
    let length = bytes(&challenge).len();
    let mut reordered = inside.clone();
    let (first, second) = reordered[36..36 + 2 * length].split_at_mut(length);
    first.swap_with_slice(second);
    assert_eq!(
        game.dec(&Sealed::Evaluated(reordered)),
        Err(NoAnswer::Bottom(Bottom::BadCertificate))
    );

    // Every byte of an evaluation counts, so that none but the ones on the list decrypt.
    for position in 0..end {
        let mut mauled = inside.clone();
        mauled[position] ^= 1 << (position % 8);
        assert!(game.dec(&Sealed::Evaluated(mauled)).is_err(), "byte {position}");
    }
    // Fresh bytes called evaluated, and the other way round.
    assert!(game.dec(&Sealed::Evaluated(bytes(&challenge))).is_err());
    assert!(game.dec(&Sealed::Fresh(inside)).is_err());
}

#[test]
fn a_ciphertext_is_of_its_context_only() {
    let mut game = Game::new(45);
    let challenge = game.challenge(7);
    let elsewhere = [2; 32];
    let mut moved = bytes(&challenge);
    moved[..32].copy_from_slice(&elsewhere);
    let moved = Sealed::Fresh(moved);
    assert_eq!(
        game.dec_in(&elsewhere, &moved),
        Err(NoAnswer::Bottom(Bottom::BadProof { input: 0 }))
    );
    assert_eq!(game.dec(&moved), Err(NoAnswer::Bottom(Bottom::OtherContext)));
    // Replaying what is off the list in another context, too.
    let own = game.encrypt(1);
    assert_eq!(game.dec_in(&elsewhere, &own), Err(NoAnswer::Bottom(Bottom::OtherContext)));
    let sum = game.eval(&[own.clone(), own]).unwrap();
    assert_eq!(game.dec_in(&elsewhere, &sum), Err(NoAnswer::Bottom(Bottom::OtherContext)));
    // A ciphertext under another public key is none under this one.
    let foreign = Game::new(46).encrypt(1);
    assert_eq!(game.dec(&foreign), Err(NoAnswer::Bottom(Bottom::BadProof { input: 0 })));
}

#[test]
fn after_revhk_the_oracles_close_as_the_definition_says_and_the_key_still_only_adds() {
    // Before the challenge, the revealed key does not close Dec, and lets nobody maul.
    let mut game = Game::new(47);
    let target = game.encrypt(7);
    let other = game.encrypt(8);
    let revealed = game.reveal();
    assert_eq!(game.eval(&[target.clone(), other.clone()]), Err(NoAnswer::Unavailable));
    let sum = evaluate(&game.key, &revealed, &CONTEXT, &[target.clone(), other.clone()]).unwrap();
    assert_eq!(game.dec(&sum), Ok(15));
    // A certificate on what is not the sum: the result shifted by h, then signed properly.
    let mut lie = bytes(&sum);
    let end = lie.len() - SIGNATURE_LEN;
    let shift = [RistrettoPoint::default(), RistrettoPoint::default(), *crate::group::h()];
    add(&mut lie, end - Ciphertext::LEN, shift);
    let certificate = revealed.0.sign(STANDALONE_EVALUATION, &[&lie[..end]]);
    lie[end..].copy_from_slice(&certificate.encode());
    assert_eq!(game.dec(&Sealed::Evaluated(lie)), Err(NoAnswer::Bottom(Bottom::WrongSum)));
    // A certificate on an input without a proof.
    let mut unproven = bytes(&sum);
    add(&mut unproven, 36 + 32, shift);
    add(&mut unproven, end - Ciphertext::LEN, shift);
    let certificate = revealed.0.sign(STANDALONE_EVALUATION, &[&unproven[..end]]);
    unproven[end..].copy_from_slice(&certificate.encode());
    let result = game.dec(&Sealed::Evaluated(unproven));
    assert_eq!(result, Err(NoAnswer::Bottom(Bottom::BadProof { input: 0 })));

    // With the challenge out as well, Dec is closed: its holder could add the challenge to something and ask.
    let challenge = game.challenge(9);
    let inside = evaluate(&game.key, &revealed, &CONTEXT, &[challenge, target.clone()]).unwrap();
    assert_eq!(game.dec(&inside), Err(NoAnswer::Unavailable));
    assert_eq!(game.dec(&target), Err(NoAnswer::Unavailable));
}

#[test]
fn sums_beyond_what_can_be_read_off_are_bottom() {
    let mut game = Game::new(48);
    let head = [CONTEXT.as_slice(), &1025u32.to_be_bytes()].concat();
    assert_eq!(
        game.dec(&Sealed::Evaluated(head)),
        Err(NoAnswer::Bottom(Bottom::Count { found: 1025 }))
    );
    let short = [CONTEXT.as_slice(), &1024u32.to_be_bytes()].concat();
    assert!(matches!(
        game.dec(&Sealed::Evaluated(short)),
        Err(NoAnswer::Bottom(Bottom::Decode(_)))
    ));
    let one = game.encrypt(1);
    assert!(game.dec(&Sealed::Fresh(bytes(&one)[..10].to_vec())).is_err());
}

/// Algorithm B of Lemma 1: its input (u, v, g, s_1, s_2, s_3) is the key and, with h^m, the challenge. What it proves is that
/// nothing is learnt without decryptions of the adversary's choice: Dec of these bare ciphertexts has no proof to verify.
#[test]
fn a_challenge_made_of_a_linear_tuple_encrypts_its_message_and_of_another_tuple_every_message_alike()
 {
    let Game { key, secret, mut rng, .. } = Game::new(50);
    let [r, s, other] = [(); 3].map(|()| random_scalar(&mut rng));
    let (s_1, s_2) = (key.x1 * r, key.x2 * s);
    let of = |message: u16, s_3: RistrettoPoint| {
        let hidden = crate::group::h_times(&u64::from(message).into());
        secret.open(&Ciphertext { c1: s_1, c2: s_2, c3: s_3 + hidden })
    };
    let linear = RISTRETTO_BASEPOINT_POINT * (r + s);
    let random = RISTRETTO_BASEPOINT_POINT * other;
    let table = DiscreteLogTable::shared();
    for message in [0, 1, 65_535] {
        let bare = Ciphertext::encrypt(&key, &u64::from(message).into(), &r, &s);
        assert_eq!(of(message, linear), secret.open(&bare));
        assert_eq!(of(message, linear), crate::group::h_times(&u64::from(message).into()));
        assert!(table.find(&of(message, random), 16).is_none(), "nobody can read it");
    }
    // For each of two messages there is an s_3 that makes the same challenge: it says nothing of which it was.
    let moved = random + crate::group::h_times(&7u64.into()) - crate::group::h_times(&9u64.into());
    assert_eq!(of(7, random), of(9, moved));
}
