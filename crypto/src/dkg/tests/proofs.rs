//! Every message with every field changed, taken out of its context, cut, and made of noise.

use consilium_hash::{CeremonyHash, ChainId};
use proptest::prelude::*;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::*;
use crate::DecodeError;
use crate::dkg::product::{Half, relation, start};
use crate::tests::tampering::neighbours;

/// A ceremony up to its key.
struct Stage {
    play: Play,
    dealings: Vec<Dealing>,
    members: Vec<MemberSecret>,
    key: GeneratedKey,
}

fn stage(seed: u64) -> Stage {
    let mut play = Play::generation(seed, 4, 2);
    let dealings = play.deal_all();
    let qualified = Qualified::new(&play.ceremony, &dealings).unwrap();
    let members = play.members(&qualified, &dealings);
    let products = members.iter().map(|member| {
        member.product(&qualified, &mut play.rng).unwrap().verify(&qualified, member.place).unwrap()
    });
    let key = qualified.generate(&products.collect::<Vec<_>>(), &evaluation_key()).unwrap();
    Stage { play, dealings, members, key }
}

/// Every other encoding with one bit or one element changed, with the position.
fn changed(bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let mut all = Vec::new();
    for position in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[position] ^= 1;
        all.push((position, changed));
    }
    for start in (0..bytes.len()).step_by(32) {
        let neighbours = neighbours(&bytes[start..start + 32]);
        assert!(!neighbours.is_empty(), "no other element from {start}");
        for neighbour in neighbours {
            let mut changed = bytes.to_vec();
            changed[start..start + 32].copy_from_slice(&neighbour);
            all.push((start, changed));
        }
    }
    all
}

#[test]
fn no_product_with_anything_changed_verifies() {
    let Stage { mut play, members, key, .. } = stage(31);
    let qualified = key.qualified();
    let honest = members[1].product(qualified, &mut play.rng).unwrap();
    assert!(honest.verify(qualified, 2).is_ok());
    assert_eq!(Product::decode(&honest.encode()), Ok(honest.clone()));
    let mut verified = 0;
    for (position, bytes) in changed(&honest.encode()) {
        if let Ok(product) = Product::decode(&bytes) {
            let error = product.verify(qualified, 2).unwrap_err();
            assert_eq!(error, DkgError::WrongProduct { member: 2 }, "byte {position}");
            verified += 1;
        }
    }
    assert!(verified >= 2 * Product::LEN / 32);
    // Another member's, and one whose secrets are another member's.
    assert_eq!(honest.verify(qualified, 1).unwrap_err(), DkgError::WrongProduct { member: 1 });
    let place = members[0].place;
    let posing =
        MemberSecret { place, qualified: *qualified.hash(), scalars: members[1].scalars.clone() };
    let posing = posing.product(qualified, &mut play.rng).unwrap();
    assert_eq!(posing.verify(qualified, 1).unwrap_err(), DkgError::WrongProduct { member: 1 });
}

#[test]
fn a_product_of_anything_but_the_committed_shares_does_not_verify() {
    let Stage { mut play, members, key, .. } = stage(32);
    let qualified = key.qualified();
    for scalar in 0..10 {
        let mut scalars = members[2].scalars.clone();
        scalars[scalar] += Scalar::ONE;
        let liar = MemberSecret { place: 3, qualified: *qualified.hash(), scalars };
        let product = liar.product(qualified, &mut play.rng).unwrap();
        assert_eq!(
            product.verify(qualified, 3).unwrap_err(),
            DkgError::WrongProduct { member: 3 },
            "{scalar}"
        );
        let share_key = liar.share_key(&key, &mut play.rng).unwrap().verify(&key, 3);
        // Only a and b and their blindings are in a public key share.
        assert_eq!(share_key.is_err(), [0, 1, 5, 6].contains(&scalar), "{scalar}");
    }
}

/// R of another ϱ and the w that goes with it, proven with the true shares: each of the rows is what stops one of these.
#[test]
fn a_product_with_another_factor_than_was_shared_does_not_verify() {
    let Stage { mut play, members, key, .. } = stage(40);
    let qualified = key.qualified();
    let member = &members[2];
    let honest = member.product(qualified, &mut play.rng).unwrap();
    let secrets = [0, 1, 2, 3, 5, 6, 7, 8].map(|scalar| member.scalars[scalar]);
    let mut prove = |spoil: &dyn Fn(&mut Half)| {
        let mut halves = honest.halves;
        spoil(&mut halves[1]);
        let relation = relation(qualified, 3, &halves).unwrap();
        let proof =
            relation.prove(start(qualified, 3, &halves), &Zeroizing::new(secrets), &mut play.rng);
        Product { halves, proof }.verify(qualified, 3)
    };
    assert!(prove(&|_| {}).is_ok());
    let b = member.scalars[5];
    for spoil in [
        &(|half: &mut Half| (half.r, half.w) = (half.r + g(), half.w + b)) as &dyn Fn(&mut Half),
        &|half: &mut Half| half.r += g(),
        &|half: &mut Half| half.w += b,
    ] {
        assert_eq!(prove(spoil).unwrap_err(), DkgError::WrongProduct { member: 3 });
    }
}

