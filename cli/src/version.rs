//! What a program says about how it was built.
//!
//! Some features of the cryptography exist for tests, simulations and benches alone: keys from a dealer, noise from a
//! seed, updates that lie. Cargo gives every crate of a build the features that any of them asks for, so a build of the
//! whole workspace has them in the programs, too. Programs are built by themselves, with `cargo programs`.

/// The version, and the features of the build that are for tests alone.
pub fn version(number: &'static str, test_features: &[&str]) -> &'static str {
    if test_features.is_empty() {
        return number;
    }
    let features = test_features.join(", ");
    // Once a process.
    Box::leak(format!("{number} (built with {features}: for tests only)").into_boxed_str())
}

/// What an operator has to know at the start about a program that was built for tests; nothing about any other.
pub fn warning(test_features: &[&str]) -> Option<String> {
    (!test_features.is_empty()).then(|| {
        format!(
            "this program was built with features that are for tests only ({}): build it with `cargo programs`",
            test_features.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_built_for_tests_says_so_and_any_other_says_its_version_alone() {
        assert_eq!(version("1.2.3", &[]), "1.2.3");
        assert_eq!(warning(&[]), None);
        let features = ["adversary", "simulation"];
        assert_eq!(
            version("1.2.3", &features),
            "1.2.3 (built with adversary, simulation: for tests only)"
        );
        let warning = warning(&features).unwrap();
        assert!(warning.contains("adversary, simulation") && warning.contains("cargo programs"));
    }
}
