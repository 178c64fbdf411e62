//! The service token.

use net::Token;
use thiserror::Error;

/// A secret that tells MAS who asks. It goes into headers of requests to MAS and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceToken(Token);

/// It cannot stand in a header. What it is is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the service token is empty, or holds something else than letters, digits and signs of ASCII")]
pub struct TokenError;

impl TokenError {
    /// Stable, dotted, lower case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "mas.bad_token"
    }
}

impl ServiceToken {
    /// Takes a token; white space around it does not count.
    ///
    /// # Errors
    /// When it cannot stand in a header.
    pub fn new(token: &str) -> Result<Self, TokenError> {
        Token::new(token).map(Self).map_err(|_| TokenError)
    }

    pub(super) fn into_inner(self) -> Token {
        self.0
    }
}
