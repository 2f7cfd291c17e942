//! What this crate writes, read by tools of the transparency logs' world that nobody here has written:
//! `signed_note` (notes), `sigsum` (cosignatures under a policy, inclusion proofs), `ct-merkle` (RFC 6962 trees).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use consilium_hash::{ChainId, MerkleNode, Pseudonym, StateRoot};
use consilium_ledger::{
    Block, Checkpoint, Cosignature, HeaderChain, NO_STATE, Note, NoteKey, SignatureType,
    Validators, coordinator_key,
    merkle::{self, consistency_proof, inclusion_proof, leaf_hash},
    sha256, trustee_key,
};
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash, mem_backed_tree::MemoryBackedTree};
use ed25519_dalek::{Signer, SigningKey};
use sha2_11::Sha256;
use signed_note::{StandardVerifier, VerifierList};
use sigsum::{PolicyBuilder, SigsumSignature};

const CHAIN: ChainId = ChainId([0xc5; 32]);

fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

fn chain_of(blocks: u64) -> HeaderChain {
    let mut chain = HeaderChain::new(Validators::single(CHAIN, key(1).verifying_key()));
    for height in 0..blocks {
        let entries = vec![height.to_be_bytes().to_vec()];
        let state_root = if height == 0 { NO_STATE } else { StateRoot([3; 32]) };
        let header = chain.propose(&entries, state_root, height).unwrap();
        chain.append_block(&Block { sealed: header.seal(&CHAIN, &key(1)), entries }).unwrap();
    }
    chain
}

fn bytes(path: &[MerkleNode]) -> Vec<u8> {
    path.iter().flat_map(|node| node.0).collect()
}

fn digest(hash: &[u8; 32]) -> sha2_11::digest::Output<Sha256> {
    (*hash).into()
}

#[test]
fn signed_note_verifies_our_heads_and_writes_them_as_we_do() {
    let checkpoint = chain_of(9).head_checkpoint();
    let mut note = checkpoint.sign(&key(1));
    let trustee = trustee_key(&CHAIN, &Pseudonym([2; 32]), key(2).verifying_key());
    note.add_cosignature(&trustee, &checkpoint.cosign(1_700_000_000, &key(2)));
    let bytes = note.encode().into_bytes();

    let vkey = coordinator_key(&CHAIN, key(1).verifying_key()).vkey();
    let known = VerifierList::new(vec![Box::new(StandardVerifier::new(&vkey).unwrap())]);
    let theirs = signed_note::Note::from_bytes(&bytes).unwrap();
    let (verified, others) = theirs.verify(&known).unwrap();
    assert_eq!(
        verified.iter().map(signed_note::Signature::name).collect::<Vec<_>>(),
        [Checkpoint::origin(&CHAIN)]
    );
    assert_eq!(
        others.iter().map(signed_note::Signature::name).collect::<Vec<_>>(),
        [trustee.name()]
    );
    assert_eq!(theirs.text(), checkpoint.text().as_bytes());
    assert_eq!(theirs.to_bytes(), bytes);

    let stranger = coordinator_key(&CHAIN, key(7).verifying_key()).vkey();
    let stranger = VerifierList::new(vec![Box::new(StandardVerifier::new(&stranger).unwrap())]);
    assert!(theirs.verify(&stranger).is_err());
    let mut changed = bytes.clone();
    changed[80] ^= 1;
    assert!(signed_note::Note::from_bytes(&changed).is_ok_and(|note| note.verify(&known).is_err()));
}

#[test]
fn we_verify_the_notes_that_signed_note_writes() {
    let mut rng = rand_core::OsRng;
    let (secret, public) = signed_note::generate_key(&mut rng, "example.com/log");
    let signer = signed_note::StandardSigner::new(&secret).unwrap();
    let mut theirs = signed_note::Note::new(b"some\n\ntext\n", &[]).unwrap();
    theirs.add_sigs(&[&signer]).unwrap();
    let note = Note::parse(&theirs.to_bytes()).unwrap();
    let material = base64::Engine::decode(
        &base64::engine::general_purpose::STANDARD,
        public.splitn(3, '+').nth(2).unwrap(),
    );
    let bytes: [u8; 32] = material.unwrap()[1..].try_into().unwrap();
    let verifying = ed25519_dalek::VerifyingKey::from_bytes(&bytes).unwrap();
    let of = NoteKey::new("example.com/log".to_owned(), SignatureType::Ed25519, verifying).unwrap();
    assert_eq!(of.vkey(), public);
    assert_eq!(note.open(std::slice::from_ref(&of)).unwrap(), [&of]);
    assert_eq!(note.encode().into_bytes(), theirs.to_bytes());
}

