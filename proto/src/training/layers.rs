//! The shape of a model, and how many values it takes.

use std::iter;

use thiserror::Error;

use super::Head;
use crate::{MAX_DIMENSION, v1};

/// Pixels of a kernel: 3 by 3.
const KERNEL: u32 = 9;

/// A shape that no model has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LayersError {
    /// A layer without neurons, or no inputs.
    #[error(
        "a layer without a neuron: every layer, the inputs and an image's channels need 1 or more"
    )]
    Empty,
    /// The inputs are not the pixels of a square image.
    #[error("{inputs} inputs are no square image of {channels} values a pixel")]
    NotSquare {
        /// Features of a row.
        inputs: u32,
        /// Values of a pixel.
        channels: u32,
    },
    /// Too many parameters.
    #[error("more than {MAX_DIMENSION} parameters in all: choose smaller layers")]
    Parameters,
    /// Convolutions with few parameters whose outputs would fill the memory.
    #[error(
        "more than {MAX_DIMENSION} neurons in all, a convolution having one for every channel and pixel: choose fewer channels"
    )]
    Neurons,
    /// A classifier of one class or none, or classes of what is no classifier of several.
    #[error(
        "a head of {classes} classes: several classes are 2 or more; two classes of one logit, and a number, have none here"
    )]
    Classes {
        /// Classes of the plan.
        classes: u32,
    },
    /// A head that this program does not know.
    #[error("head {head} is unknown; expected two classes (0), several (1) or a number (2)")]
    UnknownHead {
        /// Its number.
        head: i32,
    },
}

/// Sizes of a network: convolutions if a row is an image, then dense layers.
///
/// Inputs of an image lie row by row, each pixel its values; so do the outputs of a convolution, which are what the first
/// dense layer sees. Every layer but the last ends in a ReLU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layers {
    /// Features of a row.
    pub inputs: u32,
    /// What comes before the hidden layers where rows are images.
    pub convolution: Option<Convolution>,
    /// Sizes of the hidden layers, in order.
    pub hidden: Vec<u32>,
    /// What is predicted.
    pub head: Head,
}

/// Convolutions of a square image with kernels of 3 by 3 pixels, one pixel of zeros around the image and no stride: every
/// layer has as many pixels as the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Convolution {
    /// Values of a pixel of the image.
    pub image_channels: u32,
    /// Values of a pixel after each convolution, in order.
    pub channels: Vec<u32>,
}

/// A layer: the same weights, `[inputs, outputs]`, and biases, `[outputs]`, at each of its positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// What a neuron sees. Of a convolution: nine pixels of the layer before, row by row, each all of its values.
    pub inputs: u32,
    /// Neurons at a position.
    pub outputs: u32,
    /// Pixels of the image for a convolution; 1 for a dense layer.
    pub positions: u32,
}

impl Layer {
    /// Weights and biases.
    fn parameters(self) -> Option<u32> {
        self.inputs.checked_add(1)?.checked_mul(self.outputs)
    }

    fn neurons(self) -> Option<u32> {
        self.outputs.checked_mul(self.positions)
    }
}

impl Layers {
    /// A multilayer perceptron for two classes, whose rows are no images.
    pub fn dense(inputs: u32, hidden: Vec<u32>) -> Self {
        Self { inputs, convolution: None, hidden, head: Head::Binary }
    }

    /// Pixels in a row of the image, if a row is one.
    ///
    /// # Errors
    /// [`LayersError::NotSquare`], [`LayersError::Empty`].
    pub fn side(&self) -> Result<Option<u32>, LayersError> {
        let Some(Convolution { image_channels: channels, .. }) = self.convolution else {
            return Ok(None);
        };
        let inputs = self.inputs;
        let pixels = inputs.checked_div(channels).ok_or(LayersError::Empty)?;
        let side = pixels.isqrt();
        // Divided and rooted: neither product exceeds the inputs.
        if side * side * channels != inputs {
            return Err(LayersError::NotSquare { inputs, channels });
        }
        Ok(Some(side))
    }

