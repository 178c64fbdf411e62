//! Something that tells a server who asks.

use std::fmt;

use hyper::header::HeaderValue;
use thiserror::Error;

/// A token that goes into headers of requests to one origin, and nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
}

/// It cannot stand in a header. What it is is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it is empty, or holds something else than letters, digits and signs of ASCII")]
pub struct TokenError;

impl Token {
    /// Takes a token; white space around it does not count.
    ///
    /// # Errors
    /// When it cannot stand in a header.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self { text: text.to_owned() }) } else { Err(TokenError) }
    }

    /// As it stands in a header behind some words, marked so that nothing prints it.
    pub(crate) fn header(&self, before: &str) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("{before}{}", self.text)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The text without the token, in case that a server repeats what it was sent.
    pub(crate) fn taken_out_of(&self, text: &str) -> String {
        text.replace(&self.text, "[token]")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_fits_into_a_header_and_is_never_shown() {
        for bad in ["", "  ", "two words", "line\nbreak", "naïve"] {
            assert_eq!(Token::new(bad), Err(TokenError));
        }
        let token = Token::new(" hush-1 \n").unwrap();
        assert_eq!(token.header("Bearer ").unwrap().as_bytes(), b"Bearer hush-1");
        assert!(!format!("{token:?} {:?}", token.header("")).contains("hush"));
        assert_eq!(token.taken_out_of("bad header: hush-1"), "bad header: [token]");
    }
}
