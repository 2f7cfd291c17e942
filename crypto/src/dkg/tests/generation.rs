//! Key generations, with up to t − 1 members who are silent or cheat.

use super::*;
use crate::Dealing as DealtKey;
use crate::tests::Federation;
use crate::tests::round::{plain_sums, whole_round};

/// A round under a key that was generated: encrypted, summed, opened by t trustees.
pub(super) fn round_opens(outcome: Outcome) {
    let mut federation = Federation::new(90, 1, 1, 2, 8);
    federation.evaluation_key = EvaluationKey::generate(&mut ChaCha20Rng::seed_from_u64(4));
    federation.round.key_hash = outcome.key.hash();
    federation.dealing = DealtKey {
        public_key: outcome.key,
        commitments: outcome.commitments,
        shares: outcome.shares,
    };
    let updates: Vec<_> = (1..=3).map(|institution| federation.update(institution)).collect();
    assert_eq!(whole_round(&federation, &updates), plain_sums(&federation, 1..=3));
}

#[test]
fn members_generate_a_key_that_any_t_of_them_open_and_t_minus_1_do_not() {
    for (members, threshold) in [(1, 1), (2, 1), (4, 2), (10, 4), (50, 17)] {
        let outcome = Play::generation(1, members, threshold).generate();
        assert_eq!(
            (outcome.commitments.trustees(), outcome.commitments.threshold()),
            (members, threshold)
        );
        assert_eq!(outcome.key.evaluation_key(), &evaluation_key());
        let t = threshold as usize;
        let shares: Vec<&KeyShare> = outcome.shares.iter().collect();
        assert!(
            opens(&outcome.key, &shares[..t]) && opens(&outcome.key, &shares[shares.len() - t..])
        );
        assert!(!opens(&outcome.key, &shares[..t - 1]), "{members}");
        round_opens(outcome);
    }
}

#[test]
fn silence_of_t_minus_1_members_at_any_stage_stops_nothing() {
    let members = 10;
    let threshold = 4;
    let quiet = 1..=3;
    let talks = |place: &u32| !quiet.contains(place);
    // They offer no key and do not deal; they deal nothing; they say nothing after dealing.
    for stage in 0..3 {
        let offering = (1..=members).filter(|place| stage > 0 || talks(place));
        let mut play = Play::generation_of(2, context(members, threshold), offering);
        let dealers = (1..=members).filter(|place| stage > 1 || talks(place));
        let dealings: Vec<_> = dealers.map(|place| play.deal(place)).collect();
        let qualified = Qualified::new(&play.ceremony, &dealings).unwrap();
        let members =
            (1..=members).filter(talks).map(|place| play.member(&qualified, &dealings, place));
        let members: Vec<_> = members.collect();
        let outcome = play.finish(&qualified, &members);
        assert!(opens(&outcome.key, &outcome.shares.iter().take(4).collect::<Vec<_>>()), "{stage}");
        round_opens(outcome);
    }
}

/// The commitments of one dealing with the sealed shares of another.
fn spliced(play: &Play, commitments: &Dealing, sealed: &Dealing) -> Dealing {
    let tail = play.ceremony.recipients().len()
        * SealingKey::sealed_len(play.ceremony.revealed_share_len());
    let head = commitments.encode().len() - tail;
    let bytes =
        [&commitments.encode()[..head], &sealed.encode()[sealed.encode().len() - tail..]].concat();
    Dealing::decode(&bytes, &play.ceremony, commitments.dealer()).unwrap()
}

/// The dealer as it is after its polynomial of this number has got another coefficient.
fn of_higher_degree(play: &Play, place: u32, polynomial: usize) -> Dealer {
    let mut dealer = play.dealer(place);
    dealer.polynomials[polynomial].push(Scalar::ONE);
    dealer
}

