//! The service token.

use std::fmt;

use hyper::header::HeaderValue;
use thiserror::Error;

/// A secret that tells MAS who asks. It goes into headers of requests to MAS and nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceToken {
    token: String,
}

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
        let token = token.trim();
        let fits = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self { token: token.to_owned() }) } else { Err(TokenError) }
    }

    /// As it stands in a header, marked so that nothing prints it.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&self.token).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The text without the token, in case that a server repeats what it was sent.
    pub(super) fn taken_out_of(&self, text: &str) -> String {
        text.replace(&self.token, "[token]")
    }
}

impl fmt::Debug for ServiceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceToken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_fits_into_a_header_and_is_never_shown() {
        for bad in ["", "  ", "two words", "line\nbreak", "naïve"] {
            assert_eq!(ServiceToken::new(bad), Err(TokenError));
        }
        let token = ServiceToken::new(" hush-1 \n").unwrap();
        assert_eq!(token.header().unwrap().as_bytes(), b"hush-1");
        assert!(!format!("{token:?} {:?}", token.header()).contains("hush"));
        assert_eq!(token.taken_out_of("bad header: hush-1"), "bad header: [token]");
    }
}
