//! TLS: certificates that the system trusts, and ones that are wrong. Nothing goes to who is not trusted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod server;

use net::{Access, ConnectError, Fingerprint, HttpError, Opening, Token, Trust, Untrusted, UpgradeError};
use server::{Server, client, limits};
use test_tls::{Authority, Certificate, TLS12, TLS13, trusting};

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
    let shown = Some(Fingerprint::of(certificate.der()));
    let error = ConnectError::Certificate(Untrusted { reason: reason.into(), shown });
    for _ in 0..2 {
        assert_eq!(client.get("/", limits()).await.unwrap_err(), HttpError::Connect(error.clone()));
        assert_eq!(
            client.open("/", &Opening::default()).await.unwrap_err(),
            UpgradeError::Connect(error.clone())
        );
    }
    assert!(!server.was_asked());
}

#[tokio::test]
async fn one_certificate_is_believed_whatever_it_says_and_no_other_one_is() {
    // Made for another name; by nobody.
    let certificate = Certificate::self_signed("gpu.example");
    let pin = Fingerprint::of(certificate.der());
    let mut server = Server::says("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
    let front = certificate.in_front_of(server.address()).await;
    let token = Token::new("hush").unwrap();
    let access = Access { trust: Trust::Pinned(pin), token: Some(token), encrypted: true };
    let pinned = |front| client(&format!("https://{front}")).with_access(&access);
    assert_eq!(pinned(front).get("/", limits()).await.unwrap().document(2).await, Ok(b"{}".to_vec()));
    assert!(server.request().await.contains("Bearer hush"));

    let another = Certificate::self_signed("gpu.example");
    let front = another.in_front_of(server.address()).await;
    let changed = ConnectError::CertificateChanged { shown: Fingerprint::of(another.der()) };
    assert_eq!(pinned(front).get("/", limits()).await.unwrap_err(), HttpError::Connect(changed.clone()));
    let opened = pinned(front).open("/", &Opening::default()).await;
    assert_eq!(opened.unwrap_err(), UpgradeError::Connect(changed.clone()));
    let reached = pinned(front).reach().await.unwrap();
    assert_eq!(reached.secure().await, Err(changed));
    assert!(!server.was_asked());
}

#[tokio::test]
async fn who_has_a_certificate_without_its_key_is_not_believed() {
    let certificate = Certificate::self_signed("127.0.0.1");
    let pin = Fingerprint::of(certificate.der());
    let thief = certificate.with_the_key_of(&Certificate::self_signed("127.0.0.1"));
    let mut server = Server::says("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    for version in [&TLS12, &TLS13] {
        let front = thief.in_front_of_by(server.address(), version).await;
        let access = Access { trust: Trust::Pinned(pin), ..Access::default() };
        let client = client(&format!("https://{front}")).with_access(&access);
        let error = client.get("/", limits()).await.unwrap_err();
        assert!(matches!(error, HttpError::Connect(ConnectError::Certificate(_))), "{error:?}");
    }
    assert!(!server.was_asked());
}

#[tokio::test]
async fn nothing_goes_beyond_this_computer_unencrypted_where_that_is_refused() {
    let encrypted = Access { encrypted: true, ..Access::default() };
    for address in ["http://gpu.invalid:1", "ws://192.0.2.1:8998", "http://[2001:db8::1]"] {
        let client = client(address).with_access(&encrypted);
        assert_eq!(client.get("/", limits()).await.unwrap_err(), HttpError::Connect(ConnectError::Plain));
        let opened = client.open("/", &Opening::default()).await;
        assert_eq!(opened.unwrap_err(), UpgradeError::Connect(ConnectError::Plain));
        assert_eq!(client.reach().await.unwrap_err(), ConnectError::Plain);
    }
    let server = Server::says("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let answer = server.client().with_access(&encrypted).get("/", limits()).await.unwrap();
    assert_eq!(answer.status(), 200, "this computer is no way beyond it");
}
