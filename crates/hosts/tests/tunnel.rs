//! Tunnels through a real ssh server.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod sshd;
mod stand_in;

use std::{
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use hosts::{Obstacle, SshProgram, Step, StepState, Tunnel, TunnelError, Verdict, Ways, check, open};
use net::Fingerprint;
use sshd::{Sshd, Wrong};
use stand_in::{Kind, PATIENCE, Server, profile};
use store::{HostPlace, HostProfile};
use test_tls::Certificate;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{sleep, timeout},
};

/// The profile of what is behind the tunnel.
fn behind(port: u16) -> HostProfile {
    profile(HostPlace::Ssh { target: "gpu".into(), port: None, remote_port: port })
}

async fn opened(wrong: Wrong, remote_port: u16) -> Result<Tunnel, TunnelError> {
    let sshd = Sshd::start(wrong);
    Tunnel::open(&sshd.client(), "gpu", Some(sshd.port), remote_port, PATIENCE).await
}

async fn nobody() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port()
}

async fn until_nobody_listens(port: u16) {
    let gone = async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("it ends");
}

#[tokio::test]
async fn a_host_behind_a_tunnel_is_tested_through_it_and_the_tunnel_ends() {
    let sshd = Sshd::start(Wrong::Nothing);
    let server = Server::of(Kind::Python).await;
    let ways = Ways { ssh: sshd.client(), ..Ways::default() };
    let steps = watch::Sender::new(Vec::new());
    let host = behind(server.address.port());
    let found = timeout(PATIENCE, check(&host, None, &ways, &steps)).await.unwrap();
    assert_eq!(found.verdict, Verdict::Works, "{found:?}");
    assert_eq!((found.steps[0].step, found.steps[0].state), (Step::Tunnel, StepState::Done));
    assert!(found.found.starts_with("gpu works"), "{}", found.found);

    let begin = Instant::now();
    let way = open(&host, None, &ways, PATIENCE).await.unwrap();
    println!("a tunnel takes {} ms", begin.elapsed().as_millis());
    let port = way.keeps.as_ref().unwrap().port();
    assert_eq!((way.address, way.shown.as_str()), (format!("ws://127.0.0.1:{port}"), "gpu"));
    drop(way.keeps);
    until_nobody_listens(port).await;
}

#[tokio::test]
async fn a_server_with_tls_behind_a_tunnel_is_known_by_its_certificate() {
    let sshd = Sshd::start(Wrong::Nothing);
    let server = Server::of(Kind::Backend).await;
    let certificate = Certificate::self_signed("gpu");
    let front = certificate.in_front_of(server.address).await;
    let ways = Ways { ssh: sshd.client(), ..Ways::default() };
    let steps = watch::Sender::new(Vec::new());
    let found = check(&behind(front.port()), None, &ways, &steps).await;
    let pin = Fingerprint::of(certificate.der());
    assert_eq!(found.offered, Some(pin), "{found:?}");
    let accepted = HostProfile { pin: Some(pin.to_string()), ..behind(front.port()) };
    assert_eq!(check(&accepted, None, &ways, &steps).await.verdict, Verdict::Works);
}

#[tokio::test]
async fn what_ssh_refuses_is_told_apart() {
    let server = Server::of(Kind::Python).await;
    for (wrong, error) in [
        (Wrong::OtherHostKey, TunnelError::HostKeyChanged),
        (Wrong::NoHostKey, TunnelError::HostKeyUnknown),
        (Wrong::OtherClientKey, TunnelError::Denied),
        (Wrong::NoForwarding, TunnelError::ForwardingRefused),
        (Wrong::Gone, TunnelError::Refused),
    ] {
        let opened = opened(wrong, server.address.port()).await;
        assert_eq!(opened.map(|tunnel| tunnel.port()), Err(error), "{wrong:?}");
    }
    assert!(server.was_not_called());
}

