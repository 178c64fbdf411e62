//! Ports of this computer: whether one is free, and who has it.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
};

#[cfg(target_os = "linux")]
use self::linux::listener;
#[cfg(not(target_os = "linux"))]
use self::other::listener;
use crate::{Moved, Port, StartError};

/// A port that is free now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Free {
    pub(crate) port: u16,
    /// Where another one was wanted.
    pub(crate) moved: Option<Moved>,
}

/// A free port: the one that is wanted, or another if that may be. `everywhere`: the runtime listens on all addresses.
/// `elsewhere`: the wanted one was free, and the runtime could not have it all the same.
///
/// # Errors
/// When the port is taken and nothing else will do.
pub(crate) fn choose(wanted: Port, everywhere: bool, elsewhere: bool) -> Result<Free, StartError> {
    let Port { wanted: port, fixed } = wanted;
    if port != 0 && is_free(port, everywhere) && (fixed || !elsewhere) {
        return Ok(Free { port, moved: None });
    }
    let by = if port == 0 { None } else { listener(port) };
    if fixed && port != 0 {
        return Err(StartError::PortTaken { port, by });
    }
    let another = any().map_err(|_| StartError::NoPort)?;
    Ok(Free { port: another, moved: (port != 0).then_some(Moved { from: port, by }) })
}

/// Whether nobody listens at it. On Windows two programs may listen at one port unless one of them asks to be alone,
/// which the standard library does not; so that somebody who answers counts too.
fn is_free(port: u16, everywhere: bool) -> bool {
    let address = if everywhere { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    let bound = TcpListener::bind((address, port)).is_ok();
    bound && (!cfg!(windows) || std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err())
}

/// Any port that is free. Systems hand them out in turn, so that it stays free for a while.
fn any() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    #[test]
    fn a_taken_port_is_said_and_another_one_is_taken_where_it_may_be() {
        let (_listener, port) = taken();
        let free = choose(Port { wanted: port, fixed: false }, false, false).unwrap();
        assert_ne!(free.port, port);
        let moved = free.moved.unwrap();
        assert_eq!(moved.from, port);
        #[cfg(target_os = "linux")]
        assert!(moved.by.unwrap().contains(&format!("process {}", std::process::id())));
        let error = choose(Port { wanted: port, fixed: true }, false, false).unwrap_err();
        assert_eq!(error.code(), "port.taken");
        assert!(error.to_string().contains(&port.to_string()), "{error}");
    }

    #[test]
    fn a_port_that_is_taken_at_one_address_is_not_free_everywhere() {
        let (_listener, port) = taken();
        assert!(choose(Port { wanted: port, fixed: true }, true, false).is_err());
    }

    #[test]
    fn a_free_port_is_taken_as_it_is_wanted() {
        let (listener, port) = taken();
        drop(listener);
        let wanted = Port { wanted: port, fixed: false };
        assert_eq!(choose(wanted, false, false).unwrap(), Free { port, moved: None });
        let elsewhere = choose(wanted, false, true).unwrap();
        assert_ne!(elsewhere.port, port, "the runtime could not have it");
        assert!(choose(Port { wanted: 0, fixed: false }, false, false).unwrap().moved.is_none());
    }
}
