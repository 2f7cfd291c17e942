//! A small HTTP listener with hard limits.
//!
//! One request a connection; no body is read. When all connections are taken, the oldest makes room: whoever comes next is
//! answered, however many there are that say nothing.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{
        ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet, spawn_blocking},
    time::{sleep, timeout},
};

/// Connections that are open at once.
pub const CONNECTIONS: usize = 32;

/// Bytes of a request, with its headers.
const REQUEST_BYTES: usize = 8 << 10;

/// Headers of a request.
const HEADERS: usize = 64;

/// How long a request may take to arrive.
const REQUEST_DEADLINE: Duration = Duration::from_secs(5);

/// How long a connection may last, its answer included.
const DEADLINE: Duration = Duration::from_secs(20);

/// How long the listener rests when the system has no descriptor left.
const REST: Duration = Duration::from_millis(100);

/// Scripts, styles and data from here alone, nothing inline, nothing framed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A page.
    Html,
    /// Its styles.
    Css,
    /// Its script.
    Script,
    /// Data.
    Json,
    /// Prometheus' text format.
    Metrics,
}

impl Kind {
    fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Css => "text/css; charset=utf-8",
            Self::Script => "text/javascript; charset=utf-8",
            Self::Json => "application/json",
            Self::Metrics => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What it is.
    pub kind: Kind,
    /// Its text.
    pub text: String,
}

/// Answers until it is dropped, and then drops what is open. `answers` says what is at a path; it is called on a thread that
/// may block.
pub async fn serve(
    listener: TcpListener,
    answers: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static,
) {
    let answers = Arc::new(answers);
    let mut open = JoinSet::new();
    let mut by_age: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(REST).await;
            continue;
        };
        while open.try_join_next().is_some() {}
        by_age.retain(|connection| !connection.is_finished());
        if by_age.len() >= CONNECTIONS
            && let Some(oldest) = by_age.pop_front()
        {
            oldest.abort();
        }
        by_age.push_back(open.spawn(connection(stream, Arc::clone(&answers))));
    }
}

async fn connection(
    stream: TcpStream,
    answers: Arc<impl Fn(&str) -> Option<Answer> + Send + Sync + 'static>,
) {
    let service = service_fn(|request: Request<Incoming>| {
        let answers = Arc::clone(&answers);
        async move {
            if request.method() != Method::GET && request.method() != Method::HEAD {
                return Ok::<_, Infallible>(not_allowed());
            }
            let path = request.uri().path().to_owned();
            Ok(match spawn_blocking(move || answers(&path)).await {
                Ok(Some(Answer { kind, text })) => {
                    respond(StatusCode::OK, kind.content_type(), text)
                }
                Ok(None) => respond(
                    StatusCode::NOT_FOUND,
                    "text/plain; charset=utf-8",
                    "nothing is here; / says what there is\n".to_owned(),
                ),
                Err(_) => respond(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "text/plain; charset=utf-8",
                    "no answer; the log says more\n".to_owned(),
                ),
            })
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_DEADLINE)
        .max_buf_size(REQUEST_BYTES)
        .max_headers(HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Whoever is slow, or says what is no HTTP, is let go without a word.
    let _ = timeout(DEADLINE, served).await;
}

fn not_allowed() -> Response<Full<Bytes>> {
    let says = "this address is for reading: GET or HEAD\n".to_owned();
    let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", says);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn respond(status: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn start() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answers = |path: &str| {
            (path == "/metrics").then(|| Answer { kind: Kind::Metrics, text: "up 1\n".to_owned() })
        };
        tokio::spawn(serve(listener, answers));
        address
    }

    /// What comes until the other end hangs up, or the beginning of it.
    async fn hear(stream: &mut TcpStream) -> String {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        String::from_utf8_lossy(&bytes).into_owned()
    }

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        hear(&mut stream).await
    }

    #[tokio::test]
    async fn a_path_is_answered_once_a_connection_and_nothing_but_reading_is() {
        let address = start().await;
        let answer = ask(address, "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nup 1\n"), "{answer}");
        assert!(answer.contains("content-security-policy: default-src 'none'"), "{answer}");
        for (request, code) in [
            ("GET /secrets HTTP/1.1\r\nHost: here\r\n\r\n", "404"),
            ("POST /metrics HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\n\r\n", "405"),
            ("no HTTP at all\r\n\r\n", "400"),
        ] {
            let answer = ask(address, request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {code}")), "{request}: {answer}");
        }
    }

    #[tokio::test]
    async fn a_request_that_is_too_long_is_refused() {
        let address = start().await;
        let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(REQUEST_BYTES));
        let answer = ask(address, &long).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }

    #[tokio::test]
    async fn who_says_nothing_makes_room_for_who_does() {
        let address = start().await;
        let mut silent = Vec::new();
        for _ in 0..4 * CONNECTIONS {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\n").await.unwrap();
            silent.push(stream);
        }
        let asked = ask(address, "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n");
        let answer = timeout(Duration::from_secs(2), asked).await.unwrap();
        assert!(answer.ends_with("up 1\n"), "{answer}");
        let first = timeout(Duration::from_secs(2), hear(&mut silent[0])).await.unwrap();
        assert_eq!(first, "", "the oldest is cut off");
    }

    #[tokio::test]
    async fn who_is_slow_is_let_go() {
        let address = start().await;
        let mut slow = TcpStream::connect(address).await.unwrap();
        let sent = async {
            for byte in b"GET /metrics HTTP/1.1\r\nHost: a-name-that-takes-longer-than-that".iter()
            {
                if slow.write_all(&[*byte]).await.is_err() {
                    return;
                }
                sleep(Duration::from_millis(200)).await;
            }
        };
        let begun = std::time::Instant::now();
        let mut byte = [0; 1];
        tokio::select! {
            () = sent => {}
            () = sleep(REQUEST_DEADLINE + Duration::from_secs(1)) => {}
        }
        // Either an answer that it was too slow, or none at all; not a connection that stays.
        let _ = timeout(Duration::from_secs(2), slow.read(&mut byte)).await.unwrap();
        assert!(begun.elapsed() >= REQUEST_DEADLINE);
    }
}
