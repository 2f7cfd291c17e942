//! What a model without hidden layers says of its features.

use consilium_proto::training::Head;

use crate::{Architecture, LearningError};

/// The weighted sum behind one output of a model without hidden layers: logistic or linear regression.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearModel {
    /// Features by name, in the order of the inputs, each with its coefficient: what the output gains where the feature, as
    /// the preprocessing scales it, gains one. With two classes that is a change of the log odds, and its exponential
    /// an odds ratio.
    pub coefficients: Vec<(String, f32)>,
    /// The output where all scaled features are zero.
    pub intercept: f32,
}

/// The weighted sums of flat `parameters`, one an output: one for two classes or a number, else one a class in the
/// dictionary's order, of which only differences mean something. `features` names the inputs in order.
///
/// # Errors
/// [`LearningError::NotLinear`] for a model with hidden layers or convolutions, [`LearningError::FeatureNames`] for another
/// number of names than of inputs, [`LearningError::ParameterCount`].
pub fn linear_models(
    architecture: &Architecture,
    parameters: &[f32],
    features: &[String],
) -> Result<Vec<LinearModel>, LearningError> {
    architecture.check(parameters)?;
    let layers = architecture.weights().count();
    if layers > 1 {
        return Err(LearningError::NotLinear { hidden: layers - 1 });
    }
    let inputs = architecture.inputs();
    if features.len() != inputs {
        return Err(LearningError::FeatureNames { expected: inputs, got: features.len() });
    }
    let outputs = match architecture.head() {
        Head::Binary | Head::Regression => 1,
        Head::Classes(classes) => classes as usize,
    };
    // Weights lie input by input, each with one for every output; the biases are behind them.
    let model = |output: usize| {
        let column = parameters.iter().copied().skip(output).step_by(outputs);
        let coefficients = features.iter().cloned().zip(column.clone()).collect();
        let intercept = column.clone().nth(inputs).unwrap_or_default();
        LinearModel { coefficients, intercept }
    };
    Ok((0..outputs).map(model).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("feature {number}")).collect()
    }

    #[test]
    fn coefficients_bear_the_names_of_their_features_in_every_output() {
        let logistic = Architecture::new(3, vec![]).unwrap();
        let models = linear_models(&logistic, &[1.0, -2.0, 0.5, 7.0], &names(3)).unwrap();
        let named = |values: &[f32]| names(3).into_iter().zip(values.iter().copied()).collect();
        let expected = LinearModel { coefficients: named(&[1.0, -2.0, 0.5]), intercept: 7.0 };
        assert_eq!(models, [expected]);

        let two = Architecture::with_head(3, vec![], Head::Classes(2)).unwrap();
        let parameters = [1.0, 10.0, 2.0, 20.0, 3.0, 30.0, -1.0, -10.0];
        let models = linear_models(&two, &parameters, &names(3)).unwrap();
        let first = LinearModel { coefficients: named(&[1.0, 2.0, 3.0]), intercept: -1.0 };
        let second = LinearModel { coefficients: named(&[10.0, 20.0, 30.0]), intercept: -10.0 };
        assert_eq!(models, [first, second]);
    }

    #[test]
    fn a_hidden_layer_or_another_number_of_names_is_refused() {
        let hidden = Architecture::new(3, vec![2]).unwrap();
        let refused = linear_models(&hidden, &hidden.initial(1), &names(3));
        assert!(matches!(refused, Err(LearningError::NotLinear { hidden: 1 })));
        let logistic = Architecture::new(3, vec![]).unwrap();
        let refused = linear_models(&logistic, &[0.0; 4], &names(2));
        assert!(matches!(refused, Err(LearningError::FeatureNames { expected: 3, got: 2 })));
        assert!(linear_models(&logistic, &[0.0; 3], &names(3)).is_err());
    }
}
