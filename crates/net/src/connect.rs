//! From an origin to a connection.

use std::{io, time::Duration};

use socket2::SockRef;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use crate::{ConnectError, Origin, Stream, Trust, race, tls, unacknowledged};

/// How long a name may take to be found, and each of its addresses to answer.
const LIMIT: Duration = Duration::from_secs(10);

/// What a connection must be.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Demands {
    pub(crate) trust: Trust,
    /// Whether it must be encrypted, unless it stays on this computer.
    pub(crate) encrypted: bool,
}

/// A server that was reached, and has not been told anything yet.
#[derive(Debug)]
pub struct Reached {
    stream: TcpStream,
    origin: Origin,
    demands: Demands,
}

impl Reached {
    /// Agrees on TLS, where the origin asks for it, and hangs up.
    ///
    /// # Errors
    /// When the server does not prove who it is.
    pub async fn secure(self) -> Result<(), ConnectError> {
        self.finish().await.map(drop)
    }

    async fn finish(self) -> Result<Stream, ConnectError> {
        let Self { stream, origin, demands } = self;
        if origin.is_secure() {
            Ok(Stream::tls(tls::secure(stream, origin.host(), demands.trust).await?))
        } else {
            Ok(Stream::plain(stream))
        }
    }
}

/// Connects to an origin. `unsent`: how many bytes may wait in the kernel for a connection that does not move, where
/// the system's own measure is too much.
pub(crate) async fn connect(
    origin: &Origin,
    demands: Demands,
    unsent: Option<usize>,
) -> Result<Stream, ConnectError> {
    reached(origin, demands, unsent).await?.finish().await
}

pub(crate) async fn reached(
    origin: &Origin,
    demands: Demands,
    unsent: Option<usize>,
) -> Result<Reached, ConnectError> {
    if demands.encrypted && !origin.is_secure() && !origin.is_loopback() {
        return Err(ConnectError::Plain);
    }
    let stream = reach(origin.host(), origin.port()).await?;
    set_up(&stream, unsent);
    Ok(Reached { stream, origin: origin.clone(), demands })
}

async fn reach(name: &str, port: u16) -> Result<TcpStream, ConnectError> {
    let unknown = || ConnectError::UnknownName(name.to_owned());
    let found = match timeout(LIMIT, lookup_host((name, port))).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::debug!(%error, "the name was not found");
            return Err(unknown());
        }
        Err(_) => return Err(unknown()),
    };
    let addresses = race::order(found, name.eq_ignore_ascii_case("localhost"));
    let connected = race::first(addresses, |address| async move {
        match timeout(LIMIT, TcpStream::connect(address)).await {
            Ok(connected) => connected.map_err(|error| ConnectError::of(&error)),
            Err(_) => Err(ConnectError::NoAnswer(LIMIT)),
        }
    });
    connected.await.map_err(|why| why.unwrap_or_else(unknown))
}

/// Makes a connection fit for words and sound that are awaited. Where the system refuses a setting the connection works
/// all the same.
fn set_up(stream: &TcpStream, unsent: Option<usize>) {
    let socket = SockRef::from(stream);
    // Without the first, a small packet waits for the acknowledgement of the one before.
    let results: [io::Result<()>; 3] = [
        socket.set_tcp_nodelay(true),
        unacknowledged::limit(&socket),
        unsent.map_or(Ok(()), |bytes| socket.set_send_buffer_size(bytes)),
    ];
    for error in results.into_iter().filter_map(Result::err) {
        tracing::debug!(%error, "a socket setting was refused");
    }
}
