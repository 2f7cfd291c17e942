//! Keywords: normal forms, tags, and what a dictionary is good for.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const WORDS: u32 = 10_000;

fn dictionary() -> impl Iterator<Item = Keyword> {
    (0..WORDS).map(|number| Keyword::new(&format!("word {number}")).unwrap())
}

fn tagged(world: &mut World, key: &KeywordKey, keywords: &[Keyword]) -> (RecordId, Tags) {
    let id = RecordId::generate(&mut world.rng);
    let tags = Tags::new(key, &category("repair"), period(5), &id, keywords, &mut world.rng);
    (id, tags.unwrap())
}

#[test]
fn words_that_look_alike_have_one_normal_form() {
    for (word, normal) in [
        ("Brakes", "brakes"),
        ("  rear \t LEFT ", "rear left"),
        ("\u{fb01}lter", "filter"),
        ("cafe\u{301}", "caf\u{e9}"),
        ("ＡＢＳ", "abs"),
        ("ΣΟΦΟΣ", "σοφοσ"),
    ] {
        assert_eq!(Keyword::new(word).unwrap().as_str(), normal);
    }
    let long = "x".repeat(Keyword::MAX_LEN + 1);
    for refused in ["", " \t", &long, &"\u{fdfa}".repeat(100), &"x".repeat(1 << 20)] {
        assert!(Keyword::new(refused).is_err());
    }
    assert!(Keyword::new(&long[1..]).is_ok());
}

#[test]
fn owner_and_custodian_have_the_same_keyword_key_and_no_other_pair_has() {
    let world = World::new(60);
    let [owner, custodian, other] = [&world.owner, &world.custodian, &world.other];
    let of_custodian = |custodian: &Member, owner: &Member| {
        KeywordKey::of_custodian(&custodian.name, &custodian.secret, owner.named())
    };
    let word = Keyword::new("brakes").unwrap();
    let trapdoor = |key: KeywordKey| *key.trapdoor(&category("repair"), period(5), &word).bytes();
    let ours = trapdoor(owner.keyword_key(custodian));
    assert_eq!(trapdoor(of_custodian(custodian, owner)), ours);
    let renamed = KeywordKey::of_owner(&other.name, &owner.secret, custodian.named());
    let others = [
        owner.keyword_key(other),
        of_custodian(custodian, other),
        of_custodian(other, owner),
        of_custodian(owner, custodian),
        renamed,
    ];
    for key in others {
        assert_ne!(trapdoor(key), ours);
    }
}

#[test]
fn a_trapdoor_finds_its_keyword_in_its_category_and_month_only() {
    let mut world = World::new(61);
    let key = world.owner.keyword_key(&world.custodian);
    let brakes = words(&["brakes"]);
    let (id, tags) = tagged(&mut world, &key, &words(&["tyres", "brakes"]));
    let matches = |name: &str, month, word| {
        key.trapdoor(&category(name), period(month), word).matches(&id, &tags)
    };
    assert!(matches("repair", 5, &brakes[0]));
    assert!(!matches("repair", 6, &brakes[0]));
    assert!(!matches("claims", 5, &brakes[0]));
    assert!(!matches("repair", 5, &Keyword::new("engine").unwrap()));
    let trapdoor = key.trapdoor(&category("repair"), period(5), &brakes[0]);
    let other = RecordId::generate(&mut world.rng);
    assert!(!trapdoor.matches(&other, &tags), "tags are of one record");
}

#[test]
fn equal_keywords_in_two_records_do_not_look_equal() {
    let mut world = World::new(62);
    let key = world.owner.keyword_key(&world.custodian);
    let keywords = words(&["a", "b", "c", "d", "e", "f", "g", "h"]);
    let mut seen = BTreeSet::new();
    for _ in 0..100 {
        let (_, tags) = tagged(&mut world, &key, &keywords);
        seen.extend(tags.encode().chunks(16).map(<[u8]>::to_vec));
    }
    assert_eq!(seen.len(), 800);
}

