//! The network as a burn module, and the way between it and the flat parameter vector.
//!
//! The only file that names a backend: cargo feature `ndarray` (default) or `flex`.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData, activation::relu};

use crate::patches::patches;
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

/// Layers with ReLU between them; the last one gives what the head says.
#[derive(Module, Debug)]
pub(super) struct Network {
    /// A convolution is a dense layer over the pixels under its kernel.
    pub(super) layers: Vec<Linear>,
    /// How many of them are convolutions: the first.
    #[module(skip)]
    convolutions: usize,
    /// Pixels in a row of their images.
    #[module(skip)]
    side: usize,
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
        let layers = architecture.weights().map(|(fan_in, fan_out)| Linear {
            weight: Param::from_data(
                TensorData::new(take(fan_in * fan_out), [fan_in, fan_out]),
                device,
            ),
            bias: Some(Param::from_data(TensorData::new(take(fan_out), [fan_out]), device)),
        });
        Ok(Self {
            layers: layers.collect(),
            convolutions: architecture.convolutions(),
            side: architecture.side().unwrap_or_default(),
        })
    }

    /// Outputs `[batch, outputs]` of inputs `[batch, features]`.
    pub(super) fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        match self.layers.last() {
            Some(last) => last.forward(self.before_last(inputs)),
            None => inputs,
        }
    }

    /// What the last layer sees of inputs `[batch, features]`.
    pub(super) fn before_last(&self, inputs: Tensor<2>) -> Tensor<2> {
        let [rows, _] = inputs.dims();
        let device = inputs.device();
        let mut activations = inputs;
        let last = self.layers.len().saturating_sub(1);
        for (number, layer) in self.layers.iter().take(last).enumerate() {
            if number < self.convolutions {
                // As many values a pixel as are left: one row of the input is one image.
                let images = activations.reshape([rows as i32, (self.side * self.side) as i32, -1]);
                activations = layer.forward(patches(images, self.side, &device));
            } else {
                activations = layer.forward(activations);
            }
            activations = relu(activations);
            if number + 1 == self.convolutions {
                // The pixels of an image become one row again.
                activations = activations.reshape([rows as i32, -1]);
            }
        }
        activations
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
    use consilium_proto::training::{Convolution, Layers};

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
    fn a_convolution_has_one_kernel_for_all_pixels_and_the_next_layer_sees_them_row_by_row() {
        // Two by two grey pixels, one kernel whose weights are the powers of two, then one weight a pixel.
        let convolution = Some(Convolution { image_channels: 1, channels: vec![1] });
        let layers = Layers { convolution, ..Layers::dense(4, vec![]) };
        let architecture = Architecture::try_from(layers).unwrap();
        let kernel = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, -300.0];
        let dense = [1.0, 1000.0, 1e6, 1e7, 0.5];
        let parameters = [&kernel[..], &dense].concat();
        let network = Network::new(&architecture, &parameters, &device()).unwrap();
        let image = [[1.0f32, 0.0, 1.0, 2.0], [0.0, 0.0, 0.0, 9.0]];
        let logits = network.forward(Tensor::from_data(image, &device()));
        // First image: pixel 0 sees 16·1 + 128·1 + 256·2 = 656; pixel 1: 8·1 + 64·1 + 128·2 = 328; pixel 2: 2·1 + 16·1 +
        // 32·2 = 82; pixel 3: 1 + 8·1 + 16·2 = 41. Less 300 each, and nothing below zero. Second: 2304, 1152, 288, 144.
        let expected = [356.0 + 28.0 * 1000.0 + 0.5, 2004.0 + 852.0 * 1000.0 + 0.5];
        assert_eq!(logits.into_data().iter::<f32>().collect::<Vec<_>>(), expected);
        assert_eq!(network.parameters(), parameters);
    }

    #[test]
    fn a_vector_of_the_wrong_length_is_refused() {
        let architecture = Architecture::new(2, vec![2]).unwrap();
        let refused = Network::new(&architecture, &[0.0; 8], &device());
        assert!(matches!(refused, Err(LearningError::ParameterCount { expected: 9, got: 8 })));
    }
}
