//! TLS: certificates that the system trusts, and ones that are wrong. Nothing goes to who is not trusted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod server;

use net::{ConnectError, HttpError, Opening, Token, UpgradeError};
use server::{Server, client, limits};
use test_tls::{Authority, Certificate, trusting};

#[test]
fn certificates_are_believed_as_the_system_believes_them() {
    trusting("certificates_are_believed_as_the_system_believes_them", |authority| async move {
        right(&authority).await;
        for (certificate, reason) in [
            (authority.expired("127.0.0.1"), "it has expired"),
            (authority.certificate("mas.example"), "it was made for another name"),
            (Certificate::self_signed("127.0.0.1"), "nobody this computer trusts has signed it"),
        ] {
            wrong(&certificate, reason).await;
        }
        right(&authority).await;
    });
}

async fn right(authority: &Authority) {
    let mut server = Server::says("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
    let front = authority.certificate("127.0.0.1").in_front_of(server.address()).await;
    let client = client(&format!("https://{front}")).with_bearer(Token::new("hush").unwrap());
    // Twice, as what was learnt about certificates is kept.
    for _ in 0..2 {
        assert_eq!(client.get("/", limits()).await.unwrap().document(2).await, Ok(b"{}".to_vec()));
        assert!(server.request().await.contains("Bearer hush"));
    }
    let error = client.open("/", &Opening::default()).await.unwrap_err();
    assert_eq!(error, UpgradeError::Status(200), "that far it comes");
}

async fn wrong(certificate: &Certificate, reason: &str) {
    let mut server = Server::says("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let front = certificate.in_front_of(server.address()).await;
    let client = client(&format!("https://{front}")).with_bearer(Token::new("hush").unwrap());
    let error = ConnectError::Certificate(reason.into());
    for _ in 0..2 {
        assert_eq!(client.get("/", limits()).await.unwrap_err(), HttpError::Connect(error.clone()));
        assert_eq!(
            client.open("/", &Opening::default()).await.unwrap_err(),
            UpgradeError::Connect(error.clone())
        );
    }
    assert!(!server.was_asked());
}
