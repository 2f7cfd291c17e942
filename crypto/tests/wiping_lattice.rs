//! No memory that an encryption under a lattice mask gives back holds a secret: all of the process's heap is read and searched
//! afterwards. Only the stack is left out: what the compiler copies there nobody can wipe.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

mod memory;

use consilium_crypto::lattice::{
    CandidateKeyPart, LatticeMaskedUpdate, LatticeParameters, LatticeSum, combine_lattice,
    encrypt_lattice, lattice_mask_length, verify_key_parts,
};
use consilium_crypto::{
    Bound, Context, DiscreteLogTable, EvaluationKey, QuantisedUpdate, RoundContext, deal,
    verify_share,
};
use consilium_hash::{BlockHash, ChainId, ModelHash, Pseudonym};
use memory::{heap, holds};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const DIMENSION: u32 = 3000;
const BOUND: Bound = Bound::Norm { norm: 5600, projections: 256 };

/// Made anew where they are compared with: no copy waits for that on the heap.
fn value(j: i64) -> i64 {
    (j * 7919 + 104_729) % 151 - 75
}

#[test]
fn an_update_what_hides_it_and_the_key_of_its_mask_are_nowhere_once_it_is_encrypted() {
    // On this thread alone, whose stack is known.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
    let _pool = pool.unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(32);
    let evaluation_key = EvaluationKey::generate(&mut rng);
    let dealing = deal(1, 1, &evaluation_key.verifying_key(), &mut rng).unwrap();
    let key = &dealing.public_key;
    let round = RoundContext {
        protocol_version: 1,
        chain_id: ChainId([1; 32]),
        step: 2,
        attempt: 3,
        model_hash: ModelHash([4; 32]),
        bound: BOUND,
        dimension: DIMENSION,
        key_hash: key.hash(),
    };
    let context = Context { round: round.clone(), pseudonym: Pseudonym([5; 32]), bound: BOUND };
    let parameters = LatticeParameters::new(DIMENSION, BOUND, 512, 10).unwrap();
    let plain = || (0..i64::from(DIMENSION)).map(value);
    let bytes = || plain().flat_map(i64::to_le_bytes).collect::<Vec<u8>>();

    let update = QuantisedUpdate::new(plain().collect(), BOUND).unwrap();
    assert!(holds(&heap(), &bytes()), "the search finds what is there");
    let encrypted = encrypt_lattice(key, &context, &parameters, &update).unwrap();
    drop(update);
    let after = heap();

    // Only now is the key opened, as it is a sum of one.
    let part = CandidateKeyPart::parse(encrypted.header.clone(), &encrypted.key_part, &parameters);
    let key_part = verify_key_parts(key, vec![part.unwrap()]).remove(0).unwrap();
    let evaluation = evaluation_key.evaluate(&round, &[&key_part]).unwrap();
    let evaluation = evaluation.verify(key, &round, &[&key_part]).unwrap();
    let block = BlockHash([9; 32]);
    let share = dealing.shares[0].decryption_share(key, &evaluation, &block);
    let share = verify_share(&share, key, &dealing.commitments, &evaluation, &block).unwrap();
    let table = DiscreteLogTable::shared();
    let s = combine_lattice(&parameters, &evaluation, &[share], &dealing.commitments, &table);
    let s = s.unwrap();
    let mask = &encrypted.bound_part[..lattice_mask_length(&parameters)];
    let masked = LatticeMaskedUpdate::parse(mask, encrypted.header.mask_hash(), &parameters);
    let mut sum = LatticeSum::new(DIMENSION);
    sum.add_masked(&masked.unwrap(), &parameters).unwrap();
    let v = sum.open(&round, &s).unwrap();
    assert!(v.iter().zip(plain()).all(|(v, x)| (v - 512 * x).abs() <= 128), "this is the update");

    // The ends, since an allocator writes over a block's beginning.
    let given = bytes();
    let v: Vec<u8> = v.iter().flat_map(|v| (*v as i32).to_le_bytes()).collect();
    let s: Vec<i8> =
        s.encode().as_chunks().0.iter().map(|s| i16::from_be_bytes(*s) as i8).collect();
    let ternary: Vec<u8> = s.iter().map(|s| s.cast_unsigned()).collect();
    let integers: Vec<u8> = s.iter().flat_map(|s| i64::from(*s).to_le_bytes()).collect();
    for (what, secret) in [
        ("the update", &given[given.len() - 64..]),
        ("the middle of the update", &given[12_000..12_064]),
        ("what is masked", &v[v.len() - 32..]),
        ("the middle of what is masked", &v[6_000..6_032]),
        ("the key of the mask", &ternary[2048 - 64..]),
        ("the middle of the key of the mask", &ternary[1000..1064]),
        ("the key of the mask in integers", &integers[8000..8256]),
    ] {
        assert!(!holds(&after, secret), "{what} is left behind");
    }
}
