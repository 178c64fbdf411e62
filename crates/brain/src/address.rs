//! Reading the address of a server as a person writes it.

use std::fmt;

use net::Origin;
use thiserror::Error;
use url::Url;

/// As much of a foreign scheme is repeated, in characters.
const SCHEME: usize = 20;

/// Whose address it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Mas,
    Model,
    Bridge,
}

impl Server {
    /// How its addresses begin, without and with TLS. The first may be left out.
    fn schemes(self) -> [&'static str; 2] {
        match self {
            Self::Mas | Self::Model => ["http", "https"],
            Self::Bridge => ["ws", "wss"],
        }
    }

    /// The scheme that is meant. A bridge has WebSockets and HTTP at the same place, so both names mean the same.
    fn scheme(self, given: &str) -> Option<&'static str> {
        let [plain, secure] = self.schemes();
        match given {
            "http" => Some(plain),
            "https" => Some(secure),
            _ => self.schemes().into_iter().find(|scheme| *scheme == given),
        }
    }
}

/// Why something is not the address of a server.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{why}")]
pub struct AddressError {
    server: Server,
    why: AddressFault,
}

/// What is wrong with an address. No variant keeps what may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressFault {
    /// Nothing was given.
    #[error("no address is given")]
    Empty,
    /// It is not an address.
    #[error("it is not an address ({0})")]
    Invalid(String),
    /// It is an address of another kind.
    #[error("it begins with {given}:// and not with {}:// or {}://", .wanted[0], .wanted[1])]
    Scheme {
        /// How it begins.
        given: String,
        /// How it may begin.
        wanted: [&'static str; 2],
    },
    /// A user name, a password, or something behind a question mark: logs would keep it.
    #[error("it holds more than host, port and path")]
    Secret,
}

impl AddressError {
    /// What is wrong.
    #[must_use]
    pub fn why(&self) -> &AddressFault {
        &self.why
    }

    /// Stable, dotted, lower case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        use AddressFault::{Empty, Invalid, Scheme, Secret};
        match (self.server, &self.why) {
            (Server::Mas, Empty) => "mas.no_address",
            (Server::Mas, Invalid(_) | Scheme { .. }) => "mas.bad_address",
            (Server::Mas, Secret) => "mas.secret_in_address",
            (Server::Model, Empty) => "model.no_address",
            (Server::Model, Invalid(_) | Scheme { .. }) => "model.bad_address",
            (Server::Model, Secret) => "model.secret_in_address",
            (Server::Bridge, Empty) => "bridge.no_address",
            (Server::Bridge, Invalid(_) | Scheme { .. }) => "bridge.bad_address",
            (Server::Bridge, Secret) => "bridge.secret_in_address",
        }
    }
}

/// Reads an address. It has a scheme that the server is asked by, a host, and nothing that is not to be kept.
pub(crate) fn read(text: &str, server: Server) -> Result<Url, AddressError> {
    url(text.trim(), server).map_err(|why| AddressError { server, why })
}

fn url(text: &str, server: Server) -> Result<Url, AddressFault> {
    if text.is_empty() {
        return Err(AddressFault::Empty);
    }
    let wanted = server.schemes();
    let (scheme, rest) = match text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) {
        Some((given, rest)) => {
            let given = given.to_ascii_lowercase();
            let scheme = server.scheme(&given).ok_or_else(|| AddressFault::Scheme {
                given: given.chars().take(SCHEME).collect(),
                wanted,
            })?;
            (scheme, rest)
        }
        None => (wanted[0], text),
    };
    let url = Url::parse(&format!("{scheme}://{rest}")).map_err(|e| AddressFault::Invalid(e.to_string()))?;
    let secret = !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some();
    if secret { Err(AddressFault::Secret) } else { Ok(url) }
}

/// Whether this can be a scheme. What cannot, in front of `://`, may be a secret.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// An address that was read: scheme, host, port, and a path in front of all others where the server stands behind a
/// proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    url: Url,
    origin: Origin,
}