#[test]
fn dealers_and_members_who_cheat_are_named_and_the_rest_finish() {
    for (members, threshold) in [(10, 4), (50, 17)] {
        let mut play = Play::generation(3, members, threshold);
        let mut dealings = play.deal_all();

        // 1 deals shares of polynomials of too high a degree, and reveals what it sealed.
        let too_high = of_higher_degree(&play, 1, 0);
        let sealed = too_high.deal(&mut play.rng).unwrap();
        dealings[0] = spliced(&play, &dealings[0], &sealed);
        // 2 seals garbage to 9, and reveals the right share.
        let mut bytes = dealings[1].encode().to_vec();
        let length = SealingKey::sealed_len(play.ceremony.revealed_share_len());
        let at = bytes.len() - (members as usize - 8) * length;
        bytes[at + 40] ^= 1;
        dealings[1] = Dealing::decode(&bytes, &play.ceremony, 2).unwrap();
        // 3 deals well and proves badly. All others are honest; 9 complains of 4, too, without a reason.

        let mut complaints = Vec::new();
        let mut shares: BTreeMap<u32, Vec<PrivateShare>> = BTreeMap::new();
        for place in 3..=members {
            for dealing in &dealings {
                match dealing.open(place, &play.opening[&place]) {
                    Ok(share) => shares.entry(place).or_default().push(share),
                    Err(error) => {
                        let dealer = dealing.dealer();
                        assert_eq!(error, DkgError::WrongSealedShare { dealer, recipient: place });
                        assert_eq!(error.culprit(), Some(Culprit::Dealer(dealer)));
                        complaints.push((dealer, place));
                    }
                }
            }
        }
        assert_eq!(complaints.len() as u32, members - 2 + 1);
        complaints.push((4, 9));

        let mut disqualified = Vec::new();
        for (dealer, recipient) in complaints {
            let revealed = if dealer == 1 { &too_high } else { &play.dealer(dealer) };
            let revealed = revealed.reveal(recipient).unwrap();
            let read = RevealedShare::decode(&revealed.encode(), &play.ceremony).unwrap();
            match dealings[dealer as usize - 1].check_reveal(recipient, &read) {
                Ok(share) if dealer == 2 => shares.get_mut(&recipient).unwrap().push(share),
                Ok(_) => assert_eq!(
                    dealer, 4,
                    "an honest dealer loses nothing but the secrecy of that share"
                ),
                Err(error) => {
                    assert_eq!(error.culprit(), Some(Culprit::Dealer(dealer)));
                    disqualified.push(dealer);
                }
            }
        }
        disqualified.dedup();
        assert_eq!(disqualified, [1]);

        let qualified = Qualified::new(&play.ceremony, &dealings[1..]).unwrap();
        let members: Vec<MemberSecret> = shares
            .into_iter()
            .map(|(place, shares)| {
                let shares = shares.into_iter().filter(|share| share.dealer() != 1);
                MemberSecret::new(&qualified, place, shares).unwrap()
            })
            .collect();

        // 3 says a product and a public share that are another's.
        let (cheat, honest) = members.split_first().unwrap();
        assert_eq!(cheat.place, 3);
        let error = honest[0]
            .product(&qualified, &mut play.rng)
            .unwrap()
            .verify(&qualified, 3)
            .unwrap_err();
        assert_eq!(
            (error.culprit(), error),
            (Some(Culprit::Member(3)), DkgError::WrongProduct { member: 3 })
        );
        let products = honest.iter().map(|member| {
            member
                .product(&qualified, &mut play.rng)
                .unwrap()
                .verify(&qualified, member.place)
                .unwrap()
        });
        let products: Vec<_> = products.collect();
        let key = qualified.generate(&products, &evaluation_key()).unwrap();
        let error = honest[0].share_key(&key, &mut play.rng).unwrap().verify(&key, 3).unwrap_err();
        assert_eq!(
            (error.culprit(), error),
            (Some(Culprit::Member(3)), DkgError::WrongShareKey { member: 3 })
        );
        round_opens(play.finish(&qualified, honest));
    }
}

#[test]
fn shares_off_the_committed_polynomials_are_seen_whichever_polynomial_it_is() {
    let mut play = Play::generation(4, 4, 2);
    let honest = play.deal(1);
    for polynomial in 0..10 {
        let sealed = of_higher_degree(&play, 1, polynomial).deal(&mut play.rng).unwrap();
        let dealing = spliced(&play, &honest, &sealed);
        for (recipient, key) in &play.opening {
            let error = dealing.open(*recipient, key).unwrap_err();
            assert_eq!(
                error,
                DkgError::WrongSealedShare { dealer: 1, recipient: *recipient },
                "{polynomial}"
            );
        }
    }
    // A sharing of anything but zero where zero belongs.
    for polynomial in [4, 9] {
        let mut dealer = play.dealer(1);
        dealer.polynomials[polynomial][0] = Scalar::ONE;
        let dealing = play.send_unchecked(&dealer);
        assert!(dealing.open(2, &play.opening[&2]).is_err(), "{polynomial}");
    }
}