    /// All layers in order, the last with the outputs of the head.
    ///
    /// The parameters of the model are these, layer by layer: weights row by row, one row an input, then biases.
    ///
    /// # Errors
    /// [`LayersError`] for a shape that cannot be trained. What is returned has at most [`MAX_DIMENSION`] parameters, and at
    /// most as many neurons: the values of a row on its way through the network fill no more than 4 MiB.
    pub fn layers(&self) -> Result<Vec<Layer>, LayersError> {
        self.head.check()?;
        let mut layers = Vec::new();
        let mut width = self.inputs;
        if let (Some(convolution), Some(side)) = (&self.convolution, self.side()?) {
            let positions = side.checked_mul(side).ok_or(LayersError::Neurons)?;
            let mut before = convolution.image_channels;
            for &outputs in &convolution.channels {
                let inputs = before.checked_mul(KERNEL).ok_or(LayersError::Parameters)?;
                layers.push(Layer { inputs, outputs, positions });
                before = outputs;
            }
            width = before.checked_mul(positions).ok_or(LayersError::Neurons)?;
        }
        for &outputs in self.hidden.iter().chain(iter::once(&self.head.outputs())) {
            layers.push(Layer { inputs: width, outputs, positions: 1 });
            width = outputs;
        }
        if layers.iter().any(|layer| layer.inputs == 0 || layer.outputs == 0) {
            return Err(LayersError::Empty);
        }
        let parameters = total(0, layers.iter().map(|layer| layer.parameters()));
        parameters.ok_or(LayersError::Parameters)?;
        let neurons = total(self.inputs, layers.iter().map(|layer| layer.neurons()));
        neurons.ok_or(LayersError::Neurons)?;
        Ok(layers)
    }

    /// Number of parameters: a weight for everything that a neuron sees, and a bias; once for all pixels in a convolution.
    ///
    /// # Errors
    /// [`LayersError`] for a shape that cannot be trained.
    pub fn dimension(&self) -> Result<u32, LayersError> {
        let layers = self.layers()?;
        total(0, layers.iter().map(|layer| layer.parameters())).ok_or(LayersError::Parameters)
    }

    /// Number of values that a row becomes on its way: inputs and outputs of all neurons.
    ///
    /// # Errors
    /// [`LayersError`] for a shape that cannot be trained.
    pub fn neurons(&self) -> Result<u32, LayersError> {
        let layers = self.layers()?;
        total(self.inputs, layers.iter().map(|layer| layer.neurons())).ok_or(LayersError::Neurons)
    }

    /// As a plan carries it.
    pub(super) fn to_message(&self) -> v1::Architecture {
        let convolution = self.convolution.as_ref().map(|convolution| v1::Convolution {
            image_channels: convolution.image_channels,
            channels: convolution.channels.clone(),
        });
        let (head, classes) = self.head.to_message();
        let hidden = self.hidden.clone();
        v1::Architecture { inputs: self.inputs, hidden, convolution, head: head.into(), classes }
    }

    /// Reads what a plan carries; all but the head unchecked.
    ///
    /// # Errors
    /// [`LayersError::UnknownHead`], [`LayersError::Classes`].
    pub(super) fn from_message(message: v1::Architecture) -> Result<Self, LayersError> {
        let v1::Architecture { inputs, hidden, convolution, head, classes } = message;
        let convolution = convolution.map(|v1::Convolution { image_channels, channels }| {
            Convolution { image_channels, channels }
        });
        let head = Head::from_message(head, classes)?;
        Ok(Self { inputs, convolution, hidden, head })
    }
}

