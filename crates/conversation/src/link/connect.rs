//! From an address to an open WebSocket, with a reason for everything that can stand in the way.

use std::{io, sync::Arc, time::Duration};

use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
};
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    task::spawn_blocking,
    time::timeout,
};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config,
    tungstenite::{self, client::IntoClientRequest, error::ProtocolError, protocol::WebSocketConfig},
};

use super::unacknowledged;
use crate::{machine::Host, problem::LinkError};

/// How long a name may take to be found, and an address to answer.
const REACH_LIMIT: Duration = Duration::from_secs(10);
/// How long TLS and the upgrade may take together.
const UPGRADE_LIMIT: Duration = Duration::from_secs(20);
/// How long a server may take to show which protocol it speaks.
const PROBE_LIMIT: Duration = Duration::from_secs(3);
/// Bytes that may wait in the kernel for a connection that does not move: about two seconds of sound. More would only
/// arrive too late to matter.
const SEND_BUFFER: usize = 16 << 10;

/// An open WebSocket.
pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How servers prove who they are: the roots that the system trusts, read anew for each connection, so that a
/// certificate that was just installed counts.
async fn system_roots() -> Result<Arc<ClientConfig>, LinkError> {
    // Takes some milliseconds and touches the disk.
    let read = spawn_blocking(|| {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "some of the system's certificates cannot be read");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        let config =
            ClientConfig::builder_with_provider(Arc::<CryptoProvider>::new(ring::default_provider()))
                .with_safe_default_protocol_versions()?;
        Ok::<_, rustls::Error>(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
    });
    let unusable = |error: String| {
        tracing::error!(%error, "TLS cannot be used");
        LinkError::Tls("this program cannot use it".into())
    };
    read.await.map_err(|e| unusable(e.to_string()))?.map_err(|e| unusable(e.to_string()))
}

/// Connects to a host.
pub(super) async fn connect(host: &Host) -> Result<Socket, LinkError> {
    let name = host.url.host_str().unwrap_or_default();
    let port = host.url.port_or_known_default().unwrap_or(80);
    let stream = reach(name.trim_start_matches('[').trim_end_matches(']'), port).await?;
    let wants_tls = host.url.scheme() == "wss";
    let connector = if wants_tls { Connector::Rustls(system_roots().await?) } else { Connector::Plain };
    let request = host.url.as_str().into_client_request().map_err(|e| LinkError::Protocol(e.to_string()))?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(wire::limit::MESSAGE))
        .max_frame_size(Some(wire::limit::MESSAGE))
        // Sound goes out at once, not when a buffer is full.
        .write_buffer_size(0)
        .max_write_buffer_size(1 << 20);
    let upgrade = client_async_tls_with_config(request, stream, Some(config), Some(connector));
    match timeout(UPGRADE_LIMIT, upgrade).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(error)) => match translate(error, wants_tls) {
            LinkError::NotMoshi(_) if !wants_tls && speaks_tls(name, port).await => Err(LinkError::WantsTls),
            error => Err(error),
        },
        Err(_) => Err(LinkError::NotMoshi("it accepts the connection and says nothing".into())),
    }
}

/// Whether a server that made no sense in plain text is one that speaks TLS. Such a server answers plain text with a
/// TLS alert, record type 21, with which nothing else begins.
async fn speaks_tls(name: &str, port: u16) -> bool {
    const ALERT: u8 = 21;
    let ask = async {
        let mut stream = reach(name.trim_start_matches('[').trim_end_matches(']'), port).await.ok()?;
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.ok()?;
        stream.read_u8().await.ok()
    };
    timeout(PROBE_LIMIT, ask).await.ok().flatten() == Some(ALERT)
}

async fn reach(name: &str, port: u16) -> Result<TcpStream, LinkError> {
    let addresses = match timeout(REACH_LIMIT, lookup_host((name, port))).await {
        Ok(Ok(addresses)) => addresses.collect::<Vec<_>>(),
        Ok(Err(error)) => {
            tracing::debug!(%error, "the name was not found");
            return Err(LinkError::UnknownName(name.to_owned()));
        }
        Err(_) => return Err(LinkError::UnknownName(name.to_owned())),
    };
    let mut last = LinkError::UnknownName(name.to_owned());
    for address in addresses {
        match timeout(REACH_LIMIT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                set_up(&stream);
                return Ok(stream);
            }
            Ok(Err(error)) => last = not_reached(&error),
            Err(_) => last = LinkError::Unreachable("no answer".into()),
        }
    }
    Err(last)
}

fn not_reached(error: &io::Error) -> LinkError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => LinkError::Refused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            LinkError::Unreachable("there is no way to it".into())
        }
        _ => LinkError::Unreachable(error.to_string()),
    }
}

/// Makes a connection fit for live sound. Where the system refuses a setting the connection works all the same.
fn set_up(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    // Without this a packet of sound waits for the acknowledgement of the one before.
    let results = [
        socket.set_tcp_nodelay(true),
        socket.set_send_buffer_size(SEND_BUFFER),
        unacknowledged::limit(&socket),
    ];
    for error in results.into_iter().filter_map(Result::err) {
        tracing::debug!(%error, "a socket setting was refused");
    }
}

fn translate(error: tungstenite::Error, wants_tls: bool) -> LinkError {
    match error {
        tungstenite::Error::Http(response) => {
            let status = response.status().as_u16();
            match status {
                404 | 405 => LinkError::NotFound,
                401 | 403 | 407 => LinkError::Unauthorised(status),
                429 | 502..=504 => LinkError::Unavailable(status),
                200..=299 => LinkError::NotMoshi("it serves a page there, not a conversation".into()),
                300..=399 => LinkError::NotMoshi("it sends visitors elsewhere".into()),
                _ => LinkError::NotMoshi(format!("HTTP {status}")),
            }
        }
        tungstenite::Error::Io(error) => match tls_error(&error) {
            Some(error) => error,
            None if error.kind() == io::ErrorKind::UnexpectedEof && wants_tls => {
                LinkError::Tls("it hung up while TLS was set up".into())
            }
            None => LinkError::Closed(None),
        },
        tungstenite::Error::Tls(error) => LinkError::Tls(error.to_string()),
        tungstenite::Error::HttpFormat(error) => LinkError::NotMoshi(error.to_string()),
        tungstenite::Error::Protocol(ProtocolError::HandshakeIncomplete) => {
            LinkError::NotMoshi("it hangs up on a WebSocket".into())
        }
        tungstenite::Error::Protocol(error) => LinkError::NotMoshi(error.to_string()),
        other => LinkError::NotMoshi(other.to_string()),
    }
}

fn tls_error(error: &io::Error) -> Option<LinkError> {
    let tls = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(match tls {
        rustls::Error::InvalidCertificate(reason) => LinkError::Certificate(match reason {
            CertificateError::UnknownIssuer => "nobody this computer trusts has signed it".into(),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".into(),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "it is not valid yet; check this computer's clock".into()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "it was made for another name".into()
            }
            other => other.to_string(),
        }),
        rustls::Error::InvalidMessage(_) => LinkError::Tls("it answers something else".into()),
        other => LinkError::Tls(other.to_string()),
    })
}
