//! WebSockets on real sockets, and what opens none.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod server;

use futures_util::{SinkExt, StreamExt};
use net::{HeaderName, Opening, Token, UpgradeError};
use server::{Does, PATIENCE, Server, client};
use tokio::{net::TcpListener, time::timeout};
use tokio_tungstenite::{
    accept_async, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        protocol::frame::coding::CloseCode,
    },
};

#[tokio::test]
async fn a_socket_opens_at_its_path_with_the_token_in_a_header() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut asked = (String::new(), String::new());
        #[allow(clippy::result_large_err, reason = "the library's own signature")]
        let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            asked = (request.uri().to_string(), request.headers()["x-one"].to_str().unwrap().to_owned());
            Ok(response)
        };
        let mut socket = accept_hdr_async(stream, look).await.unwrap();
        let heard = socket.next().await.unwrap().unwrap();
        socket.send(heard).await.unwrap();
        asked
    });
    let names = [HeaderName::from_static("x-one")];
    let client = client(&format!("http://{address}")).with_token_in(&names, Token::new("hush").unwrap());
    let opening = Opening { unsent: Some(16 << 10), ..Opening::default() };
    let mut socket = client.open("/ws/one?x=a%20b", &opening).await.unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("hello"));
    assert_eq!(serving.await.unwrap(), ("/ws/one?x=a%20b".to_owned(), "hush".to_owned()));
}

#[tokio::test]
async fn what_opens_none_is_told_apart() {
    let answer = |status| Does::Says(format!("HTTP/1.1 {status} No\r\ncontent-length: 2\r\n\r\nno").into());
    for (does, reason) in [
        (answer(404), UpgradeError::Status(404)),
        (answer(200), UpgradeError::Status(200)),
        (answer(407), UpgradeError::Status(407)),
        (Does::Says(vec![0x15, 3, 1, 0, 2, 2, 0x46]), UpgradeError::WantsTls),
        (Does::Says(Vec::new()), UpgradeError::HangsUp),
    ] {
        let server = Server::start(does.clone()).await;
        let error = server.client().open("/", &Opening::default()).await.unwrap_err();
        assert_eq!(error, reason, "{does:?}");
    }
    let server = Server::start(Does::Greets(b"220 mail.example ESMTP ready\r\n".to_vec())).await;
    let error = server.client().open("/", &Opening::default()).await.unwrap_err();
    assert!(matches!(error, UpgradeError::NotWebSocket(_)), "{error:?}");
    let error = client("http://no-such-host.invalid").open("/", &Opening::default()).await.unwrap_err();
    assert!(matches!(error, UpgradeError::Connect(_)), "{error:?}");
}

#[tokio::test]
async fn a_goodbye_is_said_and_its_answer_awaited_but_not_for_long() {
    for answers in [true, false] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = accept_async(stream).await.unwrap();
            // What the client has not read yet is in front of the answer.
            socket.send(Message::text("unread")).await.unwrap();
            if !answers {
                // It neither reads nor goes away.
                std::future::pending::<()>().await;
            }
            let heard = socket.next().await.unwrap().unwrap();
            let Message::Close(Some(frame)) = heard else { panic!("{heard:?}") };
            assert_eq!(frame.code, CloseCode::Normal);
            assert!(socket.next().await.is_none(), "the answer goes out, and the client lets go");
        });
        let client = client(&format!("http://{address}"));
        let mut socket = client.open("/", &Opening::default()).await.unwrap();
        timeout(PATIENCE, net::close(&mut socket)).await.expect("it comes back");
        if answers {
            assert!(socket.next().await.is_none(), "everything is read");
            serving.await.unwrap();
        } else {
            serving.abort();
        }
    }
}
