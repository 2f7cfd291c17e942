//! Consents: what a proxy and a requester refuse, each with its own reason.

use super::consent::Content;
use super::*;

const KEYWORD: &[&str] = &["brakes"];

fn world() -> (World, Stored, Shared) {
    let mut world = World::new(20);
    let scope = world.scope("repair", 5);
    let stored = world.store(&scope, KEYWORD, b"front brakes replaced");
    let selection = world.selection("repair", &[5, 6]);
    let shared = world.share(selection, KEYWORD, 1, 1);
    (world, stored, shared)
}

#[test]
fn a_requester_reads_what_the_owner_consented_to() {
    let (mut world, stored, shared) = world();
    assert_eq!(shared.accepted.keywords(), words(KEYWORD));
    assert_eq!(shared.accepted.until_ms(), UNTIL_MS);
    assert_eq!(shared.accepted.proxies(), &world.proxies[..1]);
    assert_eq!(shared.accepted.selection(), &world.selection("repair", &[6, 5]));
    assert_eq!(shared.read(&[1], &stored, &mut world.rng).unwrap(), b"front brakes replaced");
}

fn reencrypt(standing: Standing, now_ms: u64) -> Result<Reencryption, RecordError> {
    let (mut world, stored, shared) = world();
    shared.grants[0].reencrypt(&stored.header, standing, now_ms, &mut world.rng)
}

#[test]
fn an_expired_consent_is_refused() {
    assert!(reencrypt(Standing::InForce, UNTIL_MS - 1).is_ok());
    for now_ms in [UNTIL_MS, UNTIL_MS + 1, u64::MAX] {
        let error = reencrypt(Standing::InForce, now_ms).unwrap_err();
        assert_eq!(error, RecordError::Expired { until_ms: UNTIL_MS, now_ms });
    }
}

#[test]
fn a_withdrawn_consent_is_refused() {
    assert_eq!(reencrypt(Standing::Withdrawn, NOW_MS).unwrap_err(), RecordError::Withdrawn);
    assert!(reencrypt(Standing::InForce, NOW_MS).is_ok());
}

#[test]
fn a_consent_that_is_in_no_sealed_block_is_refused() {
    assert_eq!(reencrypt(Standing::NotSealed, NOW_MS).unwrap_err(), RecordError::NotSealed);
}

#[test]
fn grants_do_not_leave_the_owner_before_the_consent_is_sealed() {
    let mut world = World::new(21);
    let (request, _) = world.request(world.selection("repair", &[5]), KEYWORD);
    for (standing, reason) in [
        (Standing::NotSealed, RecordError::NotSealed),
        (Standing::Withdrawn, RecordError::Withdrawn),
    ] {
        assert_eq!(world.give(&request, 1, 1).release(standing).unwrap_err(), reason);
    }
}

#[test]
fn a_proxy_refuses_records_with_none_of_the_keywords() {
    let (mut world, _, shared) = world();
    let scope = world.scope("repair", 5);
    let matching = world.store(&scope, &["tyres", " BRAKES "], b"");
    assert_eq!(shared.grants[0].check(&matching.header), Ok(()));
    for keywords in [&[][..], &["tyres"], &["brake"]] {
        let stored = world.store(&scope, keywords, b"");
        let error = shared.reencrypt(1, &stored.header, &mut world.rng).unwrap_err();
        assert_eq!(error, RecordError::NoKeyword, "{keywords:?}");
    }
}

#[test]
fn a_proxy_refuses_records_of_another_category_month_custodian_or_owner() {
    let (mut world, _, shared) = world();
    let check = |shared: &Shared, stored: &Stored| shared.grants[0].check(&stored.header);
    let other = |what| Err(RecordError::NotConsented { what });
    let scope = world.scope("claims", 5);
    let stored = world.store(&scope, KEYWORD, b"");
    assert_eq!(check(&shared, &stored), other("category"));
    for month in [4, 7] {
        let scope = world.scope("repair", month);
        let stored = world.store(&scope, KEYWORD, b"");
        assert_eq!(check(&shared, &stored), other("month"));
    }
    std::mem::swap(&mut world.custodian, &mut world.other);
    let scope = world.scope("repair", 5);
    let stored = world.store(&scope, KEYWORD, b"");
    assert_eq!(check(&shared, &stored), other("custodian"));
    std::mem::swap(&mut world.custodian, &mut world.other);
    std::mem::swap(&mut world.owner, &mut world.other);
    let scope = world.scope("repair", 5);
    let stored = world.store(&scope, KEYWORD, b"");
    assert_eq!(check(&shared, &stored), other("owner"));
    let reencryption = shared.reencrypt(1, &stored.header, &mut world.rng).unwrap_err();
    assert_eq!(Err(reencryption), other("owner"));
}

