//! The roster in a snapshot of the state.

use consilium_crypto::signature::VerifyingKey;
use consilium_hash::{Pseudonym, TlsKeyHash, TransactionHash};
use consilium_proto::v1::InstitutionSnapshot;

use super::{Institution, Roster};
use crate::{
    enrolment::certificate::Certificate,
    malformed::{Malformed, malformed},
};

const WHAT: &str = "roster";

impl Roster {
    /// The institutions, and the pseudonyms that were revoked before anyone enrolled under them.
    pub(crate) fn snapshot(&self) -> (Vec<InstitutionSnapshot>, Vec<Vec<u8>>) {
        let Self { institutions, barred } = self;
        let institutions = institutions.values().map(Institution::snapshot).collect();
        (institutions, barred.iter().map(Pseudonym::to_vec).collect())
    }

    pub(crate) fn resume(
        institutions: &[InstitutionSnapshot],
        barred: &[Vec<u8>],
    ) -> Result<Self, Malformed> {
        let institution = |message: &InstitutionSnapshot| {
            let institution = Institution::resume(message)?;
            Ok((institution.certificate.pseudonym, institution))
        };
        let name = |name: &Vec<u8>| Pseudonym::try_from(name.as_slice()).map_err(malformed(WHAT));
        Ok(Self {
            institutions: institutions.iter().map(institution).collect::<Result<_, Malformed>>()?,
            barred: barred.iter().map(name).collect::<Result<_, Malformed>>()?,
        })
    }
}

impl Institution {
    fn snapshot(&self) -> InstitutionSnapshot {
        let Self { certificate, credit, revoked, missed, faults } = self;
        let Certificate { pseudonym, signing_key, tls_key, trustee_index, rows } = certificate;
        InstitutionSnapshot {
            pseudonym: pseudonym.to_vec(),
            signing_key: signing_key.encode().to_vec(),
            tls_key: tls_key.map(|key| key.to_vec()).unwrap_or_default(),
            trustee_index: *trustee_index,
            rows: *rows,
            credit: *credit,
            is_revoked: *revoked,
            missed: *missed,
            faults: faults.iter().map(TransactionHash::to_vec).collect(),
        }
    }

    fn resume(message: &InstitutionSnapshot) -> Result<Self, Malformed> {
        let pseudonym = message.pseudonym.as_slice().try_into().map_err(malformed(WHAT))?;
        let signing_key = VerifyingKey::decode(&message.signing_key).map_err(malformed(WHAT))?;
        let tls_key = match message.tls_key.as_slice() {
            [] => None,
            key => Some(TlsKeyHash::try_from(key).map_err(malformed(WHAT))?),
        };
        let fault = |id: &Vec<u8>| id.as_slice().try_into().map_err(malformed(WHAT));
        let (trustee_index, rows) = (message.trustee_index, message.rows);
        Ok(Self {
            certificate: Certificate { pseudonym, signing_key, tls_key, trustee_index, rows },
            credit: message.credit,
            revoked: message.is_revoked,
            missed: message.missed,
            faults: message.faults.iter().map(fault).collect::<Result<_, Malformed>>()?,
        })
    }
}
