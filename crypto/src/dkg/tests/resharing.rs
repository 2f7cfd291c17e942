//! Resharings: another committee, the same key.

use super::generation::round_opens;
use super::*;
use crate::ShareError;

impl Play {
    fn redeal(&mut self, share: &KeyShare) -> Dealing {
        let dealer =
            Dealer::of_share(&self.ceremony, share, &self.secrets[&share.index()]).unwrap();
        self.send(&dealer)
    }

    /// From these dealings to the new shares, of everyone.
    fn hand_over(&self, dealings: &[Dealing], key: &PublicKey) -> Outcome {
        let qualified = Qualified::new(&self.ceremony, dealings).unwrap();
        let commitments = qualified.reshared().unwrap();
        outcome(&qualified, key, commitments, &self.members(&qualified, dealings))
    }

    fn reshare(&mut self, old: &Outcome) -> Outcome {
        let dealings: Vec<_> = old.shares.iter().map(|share| self.redeal(share)).collect();
        self.hand_over(&dealings, &old.key)
    }
}

fn reshared_to(old: &Outcome, ceremony: u32, members: u32, threshold: u32) -> Outcome {
    let context = Context { ceremony, ..context(members, threshold) };
    Play::resharing(40 + u64::from(ceremony), context, old).reshare(old)
}

#[test]
fn a_new_committee_of_any_shape_opens_what_is_encrypted_under_the_old_key() {
    let mut current = Play::generation(41, 4, 2).generate();
    let key = current.key.clone();
    // Larger, smaller, the same again (a refresh), one alone, and up from there.
    for (ceremony, (members, threshold)) in
        [(7, 3), (4, 2), (4, 2), (1, 1), (10, 4)].into_iter().enumerate()
    {
        let next = reshared_to(&current, ceremony as u32 + 3, members, threshold);
        assert_eq!(
            (next.commitments.trustees(), next.commitments.threshold()),
            (members, threshold)
        );
        assert_eq!(next.key, key);
        assert_ne!(next.confirmation, current.confirmation);
        let shares: Vec<&KeyShare> = next.shares.iter().collect();
        let t = threshold as usize;
        assert!(opens(&key, &shares[shares.len() - t..]) && !opens(&key, &shares[..t - 1]));
        assert_eq!(
            DealingCommitments::decode(&next.commitments.encode()).as_ref(),
            Ok(&next.commitments)
        );
        current = next;
    }
    round_opens(current);
}

#[test]
fn old_and_new_shares_never_combine() {
    let old = Play::generation(42, 10, 4).generate();
    let new = reshared_to(&old, 3, 10, 4);
    assert!(opens(&old.key, &old.shares.iter().take(4).collect::<Vec<_>>()));
    assert!(opens(&old.key, &new.shares.iter().take(4).collect::<Vec<_>>()));
    for mixture in 1..15u32 {
        let pick = |i: usize| if mixture & (1 << i) != 0 { &new.shares[i] } else { &old.shares[i] };
        assert!(!opens(&old.key, &(0..4).map(pick).collect::<Vec<_>>()), "{mixture:b}");
    }
    for (old_share, new_share) in old.shares.iter().zip(&new.shares) {
        let index = old_share.index();
        let expected = Err(ShareError::WrongKeyShare { index });
        assert_eq!(old_share.verify(&old.key, &new.commitments), expected);
        assert_eq!(new_share.verify(&old.key, &old.commitments), expected);
    }
}

#[test]
fn old_members_who_are_silent_or_cheat_are_named_and_the_rest_hand_over() {
    let old = Play::generation(43, 10, 4).generate();
    let mut play = Play::resharing(44, Context { ceremony: 3, ..context(7, 3) }, &old);
    // 1 is silent, 2 deals another share than its own, 3 seals what it does not commit to.
    let mut liar = Dealer::of_share(&play.ceremony, &old.shares[1], &play.secrets[&2]).unwrap();
    liar.polynomials[0][0] += Scalar::ONE;
    let sent = liar.deal(&mut play.rng).unwrap();
    let second = Dealing::decode(sent.encode(), &play.ceremony, 2).unwrap();
    let mut careless = Dealer::of_share(&play.ceremony, &old.shares[2], &play.secrets[&3]).unwrap();
    let commitments = careless.deal(&mut play.rng).unwrap();
    careless.polynomials[1][1] += Scalar::ONE;
    let sealed = careless.deal(&mut play.rng).unwrap();
    let points = 2 * 2 * 32;
    let bytes = [&commitments.encode()[..points], &sealed.encode()[points..]].concat();
    let third = Dealing::decode(&bytes, &play.ceremony, 3).unwrap();
    for (dealing, dealer) in [(&second, &liar), (&third, &careless)] {
        for (recipient, key) in &play.opening {
            let error = dealing.open(*recipient, key).unwrap_err();
            assert_eq!(error.culprit(), Some(Culprit::Dealer(dealing.dealer())));
            let revealed = dealer.reveal(*recipient).unwrap();
            let revealed = RevealedShare::decode(&revealed.encode(), &play.ceremony).unwrap();
            let error = dealing.check_reveal(*recipient, &revealed).unwrap_err();
            assert_eq!(error.culprit(), Some(Culprit::Dealer(dealing.dealer())));
        }
    }
    let mut honest: Vec<_> = old.shares[3..].iter().map(|share| play.redeal(share)).collect();
    assert_eq!(honest.len(), 7);
    // Any set of at least t does, and each gives a sharing of its own.
    let seven = play.hand_over(&honest, &old.key);
    honest.truncate(4);
    let four = play.hand_over(&honest, &old.key);
    assert_ne!(seven.commitments, four.commitments);
    let mixed = [&seven.shares[0], &seven.shares[1], &four.shares[2]];
    assert!(!opens(&old.key, &mixed));
    let error = Qualified::new(&play.ceremony, &honest[..3]).unwrap_err();
    assert_eq!(error, DkgError::TooFew { what: "qualified dealings", expected: 4, found: 3 });
    round_opens(seven);
    round_opens(four);
}