/// A proof of logging as Sigsum's tools read it, with everything in it made by this crate: the log's signature and the
/// witnesses' cosignatures over a text of Sigsum's origin, and the inclusion proof.
fn proof_of_logging(leaves: &[Vec<u8>], index: usize, witnesses: &[(SigningKey, u64)]) -> String {
    let keyhash = |key: &SigningKey| sha256(&key.verifying_key().to_bytes());
    let hashes: Vec<_> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    let root = merkle::root(&hashes);
    let checkpoint =
        Checkpoint { chain_id: ChainId(keyhash(&key(1))), size: leaves.len() as u64, root };
    let text = checkpoint.text().replace("consilium/", "sigsum.org/v1/tree/");
    let mut note = Note::new(text.clone()).unwrap();
    note.sign("log".to_owned(), &key(1)).unwrap();

    let leaf = &leaves[index];
    let mut lines = vec![
        "version=2".to_owned(),
        format!("log={}", hex::encode(keyhash(&key(1)))),
        format!("leaf={} {}", hex::encode(&leaf[96..]), hex::encode(&leaf[32..96])),
        String::new(),
        format!("size={}", leaves.len()),
        format!("root_hash={}", hex::encode(root)),
        format!("signature={}", hex::encode(note.signatures()[0].signature())),
    ];
    for (witness, time_s) in witnesses {
        let encoded = Cosignature::sign(&text, *time_s, witness).encode();
        let name = hex::encode(keyhash(witness));
        let signature = hex::encode(&encoded[8..]);
        lines.push(format!("cosignature={name} {time_s} {signature}"));
    }
    lines.extend([String::new(), format!("leaf_index={index}")]);
    let path = inclusion_proof(&hashes, index as u64).unwrap().path;
    lines.extend(path.iter().map(|node| format!("node_hash={}", hex::encode(node))));
    lines.join("\n") + "\n"
}

#[test]
fn sigsum_takes_our_cosignatures_as_a_quorum_and_our_inclusion_proofs() {
    let message = |i: u8| sigsum::Hash::from([i; 32]);
    let leaves: Vec<Vec<u8>> = (0..11)
        .map(|i| {
            let checksum = sha256(&[i; 32]);
            let signature = key(9)
                .sign(&[b"sigsum.org/v1/tree-leaf\x00".as_slice(), &checksum].concat())
                .to_bytes();
            [checksum.as_slice(), &signature, &sha256(&key(9).verifying_key().to_bytes())].concat()
        })
        .collect();
    let witnesses = [(key(2), 1_700_000_000), (key(3), 1_700_000_001)];
    let mut policy = PolicyBuilder::new();
    policy.add_log(key(1).verifying_key().to_bytes().into(), None).unwrap();
    for (name, byte) in [("a", 2), ("b", 3), ("c", 4)] {
        policy.add_witness(name.into(), key(byte).verifying_key().to_bytes().into(), None).unwrap();
    }
    policy.add_group("two".into(), 2, vec!["a".into(), "b".into(), "c".into()]).unwrap();
    policy.set_quorum("two".into()).unwrap();
    let policy = policy.build();
    let signers = [key(9).verifying_key().to_bytes().into()];
    let verify = |proof: &str, of: u8| {
        let proof = SigsumSignature::from_ascii(proof).map_err(|error| error.to_string())?;
        sigsum::verify(&message(of), &proof, &signers, &policy).map_err(|error| error.to_string())
    };
    for index in 0..leaves.len() {
        let proof = proof_of_logging(&leaves, index, &witnesses);
        assert_eq!(verify(&proof, index as u8), Ok(()), "{proof}");
        assert!(verify(&proof, (index as u8 + 1) % 11).is_err());
    }
    let good = proof_of_logging(&leaves, 6, &witnesses);
    let too_few = proof_of_logging(&leaves, 6, &witnesses[..1]);
    assert!(verify(&too_few, 6).unwrap_err().contains("cosignatures"));
    let another_time = good.replace("1700000001", "1700000002");
    assert!(verify(&another_time, 6).unwrap_err().contains("cosignature"));
}

#[test]
fn ct_merkle_verifies_our_inclusion_and_consistency_proofs_and_makes_the_same() {
    let chain = chain_of(21);
    let hashes: Vec<[u8; 32]> = chain.headers().map(|header| header.hash().0).collect();
    let leaves: Vec<MerkleNode> = hashes.iter().map(|hash| leaf_hash(hash)).collect();
    let mut tree = MemoryBackedTree::<Sha256, [u8; 32]>::new();
    for size in 1..=21u64 {
        tree.push(hashes[size as usize - 1]);
        let root = RootHash::<Sha256>::new(digest(&chain.checkpoint(size).unwrap().root.0), size);
        assert!(tree.root() == root, "size {size}");
        for height in 0..size {
            let path = chain.inclusion_proof(height, size).unwrap().path;
            let proof = InclusionProof::<Sha256>::try_from_bytes(bytes(&path)).unwrap();
            root.verify_inclusion(&hashes[height as usize], height, &proof).unwrap();
            assert!(root.verify_inclusion(&[0xee; 32], height, &proof).is_err());
            assert_eq!(tree.prove_inclusion(height as usize).as_bytes(), bytes(&path));
        }
        for old in 1..=size {
            let before = RootHash::new(digest(&chain.checkpoint(old).unwrap().root.0), old);
            let path = chain.consistency_proof(old, size).unwrap().path;
            let proof = ConsistencyProof::<Sha256>::try_from_bytes(bytes(&path)).unwrap();
            root.verify_consistency(&before, &proof).unwrap();
            let another = RootHash::new(digest(&[0xee; 32]), old);
            assert!(root.verify_consistency(&another, &proof).is_err());
            assert_eq!(tree.prove_consistency((size - old) as usize).as_bytes(), bytes(&path));
        }
    }
    assert_eq!(
        consistency_proof(&leaves, 13).unwrap().path,
        chain.consistency_proof(13, 21).unwrap().path
    );
}
