//! What the parties of a ceremony sign, and the chain that they sign it for.

use consilium_authority::Ceremony;
use consilium_contract::{Contract, transaction::sign};
use consilium_crypto::signature;
use consilium_hash::{ChainId, Pseudonym};
use consilium_ledger::{Header, HeaderChain, SealedHeader};
use consilium_proto::v1::{Enrol, SignedTransaction, transaction::Action};
use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

use crate::table;

/// Everybody's keys, in one pair of hands. Institutions are called by their places, from 0.
pub trait Parties {
    /// Where the keys are.
    fn ceremony(&self) -> &Ceremony;

    /// The run's name: the hash of its genesis.
    fn chain_id(&self) -> ChainId {
        self.ceremony().parameters.chain_id
    }

    /// The pseudonym of an institution.
    fn name(&self, place: usize) -> Pseudonym {
        self.ceremony().institutions[place].identity.pseudonym
    }

    /// What an institution signs with.
    fn key(&self, place: usize) -> &signature::SigningKey {
        &self.ceremony().institutions[place].signing
    }

    /// Signed by an institution.
    fn says(&self, place: usize, action: Action) -> SignedTransaction {
        sign(self.key(place), &self.chain_id(), Some(&self.name(place)), action)
    }

    /// Signed by the coordinator.
    fn orders(&self, action: Action) -> SignedTransaction {
        sign(&self.ceremony().coordinator.signing, &self.chain_id(), None, action)
    }

    /// Signed by the authority.
    fn decrees(&self, action: Action) -> SignedTransaction {
        sign(self.ceremony().authority_key(), &self.chain_id(), None, action)
    }

    /// An institution's enrolment.
    fn enrolment(&self, place: usize) -> SignedTransaction {
        let certificate = self.ceremony().institutions[place].certificate.clone();
        self.says(place, Action::Enrol(Enrol { certificate: Some(certificate) }))
    }

    /// The rules, as they stand after block 0.
    fn contract(&self) -> Contract {
        let Ceremony { genesis_entry, initial_model, .. } = self.ceremony();
        Contract::found(genesis_entry, initial_model, table()).unwrap()
    }

    /// An empty chain of this run.
    fn empty_chain(&self) -> HeaderChain {
        HeaderChain::new(self.ceremony().parameters.validators())
    }

    /// Any header, with the coordinator's signature.
    fn seal_header(&self, header: Header) -> SealedHeader {
        let bytes: Zeroizing<[u8; 32]> = self.ceremony().coordinator.signing.to_bytes();
        header.seal(&self.chain_id(), &SigningKey::from_bytes(&bytes))
    }
}

impl Parties for Ceremony {
    fn ceremony(&self) -> &Ceremony {
        self
    }
}
