//! Who takes part: certificates for keys that were made elsewhere, their renewal, and revocation.

use consilium_contract::certificate::{Certificate, pseudonym};
use consilium_crypto::signature::{SigningKey, VerifyingKey};
use consilium_hash::{Pseudonym, TlsKeyHash};
use consilium_identity::{InstitutionFiles, PartyRequest, TlsKey, is_plain_name, tls_key_hash};
use consilium_proto::v1::{self, Pause, Resume, Revoke, SignedTransaction, transaction::Action};
use rand_core::CryptoRngCore;

use crate::{
    AuthorityError, AuthorityFiles,
    files::PSEUDONYMS,
    register::{Registered, parse_pseudonym},
};

/// A certificate that the authority has issued, and for whom.
#[derive(Debug, Clone)]
pub struct Certified {
    /// Its name in the register.
    pub name: String,
    /// As the institution enrols with it.
    pub certificate: v1::Certificate,
    /// The same, verified.
    pub identity: Certificate,
}

/// What the authority knows of an institution, for a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its number.
    pub number: u32,
    /// Rows that it trains on.
    pub rows: u64,
    /// Its name on the chain, in hex.
    pub pseudonym: &'a str,
    /// Hash of the key of its transport, in hex.
    pub tls_key: &'a str,
    /// Whether the authority has signed its revocation. Whether that is on the chain, the chain says.
    pub revoked: bool,
}

impl AuthorityFiles {
    /// Certifies the keys of a request under the next number, if its fingerprint is the one that was read out. The register
    /// has to be [`record`](Self::record)ed before the certificate leaves the authority: numbers are never given again. The
    /// same request can be approved again, for the same certificate.
    ///
    /// # Errors
    /// [`AuthorityError::Institution`] for another fingerprint, or a name that other keys have;
    /// [`AuthorityError::Certificate`] where there are no rows or more than the genesis allows, or no numbers left.
    pub fn approve(
        &mut self,
        request: &PartyRequest,
        fingerprint: &str,
        rows: u64,
    ) -> Result<Certified, AuthorityError> {
        compare_fingerprint(request, fingerprint)?;
        let tls_key = tls_key_hash(request.tls_key());
        self.certify(request.name(), request.signing_key(), tls_key, rows)
    }

    /// Certifies another key of the transport for an institution that is registered: its request names the same signing
    /// key, and has its signature.
    ///
    /// # Errors
    /// [`AuthorityError::Institution`] for another fingerprint, an institution that is not registered or is revoked, or
    /// another signing key.
    pub fn renew(
        &mut self,
        request: &PartyRequest,
        fingerprint: &str,
    ) -> Result<Certified, AuthorityError> {
        compare_fingerprint(request, fingerprint)?;
        let name = request.name();
        let refused = |problem: &str| AuthorityError::Institution {
            name: name.to_owned(),
            problem: problem.to_owned(),
        };
        let registered = self.register.get_mut(name).ok_or_else(|| {
            refused("is in no table of pseudonyms.toml: approve its request instead")
        })?;
        if registered.revoked {
            return Err(refused("is revoked"));
        }
        if registered.signing_key != hex::encode(request.signing_key().encode()) {
            return Err(refused(
                "asks with another signing key than the one that is certified, which the chain holds for good: revoke it, and \
                 approve a request under another name",
            ));
        }
        let tls_key = tls_key_hash(request.tls_key());
        registered.tls_key = tls_key.to_string();
        let registered = registered.clone();
        self.issue(name, request.signing_key(), tls_key, &registered)
    }

    /// Registers an institution under the next number, makes its keys here and certifies them: a local ceremony, for
    /// simulations. The register has to be [`record`](Self::record)ed before the institution gets its folder.
    ///
    /// # Errors
    /// As [`approve`](Self::approve).
    pub fn admit(
        &mut self,
        name: &str,
        rows: u64,
        rng: &mut impl CryptoRngCore,
    ) -> Result<InstitutionFiles, AuthorityError> {
        let signing = SigningKey::generate(rng);
        let tls = TlsKey::generate(rng);
        let Certified { certificate, identity, .. } =
            self.certify(name, &signing.verifying_key(), tls.hash(), rows)?;
        Ok(InstitutionFiles {
            signing,
            tls,
            certificate,
            identity,
            genesis_entry: self.genesis_entry.clone(),
            initial_model: self.initial_model.clone(),
            dictionary: self.dictionary.clone(),
            parameters: self.parameters.clone(),
        })
    }

