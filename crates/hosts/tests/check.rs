//! Hosts on real sockets, tested from end to end.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

mod stand_in;

use std::time::Duration;

use hosts::{HostCheck, Step, StepReport, StepState, Verdict, Ways, check};
use net::{Fingerprint, Token};
use stand_in::{Kind, PATIENCE, Server, Session, Style, moshi, profile};
use store::{HostPlace, HostProfile};
use test_tls::Certificate;
use tokio::{net::TcpListener, sync::watch, time::timeout};

async fn test(profile: &HostProfile) -> HostCheck {
    test_with(profile, None).await
}

async fn test_with(profile: &HostProfile, token: Option<&str>) -> HostCheck {
    let steps = watch::Sender::new(Vec::new());
    let token = token.map(|token| Token::new(token).unwrap());
    timeout(PATIENCE, check(profile, token, &Ways::default(), &steps)).await.expect("it comes to an end")
}

fn state(check: &HostCheck, step: Step) -> Option<StepState> {
    check.steps.iter().find(|report| report.step == step).map(|report| report.state)
}

fn code(check: &HostCheck) -> &str {
    check.obstacle.as_ref().map_or("", |obstacle| obstacle.code())
}

/// A test that went as it should, on the caller's side.
fn polite() -> Session {
    Session { before_handshake: 0, ping_payloads: 0, close_code: Some(1000) }
}

#[tokio::test]
async fn a_server_that_keeps_up_works_and_is_left_with_a_goodbye() {
    for (kind, name) in [
        (Kind::Python, "moshi.server (Python)"),
        (Kind::Backend, "moshi-backend (Rust)"),
        (Kind::Ours, "myca host 1.0 with tiny"),
    ] {
        let server = Server::start(Style { kind, frame: Duration::from_millis(5), ..Style::default() }).await;
        let found = test(&server.profile()).await;
        assert_eq!((found.verdict, code(&found)), (Verdict::Works, ""), "{found:?}");
        assert_eq!(found.server.as_deref(), Some(name));
        assert_eq!(state(&found, Step::Encryption), Some(StepState::Skipped));
        for step in [Step::Reach, Step::Ask, Step::Handshake, Step::RoundTrip, Step::FrameTime] {
            assert_eq!(state(&found, step), Some(StepState::Done), "{step:?}: {found:?}");
        }
        assert_eq!(server.session().await, polite(), "{kind:?}");
        let kept = found.measured();
        assert_eq!(kept.verdict, "works");
        assert!(kept.handshake_ms.is_some() && kept.round_trip_ms.is_some() && kept.frame_ms.is_some());
    }
}

#[tokio::test]
async fn a_server_that_does_not_keep_up_is_too_slow() {
    for kind in [Kind::Python, Kind::Ours] {
        let frame = Duration::from_millis(150);
        let server = Server::start(Style { kind, frame, ..Style::default() }).await;
        let found = test(&server.profile()).await;
        assert_eq!(found.verdict, Verdict::TooSlow, "{found:?}");
        assert!(found.frame.unwrap().ms >= 149.0, "{found:?}");
        assert_eq!(server.session().await, polite());
    }
}

#[tokio::test]
async fn an_echo_works_without_being_measured() {
    let server = Server::of(Kind::Echo).await;
    let found = test(&server.profile()).await;
    assert_eq!((found.verdict, state(&found, Step::FrameTime)), (Verdict::Works, Some(StepState::Skipped)));
}

#[tokio::test]
async fn a_host_that_says_that_it_is_busy_is_not_called() {
    let server = Server::start(Style { kind: Kind::Ours, busy: true, ..Style::default() }).await;
    let found = test(&server.profile()).await;
    assert_eq!((found.verdict, code(&found)), (Verdict::Busy, "host.busy"), "{found:?}");
    assert_eq!(state(&found, Step::Handshake), Some(StepState::Failed));
    assert_eq!(state(&found, Step::FrameTime), Some(StepState::Skipped));
    assert!(server.was_not_called());
}

#[tokio::test]
async fn a_host_that_never_begins_seems_busy() {
    let server = Server::start(Style { busy: true, ..Style::default() }).await;
    let steps = watch::Sender::new(Vec::new());
    let mut told = steps.subscribe();
    let (host, ways) = (server.profile(), Ways::default());
    let waits = |steps: &Vec<StepReport>| {
        steps.iter().any(|report| (report.step, report.state) == (Step::Handshake, StepState::Running))
    };
    let skip = async {
        told.wait_for(waits).await.unwrap();
        // The call is open when the server has answered; then nothing is left to happen but the end of the patience.
        server.called().await;
        tokio::time::pause();
    };
    let (found, ()) = tokio::join!(check(&host, None, &ways, &steps), skip);
    tokio::time::resume();
    assert_eq!((found.verdict, code(&found)), (Verdict::Busy, "host.seems_busy"), "{found:?}");
    assert_eq!(server.session().await, polite());
}

#[tokio::test]
async fn what_is_no_moshi_is_told_apart() {
    for (kind, code_is, verdict) in [
        (Kind::Http(404), "host.not_found", Verdict::NotMoshi),
        (Kind::Http(200), "host.not_moshi", Verdict::NotMoshi),
        (Kind::Http(400), "host.not_moshi", Verdict::NotMoshi),
        (Kind::Http(503), "host.unavailable", Verdict::Unreachable),
        (Kind::Http(403), "host.unauthorised", Verdict::Refused),
        (Kind::HangsUp, "host.ended", Verdict::NotMoshi),
    ] {
        let server = Server::of(kind).await;
        let found = test(&server.profile()).await;
        assert_eq!((code(&found), found.verdict), (code_is, verdict), "{kind:?}: {found:?}");
        assert!(!found.found.is_empty() && !found.obstacle.unwrap().next().is_empty());
    }
}