#[test]
fn the_number_of_keywords_and_their_order_are_hidden() {
    let mut world = World::new(63);
    let key = world.owner.keyword_key(&world.custodian);
    let keywords = words(&["a", "b", "c", "d", "e", "f", "g", "h", "i"]);
    let mut places = BTreeMap::new();
    for _ in 0..1600 {
        let (id, tags) = tagged(&mut world, &key, &keywords[..2]);
        let own = key.trapdoor(&category("repair"), period(5), &keywords[0]);
        let place = (0..TAGS).position(|place| {
            let one = [&tags.encode()[16 * place..16 * place + 16]; TAGS].concat();
            let mut reader =
                consilium_crypto::building_blocks::Reader::new("tags", &one, Tags::LEN).unwrap();
            own.matches(&id, &Tags::read(&mut reader).unwrap())
        });
        *places.entry(place.unwrap()).or_insert(0) += 1;
    }
    // 200 in each place, give or take five standard deviations.
    assert_eq!(places.len(), TAGS);
    assert!(places.values().all(|count| (135..265).contains(count)), "{places:?}");
    let id = RecordId::generate(&mut world.rng);
    let tag = |keywords: &[Keyword], rng: &mut ChaCha20Rng| {
        Tags::new(&key, &category("repair"), period(5), &id, keywords, rng)
    };
    assert!(tag(&keywords[..8], &mut world.rng).is_ok());
    assert!(tag(&[keywords.clone(), keywords.clone()].concat()[9..17], &mut world.rng).is_ok());
    let error = tag(&keywords, &mut world.rng).unwrap_err();
    assert!(matches!(error, RecordError::Count { found: 9, .. }));
}

#[test]
fn a_dictionary_of_ten_thousand_words_is_of_no_use_without_a_trapdoor() {
    let mut world = World::new(64);
    let key = world.owner.keyword_key(&world.custodian);
    let secret = Keyword::new("word 4711").unwrap();
    let (id, tags) = tagged(&mut world, &key, std::slice::from_ref(&secret));
    let found = |key: &KeywordKey| {
        let hits = dictionary()
            .filter(|word| key.trapdoor(&category("repair"), period(5), word).matches(&id, &tags));
        hits.collect::<Vec<_>>()
    };
    // The owner, or the custodian, does find the word: the search can succeed.
    assert_eq!(found(&key), [secret]);
    // A proxy has everything that is public, and a key of its own. It tries what it could compute: keys agreed with either
    // party under any of the names.
    let proxy = SecretKey::generate(&mut world.rng);
    let [owner, custodian] = [&world.owner, &world.custodian];
    let guesses = [
        KeywordKey::of_owner(&owner.name, &proxy, custodian.named()),
        KeywordKey::of_custodian(&custodian.name, &proxy, owner.named()),
        KeywordKey::of_owner(&world.proxies[0], &proxy, custodian.named()),
    ];
    for guess in &guesses {
        assert!(found(guess).is_empty());
    }
    // And the plain searchable encryption that falls to a dictionary: tags from public values alone.
    let plain = dictionary().filter(|word| {
        let trapdoor = transcript::hash::<[u8; 32]>(
            b"consilium v1 trapdoor hash",
            &[owner.secret.public().encoding(), word.as_str().as_bytes()],
        );
        Trapdoor::from_bytes(trapdoor).matches(&id, &tags)
    });
    assert_eq!(plain.count(), 0);
}

#[test]
fn with_a_trapdoor_a_proxy_finds_that_keywords_records_and_still_not_the_word_or_any_other() {
    let mut world = World::new(65);
    let scope = world.scope("repair", 5);
    let carrying = world.store(&scope, &["word 4711", "word 12"], b"");
    let other = world.store(&scope, &["word 12"], b"");
    let selection = world.selection("repair", &[5]);
    let (request, _) = world.request(selection, &["word 4711"]);
    let given = world.give(&request, 1, 1);
    let consent = given.consent().clone().verify(&CHAIN, &world.owner.key()).unwrap();
    let grant = given.release(Standing::InForce).unwrap().0.remove(0);
    let trapdoor = grant.trapdoors[0][0].clone();
    let committed = grant.terms.keywords[0].keyword;
    assert!(trapdoor.matches(carrying.header.id(), carrying.header.tags()));
    assert!(!trapdoor.matches(other.header.id(), other.header.tags()));
    // Which word it is, the grant does not say: the terms have its hash under a salt that the proxy does not get.
    for word in dictionary() {
        let guess = terms::keyword_hash(&[0; 32], &word);
        assert_ne!(guess, committed);
        let guess = terms::keyword_hash(&grant.terms.blinding, &word);
        assert_ne!(guess, committed);
    }
    // A trapdoor is no key: what it makes of the words of a dictionary are nobody's trapdoors.
    let as_key = |word: &Keyword| {
        let tag = Tags::new(
            &world.owner.keyword_key(&world.custodian),
            &category("repair"),
            period(5),
            &RecordId([0; 16]),
            std::slice::from_ref(word),
            &mut ChaCha20Rng::seed_from_u64(1),
        );
        trapdoor.matches(&RecordId([0; 16]), &tag.unwrap())
    };
    let hits: Vec<_> = dictionary().filter(as_key).collect();
    assert_eq!(hits, words(&["word 4711"]), "only who has κ can tag a dictionary to compare with");
    assert!(grant.verify(&consent, &world.proxies[0]).is_ok());
}
