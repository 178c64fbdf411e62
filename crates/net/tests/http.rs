//! Requests on real sockets: to servers that answer, and to those that do not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod server;

use std::time::Duration;

use net::{ConnectError, HeaderName, HeaderValue, HttpError, Kind, Limits, Token};
use server::{Does, PATIENCE, Server, client, limits};

/// A short one, for what never comes.
const SHORT: Duration = Duration::from_millis(100);
const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
const CHUNKS: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn a_question_goes_out_as_json_and_the_answer_comes_back() {
    let mut server = Server::says(FINE).await;
    let mut answer = server.client().post("/voice/chat?x=1", r#"{"message":"hi"}"#, limits()).await.unwrap();
    assert_eq!((answer.status(), answer.kind()), (200, Kind::Json));
    assert_eq!(answer.document(2).await, Ok(b"{}".to_vec()));
    let asked = server.request().await;
    assert!(asked.starts_with("POST /voice/chat?x=1 HTTP/1.1\r\n"), "{asked}");
    let host = format!("host: {}\r\n", server.address());
    for field in [host.as_str(), "content-type: application/json\r\n", "content-length: 16\r\n"] {
        assert!(asked.to_ascii_lowercase().contains(field), "{asked}");
    }
    assert!(asked.ends_with(r#"{"message":"hi"}"#), "{asked}");
    server.client().get("/", limits()).await.unwrap();
    assert!(server.request().await.starts_with("GET / HTTP/1.1\r\n"));
}

#[tokio::test]
async fn pieces_come_as_they_are_sent_and_letting_go_reaches_the_server() {
    let first = format!("{CHUNKS}5\r\nhello\r\n");
    let mut server = Server::start(Does::Waits(first.into())).await;
    let mut answer = server.client().get("/", limits()).await.unwrap();
    assert_eq!(answer.kind(), Kind::Events);
    assert_eq!(answer.piece().await.unwrap().unwrap(), "hello", "while the rest is not even sent");
    drop(answer);
    server.connection_ended().await;
}

#[tokio::test]
async fn whoever_stops_waiting_for_an_answer_lets_go_of_the_server() {
    let mut server = Server::start(Does::Waits(Vec::new())).await;
    let client = server.client();
    tokio::select! {
        answer = client.get("/", limits()) => panic!("{answer:?}"),
        asked = server.request() => assert!(asked.starts_with("GET /")),
    }
    server.connection_ended().await;
}

#[tokio::test]
async fn a_token_goes_to_its_origin_in_headers_only_and_nobody_is_followed_elsewhere() {
    let mut other = Server::says(FINE).await;
    let away =
        format!("HTTP/1.1 307 Away\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n", other.address());
    let mut server = Server::says(&away).await;
    let token = || Token::new("hush-hush").unwrap();
    let names = [HeaderName::from_static("x-one"), HeaderName::from_static("x-two")];
    let client = server.client().with_token_in(&names, token());
    assert_eq!(client.get("/", limits()).await.unwrap().status(), 307);
    let asked = server.request().await;
    assert!(asked.contains("x-one: hush-hush\r\n") && asked.contains("x-two: hush-hush\r\n"), "{asked}");
    let client = server.client().with_bearer(token());
    assert_eq!(client.post("/", "{}", limits()).await.unwrap().status(), 307);
    let asked = server.request().await;
    assert!(asked.contains("authorization: Bearer hush-hush\r\n") && !asked.contains("x-one"), "{asked}");
    assert!(!other.was_asked());
    assert!(!format!("{client:?}").contains("hush"));
    assert_eq!(client.without_token("they said hush-hush".into()), "they said [token]");
}

#[tokio::test]
async fn a_question_may_have_headers_of_its_own_and_those_of_an_answer_can_be_read() {
    let part =
        "HTTP/1.1 206 Part\r\ncontent-range: bytes 0-1/9\r\nx: 1\r\nx: 2\r\ncontent-length: 2\r\n\r\nhi";
    let mut server = Server::says(part).await;
    let client = server.client().with_bearer(Token::new("hush").unwrap());
    let headers = [("range", "bytes=0-1"), ("accept", "*/*"), ("authorization", "Bearer else")]
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    let answer = client.get_with("/", &headers, limits()).await.unwrap();
    assert_eq!(answer.header(&HeaderName::from_static("content-range")), Some("bytes 0-1/9"));
    assert_eq!(answer.header(&HeaderName::from_static("x")), None, "which one is meant cannot be told");
    let asked = server.request().await.to_ascii_lowercase();
    assert!(asked.contains("range: bytes=0-1\r\n") && asked.contains("accept: */*\r\n"), "{asked}");
    assert!(!asked.contains("event-stream"), "{asked}");
    assert!(asked.contains("bearer hush\r\n") && !asked.contains("else"), "{asked}");
}

#[tokio::test]
async fn an_answer_is_bounded() {
    let endless = Does::Repeats(
        CHUNKS.into(),
        b"1000\r\n".iter().copied().chain([b'x'; 0x1000]).chain(*b"\r\n").collect(),
    );
    let mut server = Server::start(endless).await;
    let mut answer = server.client().get("/", limits()).await.unwrap();
    assert_eq!(answer.document(1 << 20).await, Err(HttpError::TooLong));
    assert_eq!(answer.beginning(5_000).await.len(), 5_000);
    drop(answer);
    server.connection_ended().await;
    let long_head =
        Does::Repeats(b"HTTP/1.1 200 OK\r\n".to_vec(), format!("x: {}\r\n", "x".repeat(1_000)).into());
    let server = Server::start(long_head).await;
    assert_eq!(server.client().get("/", limits()).await.unwrap_err(), HttpError::NotHttp);
}

#[tokio::test]
async fn silence_has_an_end_before_and_within_an_answer() {
    let short = Limits { whole: PATIENCE, pause: SHORT };
    let server = Server::start(Does::Waits(Vec::new())).await;
    assert_eq!(server.client().get("/", short).await.unwrap_err(), HttpError::Slow(SHORT));
    let server = Server::start(Does::Waits(format!("{CHUNKS}2\r\nhi\r\n").into())).await;
    let mut answer = server.client().get("/", Limits { pause: SHORT * 10, ..short }).await.unwrap();
    assert_eq!(answer.piece().await.unwrap().unwrap(), "hi");
    assert_eq!(answer.piece().await, Err(HttpError::Slow(SHORT * 10)));
}

#[tokio::test]
async fn drops_do_not_keep_an_answer_alive() {
    let server = Server::start(Does::Repeats(CHUNKS.into(), b"1\r\n.\r\n".to_vec())).await;
    let mut answer = server.client().get("/", Limits::whole(SHORT * 5)).await.unwrap();
    let end = loop {
        match answer.piece().await {
            Ok(piece) => assert!(piece.is_some()),
            Err(error) => break error,
        }
    };
    assert_eq!(end, HttpError::Slow(SHORT * 5));
}

#[tokio::test]
async fn what_is_no_answer_is_told_apart() {
    let alert = vec![0x15, 3, 1, 0, 2, 2, 0x46];
    for (does, reason) in [
        (Does::Says(alert), HttpError::WantsTls),
        (Does::Greets(b"220 mail.example ESMTP ready\r\n".to_vec()), HttpError::NotHttp),
        (Does::Says(Vec::new()), HttpError::Broken),
        (Does::Says(b"HTTP/1.1 200 OK\r\n".to_vec()), HttpError::Broken),
    ] {
        let server = Server::start(does.clone()).await;
        assert_eq!(server.client().get("/", limits()).await.unwrap_err(), reason, "{does:?}");
    }
    let server = Server::says("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await;
    let mut answer = server.client().get("/", limits()).await.unwrap();
    assert_eq!(answer.document(99).await, Err(HttpError::Broken));
}

#[tokio::test]
async fn what_leads_nowhere_is_told_apart() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    drop(taken);
    let error = async |address: &str| client(address).get("/", limits()).await.unwrap_err();
    assert_eq!(error(&format!("http://127.0.0.1:{port}")).await, ConnectError::Refused.into());
    let unknown = ConnectError::UnknownName("no-such-host.invalid".into());
    assert_eq!(error("http://no-such-host.invalid:8001").await, unknown.into());
    let server = Server::says(FINE).await;
    let tls = error(&format!("https://{}", server.address())).await;
    assert!(matches!(tls, HttpError::Connect(ConnectError::Tls(_))), "{tls:?}");
    assert_eq!(server.client().get("/two words", limits()).await.unwrap_err(), HttpError::Unsendable);
}

#[tokio::test]
async fn this_computer_is_found_by_its_name() {
    let server = Server::says(FINE).await;
    let client = client(&format!("http://localhost:{}", server.address().port()));
    assert_eq!(client.get("/", limits()).await.unwrap().status(), 200);
}