    pub(crate) fn certify(
        &mut self,
        name: &str,
        signing_key: &VerifyingKey,
        tls_key: TlsKeyHash,
        rows: u64,
    ) -> Result<Certified, AuthorityError> {
        let refused =
            |problem: String| AuthorityError::Institution { name: name.to_owned(), problem };
        if !is_plain_name(name) {
            return Err(refused("a name has 1 to 64 letters, digits, - and _".to_owned()));
        }
        let registered = Registered {
            pseudonym: pseudonym(name, &self.pseudonym_nonce).to_string(),
            trustee_index: self.register.next_number(),
            rows,
            signing_key: hex::encode(signing_key.encode()),
            tls_key: tls_key.to_string(),
            revoked: false,
        };
        if let Some(objection) = self.barred.objection(name, &registered) {
            return Err(refused(objection));
        }
        if let Some(former) = self.register.get(name) {
            let again = Registered { trustee_index: former.trustee_index, ..registered };
            return if *former == again {
                self.issue(name, signing_key, tls_key, &again)
            } else {
                Err(refused("is registered already; give another name".to_owned()))
            };
        }
        // One key under two names would be one institution that counts twice.
        let has_key = |other: &Registered| {
            other.signing_key == registered.signing_key || other.tls_key == registered.tls_key
        };
        if let Some((other, _)) = self.register.iter().find(|(_, other)| has_key(other)) {
            return Err(refused(format!(
                "asks with a key of {other}; each institution makes its own"
            )));
        }
        let certified = self.issue(name, signing_key, tls_key, &registered)?;
        self.register.insert(name, registered);
        Ok(certified)
    }

    fn issue(
        &self,
        name: &str,
        signing_key: &VerifyingKey,
        tls_key: TlsKeyHash,
        registered: &Registered,
    ) -> Result<Certified, AuthorityError> {
        let identity = Certificate {
            pseudonym: pseudonym(name, &self.pseudonym_nonce),
            signing_key: *signing_key,
            tls_key: Some(tls_key),
            trustee_index: registered.trustee_index,
            rows: registered.rows,
        };
        let certificate = identity.issue(&self.signing, &self.parameters.nonce);
        self.parameters
            .verify_certificate(&certificate)
            .map_err(|source| AuthorityError::Certificate { name: name.to_owned(), source })?;
        Ok(Certified { name: name.to_owned(), certificate, identity })
    }

    /// The number that the next institution gets.
    pub fn next_number(&self) -> u32 {
        self.register.next_number()
    }

    /// The pseudonym of an institution: by its name in the register, or as it stands, 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`AuthorityError::Institution`].
    pub fn pseudonym_of(&self, name: &str) -> Result<Pseudonym, AuthorityError> {
        let registered =
            self.register.get(name).map_or(name, |registered| registered.pseudonym.as_str());
        parse_pseudonym(registered).ok_or_else(|| AuthorityError::Institution {
            name: name.to_owned(),
            problem: format!(
                "is in no table of {PSEUDONYMS}, and no pseudonym of 64 hexadecimal digits"
            ),
        })
    }

    /// The name of an institution in the register; its pseudonym in hex where it has none.
    pub fn name_of(&self, pseudonym: &str) -> String {
        let mut registered = self.register.iter();
        let found = registered.find(|(_, registered)| registered.pseudonym == pseudonym);
        found.map_or_else(|| pseudonym.to_owned(), |(name, _)| name.clone())
    }

    /// Everyone who is registered, in the order of their numbers.
    pub fn list(&self) -> Vec<Listed<'_>> {
        let everyone = self.register.by_number().into_iter();
        everyone
            .map(|(name, registered)| Listed {
                name,
                number: registered.trustee_index,
                rows: registered.rows,
                pseudonym: &registered.pseudonym,
                tls_key: &registered.tls_key,
                revoked: registered.revoked,
            })
            .collect()
    }

    /// Revokes an institution, for good: its updates are taken no longer. A share of the key that it holds stays one, until a
    /// new committee has taken the key over.
    ///
    /// # Errors
    /// As [`AuthorityFiles::pseudonym_of`].
    pub fn revoke(&self, name: &str) -> Result<SignedTransaction, AuthorityError> {
        let pseudonym = self.pseudonym_of(name)?.to_vec();
        Ok(self.sign(Action::Revoke(Revoke { pseudonym })))
    }

    /// Holds the run: no further round opens, and what is begun goes on to its end. `request` is larger than that of every pause
    /// and resumption before: milliseconds since the epoch serve.
    pub fn pause(&self, request: u64) -> SignedTransaction {
        self.sign(Action::Pause(Pause { request }))
    }

    /// Lets a run that is paused go on. `request` as of [`pause`](Self::pause).
    pub fn resume(&self, request: u64) -> SignedTransaction {
        self.sign(Action::Resume(Resume { request }))
    }

    /// Remembers a revocation that was signed, so that no certificate of the institution is renewed. The register has to be
    /// [`record`](Self::record)ed.
    ///
    /// # Errors
    /// As [`AuthorityFiles::pseudonym_of`].
    pub fn remember_revoked(&mut self, name: &str) -> Result<(), AuthorityError> {
        let known = self.name_of(&self.pseudonym_of(name)?.to_string());
        if let Some(registered) = self.register.get_mut(&known) {
            registered.revoked = true;
        }
        Ok(())
    }
}

/// Whether a request is the one whose fingerprint its author has read out.
pub(crate) fn compare_fingerprint(
    request: &PartyRequest,
    fingerprint: &str,
) -> Result<(), AuthorityError> {
    let computed = request.fingerprint();
    if computed.is(fingerprint) {
        return Ok(());
    }
    let problem = format!(
        "the request has the fingerprint {computed}, not the one that was read out; get the file from its author again"
    );
    Err(AuthorityError::Institution { name: request.name().to_owned(), problem })
}
