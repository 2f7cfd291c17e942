//! No memory that an encryption gives back holds a secret: all of the process's heap is read and searched afterwards.
//!
//! Only the stack is left out: what the compiler copies there nobody can wipe.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

mod memory;

use consilium_crypto::update::encrypt;
use consilium_crypto::{
    Bound, CandidateHeader, Context, DiscreteLogTable, EvaluationKey, QuantisedUpdate,
    RoundContext, combine, deal, verify_key_proofs, verify_share,
};
use consilium_hash::{BlockHash, ChainId, ModelHash, Pseudonym};
use memory::{heap, holds};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const DIMENSION: u32 = 24;

/// Made anew where they are compared with: no copy waits for that on the heap.
fn value(j: i64) -> i64 {
    (j * 7919 + 104_729) % 251 - 125
}

#[test]
fn an_update_its_mask_key_and_the_limbs_of_that_are_nowhere_once_it_is_encrypted() {
    // On this thread alone, whose stack is known.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
    let _pool = pool.unwrap();
    for bound in [Bound::parameter(8), Bound::Norm { norm: 5600, projections: 256 }] {
        let mut rng = ChaCha20Rng::seed_from_u64(31);
        let evaluation_key = EvaluationKey::generate(&mut rng);
        let dealing = deal(1, 1, &evaluation_key.verifying_key(), &mut rng).unwrap();
        let key = &dealing.public_key;
        let round = RoundContext {
            protocol_version: 1,
            chain_id: ChainId([1; 32]),
            step: 2,
            attempt: 3,
            model_hash: ModelHash([4; 32]),
            bound,
            dimension: DIMENSION,
            key_hash: key.hash(),
        };
        let context = Context { round: round.clone(), pseudonym: Pseudonym([5; 32]), bound };
        let plain = || (0..i64::from(DIMENSION)).map(value);

        let update = QuantisedUpdate::new(plain().collect(), bound).unwrap();
        let bytes = || plain().flat_map(i64::to_le_bytes).collect::<Vec<u8>>();
        assert!(holds(&heap(), &bytes()), "the search finds what is there");
        let encrypted = encrypt(key, &context, &update).unwrap().prove().unwrap();
        drop(update);
        let after = heap();

        // Only now is the key opened, as it is a sum of one.
        let header = CandidateHeader::decode(&encrypted.header).unwrap();
        let header = verify_key_proofs(key, vec![header]).remove(0).unwrap();
        let evaluation = evaluation_key.evaluate(&round, &[&header]).unwrap();
        let evaluation = evaluation.verify(key, &round, &[&header]).unwrap();
        let share = dealing.shares[0].decryption_share(key, &evaluation, &BlockHash([9; 32]));
        let share =
            verify_share(&share, key, &dealing.commitments, &evaluation, &BlockHash([9; 32]))
                .unwrap();
        let table = DiscreteLogTable::shared();
        let k = combine(&evaluation, &[share], &dealing.commitments, &table).unwrap().encode();
        let limbs = k.as_chunks::<2>().0.iter().map(|limb| u64::from(u16::from_le_bytes(*limb)));
        let limbs: Vec<u8> = limbs.flat_map(u64::to_le_bytes).collect();

        // As they were given, and as they are encrypted; the ends, since an allocator writes over a block's beginning.
        let given = bytes();
        let raised: Vec<u8> = plain().flat_map(|q| (q + bound.offset()).to_le_bytes()).collect();
        for (what, secret) in [
            ("the update", &given[32..]),
            ("the update as it is encrypted", &raised[32..]),
            ("the mask key", &k[..]),
            ("the end of the mask key", &k[16..]),
            ("limbs of the mask key", &limbs[32..]),
        ] {
            assert!(!holds(&after, secret), "{what} is left behind, {bound}");
        }
    }
}
