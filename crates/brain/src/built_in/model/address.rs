//! Where a model's server is.

use std::fmt;

use net::Origin;
use thiserror::Error;
use url::Url;

/// What people add to the address because the server's own page shows it so.
const ENDINGS: [&str; 3] = ["/chat/completions", "/models", "/v1"];

/// The address of an OpenAI-compatible server, without the `/v1` that all its interfaces begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelAddress {
    origin: Origin,
    /// In front of all other paths, without a slash at its end.
    path: String,
}

/// Why something is not the address of a model's server. No variant keeps what may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    /// Nothing was given.
    #[error("no address is given")]
    Empty,
    /// It is not an address.
    #[error("it is not an address ({0})")]
    Invalid(String),
    /// It is an address of another kind.
    #[error("it begins with {0}:// and not with http:// or https://")]
    Scheme(String),
    /// A user name, a password, or something behind a question mark: logs would keep it.
    #[error("it holds more than host, port and path")]
    Secret,
}

impl AddressError {
    /// Stable, dotted, lower case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "model.no_address",
            Self::Invalid(_) | Self::Scheme(_) => "model.bad_address",
            Self::Secret => "model.secret_in_address",
        }
    }
}

impl ModelAddress {
    /// Reads an address as a person writes it; `http://` may be left out, and `/v1` may be there.
    ///
    /// # Errors
    /// When it is not one.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&whole).map_err(|e| AddressError::Invalid(e.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(AddressError::Scheme(url.scheme().to_owned()));
        }
        let secret = !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some();
        if secret {
            return Err(AddressError::Secret);
        }
        let origin = Origin::of(&url).ok_or_else(|| AddressError::Invalid("it names no host".to_owned()))?;
        let mut path = url.path().trim_end_matches('/');
        for ending in ENDINGS {
            path = path.strip_suffix(ending).unwrap_or(path);
        }
        Ok(Self { origin, path: path.trim_end_matches('/').to_owned() })
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What a request asks for, where `path` is one of the server's own.
    pub(super) fn target(&self, path: &str) -> String {
        format!("{}{path}", self.path)
    }
}

/// As it is shown to people.
impl fmt::Display for ModelAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.origin.is_secure() { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.origin.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_people_write_and_servers_print() {
        for text in [
            " 127.0.0.1:11434 ",
            "http://127.0.0.1:11434/",
            "http://127.0.0.1:11434/v1",
            "http://127.0.0.1:11434/v1/",
            "http://127.0.0.1:11434/v1/chat/completions",
        ] {
            let address = ModelAddress::parse(text).unwrap();
            assert_eq!(address.to_string(), "http://127.0.0.1:11434", "{text}");
            assert_eq!(address.target("/v1/models"), "/v1/models");
        }
        let behind = ModelAddress::parse("https://gate.example/llm/v1").unwrap();
        assert_eq!(
            (behind.to_string(), behind.target("/v1/models")),
            ("https://gate.example/llm".into(), "/llm/v1/models".into())
        );
    }

    #[test]
    fn what_is_not_an_address_is_refused_and_secrets_are_not_repeated() {
        assert_eq!(ModelAddress::parse("  "), Err(AddressError::Empty));
        assert_eq!(ModelAddress::parse("ws://gpu:1"), Err(AddressError::Scheme("ws".into())));
        assert!(matches!(ModelAddress::parse("http://"), Err(AddressError::Invalid(_))));
        for secret in ["http://gpu?key=hush", "http://gpu#hush"] {
            let error = ModelAddress::parse(secret).unwrap_err();
            assert_eq!(error.code(), "model.secret_in_address");
            assert!(!format!("{error} {error:?}").contains("hush"));
        }
    }
}
