//! What training makes small: the mean loss of a batch, and the distance to the global model.

use burn::nn::loss::BinaryCrossEntropyLossConfig;
use burn::tensor::activation::log_sigmoid;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::network::Network;
use crate::{ClassWeights, TrainingConfig};

/// Mean loss of the rows of a batch.
pub(super) struct Loss {
    class_weights: Option<ClassWeights>,
}

impl Loss {
    pub(super) fn new(config: &TrainingConfig) -> Self {
        Self { class_weights: config.class_weights }
    }

    /// Of outputs `[batch, 1]` and labels `[batch]`.
    pub(super) fn mean(&self, outputs: Tensor<2>, labels: &[f32], device: &Device) -> Tensor<1> {
        let shape = [labels.len(), 1];
        let positive = |label: &f32| *label > 0.5;
        let Some(weights) = self.class_weights else {
            let targets = labels.iter().map(|label| i32::from(positive(label))).collect();
            let targets =
                Tensor::<2, Int>::from_data(TensorData::new::<i32, _>(targets, shape), device);
            let loss = BinaryCrossEntropyLossConfig::new().with_logits(true).init(device);
            return loss.forward(outputs, targets);
        };
        let negatives = labels.iter().map(|label| f32::from(u8::from(!positive(label)))).collect();
        let negatives = Tensor::<2>::from_data(TensorData::new::<f32, _>(negatives, shape), device);
        let ClassWeights { negative: of_negative, positive: of_positive } = weights;
        let weight = |label| if positive(label) { of_positive } else { of_negative };
        let weights = labels.iter().map(|label| weight(label) as f32).collect();
        let weights = Tensor::<2>::from_data(TensorData::new::<f32, _>(weights, shape), device);
        // −log σ(z) of a positive row, z − log σ(z) = −log σ(−z) of a negative one. Divided by the rows and not by their
        // weights, which differ from batch to batch: the mean over batches is then that over all rows.
        let losses = negatives * outputs.clone() - log_sigmoid(outputs);
        (losses * weights).mean()
    }
}

/// μ/2·‖w − w_global‖² (Li et al., "Federated optimization in heterogeneous networks", MLSys 2020, eq. 2).
pub(super) struct Proximal {
    half_mu: f64,
    /// Weights and biases of every layer of the global model, outside of any gradient.
    global: Vec<(Tensor<2>, Option<Tensor<1>>)>,
}

impl Proximal {
    /// Around this network; `None` where μ is 0.
    pub(super) fn new(mu: f64, network: &Network) -> Option<Self> {
        let layer = |layer: &burn::nn::Linear| {
            let bias = layer.bias.as_ref().map(|bias| bias.val().detach());
            (layer.weight.val().detach(), bias)
        };
        let global = network.layers.iter().map(layer).collect();
        (mu > 0.0).then_some(Self { half_mu: mu / 2.0, global })
    }

    /// The term as it stands for a network of the same shape.
    pub(super) fn term(&self, network: &Network) -> Tensor<1> {
        let mut squares = Vec::new();
        for (layer, (weight, bias)) in network.layers.iter().zip(&self.global) {
            squares.push((layer.weight.val() - weight.clone()).square().sum());
            if let (Some(own), Some(bias)) = (&layer.bias, bias) {
                squares.push((own.val() - bias.clone()).square().sum());
            }
        }
        Tensor::cat(squares, 0).sum() * self.half_mu
    }
}
