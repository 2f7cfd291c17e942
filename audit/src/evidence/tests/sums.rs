use super::*;

/// A sum with the header of institution 3 in the place of one of the others'; the coordinator has recorded that header.
fn sealed_with(world: &mut World, honest: &[Vec<u8>], bad: &[u8]) {
    let submission = world.submission(3, bad);
    world.forge(vec![submission]);
    let evaluation =
        splice(&world.evaluation(&world.round(), honest), &sha256(&honest[1]), &sha256(bad));
    let close = world.close_collection(evaluation);
    world.forge(vec![close]);
}

fn points(bytes: &[u8]) -> Vec<RistrettoPoint> {
    bytes
        .chunks(32)
        .map(|bytes| CompressedRistretto::from_slice(bytes).unwrap().decompress().unwrap())
        .collect()
}

/// Where the limbs stand in a header.
const LIMBS: std::ops::Range<usize> = Context::LEN..Context::LEN + 16 * Ciphertext::LEN;

/// The header with other limbs, made of its own ones point by point.
fn with_limbs(header: &[u8], limbs: impl IntoIterator<Item = RistrettoPoint>) -> Vec<u8> {
    let mut header = header.to_vec();
    let bytes: Vec<u8> = limbs.into_iter().flat_map(|point| point.compress().to_bytes()).collect();
    header[LIMBS].copy_from_slice(&bytes);
    header
}

#[test]
fn limbs_made_of_other_institutions_limbs_in_a_sum_convict_the_coordinator() {
    let mut world = World::new();
    world.open();
    let headers = world.submit(&[0, 1, 2]);
    // Its own limbs − C_B − C_C: the sum over A, B, C and this one would open A's key to whoever knows this one's.
    let own = world.update(3, &world.round(), 1).header;
    let [own_limbs, b, c] = [&own, &headers[1], &headers[2]].map(|header| points(&header[LIMBS]));
    let crafted = own_limbs.iter().zip(&b).zip(&c).map(|((own, b), c)| own - b - c);
    let crafted = with_limbs(&own, crafted);
    sealed_with(&mut world, &headers, &crafted);
    let detail = convicts_the_coordinator(&world, history(&world), Charge::BadSum);
    assert!(detail.contains("is not proven to be an encryption"), "{detail}");
}

#[test]
fn a_copy_of_an_older_header_re_randomised_or_not_in_a_sum_convicts_the_coordinator() {
    for is_randomised in [false, true] {
        let mut world = World::new();
        world.full_round();
        let old = {
            let entries = world.blocks.iter().flat_map(|block| &block.entries);
            let candidates = entries
                .skip(1)
                .map(|entry| consilium_contract::transaction::parse_entry(entry).unwrap().0);
            let mut headers = candidates.filter_map(|candidate| match candidate.action() {
                Action::SubmitUpdate(SubmitUpdate { header }) => Some(header.clone()),
                _ => None,
            });
            headers.next().unwrap()
        };
        world.open();
        let headers = world.submit(&[0, 1, 2]);
        let own = world.update(3, &world.round(), 1).header;
        let keys = points(&world.committee().public_key.encode()[..64]);
        let scalar =
            |byte| Scalar::from_bytes_mod_order([if is_randomised { byte } else { 0 }; 32]);
        let r = scalar(3);
        let s = scalar(5);
        let zero = [keys[0] * r, keys[1] * s, RISTRETTO_BASEPOINT_POINT * (r + s)];
        let limbs = points(&old[LIMBS])
            .into_iter()
            .zip(zero.into_iter().cycle())
            .map(|(old, zero)| old + zero);
        let crafted = with_limbs(&own, limbs);
        sealed_with(&mut world, &headers, &crafted);
        let detail = convicts_the_coordinator(&world, history(&world), Charge::BadSum);
        assert!(detail.contains("is not proven to be an encryption"), "{detail}");
    }
}

