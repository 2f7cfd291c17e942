//! Four institutions whose programs train, die, hang and are killed with their clients.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use consilium_proto::training::{Tensor, Tensors};
use consilium_trainer::{from_safetensors, to_safetensors};

use crate::world::{Client, DIMENSION, World, until};

fn tensors() -> Tensors {
    let tensor = |name: &str, shape: &[u32]| Tensor { name: name.into(), shape: shape.to_vec() };
    Tensors::new(vec![tensor("a", &[2, 3]), tensor("b", &[])]).unwrap()
}

fn signal(child: &Client, name: &str) {
    let command = format!("kill -{name} {}", child.0.id());
    assert!(Command::new("/bin/sh").args(["-c", &command]).status().unwrap().success());
}

fn is_gone(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !Path::new(&format!("/proc/{}", pid.trim())).exists() || stat.contains(") Z")
}

#[test]
fn programs_train_a_run_to_its_end_and_one_that_dies_costs_its_institution_the_step() {
    let world = World::of(2);
    // What each program returns, whatever it is given: the model of the run is their mean.
    let models: Vec<Vec<f32>> = (0..3u8)
        .map(|place| (0..DIMENSION).map(|j| f32::from(place) * 0.2 + j as f32 * 0.05).collect())
        .collect();
    for (place, model) in models.iter().enumerate() {
        let file = to_safetensors(&tensors(), model).unwrap();
        fs::write(world.own(place).join("given"), file).unwrap();
    }
    let behaviours = ["given", "given", "given", "dies-in-the-middle"];
    let running: Vec<Client> =
        behaviours.iter().enumerate().map(|(place, name)| world.start(place, name)).collect();
    for (place, mut child) in running.into_iter().enumerate() {
        let status = child.0.wait().unwrap();
        assert!(status.success(), "{place}: {}", world.read(place, "log"));
        assert_eq!(world.left(place), 0, "a folder of {place} is left");
        assert_eq!(world.read(place, "stopped"), "stopped\n");
        assert!(is_gone(&world.read(place, "child")));
    }
    let starts = |place| world.read(place, "starts").lines().count();
    assert_eq!([0, 1, 2, 3].map(starts), [1, 1, 1, 2]);
    let log = world.read(3, "log");
    assert!(log.contains("no update of this step") && log.contains("signal: 9"), "{log}");

    let out = world.own(0).join("model.safetensors");
    let written = world.command(0, "model").arg("--out").arg(&out).output().unwrap();
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let model = from_safetensors(&tensors(), &fs::read(&out).unwrap()).unwrap();
    for (j, value) in model.iter().enumerate() {
        let mean = 0.2 + j as f32 * 0.05;
        assert!((value - mean).abs() < 0.03, "parameter {j} is {value}, not {mean}");
    }
}

#[test]
fn a_signal_ends_a_client_whose_program_hangs_and_nothing_is_left() {
    let world = World::of(1);
    let mut running: Vec<Client> = (0..4).map(|place| world.start(place, "hangs")).collect();
    until("all are asked to train", || {
        (0..4).all(|place| !world.read(place, "trained").is_empty())
    });
    let start = Instant::now();
    for (place, (child, (name, code))) in running
        .iter_mut()
        .zip([("TERM", 143), ("INT", 130), ("HUP", 129), ("TERM", 143)])
        .enumerate()
    {
        signal(child, name);
        assert_eq!(child.0.wait().unwrap().code(), Some(code));
        assert!(world.read(place, "log").contains(&format!("stopped by SIG{name}")));
        assert!(is_gone(&world.read(place, "child")));
        assert_eq!(world.left(place), 0);
    }
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_program_whose_client_is_killed_ends_and_its_folder_goes_when_the_client_comes_back() {
    let world = World::of(1);
    // Alone, it waits for the others.
    let mut client = world.start(0, "good");
    until("the program has described itself", || world.read(0, "log").contains("taking part"));
    let first = world.read(0, "child");
    client.0.kill().unwrap();
    client.0.wait().unwrap();
    until("the program ends", || is_gone(&first));
    assert_eq!(world.read(0, "ended"), "ended\n");
    assert_eq!(world.left(0), 1);

    fs::remove_file(world.own(0).join("directory")).unwrap();
    let mut client = world.start(0, "good");
    until("the program runs again", || !world.read(0, "directory").is_empty());
    assert_eq!(world.left(0), 1, "the folder that was left is gone, the new one is there");
    signal(&client, "TERM");
    assert_eq!(client.0.wait().unwrap().code(), Some(143));
    assert_eq!(world.left(0), 0);
    assert!(is_gone(&world.read(0, "child")));
}

#[test]
fn a_descriptor_that_the_client_was_started_with_does_not_reach_the_program() {
    let world = World::of(1);
    let client = world.run(0);
    let trainer = world.trainer(0, "good");
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "exec 9<\"$0\"; exec \"$@\"", "/etc/passwd"]);
    shell.arg(client.get_program()).args(client.get_args()).args(["--trainer", &trainer]);
    shell.env("TMPDIR", world.own(0).join("tmp"));
    let _running = Client(shell.spawn().unwrap());
    until("the program runs", || !world.read(0, "directory").is_empty());
    assert_eq!(world.read(0, "descriptors"), "0\n1\n2\n3\n");
}
