//! Where a server is.

use std::net::IpAddr;

use url::{Host, Url};

/// Scheme, host and port: what a token is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    secure: bool,
    /// Without the brackets of an address of IPv6.
    host: String,
    port: u16,
    /// As it stands in requests.
    authority: String,
    near: bool,
    loopback: bool,
}

impl Origin {
    /// Of an address of http, https, ws or wss. What it holds beyond host and port is not looked at.
    #[must_use]
    pub fn of(url: &Url) -> Option<Self> {
        let secure = match url.scheme() {
            "http" | "ws" => false,
            "https" | "wss" => true,
            _ => return None,
        };
        let host = url.host()?;
        let name = match &host {
            Host::Domain(name) => (*name).to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        };
        let near = match host {
            Host::Domain(name) => is_near_name(name),
            Host::Ipv4(address) => is_near(address.into()),
            Host::Ipv6(address) => is_near(address.into()),
        };
        let loopback = match host {
            Host::Domain(name) => is_loopback_name(name),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.to_canonical().is_loopback(),
        };
        Some(Self { secure, host: name, port: url.port_or_known_default()?, authority, near, loopback })
    }

    /// Whether it is reached by TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host's name or number, as it is looked up and as its certificate calls it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port as they stand in a request.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Whether its name or number says that it is this computer.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Whether its name or number says that it is this computer, or one in a private network. A name that is known
    /// to the whole world may lead into one too; that is not looked up.
    #[must_use]
    pub fn is_near(&self) -> bool {
        self.near
    }
}

/// The names that are set aside for this computer.
fn is_loopback_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    // What ends in it is set aside as well, but some resolvers ask others for it.
    name == "localhost"
}

/// Names that only mean something close by: those without a point, and the endings that are set aside for it.
fn is_near_name(name: &str) -> bool {
    const ENDINGS: [&str; 6] = ["localhost", "local", "lan", "home", "internal", "home.arpa"];
    let name = name.trim_end_matches('.');
    !name.contains('.')
        || ENDINGS.iter().any(|ending| name.strip_suffix(ending).is_some_and(|rest| rest.ends_with('.')))
}

fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let shared = first == 100 && (64..128).contains(&second);
            address.is_loopback() || address.is_private() || address.is_link_local() || shared
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> Origin {
        Origin::of(&Url::parse(url).unwrap()).unwrap()
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let named = origin("https://gate.example/mas/?x=1");
        assert_eq!((named.host(), named.port(), named.is_secure()), ("gate.example", 443, true));
        assert_eq!(named.authority(), "gate.example");
        let six = origin("ws://[::1]:8998/api/chat");
        assert_eq!((six.host(), six.port(), six.authority()), ("::1", 8998, "[::1]:8998"));
        assert!(!six.is_secure());
        assert_eq!(origin("http://a:1/x"), origin("http://a:1/y"), "the path is no part of it");
        assert_eq!(Origin::of(&Url::parse("file:///etc/passwd").unwrap()), None);
    }

    #[test]
    fn this_computer_is_told_by_name_and_number() {
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]"] {
            assert!(origin(&format!("ws://{host}:8998")).is_loopback(), "{host}");
        }
        for host in
            ["gpu", "localhost.example", "notlocalhost", "10.0.0.1", "0.0.0.0", "[::2]", "192.168.0.1"]
        {
            assert!(!origin(&format!("ws://{host}:8998")).is_loopback(), "{host}");
        }
    }

    #[test]
    fn what_is_near_is_told_by_name_and_number() {
        let near = [
            "localhost",
            "mas",
            "mas.local",
            "gpu.home.arpa",
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.188",
            "172.31.0.1",
            "169.254.1.1",
            "100.100.1.1",
            "[::1]",
            "[fd00::1]",
            "[fe80::1]",
            "[::ffff:10.0.0.1]",
        ];
        for host in near {
            assert!(origin(&format!("http://{host}:8001")).is_near(), "{host}");
        }
        let far =
            ["mas.example", "notlocal.example", "203.0.113.5", "172.32.0.1", "100.128.0.1", "[2001:db8::1]"];
        for host in far {
            assert!(!origin(&format!("http://{host}:8001")).is_near(), "{host}");
        }
    }
}
