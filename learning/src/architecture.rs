//! The shape of the network: convolutions where rows are images, then a multilayer perceptron; ReLU, and a head.

use consilium_proto::training::{Head, Layer, Layers, LayersError};

use crate::LearningError;
use crate::seed::{generator, uniform};

/// A network `inputs → layers… → outputs` with ReLU after every layer but the last, which gives what its head says: a logit,
/// a logit for each class, or a number.
///
/// Valid by construction: [`Layers::layers`] has checked it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Architecture {
    shape: Layers,
    layers: Vec<Layer>,
    side: Option<usize>,
}

impl TryFrom<Layers> for Architecture {
    type Error = LayersError;

    fn try_from(shape: Layers) -> Result<Self, LayersError> {
        let layers = shape.layers()?;
        let side = shape.side()?.map(|side| side as usize);
        Ok(Self { shape, layers, side })
    }
}

impl Architecture {
    /// A perceptron with `inputs` features and hidden layers of the given sizes; no hidden layer is logistic regression.
    ///
    /// # Errors
    /// [`LearningError::Architecture`] for an empty layer or too many parameters.
    pub fn new(inputs: usize, hidden: Vec<usize>) -> Result<Self, LearningError> {
        Self::with_head(inputs, hidden, Head::Binary)
    }

    /// The same with another head than one logit for two classes.
    ///
    /// # Errors
    /// As [`Architecture::new`], and for fewer than two classes.
    pub fn with_head(inputs: usize, hidden: Vec<usize>, head: Head) -> Result<Self, LearningError> {
        let small = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        let hidden = hidden.into_iter().map(small).collect();
        let layers = Layers { head, ..Layers::dense(small(inputs), hidden) };
        Ok(layers.try_into()?)
    }

    /// The layers, as a plan carries them.
    #[must_use]
    pub fn layers(&self) -> &Layers {
        &self.shape
    }

    /// Number of input features.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.shape.inputs as usize
    }

    /// What is predicted.
    #[must_use]
    pub fn head(&self) -> Head {
        self.shape.head
    }

    /// Values of a row that the last layer sees.
    pub(super) fn last_inputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.inputs as usize)
    }

    /// Pixels in a row of the image that the convolutions see, if there are any.
    pub(super) fn side(&self) -> Option<usize> {
        self.side
    }

    /// How many of the layers, the first ones, are convolutions.
    pub(super) fn convolutions(&self) -> usize {
        self.shape.convolution.as_ref().map_or(0, |convolution| convolution.channels.len())
    }

    /// Every layer in order.
    pub(super) fn each_layer(&self) -> impl Iterator<Item = Layer> + '_ {
        self.layers.iter().copied()
    }

    /// `(inputs, outputs)` of every layer, in order: the shape of its weights.
    pub fn weights(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.each_layer().map(|layer| (layer.inputs as usize, layer.outputs as usize))
    }

    /// Number d of parameters: weights and biases of all layers (289 for 8-16-8-1).
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.weights().map(|(fan_in, fan_out)| (fan_in + 1) * fan_out).sum()
    }

    /// Values that a row becomes on its way, its own among them.
    pub(super) fn neurons(&self) -> usize {
        let of_layer = |layer: Layer| layer.outputs as usize * layer.positions as usize;
        self.inputs() + self.each_layer().map(of_layer).sum::<usize>()
    }

    /// Initial parameters, flat: weights uniform in ±√(6 / fan-in) before a ReLU and ±√(3 / fan-in) before the head
    /// (He et al., "Delving deep into rectifiers", ICCV 2015, eq. 10, with gains √2 and 1), biases zero.
    /// The same bytes on every machine.
    #[must_use]
    pub fn initial(&self, seed: u64) -> Vec<f32> {
        let mut rng = generator("initial parameters", seed, &[]);
        let mut parameters = Vec::with_capacity(self.parameter_count());
        for (layer, (fan_in, fan_out)) in self.weights().enumerate() {
            let squared_bound = if layer + 1 < self.layers.len() { 6.0 } else { 3.0 };
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
#[cfg(test)]
mod tests {
    use super::*;
    use crate::model_blob;
    use consilium_proto::training::Convolution;
    use sha2::{Digest, Sha256};

    fn pima() -> Architecture {
        Architecture::new(8, vec![16, 8]).unwrap()
    }

    /// Eight by eight grey pixels, as the bundled digits have them.
    fn digits(channels: &[u32], hidden: &[u32]) -> Architecture {
        let convolution = Some(Convolution { image_channels: 1, channels: channels.to_vec() });
        Layers { convolution, ..Layers::dense(64, hidden.to_vec()) }.try_into().unwrap()
    }

    #[test]
    fn the_default_network_for_pima_has_289_parameters() {
        assert_eq!(pima().parameter_count(), 289);
        assert_eq!(pima().weights().collect::<Vec<_>>(), [(8, 16), (16, 8), (8, 1)]);
        assert_eq!(Architecture::new(30, vec![]).unwrap().parameter_count(), 31);
    }

    #[test]
    fn two_convolutions_and_a_hidden_layer_have_a_million_parameters() {
        let large = digits(&[32, 64], &[240]);
        assert_eq!(large.parameter_count(), 1_002_337);
        assert_eq!(
            large.weights().collect::<Vec<_>>(),
            [(9, 32), (288, 64), (4096, 240), (240, 1)]
        );
        assert_eq!((large.side(), large.inputs(), large.neurons()), (Some(8), 64, 6449));
    }

    #[test]
    fn empty_layers_and_networks_that_would_fill_the_memory_are_refused() {
        for (inputs, hidden) in
            [(0, vec![4]), (8, vec![16, 0]), (8, vec![usize::MAX]), (1 << 20, vec![1 << 20])]
        {
            assert!(matches!(
                Architecture::new(inputs, hidden),
                Err(LearningError::Architecture(_))
            ));
        }
    }

    #[test]
    fn initial_parameters_stay_in_their_bounds_and_biases_are_zero() {
        for (architecture, inputs, outputs) in [(pima(), 8, 16), (digits(&[4], &[5]), 9, 4)] {
            let parameters = architecture.initial(3);
            assert_eq!(parameters.len(), architecture.parameter_count());
            let (first, rest) = parameters.split_at(inputs * outputs);
            let bound = (6.0 / inputs as f32).sqrt();
            assert!(first.iter().all(|w| w.abs() <= bound));
            assert!(first.iter().any(|w| w.abs() > 0.9 * bound));
            assert!(rest.iter().take(outputs).all(|&b| b == 0.0));
            assert_ne!(parameters, architecture.initial(4));
        }
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
