//! Whom to call.

use std::time::Duration;

use brain::bridge::BridgeAddress;
use net::Access;
use url::Url;

use crate::{door::Behind, problem::Problem};

/// How a host is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// A Moshi server.
    Moshi {
        /// The whole address, with its query.
        url: Url,
        /// How to get in.
        access: Access,
    },
    /// A PersonaPlex Bridge. It chooses persona and voice by itself.
    Bridge {
        /// Where it is.
        address: BridgeAddress,
        /// How to get in.
        access: Access,
    },
    /// It is found out when it is called.
    Behind(Behind),
}

/// Where Moshi runs, ready to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// How it is called.
    pub way: Way,
    /// The address as it is shown: no query.
    pub shown: String,
    /// How long to wait for the handshake.
    pub handshake_limit: Duration,
}

impl Host {
    /// A Moshi server from what a person typed.
    ///
    /// # Errors
    /// The problem with the address, the persona or the voice.
    pub fn new(
        address: &str,
        persona: &str,
        voice: &str,
        handshake_limit: Duration,
    ) -> Result<Self, Problem> {
        Self::asking(address, wire::ChatQuery::new(persona, voice), handshake_limit)
    }

    /// The same, asked also to say the replies that it is given, if it is a host of ours.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn speaking(
        address: &str,
        persona: &str,
        voice: &str,
        handshake_limit: Duration,
    ) -> Result<Self, Problem> {
        let query = wire::ChatQuery::new(persona, voice).map(wire::ChatQuery::speaking);
        Self::asking(address, query, handshake_limit)
    }

    fn asking(
        address: &str,
        query: Result<wire::ChatQuery, wire::ChatUrlError>,
        handshake_limit: Duration,
    ) -> Result<Self, Problem> {
        let query = query.map_err(|e| Problem::address(&e))?;
        let url = wire::chat_url(address, &query).map_err(|e| Problem::address(&e))?;
        let host = url.host_str().unwrap_or_default();
        let shown = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let way = Way::Moshi { url, access: Access::default() };
        Ok(Self { way, shown, handshake_limit })
    }

    /// The same, getting in as this says.
    #[must_use]
    pub fn with_access(mut self, access: Access) -> Self {
        match &mut self.way {
            Way::Moshi { access: own, .. } | Way::Bridge { access: own, .. } => *own = access,
            // Whoever is behind the door knows.
            Way::Behind(_) => {}
        }
        self
    }

    /// A bridge from what a person typed.
    ///
    /// # Errors
    /// The problem with the address.
    pub fn bridge(address: &str, handshake_limit: Duration) -> Result<Self, Problem> {
        let address = BridgeAddress::parse(address).map_err(|e| Problem::bridge_address(&e))?;
        let shown = address.to_string();
        let shown = shown.split_once("://").map_or(shown.as_str(), |(_, rest)| rest).to_owned();
        let way = Way::Bridge { address, access: Access::default() };
        Ok(Self { way, shown, handshake_limit })
    }
}
