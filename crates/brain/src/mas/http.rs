//! One request, one connection.
//!
//! A connection that was used before may be gone without our knowing, and then a request may have been read or not. A
//! turn must not go out twice, so each request has a connection of its own. Nobody is followed elsewhere.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request,
    body::Incoming,
    client::conn::http1,
    header::{ACCEPT, CONTENT_TYPE, HOST, HeaderMap, HeaderName, RETRY_AFTER, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::ServerName,
};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    task::spawn_blocking,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::{address::MasAddress, error::MasError, token::ServiceToken};

/// How long an address may take to answer, when there may be another.
const REACH_LIMIT: Duration = Duration::from_secs(10);
/// The longest head of an answer, in bytes.
const HEAD: usize = 64 << 10;
/// The most fields in it.
const HEAD_FIELDS: usize = 100;

/// Both names under which builds of MAS look for the token.
const TOKEN_HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("x-myca-service-token"), HeaderName::from_static("x-mycosoft-service-token")];

/// Asks one MAS.
#[derive(Debug)]
pub(super) struct Http {
    address: MasAddress,
    token: Option<ServiceToken>,
    /// How long a request may take, from the first packet to the last.
    limit: Duration,
    /// How servers prove who they are: the roots that the system trusts. Read when first needed, and again after a
    /// certificate was not trusted, as it may be installed by then.
    tls: Mutex<Option<Arc<ClientConfig>>>,
}

/// What an answer says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Server-sent events.
    Events,
    /// JSON.
    Json,
    /// A page for people.
    Page,
    /// Something else, or it does not say.
    Unsaid,
}

/// An answer whose head is there.
#[derive(Debug)]
pub(super) struct Response {
    /// Of HTTP.
    pub(super) status: u16,
    pub(super) kind: Kind,
    /// In seconds, as it is always sent; a date in its place is not read.
    pub(super) retry_after: Option<Duration>,
    body: Incoming,
    deadline: Instant,
    limit: Duration,
    /// Moves the bytes. The connection ends with it.
    _driver: AbortOnDropHandle<()>,
}

/// A connection, and what moves its bytes.
type Connection = (http1::SendRequest<Full<Bytes>>, AbortOnDropHandle<()>);

impl Http {
    pub(super) fn new(address: MasAddress, token: Option<ServiceToken>, limit: Duration) -> Self {
        Self { address, token, limit, tls: Mutex::new(None) }
    }

    pub(super) fn address(&self) -> &MasAddress {
        &self.address
    }

    /// A server's own words, without our token.
    pub(super) fn without_token(&self, said: String) -> String {
        match &self.token {
            Some(token) => token.taken_out_of(&said),
            None => said,
        }
    }

    /// Sends a request and waits for the head of the answer. With a body it is a POST, without one a GET.
    ///
    /// # Errors
    /// One for which [`MasError::is_unreached`] holds as long as nothing was sent.
    pub(super) async fn ask(&self, path: &str, body: Option<&Value>) -> Result<Response, MasError> {
        let deadline = Instant::now() + self.limit;
        let late = |_| MasError::Unreachable(format!("no answer within {} s", self.limit.as_secs()));
        let (mut sender, driver) = timeout_at(deadline, self.connect()).await.map_err(late)??;
        let request = self.request(path, body)?;
        let answer = timeout_at(deadline, sender.send_request(request));
        let answer = answer.await.map_err(|_| MasError::Slow(self.limit))?.map_err(|e| translate(&e))?;
        let (head, body) = answer.into_parts();
        Ok(Response {
            status: head.status.as_u16(),
            kind: kind(&head.headers),
            retry_after: retry_after(&head.headers),
            body,
            deadline,
            limit: self.limit,
            _driver: driver,
        })
    }

    fn request(&self, path: &str, body: Option<&Value>) -> Result<Request<Full<Bytes>>, MasError> {
        let mut request = Request::builder()
            .method(if body.is_some() { Method::POST } else { Method::GET })
            .uri(self.address.target(path))
            .header(HOST, self.address.authority())
            .header(USER_AGENT, concat!("myca-voice/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "text/event-stream, application/json");
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(token) = self.token.as_ref().and_then(ServiceToken::header) {
            for name in TOKEN_HEADERS {
                request = request.header(name, token.clone());
            }
        }
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        request.body(Full::new(bytes)).map_err(|error| {
            tracing::error!(%error, path, "a request cannot be made");
            MasError::Unreachable("the address makes no request".into())
        })
    }

    async fn connect(&self) -> Result<Connection, MasError> {
        let stream = reach(self.address.host(), self.address.port()).await?;
        if !self.address.is_secure() {
            return shake_hands(stream).await;
        }
        let name = ServerName::try_from(self.address.host().to_owned())
            .map_err(|_| MasError::UnknownName(self.address.host().to_owned()))?;
        let config = self.tls().await?;
        match TlsConnector::from(config).connect(name, stream).await {
            Ok(stream) => shake_hands(stream).await,
            Err(error) => {
                let error = tls_error(&error);
                if matches!(error, MasError::Certificate(_)) {
                    self.tls.lock().unwrap_or_else(PoisonError::into_inner).take();
                }
                Err(error)
            }
        }
    }

    async fn tls(&self) -> Result<Arc<ClientConfig>, MasError> {
        let kept = self.tls.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(config) = kept {
            return Ok(config);
        }
        let unusable = |error: String| {
            tracing::error!(%error, "TLS cannot be used");
            MasError::Tls("this program cannot use it".into())
        };
        // Takes some milliseconds and touches the disk.
        let read = spawn_blocking(system_roots).await.map_err(|e| unusable(e.to_string()))?;
        let config = Arc::new(read.map_err(|e| unusable(e.to_string()))?);
        *self.tls.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&config));
        Ok(config)
    }
}

