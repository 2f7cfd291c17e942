//! What a genesis asks for, as this crate trains it.

use consilium_proto::training::Plan;

use crate::{Architecture, LearningError, TrainingConfig};

/// The network and the training that the institutions of a run agreed on.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingPlan {
    /// Shape of the network.
    pub architecture: Architecture,
    /// Hyper-parameters of local training.
    pub config: TrainingConfig,
}

impl TrainingPlan {
    /// Reads the bytes that a genesis carries beside its model's number of parameters.
    ///
    /// # Errors
    /// [`LearningError::Plan`] for bytes that are no plan of this crate's, [`LearningError::OtherDimension`] where they
    /// describe another model than the genesis.
    pub fn agreed(training: &[u8], dimension: u32) -> Result<Self, LearningError> {
        let plan = Plan::decode(training)?;
        let described = plan.check()?;
        if described != dimension {
            return Err(LearningError::OtherDimension { plan: described, genesis: dimension });
        }
        Ok(Self {
            architecture: plan.layers.try_into()?,
            config: TrainingConfig::from_plan(&plan.training)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use consilium_proto::training::{Convolution, Layers};

    use super::*;
    use crate::{Fall, Optimiser, Schedule};

    #[test]
    fn what_was_agreed_is_what_is_trained_and_another_dimension_is_refused() {
        let fall = Fall::Cosine { final_share: 0.1, steps: 60 };
        let config = TrainingConfig {
            weight_decay: 0.25,
            proximal: 0.125,
            class_weights: vec![1.0, 3.0],
            schedule: Some(Schedule { warmup_steps: 5, fall }),
            ..TrainingConfig::new(Optimiser::AdamW, 0.5, 4, 2)
        };
        let layers = Layers::dense(8, vec![16, 8]);
        let bytes = Plan { layers, training: config.to_plan(), dictionary: None }.encode();
        let plan = TrainingPlan::agreed(&bytes, 289).unwrap();
        assert_eq!(plan.config, config);
        assert_eq!(plan.architecture, Architecture::new(8, vec![16, 8]).unwrap());
        assert!(matches!(
            TrainingPlan::agreed(&bytes, 290),
            Err(LearningError::OtherDimension { plan: 289, genesis: 290 })
        ));
        let convolution = Some(Convolution { image_channels: 1, channels: vec![2] });
        let layers = Layers { convolution, ..Layers::dense(4, vec![]) };
        let training = config.to_plan();
        let bytes = Plan { layers: layers.clone(), training, dictionary: None }.encode();
        assert_eq!(TrainingPlan::agreed(&bytes, 29).unwrap().architecture.layers(), &layers);
        assert!(matches!(
            TrainingPlan::agreed(b"another trainer's", 289),
            Err(LearningError::Plan(_))
        ));
    }
}
