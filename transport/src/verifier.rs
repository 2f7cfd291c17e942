//! How both ends of a handshake judge the other's certificate: by its owner, against the genesis.

use std::sync::Arc;

use consilium_contract::Parameters;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, OtherError,
    ServerConfig, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
    version::TLS13,
};

use crate::{
    certificate::{make, read},
    owner::{Peer, PeerError, Presented},
};

/// What both protocols of a connection agree on: HTTP/2, as gRPC asks for.
const ALPN: &[u8] = b"h2";

/// Who may connect to a coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guests {
    /// Nobody without a certificate of the run.
    Refused,
    /// Whoever presents no certificate at all, as a guest.
    Welcome,
}

/// Judges by owners alone: names and dates of X.509 say nothing here.
#[derive(Debug)]
struct Verifier {
    parameters: Arc<Parameters>,
    algorithms: WebPkiSupportedAlgorithms,
    guests: Guests,
}

impl Verifier {
    fn new(parameters: &Parameters, provider: &CryptoProvider, guests: Guests) -> Arc<Self> {
        Arc::new(Self {
            parameters: Arc::new(parameters.clone()),
            algorithms: provider.signature_verification_algorithms,
            guests,
        })
    }

    fn judge(
        &self,
        certificate: &CertificateDer<'_>,
        expected: &'static str,
        takes: fn(&Peer) -> bool,
    ) -> Result<(), PeerError> {
        let found = read(&self.parameters, certificate)?;
        if takes(&found) { Ok(()) } else { Err(PeerError::OtherParty { found, expected }) }
    }
}

/// The error that has TLS tell the other end, by its alert, what to do: `Refusal` reads it.
fn alerted(error: PeerError) -> Error {
    Error::InvalidCertificate(match error {
        PeerError::OtherRun | PeerError::ForAnotherRun { .. } => CertificateError::UnknownIssuer,
        PeerError::OtherKey => CertificateError::ApplicationVerificationFailure,
        PeerError::Malformed(_) | PeerError::OtherParty { .. } => carried(error),
    })
}

/// The error that keeps what was found out, for who is told of it at this end.
fn carried(error: PeerError) -> CertificateError {
    CertificateError::Other(OtherError(Arc::new(error)))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_coordinator = |peer: &Peer| *peer == Peer::Coordinator;
        self.judge(end_entity, "the coordinator", is_coordinator).map_err(|error| match error {
            // Which run its coordinator serves there, no alert could say to whoever has called.
            PeerError::ForAnotherRun { .. } => Error::InvalidCertificate(carried(error)),
            error => alerted(error),
        })?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("only TLS 1.3 is spoken here".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.guests == Guests::Refused
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let connects = |peer: &Peer| *peer != Peer::Coordinator;
        self.judge(end_entity, "an institution or the authority", connects).map_err(alerted)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        ServerCertVerifier::verify_tls12_signature(self, message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        ServerCertVerifier::verify_tls13_signature(self, message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ServerCertVerifier::supported_verify_schemes(self)
    }
}

/// TLS 1.3 towards the coordinator of this run, and towards nobody else. Without anything to present: as a guest.
///
/// # Errors
/// [`PeerError::Malformed`] for what cannot be presented.
pub fn client_config(
    parameters: &Parameters,
    presented: Option<&Presented>,
) -> Result<ClientConfig, PeerError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier::new(parameters, &provider, Guests::Refused);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match presented {
        Some(presented) => {
            let (certificate, key) = make(presented)?;
            builder.with_client_auth_cert(vec![certificate], key).map_err(unusable)?
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    // Addresses differ from run to run; nothing is decided by a name.
    config.enable_sni = false;
    Ok(config)
}

/// TLS 1.3 for institutions and the authority of this run, and for guests where they are welcome.
///
/// # Errors
/// As [`client_config`].
pub fn server_config(
    parameters: &Parameters,
    presented: &Presented,
    guests: Guests,
) -> Result<ServerConfig, PeerError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier::new(parameters, &provider, guests);
    let (certificate, key) = make(presented)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(unusable)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate], key)
        .map_err(unusable)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // A resumed session would spare the judgement of a certificate.
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn unusable(error: Error) -> PeerError {
    PeerError::Malformed(error.to_string())
}