#[test]
fn a_consent_signed_by_another_member_is_refused() {
    let mut world = World::new(22);
    let (request, _) = world.request(world.selection("repair", &[5]), KEYWORD);
    // Another member gives the owner's consent: it has the owner's name, and its own keys.
    let name = world.owner.name;
    std::mem::swap(&mut world.owner.signing, &mut world.other.signing);
    let given = world.give(&request, 1, 1);
    let refused = RecordError::BadSignature { what: "consent", by: Party::Owner };
    let rightful = world.other.key();
    let error = given.consent().clone().verify(&CHAIN, &rightful).unwrap_err();
    assert_eq!((given.consent().owner(), error), (&name, refused));
}

#[test]
fn a_grant_is_for_one_proxy_and_one_consent() {
    let mut world = World::new(23);
    let selection = world.selection("repair", &[5]);
    let (request, _) = world.request(selection, KEYWORD);
    let [one, two] = [(); 2].map(|()| world.give(&request, 2, 2));
    let consents = [&one, &two]
        .map(|given| given.consent().clone().verify(&CHAIN, &world.owner.key()).unwrap());
    let (mut grants, _) = one.release(Standing::InForce).unwrap();
    let second = grants.pop().unwrap();
    let first = grants.pop().unwrap();
    let copy = |grant: &Grant| Grant::decode(&grant.encode()).unwrap();
    let error = copy(&first).verify(&consents[0], &world.proxies[1]).unwrap_err();
    assert_eq!(error, RecordError::OtherProxy { place: 1 });
    let error = copy(&first).verify(&consents[1], &world.proxies[0]).unwrap_err();
    assert_eq!(error, RecordError::OtherConsent);
    // Relabelled as the other consent's, its terms give it away.
    let relabelled = Grant { consent: *consents[1].hash(), ..copy(&first) };
    let error = relabelled.verify(&consents[1], &world.proxies[0]).unwrap_err();
    assert_eq!(error, RecordError::WrongTerms);
    // In another place, its key.
    let moved = Grant { place: 2, ..copy(&first) };
    let error = moved.verify(&consents[0], &world.proxies[1]).unwrap_err();
    assert_eq!(error, RecordError::WrongReencryptionKey { period: period(5) });
    assert!(second.verify(&consents[0], &world.proxies[1]).is_ok());
}

/// A grant whose keys are those of another one, which is made in a world that `change` has changed.
fn with_foreign_keys(change: impl Fn(&mut World, &mut Selection)) -> Result<(), RecordError> {
    let mut world = World::new(24);
    let mut selection = world.selection("repair", &[5, 6]);
    let (request, _) = world.request(selection.clone(), KEYWORD);
    let given = world.give(&request, 1, 1);
    let consent = given.consent().clone().verify(&CHAIN, &world.owner.key()).unwrap();
    let mut grant = given.release(Standing::InForce).unwrap().0.remove(0);
    change(&mut world, &mut selection);
    // The same x and consent for both: only the delegator key is another.
    world.rng = World::new(24).rng;
    let (foreign, _) = world.request(selection, KEYWORD);
    let foreign = world.give(&foreign, 1, 1).release(Standing::InForce).unwrap().0.remove(0);
    grant.keys = foreign.keys.clone();
    grant.verify(&consent, &world.proxies[0]).map(|_| ())
}

#[test]
fn keys_of_the_consent_itself_are_accepted_when_they_are_made_again() {
    assert_eq!(with_foreign_keys(|_, _| ()), Ok(()));
}

fn refused_for_its_key(refused: Result<(), RecordError>) {
    let error = refused.unwrap_err();
    assert_eq!(error, RecordError::WrongReencryptionKey { period: period(5) });
    assert_eq!(error.culprit(), Some(Party::Owner));
}

#[test]
fn a_key_of_another_owner_is_refused() {
    refused_for_its_key(with_foreign_keys(|world, _| {
        std::mem::swap(&mut world.owner.seed, &mut world.other.seed);
    }));
}

#[test]
fn a_key_of_another_custodian_is_refused() {
    refused_for_its_key(with_foreign_keys(|world, selection| {
        let (name, category) = (world.other.name, selection.category().clone());
        *selection = Selection::new(name, category, selection.periods().to_vec()).unwrap();
    }));
}

#[test]
fn a_key_of_another_category_is_refused() {
    refused_for_its_key(with_foreign_keys(|world, selection| {
        *selection = world.selection("claims", &[5, 6]);
    }));
}

