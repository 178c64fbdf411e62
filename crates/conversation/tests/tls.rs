//! TLS with certificates that the system trusts, and with ones that are wrong although somebody trusted has signed them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test may stop at the first surprise"
)]

mod servers;
mod world;

use conversation::Phase;
use net::{Access, Fingerprint, Token, Trust};
use servers::{Server, Style};
use test_tls::{Authority, Certificate, trusting};
use world::world;

#[test]
fn certificates_are_believed_as_the_system_believes_them() {
    trusting("certificates_are_believed_as_the_system_believes_them", calls);
}

async fn calls(authority: Authority) {
    let server = Server::start(Style::Python).await;
    let front = authority.certificate("127.0.0.1").in_front_of(server.socket_address()).await;
    let mut w = world(None);
    w.talk(&format!("wss://{front}"), 30).await;
    w.text("hello there").await;
    w.sound().await;
    w.end().await;
    let session = server.session().await;
    assert_eq!((session.close_code, session.undecodable), (Some(1000), 0), "{session:?}");
    assert!(session.samples > 0);

    for (certificate, reason) in [
        (authority.expired("127.0.0.1"), "it has expired"),
        (authority.certificate("gpu.example"), "it was made for another name"),
    ] {
        let front = certificate.in_front_of(server.socket_address()).await;
        let mut w = world(None);
        w.talk(&format!("wss://{front}"), 30).await;
        assert_eq!(w.phase(Phase::Failed).await, "link.certificate", "{reason}");
        let problem = w.call.clone().unwrap().problem.unwrap();
        assert!(problem.what.contains(reason), "{problem:?}");
        w.end().await;
    }
}

#[tokio::test]
async fn a_call_goes_to_a_certificate_that_was_accepted_with_a_token_and_a_changed_one_stops_it() {
    const TOKEN: &str = "hush-1"; // secret-scan:allow a made-up word
    let server = Server::start(Style::Token(TOKEN)).await;
    let certificate = Certificate::self_signed("gpu.example");
    let front = certificate.in_front_of(server.socket_address()).await;
    let trust = Trust::Pinned(Fingerprint::of(certificate.der()));
    let access = |token: &str| Access { trust, token: Token::new(token).ok(), encrypted: true };

    let mut w = world(None);
    w.talk_with(&format!("wss://{front}"), access(TOKEN)).await;
    w.text("hello there").await;
    w.sound().await;
    w.end().await;
    let session = server.session().await;
    assert_eq!((session.close_code, session.undecodable), (Some(1000), 0), "{session:?}");
    assert!(session.samples > 0 && session.peak > 0.1, "it was heard: {session:?}");

    for (token, code) in [("hush-2", "link.wrong_token"), ("", "link.unauthorised")] {
        let mut w = world(None);
        w.talk_with(&format!("wss://{front}"), access(token)).await;
        assert_eq!(w.phase(Phase::Failed).await, code);
        w.end().await;
    }

    let another = Certificate::self_signed("gpu.example");
    let front = another.in_front_of(server.socket_address()).await;
    let mut w = world(None);
    w.talk_with(&format!("wss://{front}"), access(TOKEN)).await;
    assert_eq!(w.phase(Phase::Failed).await, "link.certificate_changed");
    let problem = w.call.clone().unwrap().problem.unwrap();
    let shown = Fingerprint::of(another.der()).to_string();
    assert!(problem.what.contains(&shown), "{problem:?}");
    w.end().await;
}

#[tokio::test]
async fn nothing_leaves_this_computer_unencrypted_where_that_was_not_allowed() {
    let mut w = world(None);
    let access = Access { encrypted: true, ..Access::default() };
    w.talk_with("ws://192.0.2.1:8998", access).await;
    assert_eq!(w.phase(Phase::Failed).await, "link.plain");
    w.end().await;
}
