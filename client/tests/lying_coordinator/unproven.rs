//! The attack that a review found: a coordinator that records an update without a valid proof as accepted, under a state
//! root of its own making, and has the sum opened.

use std::{fs, path::Path, process::Output, sync::Arc};

use consilium_testkit::{UpdateKind, World};
use tokio::runtime::Runtime;

use crate::liar::{Liar, program, verify};

/// Twenty-five rows, as many as the first institution's certificate says, of two features.
fn rows(directory: &Path) -> String {
    let rows = (0..25).map(|row| format!("{},{},{}\n", row, 10 - row * row % 7, row % 2));
    let csv = format!("a,b,y\n{}", rows.collect::<String>());
    fs::write(directory.join("rows.csv"), csv).unwrap();
    let schema = "name = 'rows'\nfile = 'rows.csv'\n[target]\ncolumn = 'y'\npositive = 1\n";
    let path = directory.join("rows.toml");
    fs::write(&path, schema).unwrap();
    path.display().to_string()
}

#[test]
fn the_program_refuses_a_sum_over_an_update_without_a_bound_or_link_proof_and_leaves_a_file_that_convicts()
 {
    for kind in UpdateKind::all() {
        for reason in kind.reasons() {
            for verification in ["all", "4"] {
                let directory = tempfile::tempdir().unwrap();
                let path = |name: &str| directory.path().join(name).display().to_string();
                let mut world = World::under(kind);
                world.ceremony.write(&directory.path().join("ceremony")).unwrap();
                world.open();
                let honest = world.submit(&[0, 1, 2]);
                world.seal_unproven(&honest, &reason);
                let height = world.blocks.len() - 1;
                let key = (&world.ceremony.coordinator.signing).into();
                let head = world.chain.head().unwrap().checkpoint().sign(&key);
                let shown = (world.blocks.clone(), head);
                let liar = Liar {
                    histories: Arc::new([shown.clone(), shown]),
                    heads_asked_for: Arc::default(),
                    blobs: Arc::new(world.bodies.clone()),
                };
                let runtime = Runtime::new().unwrap();
                let address = liar.serve(&runtime);

                let Output { status, stderr, .. } = program(&[
                    "run",
                    "--ceremony",
                    &path("ceremony/institution-01"),
                    "--state",
                    &path("state"),
                    "--plain",
                    "--coordinator",
                    &address,
                    "--data",
                    &rows(directory.path()),
                    "--give-up-after",
                    "60",
                    "--verify",
                    verification,
                ]);
                let message = String::from_utf8(stderr).unwrap();
                assert_eq!(status.code(), Some(4), "{kind:?}, {reason}: {message}");
                let evidence = directory.path().join(format!("state/evidence-{height}.bin"));
                assert!(message.contains(&evidence.display().to_string()), "{message}");

                let genesis = directory.path().join("ceremony/institution-02/genesis.bin");
                let Output { status, stdout, stderr } = verify(&genesis, &evidence);
                let said = String::from_utf8([stdout, stderr].concat()).unwrap();
                assert_eq!(status.code(), Some(0), "{said}");
                let convicted =
                    "it convicts the coordinator of a sum over an update that does not prove";
                assert!(said.starts_with(convicted), "{said}");
                assert!(said.contains(&reason.to_string()), "{said}");
            }
        }
    }
}
