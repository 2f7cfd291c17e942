//! Connecting to the coordinator of a run.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use consilium_contract::Parameters;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, pki_types::ServerName},
};
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use crate::{PeerError, Presented, Refusal, verifier::client_config};

/// The port where an address names none.
const DEFAULT_PORT: u16 = 443;

/// How long connecting, the handshake and the coordinator's first word may take together.
const DEADLINE: Duration = Duration::from_secs(5);

/// TLS to one address, `https://HOST:PORT`: to the coordinator of a run, and to nobody else.
#[derive(Debug, Clone)]
pub struct Secure {
    endpoint: Endpoint,
    config: Arc<ClientConfig>,
    host: String,
    port: u16,
}

/// Whether an address is one that is reached by TLS.
pub fn is_secure(address: &str) -> bool {
    address.starts_with("https://")
}

/// Whether an address is reached as was asked for: plain TCP only where somebody has said so.
///
/// # Errors
/// What to give instead.
pub fn check_choice(address: &str, is_plain: bool) -> Result<(), String> {
    match (is_secure(address), is_plain) {
        (true, false) | (false, true) => Ok(()),
        (true, true) => Err(format!("{address} is TLS: leave out --plain")),
        (false, false) => Err(format!(
            "{address} is no https://HOST:PORT; plain TCP, http://127.0.0.1:PORT, is spoken only with --plain, on one machine"
        )),
    }
}

/// Whether an address, `http://HOST:PORT`, is on this machine: plain TCP goes nowhere else.
pub fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

impl Secure {
    /// Checks an address, without connecting. `tune` sets what else is chosen of connections.
    ///
    /// # Errors
    /// `Ok(None)` where it is no `https://HOST:PORT`; [`PeerError`] for what cannot be presented.
    pub fn to(
        address: &str,
        parameters: &Parameters,
        presented: Option<&Presented>,
        tune: impl FnOnce(Endpoint) -> Endpoint,
    ) -> Result<Option<Self>, PeerError> {
        let Some(rest) = address.strip_prefix("https://") else { return Ok(None) };
        // TLS is below what tonic sees: its own would ask for names and dates.
        let Ok(endpoint) = Endpoint::from_shared(format!("http://{rest}")) else { return Ok(None) };
        let uri = endpoint.uri();
        let Some(host) = uri.host().filter(|host| !host.is_empty()) else { return Ok(None) };
        let host = host.trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(DEFAULT_PORT);
        let config = Arc::new(client_config(parameters, presented)?);
        Ok(Some(Self { endpoint: tune(endpoint), config, host, port }))
    }

    /// Opens a channel, which connects again by itself.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn connect(&self) -> Result<Channel, Refusal> {
        let own = self.clone();
        let connector = service_fn(move |_: Uri| {
            let own = own.clone();
            async move { own.open().await.map(TokioIo::new) }
        });
        self.endpoint.connect_with_connector(connector).await.map_err(|error| {
            Refusal::among_causes(&error).unwrap_or_else(|| Refusal::Unreachable(error.to_string()))
        })
    }

    async fn open(&self) -> Result<Opened, Refusal> {
        timeout(DEADLINE, self.handshake()).await.map_err(|_| {
            Refusal::Unreachable(format!("no answer within {} s", DEADLINE.as_secs()))
        })?
    }

    async fn handshake(&self) -> Result<Opened, Refusal> {
        let unreachable = |error: io::Error| Refusal::Unreachable(error.to_string());
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(unreachable)?;
        tcp.set_nodelay(true).map_err(unreachable)?;
        let name = ServerName::try_from(self.host.clone())
            .map_err(|error| Refusal::Unreachable(error.to_string()))?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let mut stream = connector.connect(name, tcp).await.map_err(|error| Refusal::of(&error))?;
        // In TLS 1.3 a client is done before the server has judged its certificate. An HTTP/2 server speaks first: once
        // it has, the certificate was taken; otherwise what comes says why not, and nothing of ours was sent in between.
        let mut first = [0];
        match stream.read(&mut first).await {
            Ok(0) => Err(Refusal::Unreachable("whoever listens there hung up".to_owned())),
            Ok(_) => Ok(Opened { first: Some(first), stream }),
            Err(error) => Err(Refusal::of(&error)),
        }
    }
}

/// A connection whose certificates both ends have taken, with the byte that showed it.
struct Opened {
    first: Option<[u8; 1]>,
    stream: TlsStream<TcpStream>,
}

impl AsyncRead for Opened {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() > 0
            && let Some(first) = self.first.take()
        {
            buffer.put_slice(&first);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Opened {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
