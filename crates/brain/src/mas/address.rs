//! Where MAS is.

use std::fmt;

use net::Origin;

use crate::address::{self, Address, AddressError, Server};

/// The address of a MAS: scheme, host, port, and a path in front of all others where it stands behind a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasAddress(Address);

impl MasAddress {
    /// Reads an address as a person writes it; `http://` may be left out.
    ///
    /// # Errors
    /// When it is not one.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let url = address::read(text, Server::Mas)?;
        Address::of(url, Server::Mas).map(Self)
    }

    /// Scheme, host and port.
    pub(super) fn origin(&self) -> &Origin {
        self.0.origin()
    }

    /// What a request asks for, where `path` is one of MAS's own.
    pub(super) fn target(&self, path: &str) -> String {
        self.0.target(path)
    }
}

/// As it is shown to people.
impl fmt::Display for MasAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
        assert_eq!(MasAddress::parse("").unwrap_err().code(), "mas.no_address");
    }
}
