//! How the mean of the updates moves the model: flags, and what they come to.

use clap::{Args, ValueEnum};
use consilium_contract::ServerOptimiser;
use consilium_proto::v1::{self, server_optimiser::Rule};

use crate::AuthorityError;

/// Rules by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ServerOptimiserName {
    /// The mean is added (FedAvg).
    #[default]
    Mean,
    /// A running sum of means is added (FedAvgM).
    Momentum,
    /// A running mean is added, over the root of that of squares (FedAdam).
    Adam,
}

/// What a command line says about it.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct ServerOptimiserFlags {
    /// What the mean of the updates does to the model. Momentum and Adam reach a model sooner where institutions differ
    /// much; in return one institution can do more: Adam's steps do not shrink with the updates.
    #[arg(long, value_enum, value_name = "RULE", default_value_t)]
    server_optimiser: ServerOptimiserName,
    /// With momentum or Adam: what moves the model is multiplied by this [default: 1 and 0.01].
    #[arg(long, value_name = "ETA")]
    server_learning_rate: Option<f64>,
    /// What is left of a moment after a step: one number for momentum [default: 0.9], two for Adam [default: 0.9,0.99].
    #[arg(long, value_delimiter = ',', value_name = "BETA[,BETA]")]
    server_betas: Vec<f64>,
    /// With Adam: what is added to the root of the second moment [default: 0.001].
    #[arg(long, value_name = "TAU")]
    server_tau: Option<f64>,
}

impl ServerOptimiserFlags {
    /// The rule.
    ///
    /// # Errors
    /// [`AuthorityError::Bound`] naming the flag that has to change.
    pub fn resolve(&self) -> Result<ServerOptimiser, AuthorityError> {
        let Self { server_optimiser, server_learning_rate, server_betas, server_tau } = self;
        let refused = |flag, problem: String| Err(AuthorityError::Bound { flag, problem });
        let betas = server_betas.as_slice();
        let rule = match (server_optimiser, betas) {
            (ServerOptimiserName::Mean, _) => None,
            (ServerOptimiserName::Momentum, [] | [_]) => Some(Rule::Momentum(v1::ServerMomentum {
                learning_rate: server_learning_rate.unwrap_or(1.0),
                beta: betas.first().copied().unwrap_or(0.9),
            })),
            (ServerOptimiserName::Adam, [] | [_, _]) => Some(Rule::Adam(v1::ServerAdam {
                learning_rate: server_learning_rate.unwrap_or(0.01),
                beta1: betas.first().copied().unwrap_or(0.9),
                beta2: betas.get(1).copied().unwrap_or(0.99),
                tau: server_tau.unwrap_or(0.001),
            })),
            (ServerOptimiserName::Momentum, _) => {
                return refused("--server-betas", format!("{} numbers: give one", betas.len()));
            }
            (ServerOptimiserName::Adam, _) => {
                return refused("--server-betas", format!("{} numbers: give two", betas.len()));
            }
        };
        // A number that the rule does not have would be left unheard.
        let unheard = [
            ("--server-learning-rate", rule.is_none() && server_learning_rate.is_some()),
            ("--server-betas", rule.is_none() && !betas.is_empty()),
            ("--server-tau", !matches!(rule, Some(Rule::Adam(_))) && server_tau.is_some()),
        ];
        if let Some((flag, _)) = unheard.into_iter().find(|(_, is_unheard)| *is_unheard) {
            let problem = "the rule has no such number: say --server-optimiser too".to_owned();
            return refused(flag, problem);
        }
        let message = rule.map(|rule| v1::ServerOptimiser { rule: Some(rule) });
        ServerOptimiser::read(message)
            .or_else(|error| refused("--server-optimiser", error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: ServerOptimiserFlags,
    }

    fn resolve(line: &str) -> Result<ServerOptimiser, String> {
        let line = Line::try_parse_from(std::iter::once("test").chain(line.split_whitespace()));
        let line = line.map_err(|error| error.to_string())?;
        line.flags.resolve().map_err(|error| error.to_string())
    }

    #[test]
    fn a_rule_has_its_own_numbers_and_defaults() {
        assert_eq!(resolve(""), Ok(ServerOptimiser::Mean));
        let momentum = |learning_rate, beta| {
            Ok(ServerOptimiser::Momentum(v1::ServerMomentum { learning_rate, beta }))
        };
        assert_eq!(resolve("--server-optimiser momentum"), momentum(1.0, 0.9));
        let said = "--server-optimiser momentum --server-learning-rate 0.5 --server-betas 0.8";
        assert_eq!(resolve(said), momentum(0.5, 0.8));
        let adam = |learning_rate, beta1, beta2, tau| {
            Ok(ServerOptimiser::Adam(v1::ServerAdam { learning_rate, beta1, beta2, tau }))
        };
        assert_eq!(resolve("--server-optimiser adam"), adam(0.01, 0.9, 0.99, 0.001));
        let said = "--server-optimiser adam --server-learning-rate 0.1 --server-betas 0.5,0.9 --server-tau 0.01";
        assert_eq!(resolve(said), adam(0.1, 0.5, 0.9, 0.01));
    }

    #[test]
    fn numbers_that_the_rule_does_not_have_are_refused_by_their_flag() {
        for (line, flag) in [
            ("--server-learning-rate 1", "--server-learning-rate"),
            ("--server-betas 0.9", "--server-betas"),
            ("--server-optimiser momentum --server-tau 1", "--server-tau"),
            ("--server-optimiser momentum --server-betas 0.9,0.9", "--server-betas"),
            ("--server-optimiser adam --server-betas 0.9", "--server-betas"),
            ("--server-optimiser adam --server-learning-rate 0", "--server-optimiser"),
        ] {
            let error = resolve(line).unwrap_err();
            assert!(error.contains(flag), "{line}: {error}");
        }
    }
}
