//! Whose updates the sums on a chain are made of.

use std::collections::{BTreeMap, BTreeSet};

use consilium_contract::CandidateTransaction;
use consilium_crypto::Evaluation;
use consilium_hash::HeaderHash;
use consilium_ledger::sha256;
use consilium_proto::v1::transaction::Action;

/// The places, from 0, of those whose updates are in the sum of each step, as the transactions of a finished run say.
pub fn places(chain: &[CandidateTransaction]) -> Vec<BTreeSet<usize>> {
    let mut numbers = BTreeMap::new();
    let mut authors = BTreeMap::new();
    let mut accepted = Vec::new();
    for transaction in chain {
        match transaction.action() {
            Action::Enrol(enrol) => {
                let number = enrol.certificate.as_ref().unwrap().trustee_index;
                numbers.insert(transaction.author().unwrap(), number as usize - 1);
            }
            Action::SubmitUpdate(update) => {
                authors.insert(
                    HeaderHash(sha256(&update.header)),
                    numbers[&transaction.author().unwrap()],
                );
            }
            Action::CloseCollection(close) => {
                let evaluation = Evaluation::decode(&close.evaluation).unwrap();
                let inputs = evaluation.inputs().iter();
                accepted.push(inputs.map(|header| authors[header]).collect());
            }
            _ => {}
        }
    }
    accepted
}
