//! Where the bridge is.

use std::fmt;

use net::Origin;
use thiserror::Error;
use url::{Url, form_urlencoded};

/// The port of every known build; it is fixed there. Something else is only where a proxy stands in front.
const PORT: u16 = 8_999;

/// The address of a bridge: scheme, host, port, and a path in front of all others where it stands behind a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgeAddress {
    url: Url,
    origin: Origin,
}

/// Why something is not the address of a bridge. No variant keeps what may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BridgeAddressError {
    /// Nothing was given.
    #[error("no address is given")]
    Empty,
    /// It is not an address.
    #[error("it is not an address ({0})")]
    Invalid(String),
    /// It is an address of another kind.
    #[error("it begins with {0}:// and not with ws:// or wss://")]
    Scheme(String),
    /// A user name, a password, or something behind a question mark: logs would keep it.
    #[error("it holds more than host, port and path")]
    Secret,
}

impl BridgeAddressError {
    /// Stable, dotted, lower case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "bridge.no_address",
            Self::Invalid(_) | Self::Scheme(_) => "bridge.bad_address",
            Self::Secret => "bridge.secret_in_address",
        }
    }
}

impl BridgeAddress {
    /// Reads an address as a person writes it; `ws://` may be left out, and `http://` means the same. Without a port it
    /// is 8999, with TLS 443, as bridges themselves speak none.
    ///
    /// # Errors
    /// When it is not one.
    pub fn parse(text: &str) -> Result<Self, BridgeAddressError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BridgeAddressError::Empty);
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("ws", text));
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "ws" | "http" => "ws",
            "wss" | "https" => "wss",
            _ => return Err(BridgeAddressError::Scheme(scheme.chars().take(20).collect())),
        };
        let mut url = Url::parse(&format!("{scheme}://{rest}"))
            .map_err(|e| BridgeAddressError::Invalid(e.to_string()))?;
        let secret = !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some();
        if secret {
            return Err(BridgeAddressError::Secret);
        }
        let host = rest.split('/').next().unwrap_or_default();
        // The parser takes port 80 for none.
        if scheme == "ws" && url.port().is_none() && !host.ends_with(":80") {
            url.set_port(Some(PORT))
                .map_err(|()| BridgeAddressError::Invalid("it names no host".to_owned()))?;
        }
        let origin =
            Origin::of(&url).ok_or_else(|| BridgeAddressError::Invalid("it names no host".to_owned()))?;
        Ok(Self { url, origin })
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What a request asks for. The parts become segments of the path, whatever they hold.
    pub(super) fn target(&self, parts: &[&str], query: &[(&str, &str)]) -> String {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        let path = url.path();
        if query.is_empty() {
            return path.to_owned();
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        format!("{path}?{query}")
    }
}

/// As it is shown to people.
impl fmt::Display for BridgeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_people_write() {
        for (typed, shown) in [
            (" localhost:8999 ", "ws://localhost:8999"),
            ("http://gpu:8999/", "ws://gpu:8999"),
            ("localhost", "ws://localhost:8999"),
            ("ws://gpu/bridge", "ws://gpu:8999/bridge"),
            ("http://gpu:80", "ws://gpu"),
            ("[::1]", "ws://[::1]:8999"),
            ("HTTPS://gate.example/bridge/", "wss://gate.example/bridge"),
            ("ws://[::1]:8999", "ws://[::1]:8999"),
        ] {
            assert_eq!(BridgeAddress::parse(typed).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_stands_in_a_path_or_a_query_stays_in_it() {
        let address = BridgeAddress::parse("wss://gate.example/bridge/").unwrap();
        assert_eq!(address.target(&["health"], &[]), "/bridge/health");
        assert_eq!(
            address.target(&["ws", "../a?b#c"], &[("user_id", "a&b c")]),
            "/bridge/ws/..%2Fa%3Fb%23c?user_id=a%26b+c"
        );
        assert_eq!(BridgeAddress::parse("gpu:1").unwrap().target(&["session"], &[]), "/session");
    }

    #[test]
    fn what_is_not_an_address_is_refused_and_secrets_are_not_repeated() {
        assert_eq!(BridgeAddress::parse("  "), Err(BridgeAddressError::Empty));
        assert_eq!(BridgeAddress::parse("ftp://x"), Err(BridgeAddressError::Scheme("ftp".into())));
        assert!(matches!(BridgeAddress::parse("ws://"), Err(BridgeAddressError::Invalid(_))));
        let with_password = "ws://me:hush@gpu"; // secret-scan:allow a made-up one that has to be refused
        let with_token = "ws://gpu?token=hush"; // secret-scan:allow another made-up one
        for secret in [with_password, with_token, "gpu#hush"] {
            let error = BridgeAddress::parse(secret).unwrap_err();
            assert_eq!(error.code(), "bridge.secret_in_address");
            assert!(!format!("{error} {error:?}").contains("hush"));
        }
    }
}