#[test]
fn a_restart_reveals_the_same_share_of_a_resharing_and_a_wrong_complaint_is_void() {
    let old = Play::generation(45, 4, 2).generate();
    let mut play = Play::resharing(46, Context { ceremony: 3, ..context(4, 2) }, &old);
    let dealing = play.redeal(&old.shares[0]);
    let stored = (old.shares[0].to_bytes(), play.secrets[&1].to_bytes());
    let share = KeyShare::from_bytes(&stored.0).unwrap();
    let dealer =
        Dealer::of_share(&play.ceremony, &share, &DealerSecret::from_bytes(&stored.1)).unwrap();
    let revealed = dealer.reveal(2).unwrap();
    assert_eq!(revealed.encode().len(), play.ceremony.revealed_share_len());
    let confirmed = dealing.check_reveal(2, &revealed).unwrap();
    assert_eq!(*confirmed.scalars, *dealing.open(2, &play.opening[&2]).unwrap().scalars);
    assert!(dealing.check_reveal(3, &revealed).is_err());
}

#[test]
fn only_holders_of_the_old_key_deal_and_only_in_a_resharing_of_it() {
    let [old, stranger] = [47, 48].map(|seed| Play::generation(seed, 4, 2).generate());
    let mut play = Play::resharing(49, Context { ceremony: 3, ..context(7, 3) }, &old);
    let secret = DealerSecret::generate(&mut play.rng);
    assert_eq!(play.ceremony.dealers(), 1..=4);
    let error = Dealer::of_share(&play.ceremony, &stranger.shares[0], &secret).unwrap_err();
    assert_eq!(error, DkgError::Share(ShareError::WrongKeyShare { index: 1 }));
    let kind = |expected| DkgError::WrongKind { expected };
    assert_eq!(Dealer::new(&play.ceremony, 1, &secret).unwrap_err(), kind("a key generation"));
    let generation = Play::generation(50, 4, 2);
    let error = Dealer::of_share(&generation.ceremony, &old.shares[0], &secret).unwrap_err();
    assert_eq!(error, kind("a resharing"));
    let error = Dealing::decode(&[], &play.ceremony, 5).unwrap_err();
    assert_eq!(error, DkgError::UnknownPlace { place: 5, role: "dealer" });

    let dealings: Vec<_> = old.shares.iter().map(|share| play.redeal(share)).collect();
    let qualified = Qualified::new(&play.ceremony, &dealings).unwrap();
    let members = play.members(&qualified, &dealings);
    assert_eq!(
        members[0].product(&qualified, &mut play.rng).unwrap_err(),
        kind("a key generation")
    );
    assert_eq!(qualified.generate(&[], &evaluation_key()).unwrap_err(), kind("a key generation"));

    // The same committee's dealing for another old key, or for the same one reshared already.
    let newer = reshared_to(&old, 5, 4, 2);
    for (key, commitments) in [(&stranger.key, &old.commitments), (&old.key, &newer.commitments)] {
        let context = *play.ceremony.context();
        let other =
            Ceremony::resharing(context, play.ceremony.recipients().clone(), key, commitments)
                .unwrap();
        assert_ne!(other.hash(), play.ceremony.hash());
        let moved = Dealing::decode(dealings[0].encode(), &other, 1).unwrap();
        assert!(moved.open(1, &play.opening[&1]).is_err());
    }
}

#[test]
fn nothing_of_a_resharing_can_be_changed_unseen() {
    let old = Play::generation(51, 4, 2).generate();
    let mut play = Play::resharing(52, Context { ceremony: 3, ..context(4, 2) }, &old);
    let dealing = play.redeal(&old.shares[1]);
    assert_eq!(dealing.encode().len(), 2 * 32 + 4 * SealingKey::sealed_len(2 * 32));
    for position in 0..dealing.encode().len() {
        let mut changed = dealing.encode().to_vec();
        changed[position] ^= 1;
        if let Ok(changed) = Dealing::decode(&changed, &play.ceremony, 2) {
            let opened = play
                .opening
                .iter()
                .filter(|(recipient, key)| changed.open(**recipient, key).is_ok());
            assert_eq!(opened.count(), if position < 64 { 0 } else { 3 }, "byte {position}");
        }
    }
    let revealed = Dealer::of_share(&play.ceremony, &old.shares[1], &play.secrets[&2])
        .unwrap()
        .reveal(3)
        .unwrap();
    for scalar in 0..2 {
        let mut changed = revealed.clone();
        changed.scalars[scalar] += Scalar::ONE;
        assert!(dealing.check_reveal(3, &changed).is_err(), "{scalar}");
    }
}