#[tokio::test]
async fn a_model_that_hangs_is_noticed() {
    let server = Server::of(Kind::FallsSilent).await;
    let found = test(&server.profile()).await;
    assert_eq!(code(&found), "host.silent", "{found:?}");
    assert_eq!(server.session().await, polite());
}

#[tokio::test]
async fn what_is_not_there_is_told_apart() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let nobody = taken.local_addr().unwrap();
    drop(taken);
    for (address, code_is, verdict) in [
        (nobody.to_string(), "host.refused", Verdict::Unreachable),
        ("wss://no-such-host.invalid".into(), "host.unknown_name", Verdict::Unreachable),
        ("two words".into(), "host.bad_address", Verdict::Refused),
        ("ws://192.0.2.1:8998".into(), "host.plain", Verdict::Refused),
    ] {
        let found = test(&moshi(&address)).await;
        assert_eq!((code(&found), found.verdict), (code_is, verdict), "{found:?}");
        assert_eq!(state(&found, Step::FrameTime), Some(StepState::Skipped));
    }
    let found = test(&profile(HostPlace::ThisComputer)).await;
    assert_eq!(code(&found), "host.not_running");
    let found = test(&HostProfile { pin: Some("nonsense".into()), ..moshi("wss://gpu") }).await;
    assert_eq!(code(&found), "host.bad_pin");
}

#[tokio::test]
async fn a_certificate_is_offered_accepted_and_its_change_stops_everything() {
    const TOKEN: &str = "hush-1"; // secret-scan:allow a made-up word
    let server = Server::start(Style { token: Some(TOKEN), ..Style::default() }).await;
    let certificate = Certificate::self_signed("gpu.example");
    let front = certificate.in_front_of(server.address).await;
    let first = moshi(&format!("wss://{front}"));
    let found = test_with(&first, Some(TOKEN)).await;
    assert_eq!((code(&found), found.verdict), ("host.certificate_unknown", Verdict::Refused), "{found:?}");
    let shown = Fingerprint::of(certificate.der());
    assert_eq!(found.offered, Some(shown));
    assert_eq!(state(&found, Step::Encryption), Some(StepState::Failed));

    let accepted = HostProfile { pin: Some(shown.to_string()), ..first };
    let found = test_with(&accepted, Some(TOKEN)).await;
    assert_eq!(
        (found.verdict, state(&found, Step::Encryption)),
        (Verdict::Works, Some(StepState::Done)),
        "{found:?}"
    );
    assert_eq!(code(&test_with(&accepted, Some("hush-2")).await), "host.wrong_token");
    assert_eq!(code(&test_with(&accepted, None).await), "host.unauthorised");

    let another = Certificate::self_signed("gpu.example");
    let front = another.in_front_of(server.address).await;
    let place = HostPlace::Moshi { address: format!("wss://{front}") };
    let found = test_with(&HostProfile { place, ..accepted }, Some(TOKEN)).await;
    assert_eq!((code(&found), found.verdict), ("host.certificate_changed", Verdict::Refused));
    assert_eq!(found.offered, Some(Fingerprint::of(another.der())));
    let json = serde_json::to_string(&found).unwrap();
    assert!(json.contains(r#""obstacle":"host.certificate_changed""#) && !json.contains("hush"), "{json}");
}

#[tokio::test]
async fn plain_and_tls_are_not_confused() {
    let server = Server::of(Kind::Python).await;
    let found = test(&moshi(&format!("wss://{}", server.address))).await;
    assert_eq!(code(&found), "host.tls");
    let front = Certificate::self_signed("127.0.0.1").in_front_of(server.address).await;
    let found = test(&moshi(&format!("ws://{front}"))).await;
    assert_eq!((code(&found), found.verdict), ("host.wants_tls", Verdict::Refused));
}

#[tokio::test]
async fn a_bridge_is_asked_and_not_called() {
    for (reaches, code_is, verdict) in
        [(true, "", Verdict::Works), (false, "host.bridge_alone", Verdict::Unreachable)]
    {
        let server = Server::of(Kind::Bridge(reaches)).await;
        let bridge = profile(HostPlace::Bridge { address: server.address.to_string() });
        let found = test(&bridge).await;
        assert_eq!((code(&found), found.verdict), (code_is, verdict), "{found:?}");
        assert_eq!(found.server.as_deref(), Some("PersonaPlex Bridge 8.2.0"));
        assert_eq!(state(&found, Step::Handshake), None);
    }
    let server = Server::of(Kind::Python).await;
    let found = test(&profile(HostPlace::Bridge { address: server.address.to_string() })).await;
    assert_eq!(code(&found), "host.not_bridge", "{found:?}");
}

#[tokio::test]
async fn a_test_is_told_as_it_goes_on_and_whoever_stops_waiting_says_goodbye() {
    let frame = Duration::from_millis(100);
    let server = Server::start(Style { frame, ..Style::default() }).await;
    let steps = watch::Sender::new(Vec::new());
    let mut told = steps.subscribe();
    let (host, ways) = (server.profile(), Ways::default());
    let measures = async {
        let measures = |steps: &Vec<StepReport>| {
            steps.iter().any(|report| (report.step, report.state) == (Step::FrameTime, StepState::Running))
        };
        told.wait_for(measures).await.unwrap();
    };
    tokio::select! {
        found = check(&host, None, &ways, &steps) => unreachable!("{found:?}"),
        () = measures => {}
    }
    assert_eq!(server.session().await, polite());
}
