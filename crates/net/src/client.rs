//! Asking a server.
//!
//! A connection that was used before may be gone without our knowing, and then a request may have been read or not.
//! What must not happen twice must not go out twice, so each request has a connection of its own.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request,
    client::conn::http1,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Access, ConnectError, HttpError, Opening, Origin, Reached, Response, Stream, Token, UpgradeError,
    WebSocket,
    connect::{Demands, connect, reached},
    stream::FirstByte,
    websocket,
};

/// The longest head of an answer, in bytes.
const HEAD: usize = 64 << 10;
/// The most fields in it.
const HEAD_FIELDS: usize = 100;

/// How long a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From its first packet to its last.
    pub whole: Duration,
    /// Without anything coming: until the head of the answer, and from each piece to the next.
    pub pause: Duration,
}

impl Limits {
    /// For everything together, however long its parts take.
    #[must_use]
    pub fn whole(whole: Duration) -> Self {
        Self { whole, pause: whole }
    }
}

/// Asks one server. What it bears goes to that one only.
#[derive(Debug, Clone)]
pub struct Client {
    origin: Origin,
    demands: Demands,
    token: Option<Token>,
    /// Where it stands.
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// A connection that speaks HTTP, and what moves its bytes.
type Connection = (http1::SendRequest<Full<Bytes>>, AbortOnDropHandle<()>);

impl Client {
    /// Asks without a token. Nothing is sent yet.
    #[must_use]
    pub fn new(origin: Origin) -> Self {
        Self { origin, demands: Demands::default(), token: None, headers: Vec::new() }
    }

    /// The same, getting in as this says.
    #[must_use]
    pub fn with_access(mut self, access: &Access) -> Self {
        self.demands = Demands { trust: access.trust, encrypted: access.encrypted };
        match &access.token {
            Some(token) => self.with_bearer(token.clone()),
            None => self,
        }
    }

    /// The same, with a token in these headers of every request, instead of any before it.
    #[must_use]
    pub fn with_token_in(mut self, names: &[HeaderName], token: Token) -> Self {
        let value = token.header("");
        self.headers = names.iter().filter_map(|name| Some((name.clone(), value.clone()?))).collect();
        self.token = Some(token);
        self
    }

    /// The same, with a token as the bearer's in every request, instead of any before it.
    #[must_use]
    pub fn with_bearer(mut self, token: Token) -> Self {
        self.headers = token.header("Bearer ").map(|value| (AUTHORIZATION, value)).into_iter().collect();
        self.token = Some(token);
        self
    }

    /// Whom it asks.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether it bears a token.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// A server's own words without the token, in case that it repeats what it was sent.
    #[must_use]
    pub fn without_token(&self, said: String) -> String {
        match &self.token {
            Some(token) => token.taken_out_of(&said),
            None => said,
        }
    }

    /// Connects and sends nothing.
    ///
    /// # Errors
    /// When it is not reached.
    pub async fn reach(&self) -> Result<Reached, ConnectError> {
        reached(&self.origin, self.demands, None).await
    }

    /// Sends a GET and waits for the head of the answer. `target`: path and query.
    ///
    /// # Errors
    /// [`HttpError::Connect`] as long as nothing was sent.
    pub async fn get(&self, target: &str, limits: Limits) -> Result<Response, HttpError> {
        self.ask(Method::GET, target, &[], None, limits).await
    }

    /// The same with headers of its own, such as a range. They replace those of that name that each request has; those
    /// with the token stay.
    ///
    /// # Errors
    /// [`HttpError::Connect`] as long as nothing was sent.
    pub async fn get_with(
        &self,
        target: &str,
        headers: &[(HeaderName, HeaderValue)],
        limits: Limits,
    ) -> Result<Response, HttpError> {
        self.ask(Method::GET, target, headers, None, limits).await
    }

    /// Sends a POST of JSON and waits for the head of the answer. `target`: path and query.
    ///
    /// # Errors
    /// [`HttpError::Connect`] as long as nothing was sent.
    pub async fn post(
        &self,
        target: &str,
        json: impl Into<Bytes>,
        limits: Limits,
    ) -> Result<Response, HttpError> {
        self.ask(Method::POST, target, &[], Some(json.into()), limits).await
    }

    /// Opens a WebSocket. `target`: path and query.
    ///
    /// # Errors
    /// When it does not open.
    pub async fn open(&self, target: &str, opening: &Opening) -> Result<WebSocket, UpgradeError> {
        let stream = connect(&self.origin, self.demands, opening.unsent).await?;
        websocket::upgrade(stream, &self.origin, target, &self.headers, opening).await
    }

    async fn ask(
        &self,
        method: Method,
        target: &str,
        headers: &[(HeaderName, HeaderValue)],
        json: Option<Bytes>,
        limits: Limits,
    ) -> Result<Response, HttpError> {
        let deadline = Instant::now() + limits.whole;
        let request = self.request(method, target, headers, json)?;
        let late = |_| ConnectError::NoAnswer(limits.whole);
        let stream =
            timeout_at(deadline, connect(&self.origin, self.demands, None)).await.map_err(late)??;
        let first = stream.first_byte();
        let (mut sender, driver) = shake_hands(stream).await?;
        let (until, limit) = limits.next(deadline);
        let answer = timeout_at(until, sender.send_request(request)).await;
        let answer =
            answer.map_err(|_| HttpError::Slow(limit))?.map_err(|error| translate(&error, &first))?;
        Ok(Response::new(answer, limits, deadline, driver))
    }

    fn request(
        &self,
        method: Method,
        target: &str,
        own: &[(HeaderName, HeaderValue)],
        json: Option<Bytes>,
    ) -> Result<Request<Full<Bytes>>, HttpError> {
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(HOST, self.origin.authority())
            .header(USER_AGENT, concat!("myca-voice/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "text/event-stream, application/json");
        if json.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(headers) = request.headers_mut() {
            for (name, value) in own.iter().chain(&self.headers) {
                headers.insert(name, value.clone());
            }
        }
        request.body(Full::new(json.unwrap_or_default())).map_err(|error| {
            tracing::error!(%error, "a request cannot be made");
            HttpError::Unsendable
        })
    }
}

impl Limits {
    /// Until when the next thing has to come, and which of both limits that is.
    pub(crate) fn next(self, deadline: Instant) -> (Instant, Duration) {
        let pause = Instant::now() + self.pause;
        if pause < deadline { (pause, self.pause) } else { (deadline, self.whole) }
    }
}

async fn shake_hands(stream: Stream) -> Result<Connection, HttpError> {
    let handshake = http1::Builder::new()
        .max_buf_size(HEAD)
        .max_headers(HEAD_FIELDS)
        .handshake::<_, Full<Bytes>>(TokioIo::new(stream));
    let (sender, connection) = handshake.await.map_err(|error| ConnectError::Failed(error.to_string()))?;
    // Errors of the connection come out of the request and of the body too.
    let driver = tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok((sender, AbortOnDropHandle::new(driver)))
}

/// What went wrong after the request went out.
fn translate(error: &hyper::Error, first: &FirstByte) -> HttpError {
    tracing::debug!(%error, "a request got no answer");
    if first.is_of_tls() {
        HttpError::WantsTls
    } else if error.is_parse() || first.is_not_of_http() {
        HttpError::NotHttp
    } else {
        HttpError::Broken
    }
}
