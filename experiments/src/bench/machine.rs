//! Where something was measured, and with which arithmetic.

use std::fs;

use serde::Serialize;

/// The machine and the build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// What the processor calls itself.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Those of AVX2 and AVX-512 IFMA that the processor has.
    pub simd: Vec<&'static str>,
    /// What the build asks of curve25519-dalek 5: `avx512`, `simd`, or what it chooses by itself.
    pub backend: &'static str,
    /// The compiler.
    pub rustc: &'static str,
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn current() -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| model(&text));
        Self {
            cpu: cpu.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            simd: simd(),
            backend: option_env!("CONSILIUM_DALEK_BACKEND").unwrap_or("default"),
            rustc: option_env!("CONSILIUM_RUSTC").unwrap_or("unknown"),
        }
    }

    /// The arithmetic that our group operations run on, by the build and the processor.
    #[must_use]
    pub fn ours(&self) -> &'static str {
        match (self.backend, self.simd.contains(&"avx512ifma"), self.simd.contains(&"avx2")) {
            ("avx512", true, _) => "AVX-512",
            ("serial", ..) | (_, _, false) => "portable",
            _ => "AVX2",
        }
    }

    /// The arithmetic of the bulletproofs crate's older dalek, which knows no AVX-512 outside nightly compilers.
    #[must_use]
    pub fn reference(&self) -> &'static str {
        if self.backend != "serial" && self.simd.contains(&"avx2") { "AVX2" } else { "portable" }
    }

    #[cfg(test)]
    pub(crate) fn example() -> Self {
        Self {
            cpu: "a processor".into(),
            cores: 2,
            simd: vec!["avx2", "avx512ifma"],
            backend: "avx512",
            rustc: "1.95",
        }
    }
}

fn model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"))?;
    Some(line.trim_start_matches([' ', '\t', ':']).to_owned())
}

#[cfg(target_arch = "x86_64")]
fn simd() -> Vec<&'static str> {
    let features = [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("avx512ifma", std::arch::is_x86_feature_detected!("avx512ifma")),
    ];
    features.into_iter().filter_map(|(name, present)| present.then_some(name)).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn simd() -> Vec<&'static str> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arithmetic_follows_from_the_build_and_the_processor() {
        let machine = Machine::example();
        assert_eq!((machine.ours(), machine.reference()), ("AVX-512", "AVX2"));
        let older = Machine { simd: vec!["avx2"], ..machine.clone() };
        assert_eq!((older.ours(), older.reference()), ("AVX2", "AVX2"));
        assert_eq!(Machine { backend: "simd", ..machine.clone() }.ours(), "AVX2");
        assert_eq!(Machine { simd: vec![], ..machine }.ours(), "portable");
        assert_eq!(model("processor\t: 0\nmodel name\t: AMD EPYC\n"), Some("AMD EPYC".into()));
        assert!(Machine::current().cores > 0);
    }
}