#[tokio::test]
async fn a_tunnel_to_nothing_is_none() {
    let opened = opened(Wrong::Nothing, nobody().await).await;
    assert_eq!(opened.map(|tunnel| tunnel.port()), Err(TunnelError::NothingBehind));
}

#[tokio::test]
async fn a_tunnel_whose_server_goes_says_why() {
    let sshd = Sshd::start(Wrong::Nothing);
    let server = Server::of(Kind::Python).await;
    let tunnel = Tunnel::open(&sshd.client(), "gpu", None, server.address.port(), PATIENCE).await.unwrap();
    let port = tunnel.port();
    sshd.end_sessions();
    let why = timeout(PATIENCE, tunnel.lost()).await.unwrap();
    assert!(matches!(why, TunnelError::Unreachable(_)), "{why:?}");
    until_nobody_listens(port).await;
}

#[tokio::test]
async fn what_is_wrong_before_ssh_goes_anywhere_is_told_apart() {
    let sshd = Sshd::start(Wrong::Nothing);
    let open = async |ssh: &SshProgram, target: &str| {
        Tunnel::open(ssh, target, None, 1, PATIENCE).await.map(|tunnel| tunnel.port())
    };
    let client = sshd.client();
    assert_eq!(open(&client, "-oProxyCommand=touch /tmp/x").await, Err(TunnelError::Target));
    assert_eq!(open(&client, "no-such-host.invalid").await, Err(TunnelError::UnknownName));
    let none = SshProgram { program: "/nowhere/ssh".into(), ..client.clone() };
    assert_eq!(open(&none, "gpu").await, Err(TunnelError::NoSsh));
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(config.path(), "Frobnicate yes\n").unwrap();
    let broken = SshProgram { config: Some(config.path().to_owned()), ..client };
    assert!(matches!(open(&broken, "gpu").await, Err(TunnelError::Config(_))));
}

#[tokio::test]
async fn a_tunnel_that_does_not_come_about_has_an_end() {
    // Something that takes connections and is no ssh server.
    let silent = Server::of(Kind::SaysNothing).await;
    let sshd = Sshd::start(Wrong::Nothing);
    let ssh = sshd.client();
    let opened = Tunnel::open(&ssh, "gpu", Some(silent.address.port()), 1, Duration::from_secs(1)).await;
    let error = opened.map(|tunnel| tunnel.port()).unwrap_err();
    assert!(matches!(error, TunnelError::NoAnswer(_) | TunnelError::Unreachable(_)), "{error:?}");
    let host = profile(HostPlace::Ssh { target: "gpu x".into(), port: None, remote_port: 1 });
    let error = open(&host, None, &Ways::default(), PATIENCE).await.map(|way| way.shown).unwrap_err();
    assert_eq!(error, Obstacle::Tunnel(TunnelError::Target));
}

#[tokio::test]
async fn who_takes_the_port_before_ssh_listens_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let (script, told) = (folder.path().join("ssh"), folder.path().join("told"));
    // An ssh that is still logging in.
    let waits =
        format!("#!/bin/sh\necho \"$@\" > {0}.part && mv {0}.part {0}\nexec sleep 60\n", told.display());
    std::fs::write(&script, waits).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ssh = SshProgram { program: script, config: None };
    let limit = Duration::from_secs(2);
    let mut opening = std::pin::pin!(Tunnel::open(&ssh, "gpu", None, 8998, limit));
    let port = async {
        loop {
            if let Ok(arguments) = std::fs::read_to_string(&told) {
                let forward = arguments.split("127.0.0.1:").nth(1).unwrap();
                return forward.trim_end_matches(':').parse::<u16>().unwrap();
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    let port = tokio::select! {
        port = port => port,
        _ = &mut opening => panic!("nothing listens"),
    };
    let impostor = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let opened = tokio::select! {
        opened = opening => opened,
        _ = impostor.accept() => panic!("the token would have gone to somebody else"),
    };
    assert_eq!(opened.map(|tunnel| tunnel.port()), Err(TunnelError::NoAnswer(limit)));
}