impl Play {
    fn send_unchecked(&mut self, dealer: &Dealer) -> Dealing {
        let sent = dealer.deal(&mut self.rng).unwrap();
        Dealing::decode(sent.encode(), &self.ceremony, sent.dealer()).unwrap()
    }
}

#[test]
fn a_restart_deals_and_reveals_the_same() {
    let mut play = Play::generation(5, 4, 2);
    let before = play.deal(2);
    let revealed = play.dealer(2).reveal(3).unwrap();
    let bytes = play.secrets[&2].to_bytes();
    play.secrets.insert(2, DealerSecret::from_bytes(&bytes));
    assert_eq!(play.deal(2).commitments(), before.commitments());
    assert_eq!(play.dealer(2).reveal(3).unwrap(), revealed);
    assert!(before.check_reveal(3, &revealed).is_ok());
    // Another dealer, or the same in another attempt, deals other polynomials from the same secret.
    let secret = DealerSecret::from_bytes(&bytes);
    let context = Context { attempt: 4, ..*play.ceremony.context() };
    let again = Ceremony::generation(context, play.ceremony.recipients().clone()).unwrap();
    let mut hidden = vec![revealed];
    for (ceremony, place) in [(&play.ceremony, 3), (&again, 2)] {
        hidden.push(Dealer::new(ceremony, place, &secret).unwrap().reveal(3).unwrap());
    }
    let mut scalars: Vec<Vec<u8>> = hidden
        .iter()
        .flat_map(|share| share.encode().chunks(32).map(<[u8]>::to_vec).collect::<Vec<_>>())
        .collect();
    scalars.sort();
    scalars.dedup();
    assert_eq!(scalars.len(), 30);
}

#[test]
fn shapes_that_t_minus_1_cheats_could_stop_are_refused() {
    for (members, threshold) in
        [(0, 0), (0, 1), (1, 0), (3, 2), (6, 3), (9, 4), (48, 17), (129, 1), (129, 43)]
    {
        let error = Shape::new(members, threshold).unwrap_err();
        assert_eq!(error, DkgError::Shape { members, threshold });
        assert_eq!(error.culprit(), None);
    }
    assert!(Shape::new(u32::MAX, u32::MAX).is_err());
    let shapes = [(1, 1, 1, 1), (4, 2, 3, 3), (10, 4, 7, 7), (50, 17, 33, 34), (128, 43, 85, 86)];
    for (members, threshold, honest, quorum) in shapes {
        let shape = Shape::new(members, threshold).unwrap();
        assert_eq!((shape.honest(), shape.quorum()), (honest, quorum));
        assert!(shape.members() - (shape.threshold() - 1) >= shape.honest());
    }
}

#[test]
fn a_dealing_for_128_fits_64_kib_and_for_50_half_of_it() {
    for (members, threshold, most) in [(128, 43, 65_536), (50, 17, 32_768), (10, 4, 6_000)] {
        let mut rng = ChaCha20Rng::seed_from_u64(6);
        let key = OpeningKey::generate(&mut rng).sealing_key();
        let everyone = (1..=members).map(|place| (place, key)).collect();
        let ceremony = Ceremony::generation(context(members, threshold), everyone).unwrap();
        assert!(ceremony.dealing_len() <= most, "{members}: {}", ceremony.dealing_len());
    }
}

#[test]
fn whoever_is_not_in_the_ceremony_has_no_part_in_it() {
    let mut play = Play::generation_of(7, context(4, 2), [1, 2, 4]);
    let key = play.opening[&1].sealing_key();
    for (offers, expected) in [
        (vec![0, 1, 2], DkgError::UnknownPlace { place: 0, role: "recipient" }),
        (vec![1, 2, 5], DkgError::UnknownPlace { place: 5, role: "recipient" }),
        (vec![1, 2], DkgError::TooFew { what: "offered keys", expected: 3, found: 2 }),
    ] {
        let offers = offers.into_iter().map(|place| (place, key)).collect();
        assert_eq!(Ceremony::generation(context(4, 2), offers).unwrap_err(), expected);
    }
    for place in [0, 5] {
        let expected = DkgError::UnknownPlace { place, role: "dealer" };
        assert_eq!(Dealer::new(&play.ceremony, place, &play.secrets[&1]).unwrap_err(), expected);
        assert_eq!(Dealing::decode(&[], &play.ceremony, place).unwrap_err(), expected);
    }
    // 3 has offered no key: it may deal, and gets no shares.
    let dealings = play.deal_all();
    let expected = || DkgError::UnknownPlace { place: 3, role: "recipient" };
    assert_eq!(dealings[0].open(3, &play.opening[&1]).unwrap_err(), expected());
    assert_eq!(play.dealer(1).reveal(3).unwrap_err(), expected());
    let revealed = play.dealer(1).reveal(4).unwrap();
    assert_eq!(dealings[0].check_reveal(3, &revealed).unwrap_err(), expected());
    let qualified = Qualified::new(&play.ceremony, &dealings).unwrap();
    let members = play.members(&qualified, &dealings);
    let product = members[0].product(&qualified, &mut play.rng).unwrap();
    assert_eq!(product.verify(&qualified, 3).unwrap_err(), expected());
    round_opens(play.finish(&qualified, &members));
}

