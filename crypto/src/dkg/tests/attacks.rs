//! What t − 1 members who pool everything learn, and attacks on what is not there.

use super::*;
use crate::group::polynomial::evaluate;
use crate::transcript::{Protocol, dealt_share, witness_bytes};

fn product_of(f: &[Scalar], g: &[Scalar]) -> Vec<Scalar> {
    let mut product = vec![Scalar::ZERO; f.len() + g.len() - 1];
    for (i, f) in f.iter().enumerate() {
        for (j, g) in g.iter().enumerate() {
            product[i + j] += f * g;
        }
    }
    product
}

fn sum_of(f: &[Scalar], g: &[Scalar], factor: Scalar) -> Vec<Scalar> {
    let at = |f: &[Scalar], c: usize| f.get(c).copied().unwrap_or_default();
    (0..f.len().max(g.len())).map(|c| at(f, c) + factor * at(g, c)).collect()
}

/// Everything but what hides behind discrete logarithms (R_i, Z, X): for every a there are ϱ and z of the right degrees
/// that give t − 1 members the very shares they have and everyone the very w_i. The Pedersen commitments agree with them,
/// too: since h generates the group, a_c + δ_c has a blinding, and it changes no blinding share of theirs, because δ is zero
/// at their places.
#[test]
fn what_t_minus_1_members_and_everyone_see_leaves_every_key_possible() {
    let members = 10;
    let threshold = 4;
    let mut play = Play::generation(21, members, threshold);
    let dealings = play.deal_all();
    let qualified = Qualified::new(&play.ceremony, &dealings).unwrap();
    let secrets = play.members(&qualified, &dealings);
    let dealers: Vec<_> = play.ceremony.dealers().map(|place| play.dealer(place)).collect();
    for half in 0..2 {
        let summed = |polynomial: usize| {
            let polynomials =
                dealers.iter().map(|dealer| dealer.polynomials[5 * half + polynomial].as_slice());
            polynomials.fold(Vec::new(), |sum, next| sum_of(&sum, next, Scalar::ONE))
        };
        let a = summed(0);
        let rho = summed(2);
        let z = summed(4);
        let hostile = [2, 5, 9];
        let vanishing = hostile.iter().fold(vec![Scalar::ONE], |product, place| {
            product_of(&product, &[-Scalar::from(*place), Scalar::ONE])
        });
        assert_eq!(vanishing.len(), a.len());

        let w = product_of(&a, &rho);
        let other_a = sum_of(&a, &vanishing, Scalar::from(77u64));
        let needed = w[0] * other_a[0].invert();
        let other_rho = sum_of(&rho, &vanishing, (needed - rho[0]) * vanishing[0].invert());
        let other_z =
            sum_of(&sum_of(&w, &z, Scalar::ONE), &product_of(&other_a, &other_rho), -Scalar::ONE);

        assert_ne!(other_a[0], a[0], "another key");
        assert_eq!(
            (other_z[0], other_z.len()),
            (Scalar::ZERO, z.len()),
            "a sharing of zero of the right degree"
        );
        for (index, secret) in secrets.iter().enumerate() {
            let place = secret.place;
            let views = [(&other_a, 0), (&other_rho, 2), (&other_z, 4)];
            let same = views
                .iter()
                .all(|(f, scalar)| evaluate(f, place) == secret.scalars[5 * half + scalar]);
            assert_eq!(same, hostile.contains(&place), "{place}");
            let opened = secrets[index].product(&qualified, &mut play.rng).unwrap().halves[half].w;
            let others =
                evaluate(&other_a, place) * evaluate(&other_rho, place) + evaluate(&other_z, place);
            assert_eq!(opened, others, "{place}");
        }
    }
}

