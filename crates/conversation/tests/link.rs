//! The whole conversation against servers on real sockets that behave like the stock ones, quirks and all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test may stop at the first surprise"
)]

mod servers;
mod world;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use audio::{DeviceError, SoundConfig};
use conversation::{Command, Event, Options, Phase};
use servers::{Server, Style};
use tokio::time::timeout;
use world::{world, world_of};

#[tokio::test]
async fn a_conversation_with_every_kind_of_server() {
    for style in [Style::Python, Style::PersonaPlex, Style::MoshiBackend, Style::MoshiServer] {
        let server = Server::start(style.clone()).await;
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
    w.turns.retain(|_, (text, _)| text == "still with me?");
    w.text("hello there").await;
    w.sound().await;
    w.end().await;
    // The first call was cut off and left no report.
    let session = server.session().await;
    assert!(
        session.begins_with_head && session.undecodable == 0,
        "a new connection is a new stream: {session:?}"
    );
    let (kept, _) = store::History::open(&history).unwrap();
    let conversation = kept.latest().unwrap().unwrap();
    let texts: Vec<String> = kept.turns(&conversation.id, 50).unwrap().into_iter().map(|t| t.text).collect();
    assert!(texts.iter().any(|t| t == "still with me?"), "{texts:?}");
    assert!(texts.iter().filter(|t| t.contains("hello")).count() >= 2, "{texts:?}");
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
    let longest = w.turns.values().map(|(text, _)| text.len()).max().unwrap();
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
        let server = Server::start(style.clone()).await;
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

#[tokio::test]
async fn twelve_seconds_of_sound_in_one_message_are_all_decoded() {
    let server = Server::start(Style::Lump).await;
    let mut w = world(None);
    w.talk(&server.address(), 30).await;
    w.text("hello there").await;
    let figures = w.handle.figures().link;
    assert!(figures.samples_in >= 12 * 24_000, "{figures:?}");
    let reader = figures.reader;
    assert_eq!(
        (reader.raw_packets, reader.skipped_bytes, reader.excess_packets, reader.lost_packets),
        (0, 0, 0, 0)
    );
    assert_eq!(w.call.clone().unwrap().phase, Phase::Live);
    w.end().await;
}

#[tokio::test]
async fn text_without_end_ends_the_call_with_a_sentence_and_keeps_what_there_was() {
    let server = Server::start(Style::EndlessText).await;
    let mut w = world(None);
    w.say("mine").await;
    w.talk(&server.address(), 30).await;
    assert_eq!(w.phase(Phase::Failed).await, "link.protocol");
    let problem = w.call.clone().unwrap().problem.unwrap();
    assert!(problem.what.contains("text without end"), "{problem:?}");
    assert!(problem.next.contains("log"), "{problem:?}");
    w.text("mine").await;
    w.text("xxxx").await;
    let all: usize = w.turns.values().map(|(text, _)| text.len()).sum();
    assert!(all < 500_000, "{all} bytes of it were kept");
    assert_eq!(server.session().await.close_code, Some(1000));
    w.end().await;
}

#[tokio::test]
async fn garbage_without_end_ends_the_call_with_a_sentence() {
    let server = Server::start(Style::EndlessGarbage).await;
    let mut w = world(None);
    w.talk(&server.address(), 30).await;
    assert_eq!(w.phase(Phase::Failed).await, "link.protocol");
    let problem = w.call.clone().unwrap().problem.unwrap();
    assert!(problem.what.contains("far more than a conversation"), "{problem:?}");
    w.end().await;
}

#[tokio::test]
async fn a_server_that_never_sends_sound_is_told_from_one_that_hangs() {
    let server = Server::start(Style::NoSound).await;
    let mut w = world(None);
    w.talk(&server.address(), 30).await;
    assert_eq!(w.phase(Phase::Reconnecting).await, "link.protocol");
    w.end().await;
}

#[tokio::test]
async fn a_port_that_says_nothing_is_given_up_at_the_limit() {
    let server = Server::start(Style::SaysNothing).await;
    let mut w = world(None);
    w.talk(&server.address(), 2).await;
    w.phase(Phase::Connecting).await;
    assert_eq!(w.phase(Phase::Failed).await, "call.no_handshake");
    w.end().await;
}

#[tokio::test]
async fn stop_also_ends_a_call_whose_server_takes_nothing_any_more() {
    let server = Server::start(Style::Deaf).await;
    let mut w = world(None);
    w.talk(&server.address(), 30).await;
    w.phase(Phase::Live).await;
    // A second of sound that could not leave: the link waits for the server, which it would do for ten seconds.
    while w.handle.figures().mic_dropped < 50 {
        if let Ok(event) = timeout(Duration::from_millis(100), w.events.recv()).await {
            assert!(!matches!(event, Some(Event::Call(_))), "the call goes on");
        }
    }
    let asked = Instant::now();
    w.handle.send(Command::Stop).await;
    w.phase(Phase::Idle).await;
    server.session().await;
    assert!(asked.elapsed() < Duration::from_secs(6), "the server is let go after {:?}", asked.elapsed());
    w.end().await;
}

#[test]
fn the_end_waits_for_its_goodbye_however_much_there_is_to_hear_first() {
    // A runtime for each side: that of the caller ends with the conversation, as in a program.
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        runtime().block_on(async {
            let server = Server::start(Style::Chatty).await;
            tell.send(server.address()).unwrap();
            server.session().await
        })
    });
    let address = told.recv().unwrap();
    let caller = runtime();
    caller.block_on(async {
        let silent = Options {
            history: None,
            sound: Box::new(|| Box::new(|| Err(DeviceError::NoSystem("none".into())))),
            devices: SoundConfig::default(),
            brain: None,
        };
        let mut w = world_of(silent, 1, Arc::default());
        w.talk(&address, 30).await;
        w.phase(Phase::Connecting).await;
        // From here on nobody reads, so that soon everything waits for everything.
        // As many reports as can wait on their way.
        while w.handle.figures().link.host_timing.is_none_or(|timing| timing.backlog < 512) {
            tokio::task::yield_now().await;
        }
        let asked = Instant::now();
        w.end().await;
        assert!(asked.elapsed() < Duration::from_secs(3), "it ends by itself and not for want of patience");
    });
    caller.shutdown_background();
    assert_eq!(server.join().unwrap().close_code, Some(1000));
}

