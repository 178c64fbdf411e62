//! What is asked of MAS beside turns. All of it is optional: a MAS without it works as well. No model is called.

use net::Response;
use serde_json::{Value, json};

use super::{Mas, answer, error::MasError};
use crate::bounded::{DOCUMENT, ERROR_DOCUMENT, NAME, cut};

/// What became of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// It was done.
    Done,
    /// This MAS does not know such wishes. That is normal for the end of a session.
    Unknown,
}

impl Mas {
    /// Tells MAS that a conversation begins.
    ///
    /// # Errors
    /// When MAS cannot be asked, or fails.
    pub async fn begin_session(&self, conversation: &str, who: &str) -> Result<Wish, MasError> {
        let body = json!({
            "session_id": self.session(), "conversation_id": cut(conversation, NAME), "mode": "personaplex",
            "persona": "myca", "user_id": cut(who, NAME),
        });
        self.wish("/api/voice/session/create", &body).await
    }

    /// Tells MAS that the conversation is over. No known build listens to that.
    ///
    /// # Errors
    /// When MAS cannot be asked, or fails.
    pub async fn end_session(&self) -> Result<Wish, MasError> {
        self.wish(&format!("/api/voice/session/{}/end", self.session()), &json!({})).await
    }

    async fn wish(&self, path: &str, body: &Value) -> Result<Wish, MasError> {
        let response = self.inner.http.ask(path, Some(body)).await?;
        match response.status() {
            200..=299 => Ok(Wish::Done),
            404 | 405 | 410 | 501 => Ok(Wish::Unknown),
            _ => Err(self.refused(response).await),
        }
    }

    /// A document; none where this MAS has no such thing. `target`: path and query; `body`: what is posted, if anything is.
    pub(super) async fn look_at(
        &self,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Option<Value>, MasError> {
        let mut response = self.inner.http.ask(target, body).await?;
        match response.status() {
            200..=299 => {}
            404 | 405 | 410 | 501 => return Ok(None),
            _ => return Err(self.refused(response).await),
        }
        let document = response.document(DOCUMENT).await?;
        let value = serde_json::from_slice(&document);
        value.map(Some).map_err(|_| MasError::NotMas("what it answers is not JSON".into()))
    }

    /// What a status means that is no answer.
    pub(super) async fn refused(&self, mut response: Response) -> MasError {
        let status = response.status();
        match status {
            401 | 403 | 407 => MasError::Unauthorised(status),
            300..=399 => MasError::Redirected(status),
            429 => MasError::Limited(response.retry_after().unwrap_or(self.inner.limits.unsaid_wait)),
            _ => {
                let said = answer::said(&response.beginning(ERROR_DOCUMENT).await);
                MasError::Failed { status, said: said.map(|said| self.inner.http.without_token(said)) }
            }
        }
    }
}
