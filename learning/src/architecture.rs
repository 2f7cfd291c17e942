//! The shape of the network: a multilayer perceptron with ReLU and one logit.

use serde::{Deserialize, Serialize};

use crate::LearningError;
use crate::seed::{generator, uniform};

/// Largest parameter count of a network, so that a shape from a file cannot claim all memory.
pub const MAX_PARAMETERS: usize = 1 << 24;

/// A perceptron `inputs → hidden… → 1` with ReLU after every hidden layer and a logit at the end.
///
/// Valid by construction, also when deserialised: every layer has at least one unit, the parameter count is at most
/// [`MAX_PARAMETERS`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Shape")]
pub struct Architecture {
    inputs: usize,
    hidden: Vec<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    inputs: usize,
    hidden: Vec<usize>,
}

impl TryFrom<Shape> for Architecture {
    type Error = LearningError;

    fn try_from(shape: Shape) -> Result<Self, LearningError> {
        Self::new(shape.inputs, shape.hidden)
    }
}

impl Architecture {
    /// A network with `inputs` features and hidden layers of the given sizes; no hidden layer is logistic regression.
    ///
    /// # Errors
    /// [`LearningError::Architecture`] for an empty layer or too many parameters.
    pub fn new(inputs: usize, hidden: Vec<usize>) -> Result<Self, LearningError> {
        let mut fan_in = inputs;
        let mut count = Some(0usize);
        for &fan_out in hidden.iter().chain(&[1]) {
            count = count
                .and_then(|c| c.checked_add(fan_in.checked_mul(fan_out)?.checked_add(fan_out)?));
            fan_in = fan_out;
        }
        let usable =
            inputs > 0 && !hidden.contains(&0) && count.is_some_and(|c| c <= MAX_PARAMETERS);
        if usable {
            Ok(Self { inputs, hidden })
        } else {
            Err(LearningError::Architecture { inputs, hidden, max: MAX_PARAMETERS })
        }
    }

    /// Number of input features.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Sizes of the hidden layers.
    #[must_use]
    pub fn hidden(&self) -> &[usize] {
        &self.hidden
    }

    /// `(inputs, outputs)` of every layer, in order.
    pub fn layers(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let fan_in = std::iter::once(&self.inputs).chain(&self.hidden);
        let fan_out = self.hidden.iter().chain(&[1]);
        fan_in.copied().zip(fan_out.copied())
    }

    /// Number d of parameters: weights and biases of all layers (289 for 8-16-8-1).
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.layers().map(|(fan_in, fan_out)| (fan_in + 1) * fan_out).sum()
    }

    /// Initial parameters, flat: weights uniform in ±√(6 / fan-in) before a ReLU and ±√(3 / fan-in) before the logit
    /// (He et al., "Delving deep into rectifiers", ICCV 2015, eq. 10, with gains √2 and 1), biases zero.
    /// The same bytes on every machine.
    #[must_use]
    pub fn initial(&self, seed: u64) -> Vec<f32> {
        let mut rng = generator("initial parameters", seed, &[]);
        let mut parameters = Vec::with_capacity(self.parameter_count());
        for (layer, (fan_in, fan_out)) in self.layers().enumerate() {
            let squared_bound = if layer < self.hidden.len() { 6.0 } else { 3.0 };
            let bound = (squared_bound / fan_in as f32).sqrt();
            parameters.extend((0..fan_in * fan_out).map(|_| uniform(&mut rng, bound)));
            parameters.extend(std::iter::repeat_n(0.0, fan_out));
        }
        parameters
    }

    /// # Errors
    /// [`LearningError::ParameterCount`] unless `parameters` is a flat vector of this architecture.
    pub(super) fn check(&self, parameters: &[f32]) -> Result<(), LearningError> {
        let expected = self.parameter_count();
        if parameters.len() == expected {
            Ok(())
        } else {
            Err(LearningError::ParameterCount { expected, got: parameters.len() })
        }
    }
}

impl std::fmt::Display for Architecture {
    /// `8-16-8-1`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-", self.inputs)?;
        self.hidden.iter().try_for_each(|size| write!(f, "{size}-"))?;
        write!(f, "1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model_blob;
    use sha2::{Digest, Sha256};

    fn pima() -> Architecture {
        Architecture::new(8, vec![16, 8]).unwrap()
    }

    #[test]
    fn the_default_network_for_pima_has_289_parameters() {
        assert_eq!(pima().parameter_count(), 289);
        assert_eq!(pima().to_string(), "8-16-8-1");
        assert_eq!(Architecture::new(30, vec![]).unwrap().parameter_count(), 31);
    }

    #[test]
    fn empty_layers_and_networks_that_would_fill_the_memory_are_refused() {
        for (inputs, hidden) in
            [(0, vec![4]), (8, vec![16, 0]), (8, vec![usize::MAX]), (1 << 20, vec![1 << 20])]
        {
            assert!(matches!(
                Architecture::new(inputs, hidden),
                Err(LearningError::Architecture { .. })
            ));
        }
        assert!(toml::from_str::<Architecture>("inputs = 8\nhidden = [0]").is_err());
        assert_eq!(toml::from_str::<Architecture>("inputs = 8\nhidden = [16, 8]").unwrap(), pima());
    }

    #[test]
    fn initial_parameters_stay_in_their_bounds_and_biases_are_zero() {
        let parameters = pima().initial(3);
        assert_eq!(parameters.len(), 289);
        let (first, rest) = parameters.split_at(128);
        let bound = (6.0f32 / 8.0).sqrt();
        assert!(first.iter().all(|w| w.abs() <= bound));
        assert!(first.iter().any(|w| w.abs() > 0.9 * bound));
        assert!(rest.iter().take(16).all(|&b| b == 0.0));
        assert_ne!(parameters, pima().initial(4));
    }

    #[test]
    fn the_bytes_of_the_initial_model_never_change() {
        let hash = Sha256::digest(model_blob(&pima().initial(42)));
        assert_eq!(
            format!("{hash:x}"),
            "8e20daeca468088bfbcfceb2796d19dd34d007936174ab965f53c5e2774b06e5"
        );
    }
}
