//! What training makes small: the mean loss of a batch, and the distance to the global model.

use burn::nn::loss::BinaryCrossEntropyLossConfig;
use burn::tensor::activation::{log_sigmoid, log_softmax};
use burn::tensor::{Device, Int, Tensor, TensorData};

use consilium_proto::training::Head;

use crate::network::Network;
use crate::{ClassWeights, LearningError, TrainingConfig};

/// Mean loss of the rows of a batch.
pub(super) enum Loss {
    /// Cross-entropy on one logit.
    Binary(Option<ClassWeights>),
    /// Cross-entropy on the softmax of a logit for each class.
    Classes,
    /// Squared error.
    Regression,
}

impl Loss {
    /// # Errors
    /// [`LearningError::TrainingConfig`] for weights of two classes where there are others.
    pub(super) fn new(head: Head, config: &TrainingConfig) -> Result<Self, LearningError> {
        match (head, config.class_weights) {
            (Head::Binary, weights) => Ok(Self::Binary(weights)),
            (Head::Classes(_), None) => Ok(Self::Classes),
            (Head::Regression, None) => Ok(Self::Regression),
            (Head::Classes(_) | Head::Regression, Some(_)) => Err(LearningError::TrainingConfig {
                name: "class weights",
                expected: "absent where there are not two classes".to_owned(),
                got: "two numbers".to_owned(),
            }),
        }
    }

    /// Of outputs `[batch, outputs]` and labels `[batch]`, which have been checked.
    pub(super) fn mean(&self, outputs: Tensor<2>, labels: &[f32], device: &Device) -> Tensor<1> {
        match self {
            Self::Binary(None) => {
                let targets = labels.iter().map(|&label| i32::from(is_positive(label))).collect();
                let targets = TensorData::new::<i32, _>(targets, [labels.len(), 1]);
                let targets = Tensor::<2, Int>::from_data(targets, device);
                let loss = BinaryCrossEntropyLossConfig::new().with_logits(true).init(device);
                loss.forward(outputs, targets)
            }
            Self::Binary(Some(weights)) => weighted(outputs, labels, *weights, device),
            Self::Classes => {
                let classes: Vec<i32> = labels.iter().map(|&label| label as i32).collect();
                let classes = TensorData::new(classes, [labels.len(), 1]);
                let classes = Tensor::<2, Int>::from_data(classes, device);
                log_softmax(outputs, 1).gather(1, classes).mean().neg()
            }
            Self::Regression => {
                let targets = TensorData::new(labels.to_vec(), [labels.len(), 1]);
                (outputs - Tensor::<2>::from_data(targets, device)).square().mean()
            }
        }
    }
}

fn is_positive(label: f32) -> bool {
    label > 0.5
}

fn weighted(
    outputs: Tensor<2>,
    labels: &[f32],
    weights: ClassWeights,
    device: &Device,
) -> Tensor<1> {
    let column = |value: &dyn Fn(f32) -> f32| {
        let values: Vec<f32> = labels.iter().map(|&label| value(label)).collect();
        Tensor::<2>::from_data(TensorData::new(values, [labels.len(), 1]), device)
    };
    let negatives = column(&|label| f32::from(u8::from(!is_positive(label))));
    let ClassWeights { negative, positive } = weights;
    let weights =
        column(&|label| if is_positive(label) { positive as f32 } else { negative as f32 });
    // −log σ(z) of a positive row, z − log σ(z) = −log σ(−z) of a negative one. Divided by the rows and not by their
    // weights, which differ from batch to batch: the mean over batches is then that over all rows.
    let losses = negatives * outputs.clone() - log_sigmoid(outputs);
    (losses * weights).mean()
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