#[test]
fn a_key_of_another_month_is_refused() {
    refused_for_its_key(with_foreign_keys(|world, selection| {
        *selection = world.selection("repair", &[6, 7]);
    }));
    let mut world = World::new(24);
    let (request, _) = world.request(world.selection("repair", &[5, 6]), KEYWORD);
    let given = world.give(&request, 1, 1);
    let consent = given.consent().clone().verify(&CHAIN, &world.owner.key()).unwrap();
    let grants = given.release(Standing::InForce).unwrap().0;
    let verify = |change: fn(&mut Grant)| {
        let mut grant = Grant::decode(&grants[0].encode()).unwrap();
        change(&mut grant);
        grant.verify(&consent, &world.proxies[0]).map(|_| ())
    };
    assert_eq!(verify(|_| ()), Ok(()));
    refused_for_its_key(verify(|grant| grant.keys.swap(0, 1)));
    let second = verify(|grant| grant.keys[1] += curve25519_dalek::Scalar::ONE);
    assert_eq!(second, Err(RecordError::WrongReencryptionKey { period: period(6) }));
    let short = verify(|grant| grant.keys.truncate(1));
    assert_eq!(short, Err(RecordError::WrongTerms));
}

#[test]
fn a_forged_trapdoor_is_named() {
    let mut world = World::new(25);
    let selection = world.selection("repair", &[5, 6]);
    let (request, _) = world.request(selection, &["brakes", "tyres"]);
    let given = world.give(&request, 1, 1);
    let consent = given.consent().clone().verify(&CHAIN, &world.owner.key()).unwrap();
    let (grants, _) = given.release(Standing::InForce).unwrap();
    let copy = || Grant::decode(&grants[0].encode()).unwrap();
    let key = world.owner.keyword_key(&world.custodian);
    let claim = Keyword::new("claim").unwrap();
    let mut forged = copy();
    forged.trapdoors[1][0] = key.trapdoor(&category("repair"), period(5), &claim);
    let error = forged.verify(&consent, &world.proxies[0]).unwrap_err();
    assert_eq!(error, RecordError::ForgedTrapdoor { keyword: 1, period: period(5) });
    // Of another keyword, and of another month, of the same consent.
    let mut swapped = copy();
    swapped.trapdoors.swap(0, 1);
    let error = swapped.verify(&consent, &world.proxies[0]).unwrap_err();
    assert_eq!(error, RecordError::ForgedTrapdoor { keyword: 0, period: period(5) });
    let mut swapped = copy();
    swapped.trapdoors[0].swap(0, 1);
    let error = swapped.verify(&consent, &world.proxies[0]).unwrap_err();
    assert_eq!(error, RecordError::ForgedTrapdoor { keyword: 0, period: period(5) });
    let mut short = copy();
    short.trapdoors.pop();
    assert_eq!(short.verify(&consent, &world.proxies[0]).unwrap_err(), RecordError::WrongTerms);
}

#[test]
fn no_term_can_be_changed_after_the_consent_is_signed() {
    let mut world = World::new(26);
    let selection = world.selection("repair", &[5]);
    let (request, _) = world.request(selection.clone(), KEYWORD);
    let given = world.give(&request, 2, 1);
    let consent = given.consent().clone().verify(&CHAIN, &world.owner.key()).unwrap();
    let (grants, _) = given.release(Standing::InForce).unwrap();
    let changes: [&dyn Fn(&mut terms::Terms); 9] = [
        &|terms| terms.requester.0[0] ^= 1,
        &|terms| terms.requester_key = *world.other.secret.public(),
        &|terms| terms.selection = world.selection("claims", &[5]),
        &|terms| terms.selection = world.selection("repair", &[6]),
        &|terms| terms.until_ms += 1,
        &|terms| terms.proxies.swap(0, 1),
        &|terms| terms.keywords[0].keyword[0] ^= 1,
        &|terms| terms.keywords[0].trapdoors[0][0] ^= 1,
        &|terms| terms.blinding[0] ^= 1,
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut grant = Grant::decode(&grants[0].encode()).unwrap();
        change(&mut grant.terms);
        let error = grant.verify(&consent, &world.proxies[0]).unwrap_err();
        assert_eq!(error, RecordError::WrongTerms, "change {number}");
    }
}

