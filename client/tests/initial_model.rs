//! A run goes on from the model of an earlier one.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;

use consilium_authority::read_model;
use consilium_learning::{Architecture, to_safetensors};
use consilium_proto::training::Layers;

#[test]
fn the_model_that_a_client_writes_is_one_that_a_new_run_can_start_from() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.safetensors");
    let layers = Layers::dense(3, vec![5, 4]);
    let architecture = Architecture::new(3, vec![5, 4]).unwrap();
    let dimension = layers.dimension().unwrap();
    let parameters: Vec<f32> = (0..dimension).map(|j| j as f32 / 7.0 - 1.0).collect();
    fs::write(&path, to_safetensors(&architecture, &parameters).unwrap()).unwrap();
    assert_eq!(read_model(&path, &layers).unwrap(), parameters);
}
