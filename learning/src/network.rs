//! The perceptron as a burn module, and the way between it and the flat parameter vector.
//!
//! The only file that names a backend: cargo feature `ndarray` (default) or `flex`.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData, activation::relu};

use crate::{Architecture, LearningError};

#[cfg(not(any(feature = "ndarray", feature = "flex")))]
compile_error!("choose where tensors are computed: enable the feature `ndarray` or `flex`");

/// Where tensors are computed. The one line that chooses a backend.
pub(super) fn device() -> Device {
    #[cfg(not(feature = "flex"))]
    #[expect(
        deprecated,
        reason = "ndarray is the default until flex has been measured to give the same models"
    )]
    let device = Device::ndarray();
    #[cfg(feature = "flex")]
    let device = Device::flex();
    device
}

/// Dense layers with ReLU between them; the last one gives the logit.
#[derive(Module, Debug)]
pub(super) struct Network {
    pub(super) layers: Vec<Linear>,
}

impl Network {
    /// Loads a flat parameter vector onto `device`.
    pub(super) fn new(
        architecture: &Architecture,
        parameters: &[f32],
        device: &Device,
    ) -> Result<Self, LearningError> {
        architecture.check(parameters)?;
        let mut rest = parameters;
        let mut take = |count: usize| {
            // The count was checked above: the split points sum up to the vector's length.
            let (head, tail) = rest.split_at(count);
            rest = tail;
            head.to_vec()
        };
        let layers = architecture.layers().map(|(fan_in, fan_out)| Linear {
            weight: Param::from_data(
                TensorData::new(take(fan_in * fan_out), [fan_in, fan_out]),
                device,
            ),
            bias: Some(Param::from_data(TensorData::new(take(fan_out), [fan_out]), device)),
        });
        Ok(Self { layers: layers.collect() })
    }

    /// Logits `[batch, 1]` of inputs `[batch, features]`.
    pub(super) fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        let mut layers = self.layers.iter();
        let Some(first) = layers.next() else { return inputs };
        layers.fold(first.forward(inputs), |hidden, layer| layer.forward(relu(hidden)))
    }

    /// The parameters, flat.
    pub(super) fn parameters(&self) -> Vec<f32> {
        let mut parameters = Vec::new();
        for layer in &self.layers {
            parameters.extend(layer.weight.val().into_data().iter::<f32>());
            parameters.extend(
                layer
                    .bias
                    .iter()
                    .flat_map(|bias| bias.val().into_data().iter::<f32>().collect::<Vec<_>>()),
            );
        }
        parameters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flat_layout_survives_the_module_bit_for_bit() {
        let architecture = Architecture::new(8, vec![16, 8]).unwrap();
        let parameters: Vec<f32> = (0..289).map(|i| i as f32 / 7.0).collect();
        let network = Network::new(&architecture, &parameters, &device()).unwrap();
        assert_eq!(network.parameters(), parameters);
    }

    #[test]
    fn weights_lie_inputs_by_outputs_and_biases_behind_them() {
        // 2-2-1: hidden = relu([x0·1 + x1·3 + 5, x0·2 + x1·4 − 100]), logit = hidden · [10, 1000] + 7.
        let architecture = Architecture::new(2, vec![2]).unwrap();
        let parameters = [1.0, 2.0, 3.0, 4.0, 5.0, -100.0, 10.0, 1000.0, 7.0];
        let network = Network::new(&architecture, &parameters, &device()).unwrap();
        let logits = network.forward(Tensor::from_data([[1.0f32, 1.0], [20.0, 20.0]], &device()));
        assert_eq!(logits.into_data().iter::<f32>().collect::<Vec<_>>(), [97.0, 20_857.0]);
    }

    #[test]
    fn a_vector_of_the_wrong_length_is_refused() {
        let architecture = Architecture::new(2, vec![2]).unwrap();
        let refused = Network::new(&architecture, &[0.0; 8], &device());
        assert!(matches!(refused, Err(LearningError::ParameterCount { expected: 9, got: 8 })));
    }
}