#[test]
fn terms_of_another_shape_than_the_consents_are_refused_although_committed_to() {
    let mut world = World::new(27);
    let (request, _) = world.request(world.selection("repair", &[5, 6]), KEYWORD);
    let given = world.give(&request, 2, 1);
    let content = given.consent().content.clone();
    let (grants, _) = given.release(Standing::InForce).unwrap();
    // The owner signs a consent to the same terms with one month, or one proxy, less.
    let mut months = content.clone();
    months.shares.pop();
    let mut proxies = content.clone();
    proxies.shares.iter_mut().for_each(|month| month.truncate(1));
    let verify = |content: Content| {
        let consent = content.sign(&CHAIN, &world.owner.signing);
        let consent = consent.verify(&CHAIN, &world.owner.key()).unwrap();
        let grant = Grant::decode(&grants[0].encode()).unwrap();
        assert_eq!(consent.hash(), grant.consent(), "the name does not cover R");
        grant.verify(&consent, &world.proxies[0])
    };
    assert!(verify(content).is_ok());
    assert_eq!(verify(months).unwrap_err(), RecordError::WrongTerms);
    assert_eq!(verify(proxies).unwrap_err(), RecordError::WrongTerms);
}

#[test]
fn a_notice_is_for_one_requester_request_and_consent() {
    let mut world = World::new(28);
    let (request, key) = world.request(world.selection("repair", &[5]), &["brakes", "tyres"]);
    let given = world.give(&request, 1, 1);
    let other = world.give(&request, 1, 1);
    let consent = given.consent().clone().verify(&CHAIN, &world.owner.key()).unwrap();
    let other = other.consent().clone().verify(&CHAIN, &world.owner.key()).unwrap();
    let (_, notice) = given.release(Standing::InForce).unwrap();
    let again = || SecretKey::from_bytes(&key.to_bytes()).unwrap();
    let requester = world.requester;
    assert!(notice.clone().verify(&consent, &requester, again()).is_ok());
    let fresh = SecretKey::generate(&mut world.rng);
    let error = notice.clone().verify(&consent, &requester, fresh).unwrap_err();
    assert_eq!(error, RecordError::OtherRequester);
    let error = notice.clone().verify(&consent, &world.other.name, again()).unwrap_err();
    assert_eq!(error, RecordError::OtherRequester);
    let error = notice.clone().verify(&other, &requester, again()).unwrap_err();
    assert_eq!(error, RecordError::OtherConsent);
    let mut keyword = notice.clone();
    keyword.keywords[1].0 = Keyword::new("engine").unwrap();
    let error = keyword.verify(&consent, &requester, again()).unwrap_err();
    assert_eq!(error, RecordError::OtherKeyword { keyword: 1 });
    let mut fewer = notice;
    fewer.keywords.pop();
    let error = fewer.verify(&consent, &requester, again()).unwrap_err();
    assert_eq!(error, RecordError::WrongTerms);
}

#[test]
fn numbers_that_no_consent_can_have_are_refused_before_anything_is_signed() {
    let mut world = World::new(29);
    let (request, _) = world.request(world.selection("repair", &[5]), KEYWORD);
    let keyword_key = world.owner.keyword_key(&world.custodian);
    let owner = OwnerKeys {
        name: &world.owner.name,
        signing: &world.owner.signing,
        seed: &world.owner.seed,
        keyword_key: &keyword_key,
    };
    let allowance = |proxies: usize, threshold, keywords: usize| Allowance {
        selection: request.selection().clone(),
        keywords: vec![request.keywords()[0].clone(); keywords],
        until_ms: UNTIL_MS,
        proxies: (0..proxies).map(|name| Pseudonym([name as u8; 32])).collect(),
        threshold,
    };
    let give = |allowance: &Allowance, rng: &mut ChaCha20Rng| {
        give_consent(&CHAIN, &owner, &request, allowance, rng).map(|_| ())
    };
    assert_eq!(give(&allowance(16, 16, 16), &mut world.rng), Ok(()));
    for (proxies, threshold, keywords, what) in [
        (0, 1, 1, "proxies"),
        (17, 1, 1, "proxies"),
        (2, 0, 1, "proxies as threshold"),
        (2, 3, 1, "proxies as threshold"),
        (1, 1, 0, "keywords of a request or consent"),
        (1, 1, 17, "keywords of a request or consent"),
    ] {
        let error = give(&allowance(proxies, threshold, keywords), &mut world.rng).unwrap_err();
        assert!(
            matches!(error, RecordError::Count { what: named, .. } if named == what),
            "{error}"
        );
    }
    let mut twice = allowance(3, 2, 1);
    twice.proxies[2] = twice.proxies[0];
    let error = give(&twice, &mut world.rng).unwrap_err();
    assert!(matches!(error, RecordError::Count { what: "proxies named twice", found: 1, .. }));
    for months in [0, 61] {
        let months = (0..months).map(|i| Period::new(2000 + i, 1).unwrap()).collect();
        let error = Selection::new(world.custodian.name, category("repair"), months).unwrap_err();
        assert!(matches!(error, RecordError::Count { what: "months of a consent", .. }));
    }
}
