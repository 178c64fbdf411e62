//! From an address to somebody who can be asked.

use net::{Access, Client, Origin};
use url::{Position, Url};
use wire::{ChatQuery, chat_url};

use crate::Obstacle;

/// The port of every known bridge.
const BRIDGE: u16 = 8_999;
/// Where a conversation is held.
const CHAT: &str = "/api/chat";

/// Whom to ask, and where.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    url: Url,
    pub(crate) client: Client,
}

impl Target {
    /// A Moshi server.
    pub(crate) fn moshi(address: &str, access: &Access) -> Result<Self, Obstacle> {
        let url = chat_url(address, &ChatQuery::default());
        Self::of(url.map_err(|error| Obstacle::Address(error.to_string()))?, access)
    }

    /// A bridge. Its conversations are held elsewhere; what is asked is `GET /health`.
    pub(crate) fn bridge(address: &str, access: &Access) -> Result<Self, Obstacle> {
        // The same rules but for port and path.
        let mut url =
            chat_url(address, &ChatQuery::default()).map_err(|error| Obstacle::Address(error.to_string()))?;
        url.set_query(None);
        if url.path() == CHAT {
            url.set_path("/");
        }
        let authority = address.trim().rsplit("://").next().unwrap_or_default();
        let names_port_80 = authority.split('/').next().unwrap_or_default().ends_with(":80");
        if url.scheme() == "ws" && url.port().is_none() && !names_port_80 {
            // It fails where there is no host, and there is one.
            let _ = url.set_port(Some(BRIDGE));
        }
        let path = format!("{}/health", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Self::of(url, access)
    }

    fn of(url: Url, access: &Access) -> Result<Self, Obstacle> {
        let origin = Origin::of(&url).ok_or_else(|| Obstacle::Address("it names no host".into()))?;
        Ok(Self { url, client: Client::new(origin).with_access(access) })
    }

    /// Path and query.
    pub(crate) fn target(&self) -> &str {
        &self.url[Position::BeforePath..Position::AfterQuery]
    }

    /// Where a host of ours says how it is: beside where its conversations are held.
    pub(crate) fn health(&self) -> String {
        let path = self.url.path();
        format!("{}/health", path.strip_suffix(CHAT).unwrap_or_default())
    }

    /// As people are shown it.
    pub(crate) fn shown(&self) -> &str {
        self.client.origin().authority()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_ours_says_how_it_is_beside_its_conversations() {
        for (address, health) in [
            ("127.0.0.1:8998", "/health"),
            ("wss://gpu.example/moshi/api/chat", "/moshi/health"),
            ("ws://gpu/elsewhere", "/health"),
        ] {
            assert_eq!(Target::moshi(address, &Access::default()).unwrap().health(), health);
        }
    }

    #[test]
    fn a_bridge_is_asked_at_its_port_below_its_path() {
        for (address, shown, target) in [
            ("127.0.0.1", "127.0.0.1:8999", "/health"),
            ("http://gpu:80", "gpu", "/health"),
            ("wss://gpu.example/bridge/", "gpu.example", "/bridge/health"),
            ("ws://gpu:7000/a", "gpu:7000", "/a/health"),
        ] {
            let asked = Target::bridge(address, &Access::default()).unwrap();
            assert_eq!((asked.shown(), asked.target()), (shown, target), "{address}");
        }
        assert!(matches!(Target::bridge("", &Access::default()), Err(Obstacle::Address(_))));
    }
}
