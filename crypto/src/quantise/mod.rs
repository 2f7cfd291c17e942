//! From floats to integers and back, and noise on the integers.

mod noise;
mod quantiser;
mod share;
mod tally;

pub use noise::Noise;
pub use quantiser::{QuantisedUpdate, Quantiser, apply, decode, unit};
pub use share::share;
pub use tally::Tally;

#[cfg(test)]
mod tests {
    /// What a language leaves to the platform is rounded differently on another one, and with it a model: IEEE 754 fixes
    /// sums, products, quotients and roots alone.
    #[test]
    fn nothing_that_a_platform_may_round_otherwise_decides_what_a_model_becomes() {
        let sources = [
            include_str!("quantiser.rs"),
            include_str!("noise.rs"),
            include_str!("share.rs"),
            include_str!("tally.rs"),
        ];
        let functions = [
            "powi", "powf", "exp", "exp2", "exp_m1", "ln", "ln_1p", "log", "log2", "log10",
            "mul_add",
        ];
        for source in sources {
            let (code, tests) = source.split_once("#[cfg(test)]").unwrap();
            assert!(code.contains("pub fn ") && tests.contains("mod tests"));
            let called = functions.iter().find(|name| code.contains(&format!(".{name}(")));
            assert_eq!(called, None);
        }
    }
}
