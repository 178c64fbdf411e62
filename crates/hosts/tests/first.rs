//! The first of several hosts that answers, while others are dead.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

mod stand_in;

use std::time::{Duration, Instant};

use hosts::{First, Obstacle, Ways, first_that_answers};
use net::{Fingerprint, Token};
use stand_in::{Kind, PATIENCE, Server, Style, moshi};
use store::HostProfile;
use test_tls::Certificate;
use tokio::time::timeout;

async fn first(servers: &[&Server], limit: Duration) -> Result<First, Vec<Obstacle>> {
    let hosts: Vec<(HostProfile, Option<Token>)> =
        servers.iter().map(|server| (server.profile(), None)).collect();
    timeout(PATIENCE, first_that_answers(&hosts, &Ways::default(), limit)).await.expect("it ends")
}

#[tokio::test]
async fn the_best_host_that_answers_is_taken_and_nobody_is_called() {
    let (one, two) = (Server::of(Kind::Python).await, Server::of(Kind::Ours).await);
    let found = first(&[&one, &two], PATIENCE).await.unwrap();
    assert_eq!((found.index, found.answer.name.as_str()), (0, "moshi.server (Python)"));
    let found = first(&[&two, &one], PATIENCE).await.unwrap();
    assert_eq!((found.index, found.opened.address), (0, two.address.to_string()));
    assert!(one.was_not_called() && two.was_not_called());
}

#[tokio::test]
async fn a_host_that_fails_is_passed_over_at_once_and_a_busy_one_too() {
    let busy = Server::start(Style { kind: Kind::Ours, busy: true, ..Style::default() }).await;
    let (other, good) = (Server::of(Kind::Http(404)).await, Server::of(Kind::Python).await);
    let found = first(&[&busy, &other, &good], PATIENCE * 60).await.unwrap();
    assert_eq!(found.index, 2);
}

#[tokio::test]
async fn a_host_that_says_nothing_is_left_behind_for_the_next_in_the_list() {
    let (dead, good, better) =
        (Server::of(Kind::SaysNothing).await, Server::of(Kind::Python).await, Server::of(Kind::Ours).await);
    let begin = Instant::now();
    let found = first(&[&dead, &good, &better], Duration::from_secs(1)).await.unwrap();
    assert_eq!(found.index, 1);
    println!("from a dead host to the next one: {} ms", begin.elapsed().as_millis());
}

#[tokio::test]
async fn nobody_is_taken_in_the_place_of_a_host_whose_certificate_has_changed() {
    let (server, next) = (Server::of(Kind::Python).await, Server::of(Kind::Python).await);
    let (known, shown) = (Certificate::self_signed("gpu"), Certificate::self_signed("gpu"));
    let front = shown.in_front_of(server.address).await;
    let pin = Some(Fingerprint::of(known.der()).to_string());
    let changed = HostProfile { pin, ..moshi(&format!("wss://{front}")) };
    let hosts = [(changed, None), (next.profile(), None)];
    // The next one may have answered long before.
    let reasons = first_that_answers(&hosts, &Ways::default(), PATIENCE).await.unwrap_err();
    assert_eq!(reasons, [Obstacle::CertificateChanged(Fingerprint::of(shown.der()))]);
}

#[tokio::test]
async fn where_nobody_answers_each_reason_is_told() {
    let (other, busy) = (
        Server::of(Kind::Http(404)).await,
        Server::start(Style { kind: Kind::Ours, busy: true, ..Style::default() }).await,
    );
    let reasons = first(&[&other, &busy], PATIENCE).await.unwrap_err();
    assert_eq!(reasons, [Obstacle::NotFound, Obstacle::Busy]);
    assert_eq!(first(&[], PATIENCE).await.unwrap_err(), []);
}
