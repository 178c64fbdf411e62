//! The token of a host, from the keyring.

use net::Token;
use store::{SecretError, SecretName, Secrets};
use thiserror::Error;

/// Why a token cannot be had.
#[derive(Debug, Error)]
pub enum TokenTrouble {
    /// The keyring does not give it.
    #[error(transparent)]
    Keyring(#[from] SecretError),
    /// What is kept is no token.
    #[error("what is kept as the token of this host cannot be one")]
    NoToken,
}

impl TokenTrouble {
    /// Stable code for the edge.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Keyring(error) => error.code(),
            Self::NoToken => "host.bad_token",
        }
    }
}

/// The token that is kept for the host with this id, if there is one. The person is not asked to unlock the keyring.
///
/// # Errors
/// When the keyring cannot be read, or holds something else.
pub async fn token_of(secrets: Secrets, id: &str) -> Result<Option<Token>, TokenTrouble> {
    let name = SecretName::Host(id.to_owned());
    let kept = tokio::task::spawn_blocking(move || secrets.get(&name)).await;
    let kept = kept.unwrap_or_else(|error| Err(SecretError::Failed(error.to_string())))?;
    kept.map(|secret| Token::new(secret.expose()).map_err(|_| TokenTrouble::NoToken)).transpose()
}
