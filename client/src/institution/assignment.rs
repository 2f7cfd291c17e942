//! What an institution is asked for in an open round: made only from a checked model.

use std::sync::Arc;

use consilium_audit::{CheckedModel, follow::Collection, model_check::ModelError};
use consilium_contract::{Committee, Model};
use consilium_crypto::{Bound, Context};
use consilium_hash::Pseudonym;

/// What an institution is asked for in an open round.
#[derive(Debug)]
pub struct Assignment {
    global: Model,
    committee: Arc<Committee>,
    context: Context,
}

impl Assignment {
    /// The task of an open round, if the round starts from this model; `bound` is the institution's own.
    ///
    /// # Errors
    /// [`ModelError::OtherModel`].
    pub fn new(
        model: &CheckedModel,
        collection: &Collection,
        pseudonym: &Pseudonym,
        bound: Bound,
    ) -> Result<Self, ModelError> {
        let round = collection.round();
        model.starts(round)?;
        let context = Context { round: round.clone(), pseudonym: *pseudonym, bound };
        let committee = Arc::clone(collection.committee());
        Ok(Self { global: model.model().clone(), committee, context })
    }

    /// The global model to train from, flat.
    pub fn global(&self) -> &[f32] {
        self.global.parameters()
    }

    /// Whom the update is encrypted for.
    pub fn committee(&self) -> &Committee {
        &self.committee
    }

    /// What the update is bound to.
    pub fn context(&self) -> &Context {
        &self.context
    }
}

#[cfg(test)]
mod tests {
    use consilium_audit::follow::Phase;

    use super::*;
    use crate::fixture::Kept as _;
    use consilium_testkit::{DIMENSION, World};

    #[test]
    fn a_round_that_starts_from_an_unchecked_model_gives_no_assignment() {
        let mut world = World::new();
        world.open();
        let (follower, _) = world.follow();
        let Phase::Collecting(collection) = follower.phase() else { panic!() };
        let parameters = &world.ceremony.parameters;
        let initial = CheckedModel::initial(parameters, &world.ceremony.initial_model).unwrap();
        let bound = parameters.own_bound(25);
        let next = CheckedModel::restored(1, initial.model().clone(), initial.findings().clone());
        let assignment = Assignment::new(&initial, collection, &world.name(0), bound).unwrap();
        assert_eq!(assignment.global(), vec![0.25; DIMENSION]);
        assert_eq!(assignment.context().round, world.round());
        assert!(matches!(
            Assignment::new(&next, collection, &world.name(0), bound),
            Err(ModelError::OtherModel { .. })
        ));
    }
}
