//! Where a model's server is.

use std::fmt;

use net::Origin;

use crate::address::{self, Address, AddressError, Server};

/// What people add to the address because the server's own page shows it so.
const ENDINGS: [&str; 3] = ["/chat/completions", "/models", "/v1"];

/// The address of an OpenAI-compatible server, without the `/v1` that all its interfaces begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelAddress(Address);

impl ModelAddress {
    /// Reads an address as a person writes it; `http://` may be left out, and `/v1` may be there.
    ///
    /// # Errors
    /// When it is not one.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let mut url = address::read(text, Server::Model)?;
        let mut path = url.path().trim_end_matches('/');
        for ending in ENDINGS {
            path = path.strip_suffix(ending).unwrap_or(path);
        }
        let path = path.to_owned();
        url.set_path(&path);
        Address::of(url, Server::Model).map(Self)
    }

    pub(super) fn origin(&self) -> &Origin {
        self.0.origin()
    }

    /// What a request asks for, where `path` is one of the server's own.
    pub(super) fn target(&self, path: &str) -> String {
        self.0.target(path)
    }
}

/// As it is shown to people.
impl fmt::Display for ModelAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
        assert_eq!(ModelAddress::parse("").unwrap_err().code(), "model.no_address");
    }
}
