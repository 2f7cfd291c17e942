//! Signing and verifying, in pairings.

use std::hint::black_box;

use consilium_crypto::SigningKey;
use consilium_exchange::group_signature::{
    Claim, GroupParameters, GroupSignature, IssuerKey, Member, MemberSecret, OpenerKey,
    verify_signatures,
};
use consilium_hash::{ChainId, Pseudonym};
use group::{Curve, Group};
use rand_core::OsRng;

use crate::turns::{Work, compare};

const FOLDED: usize = 50;
const CONTEXT: &[u8] = b"bench";
const MESSAGE: &[u8] = b"message";

fn group() -> (IssuerKey, GroupParameters, Member) {
    let issuer = IssuerKey::generate(&mut OsRng);
    let opener = OpenerKey::generate(&mut OsRng);
    let group = GroupParameters::found(*issuer.public(), *opener.public());
    let secret = MemberSecret::generate(&mut OsRng);
    let key = SigningKey::generate(&mut OsRng);
    let (chain, name) = (ChainId([1; 32]), Pseudonym([2; 32]));
    let join = secret.join(&group, &chain, &name, &key, &mut OsRng);
    let join = join.verify(&group, &chain, &key.verifying_key()).unwrap();
    let certificate = issuer.certify(&group, &join, &mut OsRng).unwrap();
    let member = Member::new(&group, secret, &certificate).unwrap();
    (issuer, group, member)
}

fn claim(signature: &GroupSignature) -> Claim<'_> {
    Claim { epoch: 0, context: CONTEXT, message: MESSAGE, signature }
}

pub fn run() {
    let (issuer, group, member) = group();
    let p = blstrs::G1Projective::random(OsRng).to_affine();
    let q = blstrs::G2Projective::random(OsRng).to_affine();
    let bytes = member.sign(CONTEXT, MESSAGE, &mut OsRng).encode();
    let signatures: Vec<Vec<u8>> =
        (0..FOLDED).map(|_| member.sign(CONTEXT, MESSAGE, &mut OsRng).encode()).collect();
    let handle = member.certificate().revocation_handle();
    println!("group signature: {} bytes, bar 400", bytes.len());
    compare(&mut [
        Work::new("pairing", 5, None, || {
            black_box(blstrs::pairing(black_box(&p), black_box(&q)));
        }),
        Work::new("multiplication in G1", 20, None, || {
            black_box(black_box(p) * blstrs::Scalar::from(u64::MAX));
        }),
        Work::new("sign", 5, Some(2.0), || {
            black_box(member.sign(CONTEXT, MESSAGE, &mut OsRng));
        }),
        Work::new("read and verify", 5, Some(4.0), || {
            let signature = GroupSignature::decode(black_box(&bytes)).unwrap();
            claim(&signature).verify(&group).unwrap();
        }),
        Work::new("revoke, read and verify the revocation", 2, None, || {
            issuer.revoke(&group, &handle).unwrap().verify(&group).unwrap();
        }),
    ]);
    compare(&mut [
        Work::new("50 signatures, each alone", 1, None, || {
            for bytes in &signatures {
                let signature = GroupSignature::decode(bytes).unwrap();
                claim(&signature).verify(&group).unwrap();
            }
        }),
        Work::new("50 signatures, folded", 1, None, || {
            let signatures: Vec<_> =
                signatures.iter().map(|bytes| GroupSignature::decode(bytes).unwrap()).collect();
            let claims: Vec<_> = signatures.iter().map(claim).collect();
            let verified = verify_signatures(&group, &claims, &mut OsRng);
            assert!(verified.iter().all(Result::is_ok));
        }),
    ]);
}
