//! Where the bridge is.

use std::fmt;

use net::Origin;
use url::form_urlencoded;

use crate::address::{self, Address, AddressError, Server};

/// The port of every known build; it is fixed there. Something else is only where a proxy stands in front.
const PORT: u16 = 8_999;

/// The address of a bridge: scheme, host, port, and a path in front of all others where it stands behind a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgeAddress(Address);

impl BridgeAddress {
    /// Reads an address as a person writes it; `ws://` may be left out, and `http://` means the same. Without a port it
    /// is 8999, with TLS 443, as bridges themselves speak none.
    ///
    /// # Errors
    /// When it is not one.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let mut url = address::read(text, Server::Bridge)?;
        if url.scheme() == "ws" && url.port().is_none() && !names_port_80(text) {
            // It fails where there is no host, which is found out below.
            let _ = url.set_port(Some(PORT));
        }
        Address::of(url, Server::Bridge).map(Self)
    }

    pub(super) fn origin(&self) -> &Origin {
        self.0.origin()
    }

    /// What a request asks for. The parts become segments of the path, whatever they hold.
    pub(super) fn target(&self, parts: &[&str], query: &[(&str, &str)]) -> String {
        let mut url = self.0.url().clone();
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
        self.0.fmt(f)
    }
}

/// Whether port 80 is written there, which the parser takes for none.
fn names_port_80(text: &str) -> bool {
    let text = text.trim();
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default().ends_with(":80")
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
        assert_eq!(BridgeAddress::parse("").unwrap_err().code(), "bridge.no_address");
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
}