#[test]
fn a_key_proof_that_is_missing_or_of_another_context_in_a_sum_convicts_the_coordinator() {
    type Craft = fn(&World, Vec<u8>) -> Vec<u8>;
    let crafted: [Craft; 3] = [
        // No proof.
        |_, mut own| {
            let others = Context::LEN + 16 * 96 + 64 + 40;
            own[others..].fill(0);
            own
        },
        // The proof and limbs of another attempt.
        |world, own| {
            let other = RoundContext { attempt: 1, ..world.round() };
            let other = world.update(3, &other, 1).header;
            [&own[..Context::LEN], &other[Context::LEN..]].concat()
        },
        // Another institution's.
        |world, own| {
            let other = world.update(1, &world.round(), 1).header;
            [&own[..Context::LEN], &other[Context::LEN..]].concat()
        },
    ];
    for craft in crafted {
        let mut world = World::new();
        world.open();
        let headers = world.submit(&[0, 1, 2]);
        let own = world.update(3, &world.round(), 1).header;
        let bad = craft(&world, own);
        sealed_with(&mut world, &headers, &bad);
        let detail = convicts_the_coordinator(&world, history(&world), Charge::BadSum);
        assert!(detail.contains("is not proven to be an encryption"), "{detail}");
    }
}

#[test]
fn every_other_sum_that_a_trustee_must_refuse_convicts_the_coordinator_too() {
    let convicts = |world: &World, words: &str| {
        let detail = convicts_the_coordinator(world, history(world), Charge::BadSum);
        assert!(detail.contains(words), "{detail}");
    };
    // An older header as it was: of another context.
    let (world, _) = sealed(|world, headers| {
        let older = RoundContext { attempt: 1, ..world.round() };
        let older = world.update(2, &older, 1).header;
        splice(
            &world.evaluation(&world.round(), &headers[..3]),
            &sha256(&headers[2]),
            &sha256(&older),
        )
    });
    convicts(&world, "its input 2 is no update");
    // The sum of another round.
    let (world, _) = sealed(|world, _| {
        let round = RoundContext { attempt: 1, ..world.round() };
        let headers: Vec<_> = (0..3).map(|i| world.update(i, &round, 1).header).collect();
        world.evaluation(&round, &headers)
    });
    convicts(&world, "another round");
    // Too few.
    let (world, _) = sealed(|world, headers| world.evaluation(&world.round(), &headers[..2]));
    convicts(&world, "3 are needed");
    // Counted twice: the same header, and another one of the same institution.
    let (world, _) = sealed(|world, headers| {
        splice(
            &world.evaluation(&world.round(), &headers[..3]),
            &sha256(&headers[1]),
            &sha256(&headers[0]),
        )
    });
    assert!(Evidence::new(history(&world), genesis(&world)).is_ok());
    let mut world = World::new();
    world.open();
    let headers = world.submit(&[0, 1, 2]);
    let second = world.update(0, &world.round(), 9).header;
    let again = world.submission(0, &second);
    world.forge(vec![again]);
    let evaluation =
        splice(&world.evaluation(&world.round(), &headers), &sha256(&headers[1]), &sha256(&second));
    let close = world.close_collection(evaluation);
    world.forge(vec![close]);
    convicts(&world, "is in it twice");
    // Not the sum of what it names; not certified.
    let (world, _) = sealed(|world, headers| {
        splice(
            &world.evaluation(&world.round(), &headers[..3]),
            &sha256(&headers[2]),
            &sha256(&headers[3]),
        )
    });
    assert!(Evidence::new(history(&world), genesis(&world)).is_ok());
    let (world, _) = sealed(|world, headers| {
        let mut evaluation = world.evaluation(&world.round(), headers);
        *evaluation.last_mut().unwrap() ^= 1;
        evaluation
    });
    assert!(Evidence::new(history(&world), genesis(&world)).is_ok());
}

#[test]
fn an_institution_that_the_authority_never_enrolled_in_a_sum_convicts_the_coordinator() {
    let stranger = ceremony(7, |_| {}).institutions.remove(3);
    let mut world = World::new();
    world.open();
    let headers = world.submit(&[0, 1, 2]);
    // Recorded or not, its update is none.
    let bound = world.parameters().own_bound(stranger.identity.rows);
    let context = Context { round: world.round(), pseudonym: stranger.identity.pseudonym, bound };
    let mut header = headers[0].clone();
    header[..Context::LEN].copy_from_slice(&context.encode());
    let evaluation =
        splice(&world.evaluation(&world.round(), &headers), &sha256(&headers[1]), &sha256(&header));
    let submit = Action::SubmitUpdate(SubmitUpdate { header });
    let signed =
        sign(&stranger.signing, &world.chain_id(), Some(&stranger.identity.pseudonym), submit);
    world.forge(vec![signed]);
    convicts_the_coordinator(&world, history(&world), Charge::BadEntry);
    world.retract();
    let close = world.close_collection(evaluation);
    world.forge(vec![close]);
    convicts_the_coordinator(&world, history(&world), Charge::BadSum);
}
