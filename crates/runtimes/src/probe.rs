//! Whether Moshi answers at a port of this computer, found out without taking its place from anybody.
//!
//! Every Moshi server has `/api/chat` and wants a WebSocket there. Asked without one, it refuses: aiohttp (Python) by 400
//! and "No WebSocket UPGRADE hdr", axum (moshi-backend) by 400 and a sentence about an upgrade, `myca host` by 400 and a
//! sentence of its own. None of them takes its lock for that.

use std::{io, net::Ipv4Addr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long an answer may take. A server that is in the middle of a step answers after it.
const LIMIT: Duration = Duration::from_secs(2);
/// As much of an answer is looked at, in bytes.
const LONGEST: u64 = 8 << 10;

/// What there is at a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing listens there.
    Nobody,
    /// Moshi.
    Moshi,
    /// Something takes the connection and says nothing in time.
    Silence,
    /// Something else, in words.
    Other(String),
}

/// Asks what there is at a port of this computer.
pub(crate) async fn ask(port: u16) -> Answer {
    match timeout(LIMIT, exchange(port)).await {
        Ok(Ok(answer)) => judge(&answer),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Answer::Nobody,
        Ok(Err(_)) => Answer::Other("hangs up".to_owned()),
        Err(_) => Answer::Silence,
    }
}

async fn exchange(port: u16) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let request = format!("GET /api/chat HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await?;
    Ok(answer)
}

fn judge(answer: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(answer);
    let Some(status) = text.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)) else {
        let what = if answer.is_empty() { "hangs up" } else { "does not speak HTTP" };
        return Answer::Other(what.to_owned());
    };
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_ascii_lowercase();
    // 426 is what HTTP has for it; nobody uses it so far.
    if matches!(status, "400" | "426") && (body.contains("websocket") || body.contains("upgrade")) {
        Answer::Moshi
    } else {
        Answer::Other(format!("answers with HTTP {}", status.escape_default()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn each_moshi_is_known_by_how_it_refuses() {
        let answers = [
            "HTTP/1.1 400 Bad Request\r\nServer: Python/3.12 aiohttp/3.11.18\r\n\r\nNo WebSocket UPGRADE hdr: None\n Can \"Upgrade\" only to \"WebSocket\".",
            "HTTP/1.1 400 Bad Request\r\n\r\nConnection header did not include 'upgrade'",
            "HTTP/1.1 400 Bad Request\r\n\r\nConversations are held over a WebSocket. Open this address with a Moshi client.",
        ];
        for answer in answers {
            assert_eq!(judge(answer.as_bytes()), Answer::Moshi, "{answer}");
        }
    }

    #[test]
    fn what_is_no_moshi_is_said() {
        for (answer, words) in [
            ("HTTP/1.1 404 Not Found\r\n\r\nno websocket here", "answers with HTTP 404"),
            ("HTTP/1.1 400 Bad Request\r\n\r\nwhat?", "answers with HTTP 400"),
            ("HTTP/1.1 200 OK\r\n\r\nupgrade to the newest browser", "answers with HTTP 200"),
            ("SSH-2.0-OpenSSH_9.2", "does not speak HTTP"),
            ("HTTP/1.", "does not speak HTTP"),
            ("", "hangs up"),
        ] {
            assert_eq!(judge(answer.as_bytes()), Answer::Other(words.to_owned()), "{answer}");
        }
    }

    #[tokio::test]
    async fn a_closed_port_is_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        assert_eq!(ask(port).await, Answer::Nobody);
    }

    #[tokio::test]
    async fn an_open_port_alone_is_not_moshi() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(ask(port).await, Answer::Silence);
    }
}