#[test]
fn nothing_is_made_of_too_few_or_doubled_or_foreign_parts() {
    let mut play = Play::generation(8, 4, 2);
    let mut other = Play::generation(9, 4, 2);
    let dealings = play.deal_all();
    let foreign = other.deal(1);
    let duplicate = |what, place| DkgError::Duplicate { what, place };
    let few = |what, expected, found| DkgError::TooFew { what, expected, found };
    let qualify = |dealings: &[&Dealing]| Qualified::new(&play.ceremony, dealings.iter().copied());
    assert_eq!(qualify(&[&dealings[0]]).unwrap_err(), few("qualified dealings", 2, 1));
    assert_eq!(
        qualify(&[&dealings[0], &dealings[1], &dealings[0]]).unwrap_err(),
        duplicate("dealings", 1)
    );
    let expected = DkgError::OtherCeremony { what: "a dealing" };
    assert_eq!(qualify(&[&foreign, &dealings[1]]).unwrap_err(), expected);

    let qualified = qualify(&dealings.iter().collect::<Vec<_>>()).unwrap();
    let reversed = qualify(&dealings.iter().rev().collect::<Vec<_>>()).unwrap();
    assert_eq!(qualified.hash(), reversed.hash(), "the order of dealings does not matter");
    let subset = qualify(&dealings[..3].iter().collect::<Vec<_>>()).unwrap();
    assert_ne!(qualified.hash(), subset.hash());

    let open = |recipient: u32, from: &[usize]| -> Vec<PrivateShare> {
        let key = &play.opening[&recipient];
        from.iter().map(|dealing| dealings[*dealing].open(recipient, key).unwrap()).collect()
    };
    let secret = |shares| MemberSecret::new(&qualified, 1, shares);
    assert_eq!(secret(open(1, &[0, 1, 3])).unwrap_err(), DkgError::MissingShare { dealer: 3 });
    assert_eq!(secret(open(1, &[0, 1, 1, 2, 3])).unwrap_err(), duplicate("shares", 2));
    assert_eq!(
        secret(open(2, &[0, 1, 2, 3])).unwrap_err(),
        DkgError::OtherCeremony { what: "a share" }
    );
    let own = foreign.open(1, &other.opening[&1]).unwrap();
    let mixed = [own].into_iter().chain(open(1, &[1, 2, 3])).collect();
    assert_eq!(secret(mixed).unwrap_err(), DkgError::OtherCeremony { what: "a share" });
    assert!(
        MemberSecret::new(&subset, 1, open(1, &[0, 1, 2, 3])).is_err(),
        "a share of a dealing left out"
    );

    let members = play.members(&qualified, &dealings);
    let of_subset = play.members(&subset, &dealings[..3]);
    let error = of_subset[0].product(&qualified, &mut play.rng).unwrap_err();
    assert_eq!(error, DkgError::OtherCeremony { what: "a member's secret" });
    let mut product = |member: &MemberSecret, set: &Qualified| {
        member.product(set, &mut play.rng).unwrap().verify(set, member.place).unwrap()
    };
    let products: Vec<_> = members.iter().map(|member| product(member, &qualified)).collect();
    let of_other_set = product(&of_subset[2], &subset);
    let generate = |products: &[VerifiedProduct]| qualified.generate(products, &evaluation_key());
    assert_eq!(generate(&products[..2]).unwrap_err(), few("verified products", 3, 2));
    let doubled = [&products[..3], &products[..1]].concat();
    assert_eq!(generate(&doubled).unwrap_err(), duplicate("products", 1));
    let mixed = [&products[..2], &[of_other_set]].concat();
    assert_eq!(generate(&mixed).unwrap_err(), DkgError::OtherCeremony { what: "a product" });
    let key = generate(&products).unwrap();
    assert_eq!(
        key.public_key(),
        generate(&products[1..]).unwrap().public_key(),
        "any 2t − 1 give one key"
    );

    let share_keys = members.iter().map(|member| {
        member.share_key(&key, &mut play.rng).unwrap().verify(&key, member.place).unwrap()
    });
    let share_keys: Vec<_> = share_keys.collect();
    assert_eq!(key.commitments(&share_keys[..1]).unwrap_err(), few("public key shares", 2, 1));
    let doubled = [&share_keys[..2], &share_keys[..1]].concat();
    assert_eq!(key.commitments(&doubled).unwrap_err(), duplicate("public key shares", 1));
    assert_eq!(
        key.commitments(&share_keys),
        key.commitments(&share_keys[2..]),
        "any t give one dealing"
    );
    let theirs = other.generate();
    let error = members[0].key_share(&theirs.key, &theirs.commitments).unwrap_err();
    assert_eq!(error, DkgError::Share(crate::ShareError::WrongKeyShare { index: 1 }));
    assert!(matches!(qualified.reshared(), Err(DkgError::WrongKind { .. })));
}