impl Response {
    /// The next piece of the answer; none after its end.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, MasError> {
        loop {
            let frame = timeout_at(self.deadline, self.body.frame()).await;
            match frame.map_err(|_| MasError::Slow(self.limit))? {
                None => return Ok(None),
                Some(Err(error)) => {
                    tracing::debug!(%error, "an answer broke off");
                    return Err(MasError::Broken);
                }
                // What is not data are trailers.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Ok(Some(data)),
                    _ => {}
                },
            }
        }
    }

    /// The whole answer.
    pub(super) async fn document(&mut self, limit: usize) -> Result<Vec<u8>, MasError> {
        let mut document = Vec::new();
        while let Some(piece) = self.piece().await? {
            if document.len() + piece.len() > limit {
                return Err(MasError::TooLong);
            }
            document.extend_from_slice(&piece);
        }
        Ok(document)
    }

    /// As much of the answer as comes, and is not too long.
    pub(super) async fn beginning(&mut self, limit: usize) -> Vec<u8> {
        let mut document = Vec::new();
        while let Ok(Some(piece)) = self.piece().await {
            document.extend_from_slice(&piece[..piece.len().min(limit - document.len())]);
            if document.len() == limit {
                break;
            }
        }
        document
    }
}

async fn shake_hands<S>(stream: S) -> Result<Connection, MasError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let handshake = http1::Builder::new()
        .max_buf_size(HEAD)
        .max_headers(HEAD_FIELDS)
        .handshake::<_, Full<Bytes>>(TokioIo::new(stream));
    let (sender, connection) = handshake.await.map_err(|_| MasError::Unreachable("it hangs up".into()))?;
    // Errors of the connection come out of the request and of the body too.
    let driver = tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok((sender, AbortOnDropHandle::new(driver)))
}

async fn reach(name: &str, port: u16) -> Result<TcpStream, MasError> {
    let unknown = || MasError::UnknownName(name.to_owned());
    let addresses = lookup_host((name, port)).await.map_err(|error| {
        tracing::debug!(%error, "the name was not found");
        unknown()
    })?;
    let mut addresses: Vec<_> = addresses.collect();
    // Servers on this computer mostly listen on 127.0.0.1 alone, and Windows takes two seconds to refuse on ::1.
    addresses.sort_by_key(|address| address.is_ipv6() && address.ip().is_loopback());
    let mut last = unknown();
    for address in addresses {
        match timeout(REACH_LIMIT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a socket setting was refused");
                }
                return Ok(stream);
            }
            Ok(Err(error)) => last = not_reached(&error),
            Err(_) => last = MasError::Unreachable("no answer".into()),
        }
    }
    Err(last)
}

fn not_reached(error: &io::Error) -> MasError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => MasError::Refused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            MasError::Unreachable("there is no way to it".into())
        }
        _ => MasError::Unreachable(error.to_string()),
    }
}

fn system_roots() -> Result<ClientConfig, rustls::Error> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "some of the system's certificates cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    let config = ClientConfig::builder_with_provider(Arc::<CryptoProvider>::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn tls_error(error: &io::Error) -> MasError {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return MasError::Tls("it hangs up while TLS is set up".into());
    };
    match tls {
        rustls::Error::InvalidCertificate(reason) => MasError::Certificate(match reason {
            CertificateError::UnknownIssuer => "nobody this computer trusts has signed it".into(),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".into(),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "it is not valid yet; check this computer's clock".into()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "it was made for another name".into()
            }
            other => other.to_string(),
        }),
        rustls::Error::InvalidMessage(_) => MasError::Tls("it answers something else".into()),
        other => MasError::Tls(other.to_string()),
    }
}

/// What went wrong after the request went out.
fn translate(error: &hyper::Error) -> MasError {
    tracing::debug!(%error, "a request got no answer");
    if error.is_parse() {
        MasError::NotMas("what it answers is not HTTP; perhaps its address begins with https://".into())
    } else {
        MasError::Broken
    }
}

fn kind(head: &HeaderMap) -> Kind {
    let said = head.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "text/event-stream" => Kind::Events,
        "text/html" | "application/xhtml+xml" => Kind::Page,
        kind if kind == "application/json" || kind.ends_with("+json") => Kind::Json,
        _ => Kind::Unsaid,
    }
}

fn retry_after(head: &HeaderMap) -> Option<Duration> {
    let seconds = head.get(RETRY_AFTER)?.to_str().ok()?.trim().parse::<f64>().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn head(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn an_answer_says_what_it_is() {
        let kind = |said| kind(&head(CONTENT_TYPE, said));
        assert_eq!(kind("text/event-stream; charset=utf-8"), Kind::Events);
        assert_eq!(kind("Application/JSON"), Kind::Json);
        assert_eq!(kind("application/problem+json"), Kind::Json);
        assert_eq!(kind("text/html;charset=utf-8"), Kind::Page);
        assert_eq!(kind("text/plain"), Kind::Unsaid);
        assert_eq!(super::kind(&HeaderMap::new()), Kind::Unsaid);
    }

    #[test]
    fn a_wait_is_a_number_of_seconds() {
        let wait = |said| retry_after(&head(RETRY_AFTER, said));
        assert_eq!(wait("60"), Some(Duration::from_secs(60)));
        assert_eq!(wait(" 0.5 "), Some(Duration::from_millis(500)));
        for senseless in ["-1", "soon", "NaN", "1e99", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            assert_eq!(wait(senseless), None, "{senseless}");
        }
    }
}