/// The sum, if it is known and at most [`MAX_DIMENSION`].
fn total(start: u32, mut parts: impl Iterator<Item = Option<u32>>) -> Option<u32> {
    let sum = parts.try_fold(start, |sum, part| sum.checked_add(part?))?;
    (sum <= MAX_DIMENSION).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(inputs: u32, image_channels: u32, channels: &[u32], hidden: &[u32]) -> Layers {
        let convolution = Some(Convolution { image_channels, channels: channels.to_vec() });
        Layers { convolution, ..Layers::dense(inputs, hidden.to_vec()) }
    }

    #[test]
    fn a_convolution_has_its_weights_once_and_its_neurons_at_every_pixel() {
        let layers = image(64, 1, &[32, 64], &[240]);
        let convolution = |inputs, outputs| Layer { inputs, outputs, positions: 64 };
        let dense = |inputs, outputs| Layer { inputs, outputs, positions: 1 };
        let expected = [convolution(9, 32), convolution(288, 64), dense(4096, 240), dense(240, 1)];
        assert_eq!(layers.layers().unwrap(), expected);
        assert_eq!(layers.dimension().unwrap(), 320 + 18_496 + 983_280 + 241);
        assert_eq!(layers.neurons().unwrap(), 64 + 2048 + 4096 + 240 + 1);
        assert_eq!(layers.side().unwrap(), Some(8));
        assert_eq!(image(3 * 25, 3, &[2], &[]).dimension().unwrap(), 28 * 2 + 51);
        // An image without a convolution is what its pixels are to a dense layer.
        assert_eq!(image(64, 1, &[], &[5]).layers(), Layers::dense(64, vec![5]).layers());
    }

    #[test]
    fn several_classes_have_an_output_each_and_a_number_has_one() {
        let layers = |head| Layers { head, ..Layers::dense(8, vec![4]) };
        for (head, outputs) in [(Head::Binary, 1), (Head::Classes(3), 3), (Head::Regression, 1)] {
            assert_eq!(layers(head).dimension().unwrap(), 36 + 5 * outputs);
            let message = layers(head).to_message();
            assert_eq!(Layers::from_message(message), Ok(layers(head)));
        }
        for classes in [0, 1] {
            let refused = layers(Head::Classes(classes)).layers();
            assert_eq!(refused, Err(LayersError::Classes { classes }));
        }
        assert_eq!(layers(Head::Classes(u32::MAX)).layers(), Err(LayersError::Parameters));
        let binary = layers(Head::Binary).to_message();
        let counted = v1::Architecture { classes: 3, ..binary.clone() };
        assert_eq!(Layers::from_message(counted), Err(LayersError::Classes { classes: 3 }));
        let unknown = v1::Architecture { head: 3, ..binary };
        assert_eq!(Layers::from_message(unknown), Err(LayersError::UnknownHead { head: 3 }));
    }

    #[test]
    fn shapes_that_no_image_has_or_that_would_fill_the_memory_are_refused() {
        use LayersError::{Empty, Neurons, NotSquare, Parameters};
        let most = u32::MAX;
        let square = 65_535 * 65_535;
        // One channel has ten parameters and may have a million neurons; so may each of a thousand layers.
        for (layers, expected) in [
            (image(63, 1, &[2], &[]), NotSquare { inputs: 63, channels: 1 }),
            (image(64, 3, &[2], &[]), NotSquare { inputs: 64, channels: 3 }),
            (image(most, 1, &[2], &[]), NotSquare { inputs: most, channels: 1 }),
            (image(64, 0, &[2], &[]), Empty),
            (image(0, 1, &[2], &[]), Empty),
            (image(64, 1, &[2, 0], &[]), Empty),
            (image(64, 1, &[2], &[0]), Empty),
            (Layers::dense(0, vec![2]), Empty),
            (image(64, 1, &[most], &[]), Neurons),
            (image(64, 1, &[most / 64, 1], &[]), Parameters),
            (image(most, most, &[1], &[]), Parameters),
            (image(square, 1, &[1], &[]), Parameters),
            (image(1_000_000, 1, &[2000, 1], &[]), Neurons),
            (image(250_000, 1, &[1; 1000], &[]), Neurons),
            (Layers::dense(1 << 10, vec![1 << 10]), Parameters),
            (Layers::dense(most, vec![most]), Parameters),
        ] {
            assert_eq!(layers.layers(), Err(expected), "{layers:?}");
            assert_eq!(layers.dimension(), Err(expected), "{layers:?}");
        }
    }
}
