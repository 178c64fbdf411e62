//! Opening a WebSocket over a connection, and closing it.

use std::time::Duration;

use futures_util::StreamExt;
use hyper::header::{HeaderName, HeaderValue};
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Utf8Bytes,
        client::IntoClientRequest,
        error::ProtocolError,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

use crate::{Origin, Stream, UpgradeError};

/// How long a server may take to answer whether it opens one.
const LIMIT: Duration = Duration::from_secs(20);

/// How long the other side may take to answer a close frame.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// An open WebSocket.
pub type WebSocket = WebSocketStream<Stream>;

/// How a WebSocket is opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Opening {
    /// Sizes of messages and buffers.
    pub config: WebSocketConfig,
    /// How many bytes may wait in the kernel for a connection that does not move, where the system's own measure would
    /// let them come too late to matter.
    pub unsent: Option<usize>,
}

/// Opens one. tungstenite writes the request, headers and all, as a record of the crate `log`: nobody may listen to
/// those, as the token is in it.
pub(crate) async fn upgrade(
    stream: Stream,
    origin: &Origin,
    target: &str,
    headers: &[(HeaderName, HeaderValue)],
    opening: &Opening,
) -> Result<WebSocket, UpgradeError> {
    let scheme = if origin.is_secure() { "wss" } else { "ws" };
    let address = format!("{scheme}://{}{target}", origin.authority());
    let mut request =
        address.into_client_request().map_err(|error| UpgradeError::NotWebSocket(error.to_string()))?;
    request.headers_mut().extend(headers.iter().cloned());
    let first = stream.first_byte();
    match timeout(LIMIT, client_async_with_config(request, stream, Some(opening.config))).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(_)) if first.is_of_tls() => Err(UpgradeError::WantsTls),
        Ok(Err(error)) => Err(translate(error)),
        Err(_) => Err(UpgradeError::Silent),
    }
}

/// Says goodbye, so that the server frees what it holds for us, and waits a moment for its answer.
pub async fn close(socket: &mut WebSocket) {
    let frame = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::from_static("") };
    let goodbye = async {
        let _ = socket.close(Some(frame)).await;
        while let Some(Ok(_)) = socket.next().await {}
    };
    let _ = timeout(CLOSE_LIMIT, goodbye).await;
}

fn translate(error: tungstenite::Error) -> UpgradeError {
    tracing::debug!(%error, "a WebSocket does not open");
    match error {
        tungstenite::Error::Http(response) => UpgradeError::Status(response.status().as_u16()),
        tungstenite::Error::Protocol(ProtocolError::HandshakeIncomplete) => UpgradeError::HangsUp,
        tungstenite::Error::Io(_) => UpgradeError::Broken,
        other => UpgradeError::NotWebSocket(other.to_string()),
    }
}
