//! From an address to an open WebSocket, with a reason for everything that can stand in the way.

use net::{Access, Client, ConnectError, Opening, Origin, UpgradeError, WebSocket};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use url::{Position, Url};

use crate::problem::LinkError;

/// Bytes that may wait in the kernel for a connection that does not move: about two seconds of sound. More would only
/// arrive too late to matter.
const SEND_BUFFER: usize = 16 << 10;

/// Connects to a Moshi server.
pub(super) async fn connect(url: &Url, access: &Access) -> Result<WebSocket, LinkError> {
    let origin =
        Origin::of(url).ok_or_else(|| LinkError::Protocol("its address is of another kind".into()))?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(wire::limit::MESSAGE))
        .max_frame_size(Some(wire::limit::MESSAGE))
        // Sound goes out at once, not when a buffer is full.
        .write_buffer_size(0)
        .max_write_buffer_size(1 << 20);
    let opening = Opening { config, unsent: Some(SEND_BUFFER) };
    let target = &url[Position::BeforePath..Position::AfterQuery];
    let opened = Client::new(origin).with_access(access).open(target, &opening).await;
    opened.map_err(|error| translate(error, access.token.is_some()))
}

/// `token`: whether one was sent.
fn translate(error: UpgradeError, token: bool) -> LinkError {
    match error {
        UpgradeError::Connect(error) => match error {
            ConnectError::UnknownName(name) => LinkError::UnknownName(name),
            ConnectError::Refused => LinkError::Refused,
            ConnectError::Certificate(untrusted) => LinkError::Certificate(untrusted.reason),
            ConnectError::CertificateChanged { shown } => LinkError::CertificateChanged(shown.to_string()),
            ConnectError::Plain => LinkError::Plain,
            ConnectError::Tls(reason) => LinkError::Tls(reason),
            ConnectError::Silent => LinkError::NotMoshi(error.to_string()),
            ConnectError::NoRoute | ConnectError::NoAnswer(_) | ConnectError::Failed(_) => {
                LinkError::Unreachable(error.to_string())
            }
        },
        UpgradeError::Status(status) => match status {
            404 | 405 => LinkError::NotFound,
            401 | 403 if token => LinkError::WrongToken(status),
            401 | 403 | 407 => LinkError::Unauthorised(status),
            429 | 502..=504 => LinkError::Unavailable(status),
            200..=299 => LinkError::NotMoshi("it serves a page there, not a conversation".into()),
            300..=399 => LinkError::NotMoshi("it sends visitors elsewhere".into()),
            _ => LinkError::NotMoshi(format!("HTTP {status}")),
        },
        UpgradeError::WantsTls => LinkError::WantsTls,
        UpgradeError::Silent | UpgradeError::HangsUp => LinkError::NotMoshi(error.to_string()),
        UpgradeError::Broken => LinkError::Closed(None),
        UpgradeError::NotWebSocket(reason) => LinkError::NotMoshi(reason),
    }
}
