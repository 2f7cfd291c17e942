//! What training makes small: the mean loss of a batch, and the distance to the global model.

use burn::nn::loss::BinaryCrossEntropyLossConfig;
use burn::tensor::activation::{log_sigmoid, log_softmax};
use burn::tensor::{Device, Int, Tensor, TensorData};

use consilium_proto::training::Head;

use crate::network::Network;
use crate::{LearningError, TrainingConfig};

/// Mean loss of the rows of a batch.
pub(super) enum Loss {
    /// Cross-entropy on one logit. A negative and a positive row count so much.
    Binary(Option<[f32; 2]>),
    /// Cross-entropy on the softmax of a logit for each class. A row of each class counts so much; the same without numbers.
    Classes(Vec<f32>),
    /// Squared error.
    Regression,
}

impl Loss {
    /// # Errors
    /// [`LearningError::TrainingConfig`] for weights of other classes than there are.
    pub(super) fn new(head: Head, config: &TrainingConfig) -> Result<Self, LearningError> {
        let weights: Vec<f32> = config.class_weights.iter().map(|&weight| weight as f32).collect();
        match (head, weights.as_slice()) {
            (Head::Binary, []) => Ok(Self::Binary(None)),
            (Head::Binary, &[negative, positive]) => Ok(Self::Binary(Some([negative, positive]))),
            (Head::Classes(classes), given)
                if given.is_empty() || given.len() == classes as usize =>
            {
                Ok(Self::Classes(weights))
            }
            (Head::Regression, []) => Ok(Self::Regression),
            (_, given) => Err(LearningError::TrainingConfig {
                name: "class weights",
                expected: "one for each class, or none".to_owned(),
                got: format!("{} numbers", given.len()),
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
            Self::Classes(weights) => {
                let classes: Vec<i32> = labels.iter().map(|&label| label as i32).collect();
                let classes = TensorData::new(classes, [labels.len(), 1]);
                let classes = Tensor::<2, Int>::from_data(classes, device);
                let gains = log_softmax(outputs, 1).gather(1, classes);
                if weights.is_empty() {
                    return gains.mean().neg();
                }
                // Checked labels are classes, each of which has a weight.
                let weight = |label: f32| weights.get(label as usize).copied().unwrap_or(1.0);
                (gains * column(labels, weight, device)).mean().neg()
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

/// A number for each label, `[batch, 1]`.
fn column(labels: &[f32], value: impl Fn(f32) -> f32, device: &Device) -> Tensor<2> {
    let values: Vec<f32> = labels.iter().map(|&label| value(label)).collect();
    Tensor::from_data(TensorData::new(values, [labels.len(), 1]), device)
}

fn weighted(
    outputs: Tensor<2>,
    labels: &[f32],
    [negative, positive]: [f32; 2],
    device: &Device,
) -> Tensor<1> {
    let negatives = column(labels, |label| f32::from(u8::from(!is_positive(label))), device);
    let weight = |label| if is_positive(label) { positive } else { negative };
    let weights = column(labels, weight, device);
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