#[test]
fn no_public_key_share_with_anything_changed_verifies() {
    let Stage { mut play, members, key, .. } = stage(33);
    let honest = members[1].share_key(&key, &mut play.rng).unwrap();
    assert!(honest.verify(&key, 2).is_ok());
    assert_eq!(ShareKey::decode(&honest.encode()), Ok(honest.clone()));
    let mut verified = 0;
    for (position, bytes) in changed(&honest.encode()) {
        if let Ok(share_key) = ShareKey::decode(&bytes) {
            let error = share_key.verify(&key, 2).unwrap_err();
            assert_eq!(error, DkgError::WrongShareKey { member: 2 }, "byte {position}");
            verified += 1;
        }
    }
    assert!(verified >= 2 * ShareKey::LEN / 32);
    assert_eq!(honest.verify(&key, 1).unwrap_err(), DkgError::WrongShareKey { member: 1 });
}

/// The very same statement under another hash, place or key: what fails is the binding alone.
#[test]
fn proofs_are_bound_to_the_ceremony_the_dealings_and_the_key() {
    let Stage { mut play, members, key, .. } = stage(34);
    let product = members[0].product(key.qualified(), &mut play.rng).unwrap();
    let share_key = members[0].share_key(&key, &mut play.rng).unwrap();
    let mut renamed = key.qualified().clone();
    renamed.hash.0[0] ^= 1;
    assert!(product.verify(&renamed, 1).is_err());
    let renamed = GeneratedKey::new(renamed, key.public_key().clone());
    assert!(share_key.verify(&renamed, 1).is_err());
    let evaluation = EvaluationKey::generate(&mut play.rng).verifying_key();
    let other = PublicKey::new(key.key.x1, key.key.x2, evaluation).unwrap();
    assert!(share_key.verify(&GeneratedKey::new(key.qualified.clone(), other), 1).is_err());

    // A product is no public key share, whatever bytes they share; both hashes depend on all of the context.
    let context = *play.ceremony.context();
    let offers = play.ceremony.recipients().clone();
    let mut fewer = offers.clone();
    fewer.remove(&4);
    let mut exchanged = offers.clone();
    exchanged.insert(4, offers[&3]);
    let generation = |context, offers| Ceremony::generation(context, offers).unwrap();
    let others = [
        generation(Context { chain_id: ChainId([9; 32]), ..context }, offers.clone()),
        generation(Context { ceremony: 9, ..context }, offers.clone()),
        generation(Context { attempt: 9, ..context }, offers.clone()),
        generation(Context { shape: Shape::new(5, 2).unwrap(), ..context }, offers.clone()),
        generation(Context { shape: Shape::new(4, 1).unwrap(), ..context }, offers),
        generation(context, fewer),
        generation(context, exchanged),
    ];
    let mut hashes: Vec<CeremonyHash> = others.iter().map(|ceremony| *ceremony.hash()).collect();
    hashes.push(*play.ceremony.hash());
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 8);
}

#[test]
fn a_sealed_share_opens_in_its_own_context_only() {
    let mut play = Play::generation(35, 4, 2);
    let dealing = play.deal(1);
    let key = &play.opening[&2];
    assert!(dealing.open(2, key).is_ok());
    let context = *play.ceremony.context();
    for other in [
        Context { chain_id: ChainId([9; 32]), ..context },
        Context { ceremony: 9, ..context },
        Context { attempt: 9, ..context },
        Context { shape: Shape::new(5, 2).unwrap(), ..context },
    ] {
        let other = Ceremony::generation(other, play.ceremony.recipients().clone()).unwrap();
        let moved = Dealing::decode(dealing.encode(), &other, 1).unwrap();
        // The commitments are the same, and so the share, where it comes in the open.
        assert!(moved.check_reveal(2, &play.dealer(1).reveal(2).unwrap()).is_ok());
        assert_eq!(
            moved.open(2, key).unwrap_err(),
            DkgError::WrongSealedShare { dealer: 1, recipient: 2 }
        );
    }
    // Another dealer's name, another's share, another's key.
    let renamed = Dealing::decode(dealing.encode(), &play.ceremony, 3).unwrap();
    assert!(renamed.open(2, key).is_err());
    assert!(dealing.open(3, key).is_err());
    assert!(dealing.open(2, &play.opening[&3]).is_err());
}

