//! Requests to MAS: its paths, its token, its errors.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use net::{Client, ConnectError, HeaderName, HttpError, Limits, Opening, Response, UpgradeError, WebSocket};
use serde_json::Value;

use super::{address::MasAddress, error::MasError, token::ServiceToken};

/// Both names under which builds of MAS look for the token.
const TOKEN_HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("x-myca-service-token"), HeaderName::from_static("x-mycosoft-service-token")];

/// Asks one MAS.
#[derive(Debug)]
pub(super) struct Http {
    address: MasAddress,
    client: Client,
    /// How long a request may take, from the first packet to the last.
    limit: Duration,
    /// When MAS last said that it has had too many requests, whoever made them.
    limited: Mutex<Option<Instant>>,
}

impl Http {
    pub(super) fn new(address: MasAddress, token: Option<ServiceToken>, limit: Duration) -> Self {
        let client = Client::new(address.origin().clone());
        let client = match token {
            Some(token) => client.with_token_in(&TOKEN_HEADERS, token.into_inner()),
            None => client,
        };
        Self { address, client, limit, limited: Mutex::default() }
    }

    pub(super) fn address(&self) -> &MasAddress {
        &self.address
    }

    /// A server's own words, without our token.
    pub(super) fn without_token(&self, said: String) -> String {
        self.client.without_token(said)
    }

    /// Whether our token can be read on its way, and that way leads through other people's networks.
    pub(super) fn shows_token(&self) -> bool {
        let origin = self.client.origin();
        self.client.has_token() && !origin.is_secure() && !origin.is_near()
    }

    /// Whether MAS has had too many requests, and that is not longer ago.
    pub(super) fn was_limited(&self, within: Duration, now: Instant) -> bool {
        let last = *self.limited.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| now.saturating_duration_since(last) < within)
    }

    /// Sends a request and waits for the head of the answer. With a body it is a POST, without one a GET.
    ///
    /// # Errors
    /// One for which [`MasError::is_unreached`] holds as long as nothing was sent.
    pub(super) async fn ask(&self, path: &str, body: Option<&Value>) -> Result<Response, MasError> {
        self.ask_within(path, body, self.limit).await
    }

    /// The same in less time.
    ///
    /// # Errors
    /// The same.
    pub(super) async fn ask_within(
        &self,
        path: &str,
        body: Option<&Value>,
        limit: Duration,
    ) -> Result<Response, MasError> {
        let (target, limits) = (self.address.target(path), Limits::whole(limit.min(self.limit)));
        let answer = match body {
            Some(body) => self.client.post(&target, body.to_string(), limits).await,
            None => self.client.get(&target, limits).await,
        };
        let response = answer?;
        if response.status() == 429 {
            *self.limited.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        Ok(response)
    }

    /// Opens a WebSocket.
    pub(super) async fn open(&self, path: &str, opening: &Opening) -> Result<WebSocket, UpgradeError> {
        self.client.open(&self.address.target(path), opening).await
    }
}

impl From<ConnectError> for MasError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::UnknownName(name) => Self::UnknownName(name),
            ConnectError::Refused => Self::Refused,
            ConnectError::Certificate(untrusted) => Self::Certificate(untrusted.reason),
            ConnectError::Tls(reason) => Self::Tls(reason),
            ConnectError::NoRoute
            | ConnectError::NoAnswer(_)
            | ConnectError::Failed(_)
            | ConnectError::Silent
            // These are for who asked for it, which nobody does here.
            | ConnectError::CertificateChanged { .. }
            | ConnectError::Plain => Self::Unreachable(error.to_string()),
        }
    }
}

impl From<HttpError> for MasError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Connect(error) => error.into(),
            HttpError::Unsendable => Self::Unreachable(error.to_string()),
            HttpError::WantsTls => Self::WantsTls,
            HttpError::NotHttp => Self::NotMas(error.to_string()),
            HttpError::Slow(limit) => Self::Slow(limit),
            HttpError::Broken => Self::Broken,
            HttpError::TooLong => Self::TooLong,
        }
    }
}
