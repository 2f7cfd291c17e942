//! Why a connection did not come about, and what to do: read out of what TLS says of it.

use std::io;

use consilium_hash::ChainId;
use thiserror::Error;
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error, OtherError};

use crate::owner::PeerError;

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The coordinator asked for a certificate and got none.
    #[error(
        "the coordinator takes nobody without a certificate: give the folder in which this party's certificate is installed"
    )]
    NoCertificate,
    /// The coordinator does not know whoever signed the certificate.
    #[error(
        "the coordinator refuses this certificate: it is of another run; install the one that the authority has issued for this run"
    )]
    OtherRun,
    /// The certificate is for another key.
    #[error(
        "the coordinator refuses this certificate: it names another key than the one in the folder; install it again, or ask the \
         authority to renew it"
    )]
    OtherKey,
    /// The coordinator refuses the certificate for another reason.
    #[error(
        "the coordinator refuses this certificate ({0}): only institutions and the authority connect, with what the authority has \
         issued for this run"
    )]
    Certificate(String),
    /// Whoever listens is not this run's coordinator.
    #[error(
        "whoever listens there is not the coordinator of this run ({0}): check the address with its operator; nothing was sent"
    )]
    NotTheCoordinator(String),
    /// The coordinator of this run listens there, and serves another one: its own key has signed which.
    #[error(
        "the coordinator of this run serves another one there, chain {}: compare the address and the folder with the others",
        .0.short()
    )]
    AnotherRun(ChainId),
    /// Whoever listens does not speak TLS 1.3.
    #[error(
        "whoever listens there does not speak TLS 1.3 ({0}): check the address, and that the coordinator runs without --plain"
    )]
    NotTls13(String),
    /// Nobody answers.
    #[error("{0}")]
    Unreachable(String),
}

impl Refusal {
    /// Whether the coordinator itself has said no, so that asking again does not help.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::NoCertificate | Self::OtherRun | Self::OtherKey | Self::Certificate(_))
    }

    /// Out of what a handshake, or the first read after it, ended with.
    pub(crate) fn of(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        match inner {
            Some(Error::AlertReceived(alert)) => Self::of_alert(*alert),
            Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                Self::NotTheCoordinator("its certificate is of another run".to_owned())
            }
            Some(Error::InvalidCertificate(CertificateError::Other(OtherError(error)))) => {
                match error.downcast_ref::<PeerError>() {
                    Some(PeerError::ForAnotherRun { chain, .. }) => Self::AnotherRun(*chain),
                    _ => Self::NotTheCoordinator(error.to_string()),
                }
            }
            Some(Error::InvalidCertificate(error)) => Self::NotTheCoordinator(error.to_string()),
            Some(error @ (Error::PeerIncompatible(_) | Error::InvalidMessage(_))) => {
                Self::NotTls13(error.to_string())
            }
            Some(error) => Self::Unreachable(error.to_string()),
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                Self::Unreachable("whoever listens there hung up during the handshake".to_owned())
            }
            None => Self::Unreachable(error.to_string()),
        }
    }

    fn of_alert(alert: AlertDescription) -> Self {
        match alert {
            AlertDescription::CertificateRequired => Self::NoCertificate,
            AlertDescription::UnknownCA => Self::OtherRun,
            AlertDescription::AccessDenied => Self::OtherKey,
            AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnsupportedCertificate => Self::Certificate(format!("{alert:?}")),
            AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure => {
                Self::NotTls13(format!("{alert:?}"))
            }
            alert => {
                Self::Unreachable(format!("whoever listens there ended the handshake: {alert:?}"))
            }
        }
    }

    /// Out of an error of a call or a connection, wherever in its causes it stands.
    pub fn among_causes(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let causes = std::iter::successors(Some(error), |error| error.source());
        causes.into_iter().find_map(|cause| {
            let refusal = cause.downcast_ref::<Self>().cloned();
            let io = || cause.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
            refusal.or_else(|| io().and_then(|inner| inner.downcast_ref::<Self>()).cloned())
        })
    }
}