#[test]
fn no_dealing_and_no_revealed_share_with_anything_changed_gives_a_share() {
    let mut play = Play::generation(36, 4, 2);
    let dealing = play.deal(1);
    let bytes = dealing.encode();
    let sealed = SealingKey::sealed_len(play.ceremony.revealed_share_len());
    let commitments = bytes.len() - 4 * sealed;
    let mut decoded = 0;
    for (position, changed) in changed(&bytes[..commitments]) {
        let changed = [&changed, &bytes[commitments..]].concat();
        match Dealing::decode(&changed, &play.ceremony, 1) {
            Ok(changed) => {
                assert_ne!(changed.hash(), dealing.hash());
                for (recipient, key) in &play.opening {
                    assert!(changed.open(*recipient, key).is_err(), "byte {position}");
                }
                decoded += 1;
            }
            Err(error) => assert_eq!(error.culprit(), Some(Culprit::Dealer(1))),
        }
    }
    assert!(decoded >= commitments / 32);
    for position in (commitments..bytes.len()).step_by(7) {
        let mut changed = bytes.to_vec();
        changed[position] ^= 0x40;
        let changed = Dealing::decode(&changed, &play.ceremony, 1).unwrap();
        let broken = (position - commitments) / sealed;
        for (index, (recipient, key)) in play.opening.iter().enumerate() {
            assert_eq!(changed.open(*recipient, key).is_err(), index == broken, "byte {position}");
        }
    }
    let revealed = play.dealer(1).reveal(2).unwrap();
    assert!(
        dealing.check_reveal(2, &revealed).is_ok() && dealing.check_reveal(3, &revealed).is_err()
    );
    for (position, changed) in changed(&revealed.encode()) {
        if let Ok(changed) = RevealedShare::decode(&changed, &play.ceremony) {
            let expected = DkgError::WrongRevealedShare { dealer: 1, recipient: 2 };
            assert_eq!(dealing.check_reveal(2, &changed).unwrap_err(), expected, "byte {position}");
        }
    }
}

#[test]
fn messages_that_are_cut_or_padded_are_refused() {
    let Stage { mut play, dealings, members, key } = stage(37);
    let product = members[0].product(key.qualified(), &mut play.rng).unwrap().encode();
    let share_key = members[0].share_key(&key, &mut play.rng).unwrap().encode();
    let revealed = play.dealer(1).reveal(2).unwrap().encode();
    let dealing = dealings[0].encode().to_vec();
    for (bytes, what) in [(product, 0), (share_key, 1), (revealed, 2), (dealing, 3)] {
        let refused = |bytes: &[u8]| match what {
            0 => Product::decode(bytes).is_err(),
            1 => ShareKey::decode(bytes).is_err(),
            2 => RevealedShare::decode(bytes, &play.ceremony).is_err(),
            _ => Dealing::decode(bytes, &play.ceremony, 1).is_err(),
        };
        assert!(!refused(&bytes));
        assert!(
            (0..bytes.len()).step_by(13).chain([bytes.len() - 1]).all(|cut| refused(&bytes[..cut])),
            "{what}"
        );
        assert!(refused(&[&bytes[..], &[0]].concat()), "{what}");
    }
    let error = Dealing::decode(&[], &play.ceremony, 2).unwrap_err();
    let expected =
        DecodeError::Length { what: "dealing", expected: play.ceremony.dealing_len(), found: 0 };
    assert_eq!(error, DkgError::MalformedDealing { dealer: 2, error: expected });
}

#[test]
fn secrets_are_wiped_and_not_shown() {
    fn wiped<Secret: ZeroizeOnDrop>(_: &Secret) {}
    let Stage { play, dealings, members, .. } = stage(38);
    wiped(&members[0].scalars);
    wiped(&play.dealer(1).polynomials[0]);
    let share = dealings[0].open(1, &play.opening[&1]).unwrap();
    wiped(&share.scalars);
    for shown in [
        format!("{:?}", play.dealer(1)),
        format!("{:?}", play.secrets[&1]),
        format!("{:?}", members[0]),
        format!("{share:?}"),
        format!("{:?}", dealings[0]),
    ] {
        assert!(!shown.contains("Scalar") && shown.len() < 60, "{shown}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..2500), place in any::<u32>()) {
        let play = Play::generation(39, 4, 2);
        // Cut or padded to the length that is read, so that more than the length is looked at.
        let fit = |length: usize| noise.iter().copied().cycle().chain(std::iter::repeat(0)).take(length).collect::<Vec<u8>>();
        let _ = SealingKey::decode(&fit(32));
        let _ = (Product::decode(&noise), Product::decode(&fit(Product::LEN)));
        let _ = (ShareKey::decode(&noise), ShareKey::decode(&fit(ShareKey::LEN)));
        let _ = RevealedShare::decode(&fit(play.ceremony.revealed_share_len()), &play.ceremony);
        let _ = Dealing::decode(&fit(play.ceremony.dealing_len()), &play.ceremony, place % 5);
        let _ = Shape::new(place, noise.len() as u32);
        let _ = play.opening[&1].open(&noise, &noise);
    }
}
