//! Ports that are taken on loopback.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use super::thread::on_thread;

/// How long a listener on loopback may take to accept.
const ACCEPT: Duration = Duration::from_millis(200);

pub(super) async fn read(ports: &[u16]) -> Result<Vec<u16>, String> {
    let ports = ports.to_vec();
    on_thread("doctor-ports", move || Ok(ports.into_iter().filter(|port| is_taken(*port)).collect())).await
}

/// Windows lets two programs have a port if one of them listens on all addresses, so that a free port is called as well.
fn is_taken(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match TcpListener::bind(address) {
        Ok(listener) => drop(listener),
        Err(error) => return error.kind() == ErrorKind::AddrInUse,
    }
    cfg!(windows) && TcpStream::connect_timeout(&address, ACCEPT).is_ok()
}
