//! A last layer of one's own under the layers that all institutions share.

use burn::tensor::{Tensor, TensorData};
use consilium_datasets::Table;
use rand_core::RngCore;

use crate::evaluation::rows_at_once;
use crate::network::{Network, device};
use crate::training::check_table;
use crate::{Architecture, LearningError, TrainingConfig, train};

/// Trains the last layer of the flat `global` model on an institution's own rows, with all others as they are: its patients
/// may be ill more often than those of the others, while what makes them ill is the same (Arivazhagan et al., "Federated
/// learning with personalization layers", 2019). The result stays at the institution, and is no update of the run's.
///
/// The same input, `rng` included, gives the same bytes. A proximal term holds the last layer near the global one. Without
/// hidden layers the last layer is the whole model.
///
/// # Errors
/// As [`train`].
pub fn personalise_head(
    architecture: &Architecture,
    global: &[f32],
    table: &Table,
    config: &TrainingConfig,
    rng: &mut impl RngCore,
) -> Result<Vec<f32>, LearningError> {
    check_table(architecture, table)?;
    let device = device();
    let network = Network::new(architecture, global, &device)?;
    let width = architecture.last_inputs();
    // What the shared layers make of a row does not change, so it is reckoned once, and the last layer is a model of it.
    let mut activations = Vec::with_capacity(table.rows * width);
    for features in table.features.chunks(rows_at_once(architecture) * table.width.max(1)) {
        let shape = [features.len() / table.width.max(1), table.width];
        let inputs = Tensor::<2>::from_data(TensorData::new(features.to_vec(), shape), &device);
        activations.extend(network.before_last(inputs).into_data().iter::<f32>());
    }
    let labels = table.labels.clone();
    let seen = Table { features: activations, labels, rows: table.rows, width };
    let head = Architecture::with_head(width, Vec::new(), architecture.head())?;
    let shared = global.len().saturating_sub(head.parameter_count());
    let (shared, last) = global.split_at(shared);
    let trained = train(&head, last, &seen, config, rng)?;
    Ok([shared, &trained].concat())
}

#[cfg(test)]
mod tests {
    use consilium_proto::training::{Convolution, Layers};

    use super::*;
    use crate::seed::uniform;
    use crate::{Optimiser, evaluate, generator};

    /// Rows of a site where the score x₀ + x₁/2 has to exceed `threshold` for a patient to be ill.
    fn site(rows: usize, threshold: f32, seed: u64) -> Table {
        let mut rng = generator("site", seed, &[]);
        let features: Vec<f32> = (0..2 * rows).map(|_| uniform(&mut rng, 1.0)).collect();
        let labels = features
            .chunks(2)
            .map(|x| f32::from(u8::from(x[0] + 0.5 * x[1] + uniform(&mut rng, 0.2) > threshold)))
            .collect();
        Table { features, labels, rows, width: 2 }
    }

    #[test]
    fn a_site_with_another_base_rate_gains_by_a_last_layer_of_its_own() {
        let architecture = Architecture::new(2, vec![8, 4]).unwrap();
        let config = TrainingConfig::new(Optimiser::Adam, 0.01, 16, 30);
        let global = train(
            &architecture,
            &architecture.initial(1),
            &site(600, 0.0, 1),
            &config,
            &mut generator("order", 1, &[]),
        )
        .unwrap();
        // One patient in two is ill where the model comes from, about one in seven here.
        let own = site(80, 0.6, 2);
        let unseen = site(1000, 0.6, 3);
        assert!((0.05..0.25).contains(&(unseen.positives() as f64 / 1000.0)));
        let personalise = || {
            let mut order = generator("order", 2, &[]);
            personalise_head(&architecture, &global, &own, &config, &mut order).unwrap()
        };
        let personal = personalise();
        let before = evaluate(&architecture, &global, &unseen).unwrap();
        let after = evaluate(&architecture, &personal, &unseen).unwrap();
        assert!(after.accuracy > before.accuracy + 0.05, "{after:?} after {before:?}");
        assert!(after.loss < 0.7 * before.loss, "{after:?} after {before:?}");
        assert_eq!(personalise(), personal);
        // 8·4 + 4 + 2·8 + 8 parameters of the shared layers, and 5 of the last.
        assert_eq!(personal[..60], global[..60]);
        assert_eq!(personal.len(), 65);
        assert_ne!(personal[60..], global[60..]);
    }

    #[test]
    fn the_last_layer_learns_as_it_would_in_the_whole_network_whose_others_stand_still() {
        // A first gradient step of SGD on the last layer is the same, whether the others move with it or not.
        let convolution = Some(Convolution { image_channels: 2, channels: vec![3] });
        let layers = Layers { convolution, ..Layers::dense(18, vec![]) };
        let dense = Architecture::new(4, vec![3]).unwrap();
        for architecture in [dense, layers.try_into().unwrap()] {
            let mut rng = generator("rows", 7, &[]);
            let width = architecture.inputs();
            let features = (0..10 * width).map(|_| uniform(&mut rng, 1.0)).collect();
            let labels = (0..10).map(|row| f32::from(u8::from(row % 3 == 0))).collect();
            let table = Table { features, labels, rows: 10, width };
            let sgd = TrainingConfig::new(Optimiser::Sgd, 0.1, 10, 1);
            let global = architecture.initial(1);
            let order = || generator("order", 1, &[]);
            let whole = train(&architecture, &global, &table, &sgd, &mut order()).unwrap();
            let head =
                personalise_head(&architecture, &global, &table, &sgd, &mut order()).unwrap();
            let last = architecture.last_inputs() + 1;
            let shared = global.len() - last;
            assert_eq!(head[..shared], global[..shared]);
            let differs = |(a, b): (&f32, &f32)| (a - b).abs() > 1e-6;
            assert!(!head[shared..].iter().zip(&whole[shared..]).any(differs));
            assert!(head[shared..].iter().zip(&global[shared..]).any(differs));
        }
    }
}