#[tokio::test]
async fn a_history_that_could_not_be_opened_is_opened_as_soon_as_that_works() {
    for meanwhile in [&["first"][..], &[]] {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("data");
        std::fs::write(&place, "a file where a folder should be").unwrap();
        let history = place.join("history.sqlite3");
        let mut w = world(Some(history.clone()));
        while w.saving != Some("store.folder") {
            w.next().await;
        }
        for text in meanwhile {
            w.say(text).await;
            w.text(text).await;
            assert!(!w.turns[&0].1, "shown, and said not to be saved");
        }
        std::fs::remove_file(&place).unwrap();
        w.say("last").await;
        w.text("last").await;
        while w.saving.is_some() || w.turns.values().any(|(_, saved)| !saved) {
            w.next().await;
        }
        w.end().await;
        let (kept, _) = store::History::open(&history).unwrap();
        let conversation = kept.latest().unwrap().unwrap();
        let texts: Vec<String> =
            kept.turns(&conversation.id, 9).unwrap().into_iter().map(|t| t.text).collect();
        assert_eq!(texts, [meanwhile, &["last"]].concat());
    }
}

#[tokio::test]
async fn a_broken_history_is_set_aside_and_the_conversation_begins_afresh() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.sqlite3");
    std::fs::write(&history, "this is no database").unwrap();
    let mut w = world(Some(history));
    let aside = loop {
        if let Event::HistorySetAside(aside) = w.next().await {
            break aside;
        }
    };
    assert_eq!(std::fs::read_to_string(&aside.kept_as).unwrap(), "this is no database", "nothing is lost");
    w.say("on we go").await;
    w.text("on we go").await;
    assert_eq!((w.saving, w.turns[&0].1), (None, true));
    w.end().await;
}
