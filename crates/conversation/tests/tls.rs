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
use servers::{Server, Style};
use test_tls::{Authority, trusting};
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
