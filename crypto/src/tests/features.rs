//! What a build says of itself.

use crate::TEST_FEATURES;

#[test]
fn every_feature_of_the_manifest_that_is_on_is_named() {
    let manifest = include_str!("../../Cargo.toml");
    let features = manifest.split("[features]").nth(1).unwrap().split("\n[").next().unwrap();
    let names: Vec<&str> = features
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = ").map(|(name, _)| name))
        .collect();
    // What is on is known at compile time and for each name by itself only.
    let on = [
        ("adversary", cfg!(feature = "adversary")),
        ("dealer", cfg!(feature = "dealer")),
        ("simulation", cfg!(feature = "simulation")),
    ];
    assert_eq!(names, on.map(|(name, _)| name), "a feature that no build names");
    let expected: Vec<_> = on.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    assert_eq!(TEST_FEATURES, expected);
}
