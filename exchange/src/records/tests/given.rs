//! A given consent on its owner's disk.

use super::*;

#[test]
fn a_given_consent_comes_back_from_disk_and_its_grants_are_served_as_if_it_had_not_been_there() {
    let mut world = World::new(60);
    let (request, key) = world.request(world.selection("repair", &[5, 6]), &["brakes"]);
    let (other, _) = world.request(world.selection("repair", &[5, 6]), &["brakes"]);
    let given = world.give(&request, 3, 2);
    let bytes = given.encode();
    assert!(bytes.len() <= GivenConsent::MAX_LEN);
    let back = GivenConsent::decode(&CHAIN, &bytes).unwrap();
    assert_eq!((back.hash(), back.consent()), (given.hash(), given.consent()));
    assert_eq!(back.encode(), bytes);
    assert_eq!((back.selection(), back.until_ms()), (request.selection(), UNTIL_MS));
    assert!(back.answers(&request) && !back.answers(&other));
    assert_eq!(back.release(Standing::NotSealed).unwrap_err(), RecordError::NotSealed);

    let back = GivenConsent::decode(&CHAIN, &bytes).unwrap();
    let consent = back.consent().clone().verify(&CHAIN, &world.owner.key()).unwrap();
    let (grants, notice) = back.release(Standing::InForce).unwrap();
    assert_eq!(grants.len(), 3);
    for (grant, proxy) in grants.into_iter().zip(world.proxies.clone()) {
        grant.verify(&consent, &proxy).unwrap();
    }
    notice.verify(&consent, request.requester(), key).unwrap();
}

#[test]
fn bytes_that_are_no_given_consent_or_parts_of_two_are_refused() {
    let mut world = World::new(61);
    let (request, _) = world.request(world.selection("repair", &[5]), &["brakes"]);
    let [first, second] = [(); 2].map(|()| world.give(&request, 2, 1));
    let bytes = first.encode();
    let decode = |bytes: &[u8]| GivenConsent::decode(&CHAIN, bytes);
    for length in 0..bytes.len() {
        assert!(decode(&bytes[..length]).is_err(), "{length}");
    }
    let mut longer = bytes.to_vec();
    longer.push(0);
    assert!(decode(&longer).is_err());
    // The length of the consent, of no more than is there.
    let mut huge = bytes.to_vec();
    huge[0] = 0xff;
    assert!(decode(&huge).is_err());
    // Of another ledger, it has another name.
    let other = GivenConsent::decode(&ChainId([8; 32]), &bytes);
    assert_eq!(other.unwrap_err(), RecordError::OtherConsent);
    let mixed = GivenConsent { notice: second.notice.clone(), ..first };
    assert_eq!(decode(&mixed.encode()).unwrap_err(), RecordError::OtherConsent);
    let swapped = GivenConsent { grants: mixed.grants, ..second };
    assert_eq!(decode(&swapped.encode()).unwrap_err(), RecordError::OtherConsent);
    let GivenConsent { consent, hash, mut grants, notice } = world.give(&request, 2, 1);
    grants.reverse();
    let reversed = GivenConsent { consent, hash, grants, notice };
    assert_eq!(decode(&reversed.encode()).unwrap_err(), RecordError::OtherConsent);
}
