//! What is changed of the default, one thing at a time.

use consilium_learning::{Fall, Optimiser, Schedule, TrainingConfig};

/// A change of the default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Variant {
    /// None.
    Default,
    /// So many steps instead of the default's.
    Steps(usize),
    /// Adam, which decays no weight, in place of AdamW.
    Adam,
    /// AdamW with this weight decay.
    WeightDecay(f64),
    /// FedProx with this μ.
    Proximal(f64),
    /// The learning rate, times this.
    LearningRate(f64),
    /// Half a cosine down to this share of the learning rate.
    Cosine(f64),
    /// Rows of a batch.
    Batch(usize),
    /// Passes over the rows in a step.
    LocalEpochs(usize),
}

impl Variant {
    /// Everything that a table compares, the default first.
    pub const ALL: [Self; 14] = [
        Self::Default,
        Self::Steps(30),
        Self::Steps(120),
        Self::Adam,
        Self::WeightDecay(0.3),
        Self::WeightDecay(3.0),
        Self::Proximal(0.1),
        Self::Proximal(1.0),
        Self::LearningRate(0.3),
        Self::LearningRate(3.0),
        Self::Cosine(0.1),
        Self::Batch(8),
        Self::Batch(32),
        Self::LocalEpochs(2),
    ];

    /// As a table names it.
    pub fn name(self) -> String {
        match self {
            Self::Default => "default".to_owned(),
            Self::Steps(steps) => format!("{steps} steps"),
            Self::Adam => "adam".to_owned(),
            Self::WeightDecay(decay) => format!("adamw, weight decay {decay}"),
            Self::Proximal(mu) => format!("proximal {mu}"),
            Self::LearningRate(factor) => format!("learning rate × {factor}"),
            Self::Cosine(share) => format!("schedule cosine:{share}"),
            Self::Batch(rows) => format!("batches of {rows}"),
            Self::LocalEpochs(epochs) => format!("{epochs} local epochs"),
        }
    }

    /// Changes steps and training of a default.
    pub fn apply(self, steps: &mut usize, training: &mut TrainingConfig) {
        match self {
            Self::Default => {}
            Self::Steps(other) => *steps = other,
            Self::Adam => {
                training.optimiser = Optimiser::Adam;
                training.weight_decay = 0.0;
            }
            Self::WeightDecay(decay) => {
                training.optimiser = Optimiser::AdamW;
                training.weight_decay = decay;
            }
            Self::Proximal(mu) => training.proximal = mu,
            Self::LearningRate(factor) => training.learning_rate *= factor,
            Self::Cosine(final_share) => {
                let fall = Fall::Cosine { final_share, steps: *steps as u64 };
                training.schedule = Some(Schedule { warmup_steps: 0, fall });
            }
            Self::Batch(rows) => training.batch_size = rows,
            Self::LocalEpochs(epochs) => training.local_epochs = epochs,
        }
    }
}
