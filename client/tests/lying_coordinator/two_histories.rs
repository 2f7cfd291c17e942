//! A coordinator that shows one history, and then another.

use std::{process::Output, sync::Arc};

use consilium_authority::{Ceremony, CeremonySpec};
use consilium_contract::transaction::{entry, sign};
use consilium_hash::StateRoot;
use consilium_ledger::{Block, HeaderChain, Note};
use consilium_proto::{
    training::Layers,
    v1::{Enrol, transaction::Action},
};
use ed25519_dalek::SigningKey;
use rand_core::OsRng;
use tokio::runtime::Runtime;

use crate::liar::{Liar, program, verify};

/// The genesis, and a block in which the institutions named enrol.
fn history(ceremony: &Ceremony, enrolled: &[usize]) -> (Vec<Block>, Note) {
    let parameters = &ceremony.parameters;
    let key = SigningKey::from_bytes(&ceremony.coordinator.signing.to_bytes());
    let mut chain = HeaderChain::new(parameters.validators());
    let enrol = |&i: &usize| {
        let files = &ceremony.institutions[i];
        let action = Action::Enrol(Enrol { certificate: Some(files.certificate.clone()) });
        entry(
            sign(&files.signing, &parameters.chain_id, Some(&files.identity.pseudonym), action),
            false,
        )
    };
    let blocks = [vec![ceremony.genesis_entry.clone()], enrolled.iter().map(enrol).collect()];
    let mut seal = |entries: Vec<Vec<u8>>| {
        let header = chain.propose(&entries, StateRoot([0; 32]), 1_000).unwrap();
        let block = Block { sealed: header.seal(&parameters.chain_id, &key), entries };
        chain.append_block(&block).unwrap();
        block
    };
    let blocks = blocks.into_iter().map(&mut seal).collect();
    (blocks, chain.head().unwrap().checkpoint().sign(&key))
}

#[test]
fn the_file_that_an_institution_leaves_convinces_a_program_that_has_nothing_but_the_genesis() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let spec = CeremonySpec::new(Layers::dense(8, vec![4]), vec![0.0; 41], vec![768, 10, 10, 10]);
    let ceremony = Ceremony::hold(&spec, &mut OsRng).unwrap();
    ceremony.write(&dir.path().join("ceremony")).unwrap();
    let histories = [history(&ceremony, &[1, 2]), history(&ceremony, &[1, 3])];
    let theirs = histories[1].0[1].hash();
    let liar = Liar {
        histories: Arc::new(histories),
        heads_asked_for: Arc::default(),
        blobs: Arc::default(),
    };
    let runtime = Runtime::new().unwrap();
    let address = liar.serve(&runtime);

    let institution = path("ceremony/institution-01");
    let state = path("state");
    let run = [
        "run",
        "--ceremony",
        &institution,
        "--state",
        &state,
        "--plain",
        "--coordinator",
        &address,
        "--data",
        "pima",
    ];
    let Output { status, stderr, .. } = program(&[&run[..], &["--give-up-after", "60"]].concat());
    let message = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(3), "{message}");
    let evidence = dir.path().join("state/evidence-1.bin");
    assert!(message.contains(&evidence.display().to_string()), "{message}");

    // Somebody else, with a copy of the genesis and of the file.
    let elsewhere = tempfile::tempdir().unwrap();
    let genesis = elsewhere.path().join("genesis.bin");
    let file = elsewhere.path().join("file");
    std::fs::copy(dir.path().join("ceremony/genesis.bin"), &genesis).unwrap();
    std::fs::copy(evidence, &file).unwrap();
    let Output { status, stdout, stderr } = verify(&genesis, &file);
    let said = String::from_utf8(stdout).unwrap();
    let message = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(0), "{message}");
    let named: String = theirs.to_string();
    assert!(
        said.starts_with("it convicts the coordinator of two histories") && said.contains(&named),
        "{said}"
    );
    let shown = program(&["evidence", "show", &file.display().to_string()]);
    assert!(String::from_utf8(shown.stdout).unwrap().contains("heights 1 and 1"));

    // A changed file convicts nobody; a file that is none, and another run's genesis, cannot be used or convict nobody.
    let mut bytes = std::fs::read(&file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    assert_eq!(verify(&genesis, &file).status.code(), Some(1));
    std::fs::write(&file, &bytes[..last]).unwrap();
    assert_eq!(verify(&genesis, &file).status.code(), Some(2));
    assert_eq!(verify(&file, &file).status.code(), Some(2));
    assert_eq!(verify(&genesis, &elsewhere.path().join("nowhere")).status.code(), Some(2));
}