#[test]
fn keys_that_hide_nothing_are_refused() {
    // a = 0, ϱ = 0, both halves the same.
    let zero: fn(&mut Dealer) = |dealer| dealer.polynomials[5][0] = Scalar::ZERO;
    let no_blinding: fn(&mut Dealer) = |dealer| dealer.polynomials[2][0] = Scalar::ZERO;
    let twice: fn(&mut Dealer) = |dealer| dealer.polynomials[5][0] = dealer.polynomials[0][0];
    for (case, spoil) in [zero, no_blinding, twice].into_iter().enumerate() {
        let mut play = Play::generation(10, 4, 2);
        let dealings: Vec<_> = (1..=4)
            .map(|place| {
                let mut dealer = play.dealer(place);
                spoil(&mut dealer);
                play.send(&dealer)
            })
            .collect();
        let qualified = Qualified::new(&play.ceremony, &dealings).unwrap();
        let members = play.members(&qualified, &dealings);
        let products = members.iter().map(|member| {
            member
                .product(&qualified, &mut play.rng)
                .unwrap()
                .verify(&qualified, member.place)
                .unwrap()
        });
        let error =
            qualified.generate(&products.collect::<Vec<_>>(), &evaluation_key()).unwrap_err();
        assert_eq!((error.culprit(), error), (None, DkgError::Degenerate), "{case}");
    }
}

/// Soundness excludes it; should an assumption break, nothing is made of it.
#[test]
fn verified_values_that_lie_on_no_polynomial_make_no_key() {
    let mut play = Play::generation(11, 4, 2);
    let dealings = play.deal_all();
    let qualified = Qualified::new(&play.ceremony, &dealings).unwrap();
    let members = play.members(&qualified, &dealings);
    let products = members.iter().map(|member| {
        member.product(&qualified, &mut play.rng).unwrap().verify(&qualified, member.place).unwrap()
    });
    let products: Vec<_> = products.collect();
    for half in 0..2 {
        for place in 0..4 {
            let mut wrong_w = products.clone();
            wrong_w[place].halves[half].w += Scalar::ONE;
            let mut wrong_r = products.clone();
            wrong_r[place].halves[half].r += g();
            for wrong in [wrong_w, wrong_r] {
                let error = qualified.generate(&wrong, &evaluation_key()).unwrap_err();
                assert_eq!(error, DkgError::Inconsistent { what: "products" }, "{half} of {place}");
            }
        }
    }
    let key = qualified.generate(&products, &evaluation_key()).unwrap();
    let share_keys = members.iter().map(|member| {
        member.share_key(&key, &mut play.rng).unwrap().verify(&key, member.place).unwrap()
    });
    let share_keys: Vec<_> = share_keys.collect();
    for place in 0..4 {
        let mut wrong = share_keys.clone();
        wrong[place].public.b += g();
        // With two alone, F_0 = G_0 = g shows it; with more, each that is off does.
        for known in [&wrong[..], &wrong[place.min(2)..place.min(2) + 2]] {
            let error = key.commitments(known).unwrap_err();
            assert_eq!(error, DkgError::Inconsistent { what: "public key shares" }, "{place}");
        }
    }
}
