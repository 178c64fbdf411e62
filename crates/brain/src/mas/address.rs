//! Where MAS is.

use std::fmt;

use net::Origin;
use thiserror::Error;
use url::Url;

/// The address of a MAS: scheme, host, port, and a path in front of all others where it stands behind a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasAddress {
    url: Url,
    origin: Origin,
}

/// Why something is not the address of a MAS. No variant keeps what may be a secret.
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
            Self::Empty => "mas.no_address",
            Self::Invalid(_) | Self::Scheme(_) => "mas.bad_address",
            Self::Secret => "mas.secret_in_address",
        }
    }
}

impl MasAddress {
    /// Reads an address as a person writes it; `http://` may be left out.
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
        let origin = Origin::of(&url).filter(|_| matches!(url.scheme(), "http" | "https"));
        let origin = origin.ok_or_else(|| AddressError::Scheme(url.scheme().to_owned()))?;
        let secret = !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some();
        if secret {
            return Err(AddressError::Secret);
        }
        Ok(Self { url, origin })
    }

    /// Scheme, host and port.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What a request asks for, where `path` is one of MAS's own.
    pub(super) fn target(&self, path: &str) -> String {
        format!("{}{path}", self.url.path().trim_end_matches('/'))
    }
}

/// As it is shown to people.
impl fmt::Display for MasAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_people_write() {
        let address = MasAddress::parse(" localhost:8001 ").unwrap();
        assert_eq!(address.to_string(), "http://localhost:8001");
        assert_eq!(address.target("/voice/brain/chat"), "/voice/brain/chat");
        let behind = MasAddress::parse("https://gate.example/mas/").unwrap();
        assert_eq!(behind.target("/health"), "/mas/health");
        let six = MasAddress::parse("[::1]:8001").unwrap();
        assert_eq!(six.origin().authority(), "[::1]:8001");
    }

    #[test]
    fn what_is_not_an_address_is_refused_and_secrets_are_not_repeated() {
        assert_eq!(MasAddress::parse("  "), Err(AddressError::Empty));
        assert_eq!(MasAddress::parse("ws://mas:8001"), Err(AddressError::Scheme("ws".into())));
        assert!(matches!(MasAddress::parse("http://"), Err(AddressError::Invalid(_))));
        let with_password = "http://me:hush@mas"; // secret-scan:allow a made-up one that has to be refused
        for secret in [with_password, "http://mas?token=hush", "http://mas#hush"] {
            let error = MasAddress::parse(secret).unwrap_err();
            assert_eq!(error.code(), "mas.secret_in_address");
            assert!(!format!("{error} {error:?}").contains("hush"));
        }
    }
}