/// Why members agree on the qualified dealings before any product: a coordinator shows all dealings to 1 and 2, and all but
/// the fifth to 3 and 4. Each answers once. With dealer 5, who shares ϱ = 0 and a = δ, it has w = a·ϱ of one set and
/// w' = (a − δ)·ϱ of the other.
#[test]
fn products_of_two_qualified_sets_would_give_the_key_away() {
    let mut play = Play::generation(22, 5, 2);
    let mut hostile = play.dealer(5);
    hostile.polynomials[2][0] = Scalar::ZERO;
    let delta = hostile.polynomials[0][0];
    let mut dealings: Vec<_> = (1..=4).map(|place| play.deal(place)).collect();
    dealings.push(play.send(&hostile));
    let all = Qualified::new(&play.ceremony, &dealings).unwrap();
    let without = Qualified::new(&play.ceremony, &dealings[..4]).unwrap();
    assert_ne!(
        all.hash(),
        without.hash(),
        "whoever compares what it is to agree on sees the attack"
    );

    let mut products =
        |qualified: &Qualified, dealings: &[Dealing], places: [u32; 3]| -> Vec<VerifiedProduct> {
            let product = |place| {
                let member = play.member(qualified, dealings, place);
                member.product(qualified, &mut play.rng).unwrap().verify(qualified, place).unwrap()
            };
            places.map(product).into()
        };
    let first = products(&all, &dealings, [1, 2, 5]);
    let second = products(&without, &dealings[..4], [3, 4, 5]);
    let w = |products: &[VerifiedProduct]| -> Scalar {
        let places: Vec<u32> = products.iter().map(VerifiedProduct::place).collect();
        lagrange(&places, 0)
            .iter()
            .zip(products)
            .map(|(factor, product)| factor * product.half(false).w)
            .sum()
    };
    let w_all = w(&first);
    let w_without = w(&second);
    let rho = (w_all - w_without) * delta.invert();
    let a = w_all * rho.invert();
    let key = all.generate(&first, &evaluation_key()).unwrap();
    assert_eq!(
        key.public_key().x1 * a,
        g(),
        "half of the decryption key, from two honest members each"
    );
}

/// Two errors that cancel under weights that do not depend on them.
#[test]
fn weights_of_a_share_come_after_every_one_of_its_scalars() {
    let mut play = Play::generation(23, 4, 2);
    let dealing = play.deal(1);
    let honest = play.dealer(1).reveal(2).unwrap();
    assert!(dealing.check_reveal(2, &honest).is_ok());
    let transcript = dealt_share(dealing.hash(), 2);
    let mut later = transcript.clone();
    later.append_message(b"share", &witness_bytes(&honest.scalars));
    // Without any share, and with the honest one.
    for mut known in [transcript, later] {
        let weights = known.weights(b"fold", 6);
        let mut cheat = honest.clone();
        cheat.scalars[0] += weights[1];
        cheat.scalars[2] -= weights[0];
        let errors = [0, 2].map(|scalar| cheat.scalars[scalar] - honest.scalars[scalar]);
        let folded = weights[0] * errors[0] + weights[1] * errors[1];
        assert_eq!(folded, Scalar::ZERO, "the attack works on weights drawn before");
        let expected = DkgError::WrongRevealedShare { dealer: 1, recipient: 2 };
        assert_eq!(dealing.check_reveal(2, &cheat).unwrap_err(), expected);
    }
}

/// A dealer cannot cancel what it has seen of another's dealing: it would need the other's shares to seal them.
#[test]
fn another_dealing_sent_again_as_ones_own_opens_for_nobody() {
    let mut play = Play::generation(24, 4, 2);
    let honest = play.deal(1);
    let copy = Dealing::decode(honest.encode(), &play.ceremony, 2).unwrap();
    assert_ne!(copy.hash(), honest.hash());
    for (recipient, key) in &play.opening {
        let expected = DkgError::WrongSealedShare { dealer: 2, recipient: *recipient };
        assert_eq!(copy.open(*recipient, key).unwrap_err(), expected);
    }
}
