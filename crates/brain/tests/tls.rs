//! TLS: certificates that the system trusts, and ones that are wrong. Nothing goes to who is not trusted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod stand_in;

use brain::{
    Brain, Came, Mas, Outcome, Turn, What,
    mas::{Limits, MasAddress, ServiceToken},
};
use stand_in::{PATIENCE, Reply, STREAM, StandIn};
use test_tls::{Authority, Certificate, trusting};

#[test]
fn certificates_are_believed_as_the_system_believes_them() {
    trusting("certificates_are_believed_as_the_system_believes_them", turns);
}

async fn turns(authority: Authority) {
    check(&authority.certificate("127.0.0.1"), None).await;
    check(&authority.expired("127.0.0.1"), Some("it has expired")).await;
    let own = Certificate::self_signed("127.0.0.1");
    check(&own, Some("nobody this computer trusts has signed it")).await;
}

/// Asks a MAS behind this certificate. `expected`: why it is not believed.
async fn check(certificate: &Certificate, expected: Option<&str>) {
    let server = StandIn::start().await;
    server.reply(STREAM, Reply::tokens(&["in secret"]));
    let address = format!("https://{}", certificate.in_front_of(server.socket_address()).await);
    let token = ServiceToken::new("hush-hush").unwrap();
    let limits = Limits { request: PATIENCE, ..Limits::default() };
    let mas = Mas::new(MasAddress::parse(&address).unwrap(), Some(token), limits);
    let mut answer = mas.begin(Turn::new("c", "ada", "Hi", Came::Typed).unwrap());
    let (mut why, mut ended) = (None, None);
    while let Some(event) = answer.next().await {
        match event.what {
            What::Error(failure) => why = Some(failure),
            What::Done { outcome, .. } => ended = Some(outcome),
            _ => {}
        }
    }
    let Some(expected) = expected else {
        assert_eq!((ended, why, server.model_calls()), (Some(Outcome::Answered), None, 1));
        return;
    };
    let failure = why.unwrap();
    assert_eq!((failure.code, failure.repeatable), ("mas.certificate", true));
    assert!(failure.what.contains(expected), "{failure:?}");
    assert_eq!(server.requests().len(), 0);
}
