//! The whole conversation against servers on real sockets that behave like the stock ones, quirks and all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test may stop at the first surprise"
)]

mod servers;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use audio::{
    SoundConfig,
    device::virtual_system::{Heard, Played, VirtualConfig, VirtualSystem},
};
use conversation::{CallState, Command, Conversation, Event, Handle, Host, Options, Phase};
use servers::{Server, Style};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

const LIMIT: Duration = Duration::from_secs(30);

struct World {
    handle: Handle,
    events: mpsc::Receiver<Event>,
    task: JoinHandle<()>,
    played: Arc<Mutex<Vec<f32>>>,
    turns: std::collections::BTreeMap<u64, String>,
    call: Option<CallState>,
}

fn tone() -> Vec<f32> {
    (0..48_000 * 60).map(|i| (i as f32 * 0.03).sin() * 0.3).collect()
}

fn world(history: Option<std::path::PathBuf>) -> World {
    let played = Arc::new(Mutex::new(Vec::new()));
    let config = VirtualConfig {
        heard: Heard::Samples(Arc::new(tone())),
        played: Played::Samples(Arc::clone(&played)),
        ..VirtualConfig::default()
    };
    let options = Options {
        history,
        sound: Box::new(move || {
            let config = config.clone();
            Box::new(move || Ok(Box::new(VirtualSystem::new(config.clone()))))
        }),
        devices: SoundConfig::default(),
    };
    let (to_events, events) = mpsc::channel(1_024);
    let (handle, task) = Conversation::start(options, to_events).unwrap();
    World { handle, events, task, played, turns: std::collections::BTreeMap::new(), call: None }
}

impl World {
    async fn talk(&self, address: &str, limit_s: u64) {
        let host = Host::new(address, "", "", Duration::from_secs(limit_s));
        self.handle.send(Command::Talk(host)).await;
    }

    async fn next(&mut self) -> Event {
        let event = timeout(LIMIT, self.events.recv()).await.expect("something happens in time").unwrap();
        match &event {
            Event::Call(call) => self.call = Some((**call).clone()),
            Event::Turns(turns) => {
                for turn in turns {
                    self.turns.insert(turn.turn.number, turn.turn.text.clone());
                }
            }
            _ => {}
        }
        event
    }