impl Address {
    /// Of an address as it was read, or with more certainty.
    pub(crate) fn of(url: Url, server: Server) -> Result<Self, AddressError> {
        let why = || AddressFault::Invalid("it names no host".to_owned());
        let origin = Origin::of(&url).ok_or_else(|| AddressError { server, why: why() })?;
        Ok(Self { url, origin })
    }

    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// What a request asks for, where `path` is one of the server's own.
    pub(crate) fn target(&self, path: &str) -> String {
        format!("{}{path}", self.url.path().trim_end_matches('/'))
    }
}

/// As it is shown to people.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Server; 3] = [Server::Mas, Server::Model, Server::Bridge];

    fn error(text: &str, server: Server) -> AddressError {
        read(text, server).unwrap_err()
    }

    #[test]
    fn an_address_is_what_people_write() {
        for (typed, server, shown) in [
            (" localhost:8001 ", Server::Mas, "http://localhost:8001"),
            ("HTTPS://gate.example/mas/", Server::Mas, "https://gate.example/mas"),
            ("[::1]:8001", Server::Model, "http://[::1]:8001"),
            ("gpu:1", Server::Bridge, "ws://gpu:1"),
            ("http://gpu:1", Server::Bridge, "ws://gpu:1"),
            ("https://gpu:1", Server::Bridge, "wss://gpu:1"),
            ("wss://gpu:1", Server::Bridge, "wss://gpu:1"),
        ] {
            let address = Address::of(read(typed, server).unwrap(), server).unwrap();
            assert_eq!(address.to_string(), shown);
        }
        let six = Address::of(read("[::1]:8001", Server::Mas).unwrap(), Server::Mas).unwrap();
        assert_eq!(six.origin().authority(), "[::1]:8001");
    }

    #[test]
    fn what_is_not_an_address_is_refused_and_said_to_be_of_whom() {
        let codes = |text: &str| ALL.map(|server| error(text, server).code());
        assert_eq!(codes("  "), ["mas.no_address", "model.no_address", "bridge.no_address"]);
        let bad = ["mas.bad_address", "model.bad_address", "bridge.bad_address"];
        for text in ["ftp://x", "http://", "://x", "a b"] {
            assert_eq!(codes(text), bad, "{text}");
        }
        for text in ["http://", "ht tp://x", "://x"] {
            assert!(matches!(error(text, Server::Model).why(), AddressFault::Invalid(_)), "{text}");
        }
        let said = |text: &str, server| error(text, server).to_string();
        assert_eq!(said("", Server::Mas), "no address is given");
        assert_eq!(said("ws://x", Server::Mas), "it begins with ws:// and not with http:// or https://");
        assert_eq!(said("wss://x", Server::Model), "it begins with wss:// and not with http:// or https://");
        assert_eq!(said("FTP://x", Server::Bridge), "it begins with ftp:// and not with ws:// or wss://");
        let long = format!("{}://x", "x".repeat(99));
        assert!(said(&long, Server::Bridge).len() < 80);
    }

    #[test]
    fn secrets_are_refused_and_not_repeated() {
        let secrets = ["mas.secret_in_address", "model.secret_in_address", "bridge.secret_in_address"];
        let with_password = "http://me:hush@mas"; // secret-scan:allow a made-up one that has to be refused
        let with_token = "http://mas?token=hush"; // secret-scan:allow another made-up one
        let with_key = "http://mas?key=hush"; // secret-scan:allow and one more
        for text in [with_password, with_token, with_key, "mas#hush", "mas?key=hush://"] {
            for (server, code) in ALL.into_iter().zip(secrets) {
                let error = error(text, server);
                assert_eq!(error.code(), code);
                assert_eq!(error.to_string(), "it holds more than host, port and path");
                assert!(!format!("{error} {error:?}").contains("hush"));
            }
        }
    }
}
