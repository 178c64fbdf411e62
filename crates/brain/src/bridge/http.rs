//! What is asked of a bridge over HTTP.

use std::time::{Duration, Instant};

use net::{Access, Client, Kind, Limits, Response};
use wire::bridge::{BridgeMessageError, Health, History, Session, SessionRequest, limit};

use super::{address::BridgeAddress, error::BridgeError};

/// Asks one bridge.
#[derive(Debug)]
pub(super) struct Http {
    pub(super) address: BridgeAddress,
    pub(super) client: Client,
    /// How long one question may take.
    limit: Duration,
}

impl Http {
    pub(super) fn new(address: BridgeAddress, access: &Access, limit: Duration) -> Self {
        let client = Client::new(address.origin().clone()).with_access(access);
        Self { address, client, limit }
    }

    /// What it says of itself, and how long that took.
    pub(super) async fn health(&self) -> Result<(Health, Duration), BridgeError> {
        let asked = Instant::now();
        let missing = || BridgeError::NotBridge("it knows no /health".to_owned());
        let document = self.get(&["health"]).await?.ok_or_else(missing)?;
        Ok((Health::decode(&document).map_err(odd)?, asked.elapsed()))
    }

    /// What it remembers of the conversation behind a session.
    pub(super) async fn history(&self, session: &str) -> Result<History, BridgeError> {
        let document = self.get(&["session", session, "history"]).await?;
        History::decode(&document.ok_or(BridgeError::UnknownSession)?).map_err(odd)
    }

    /// A new session. None where the bridge makes none when asked; it makes one for any socket then.
    pub(super) async fn session(&self, request: &SessionRequest) -> Result<Option<Session>, BridgeError> {
        let target = self.address.target(&["session"], &[]);
        let body = request.to_json().to_string();
        let mut response = self.client.post(&target, body, Limits::whole(self.limit)).await?;
        match response.status() {
            200..=299 => Session::decode(&document(&mut response).await?).map_err(odd),
            status => match refusal(status) {
                error @ BridgeError::Unauthorised(_) => Err(error),
                _ => Ok(None),
            },
        }
    }

    /// A document; none where there is nothing of that name.
    async fn get(&self, parts: &[&str]) -> Result<Option<String>, BridgeError> {
        let target = self.address.target(parts, &[]);
        let mut response = self.client.get(&target, Limits::whole(self.limit)).await?;
        match response.status() {
            200..=299 => document(&mut response).await.map(Some),
            404 => Ok(None),
            status => Err(refusal(status)),
        }
    }
}

async fn document(response: &mut Response) -> Result<String, BridgeError> {
    if response.kind() == Kind::Page {
        return Err(BridgeError::NotBridge("it serves a page there".into()));
    }
    let document = response.document(limit::JSON).await?;
    String::from_utf8(document).map_err(|_| odd(BridgeMessageError::NoObject))
}

fn refusal(status: u16) -> BridgeError {
    match status {
        401 | 403 | 407 => BridgeError::Unauthorised(status),
        _ => BridgeError::NotBridge(format!("it answers with HTTP {status}")),
    }
}

fn odd(error: BridgeMessageError) -> BridgeError {
    BridgeError::NotBridge(error.to_string())
}