    /// Waits for a phase and returns the code of its problem.
    async fn phase(&mut self, phase: Phase) -> &'static str {
        loop {
            if let Event::Call(call) = self.next().await
                && call.phase == phase
            {
                return call.problem.map_or("", |p| p.code);
            }
        }
    }

    async fn text(&mut self, wanted: &str) {
        while !self.turns.values().any(|t| t.contains(wanted)) {
            self.next().await;
        }
    }

    /// Waits until sound louder than silence comes out, after what had come out before.
    async fn sound(&self) {
        let from = self.played.lock().unwrap().len();
        let deadline = Instant::now() + LIMIT;
        while !self.played.lock().unwrap()[from..].iter().any(|x| x.abs() > 0.05) {
            assert!(Instant::now() < deadline, "sound comes out");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn end(self) {
        drop(self.handle);
        drop(self.events);
        timeout(LIMIT, self.task).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_conversation_with_every_kind_of_server() {
    for style in [Style::Python, Style::PersonaPlex, Style::MoshiBackend, Style::MoshiServer] {
        let server = Server::start(style).await;
        let mut w = world(None);
        w.talk(&server.address(), 30).await;
        w.phase(Phase::Live).await;
        w.text("hello there").await;
        w.sound().await;
        w.handle.send(Command::Stop).await;
        w.phase(Phase::Idle).await;
        let session = server.session().await;
        assert_eq!(session.close_code, Some(1000), "{style:?}: a close frame frees the server's lock");
        assert_eq!(session.before_handshake, 0, "{style:?}: nothing is sent before the handshake");
        assert!(session.begins_with_head, "{style:?}: the Ogg stream begins after the handshake");
        assert_eq!(session.undecodable, 0, "{style:?}");
        assert!(session.samples > 4_800, "{style:?}: {} samples came", session.samples);
        assert_eq!(session.ping_payloads, 0, "{style:?}: pings carry nothing");
        w.end().await;
    }
}

#[tokio::test]
async fn a_server_that_dies_is_called_again_and_the_conversation_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.sqlite3");
    let server = Server::start(Style::Python).await;
    let mut w = world(Some(history.clone()));
    w.talk(&server.address(), 30).await;
    w.phase(Phase::Live).await;
    w.text("hello there").await;
    server.kill_connections().await;
    w.phase(Phase::Reconnecting).await;
    w.handle.send(Command::Type("still with me?".into())).await;
    w.phase(Phase::Live).await;
    w.text("still with me?").await;
    w.turns.retain(|_, text| text == "still with me?");
    w.text("hello there").await;
    w.sound().await;
    w.end().await;
    let (kept, _) = store::History::open(&history).unwrap();
    let conversation = kept.latest().unwrap().unwrap();
    let texts: Vec<String> = kept.turns(&conversation.id, 50).unwrap().into_iter().map(|t| t.text).collect();
    assert!(texts.iter().any(|t| t == "still with me?"), "{texts:?}");
    assert!(texts.iter().filter(|t| t.contains("hello there")).count() >= 2, "{texts:?}");
}

#[tokio::test]
async fn a_host_that_is_held_says_so_and_is_asked_again() {
    let server = Server::start(Style::Busy { times: 1 }).await;
    let mut w = world(None);
    w.talk(&server.address(), 30).await;
    assert_eq!(w.phase(Phase::Busy).await, "link.busy");
    let call = w.call.clone().unwrap();
    assert!(call.problem.unwrap().what.contains("another conversation"), "the host's own words are shown");
    w.phase(Phase::Live).await;
    w.end().await;
}

#[tokio::test]
async fn a_server_that_never_begins_is_given_up_at_the_limit_and_let_go() {
    let server = Server::start(Style::Silent).await;
    let mut w = world(None);
    w.talk(&server.address(), 2).await;
    w.phase(Phase::WarmingUp).await;
    assert_eq!(w.phase(Phase::Failed).await, "call.no_handshake");
    assert_eq!(server.session().await.close_code, Some(1000));
    w.end().await;
}

#[tokio::test]
async fn stop_ends_the_wait_for_a_server_that_never_begins() {
    let server = Server::start(Style::Silent).await;
    let mut w = world(None);
    w.talk(&server.address(), 240).await;
    w.phase(Phase::WarmingUp).await;
    let asked = Instant::now();
    w.handle.send(Command::Stop).await;
    w.phase(Phase::Idle).await;
    assert_eq!(server.session().await.close_code, Some(1000));
    assert!(asked.elapsed() < Duration::from_secs(5), "at once");
    w.end().await;
}

#[tokio::test]
async fn garbage_of_every_kind_ends_nothing() {
    let server = Server::start(Style::Garbage).await;
    let mut w = world(None);
    w.talk(&server.address(), 30).await;
    w.phase(Phase::Live).await;
    w.text("after all that").await;
    w.sound().await;
    assert_eq!(w.call.clone().unwrap().phase, Phase::Live);
    let figures = w.handle.figures();
    assert!(figures.link.odd_frames >= 3, "{:?}", figures.link);
    let longest = w.turns.values().map(String::len).max().unwrap();
    assert!(longest < 10_000, "a turn of {longest} bytes");
    w.end().await;
}

#[tokio::test]
async fn what_is_no_moshi_is_told_apart() {
    for (style, code) in [
        (Style::Http(404), "link.not_found"),
        (Style::Http(200), "link.not_moshi"),
        (Style::Http(401), "link.unauthorised"),
        (Style::Http(500), "link.not_moshi"),
        (Style::HangsUp, "link.not_moshi"),
        (Style::TlsAlert, "link.wants_tls"),
        (Style::NotHttp, "link.not_moshi"),
    ] {
        let server = Server::start(style).await;
        let mut w = world(None);
        w.talk(&server.address(), 30).await;
        assert_eq!(w.phase(Phase::Failed).await, code, "{style:?}");
        let problem = w.call.clone().unwrap().problem.unwrap();
        assert!(problem.what.ends_with('.') && problem.next.ends_with('.'), "{problem:?}");
        assert!(w.handle.figures().sound.is_none(), "{style:?}: no microphone stays open");
        w.end().await;
    }
}

#[tokio::test]
async fn addresses_that_lead_nowhere_are_told_apart() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    drop(taken);
    for (address, code) in [
        (format!("ws://127.0.0.1:{port}"), "link.refused"),
        ("ws://no-such-host.invalid:8998".to_owned(), "link.unknown_name"),
        ("gopher://127.0.0.1".to_owned(), "host.bad_address"),
        (String::new(), "host.none"),
    ] {
        let mut w = world(None);
        w.talk(&address, 30).await;
        assert_eq!(w.phase(Phase::Failed).await, code, "{address}");
        w.end().await;
    }
}

#[tokio::test]
async fn tls_to_a_plain_server_says_so() {
    let server = Server::start(Style::Python).await;
    let mut w = world(None);
    w.talk(&server.address().replace("ws://", "wss://"), 30).await;
    assert_eq!(w.phase(Phase::Failed).await, "link.tls");
    w.end().await;
}

#[tokio::test]
async fn a_certificate_that_nobody_signed_is_not_trusted() {
    let server = Server::start(Style::SelfSigned).await;
    let mut w = world(None);
    w.talk(&server.address(), 30).await;
    assert_eq!(w.phase(Phase::Failed).await, "link.certificate");
    w.end().await;
}

#[tokio::test]
async fn a_server_that_stops_sending_is_noticed() {
    let server = Server::start(Style::FallsSilent).await;
    let mut w = world(None);
    w.talk(&server.address(), 30).await;
    w.phase(Phase::Live).await;
    assert_eq!(w.phase(Phase::Reconnecting).await, "link.silent");
    w.end().await;
}

#[tokio::test]
async fn typed_text_is_kept_without_any_host() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.sqlite3");
    let mut w = world(Some(history.clone()));
    w.handle.send(Command::Type("just me".into())).await;
    w.text("just me").await;
    // On disk before it is on the screen.
    let (kept, _) = store::History::open(&history).unwrap();
    let conversation = kept.latest().unwrap().unwrap();
    assert_eq!(kept.turns(&conversation.id, 9).unwrap()[0].text, "just me");
    drop(kept);
    w.end().await;
    // And there again in the next life.
    let mut w = world(Some(history));
    let Event::Conversation { turns, .. } = w.next().await else { panic!("the conversation comes first") };
    assert_eq!(turns[0].text, "just me");
    w.handle.send(Command::Type("me again".into())).await;
    w.text("me again").await;
    assert_eq!(w.turns.keys().copied().collect::<Vec<_>>(), [1]);
    w.end().await;
}
