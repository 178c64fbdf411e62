//! PersonaPlex as a host: who it is asked to be, by real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod client;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use client::server::{Running, serve};
use client::{Client, Heard, http, sweep};
use engine::serve::{About, Event, ModelSource, ServerSettings, Session, SessionOptions, Source};
use engine::tiny::{self, TinySettings};
use engine::{CpuOptions, DEFAULT_PERSONA, Error, Prompt, Sampling};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;
use wire::{Frame, HostMetadata, close};

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    tiny::write_personaplex(folder.path(), TinySettings::default()).unwrap();
    folder
}

fn host(folder: &Path) -> Running {
    let model = engine::load(folder).unwrap();
    assert!(model.takes_roles());
    serve(ModelSource::new(model, Some(Sampling::GREEDY)), ServerSettings::default())
}

/// The metadata with which somebody is let in.
async fn enter(client: &mut Client) -> HostMetadata {
    let Frame::Metadata(json) = client.frame().await else { panic!("metadata comes first") };
    assert_eq!(client.frame().await, Frame::Handshake { version: Some((0, 0)) });
    HostMetadata::parse(&json).unwrap()
}

async fn refused(port: u16, query: &str) -> (String, Option<u16>) {
    let mut client = Client::connect(port, query).await;
    let Frame::Error(sentence) = client.frame().await else { panic!("refused in words") };
    (String::from_utf8(sentence.to_vec()).unwrap(), client.closed().await)
}

/// Says a second of sound and returns the first frames of the answer.
async fn talk(client: &mut Client, frames: usize) -> Heard {
    client.say(&sweep(frames * 1920)).await;
    let (mut heard, mut timing) = (Heard::default(), None);
    while heard.pcm.len() < frames * 1920 {
        heard.frame(&client.frame().await, &mut timing);
    }
    heard
}

#[tokio::test]
async fn a_host_is_who_it_is_asked_to_be_and_says_so() {
    let folder = folder();
    let host = host(folder.path());
    let mut client =
        Client::connect(host.port, "text_prompt=You+are+a+good+friend.&voice_prompt=NATF2.pt").await;
    let metadata = enter(&mut client).await;
    assert_eq!(metadata.persona.as_deref(), Some("You are a good friend."));
    assert_eq!(metadata.voice.as_deref(), Some("NATF2.pt"));
    // As many frames as it hears, as with NVIDIA's server: what is late is there already, behind the prompt.
    let friend = talk(&mut client, 12).await;
    client.close().await;
    until_free(host.port).await;

    // Nothing asked for is the default, and the first voice there is.
    let mut client = Client::connect(host.port, "").await;
    let metadata = enter(&mut client).await;
    assert_eq!(metadata.persona.as_deref(), Some(DEFAULT_PERSONA));
    assert_eq!(metadata.voice.as_deref(), Some("NATF2.wav"));
    let other = talk(&mut client, 12).await;
    client.close().await;
    until_free(host.port).await;
    assert_ne!(friend.pcm, other.pcm, "another persona says something else");

    // The same again is the same: nothing is left of a conversation.
    let mut client =
        Client::connect(host.port, "text_prompt=You+are+a+good+friend.&voice_prompt=NATF2").await;
    enter(&mut client).await;
    assert_eq!(talk(&mut client, 12).await.pcm, friend.pcm);
    client.close().await;
    until_free(host.port).await;
    let mut client = Client::connect(host.port, &format!("text_prompt={}", "a+".repeat(200))).await;
    assert_eq!(enter(&mut client).await.persona.map(|persona| persona.len()), Some(100), "shortened");
}

#[tokio::test]
async fn what_can_not_be_had_is_refused_in_words_and_the_host_is_free_again() {
    let folder = folder();
    std::fs::write(folder.path().join("voices/broken.pt"), b"PK").unwrap();
    std::fs::write(folder.path().join("outside.wav"), b"").unwrap();
    let host = host(folder.path());
    let long = "x".repeat(1001);
    for (query, said) in [
        ("voice_prompt=NATM7.pt", "this host has no such voice"),
        ("voice_prompt=..%2Foutside.wav", "by its file alone"),
        ("voice_prompt=%2Fetc%2Fpasswd", "by its file alone"),
        ("voice_prompt=..%5Coutside.wav", "by its file alone"),
        ("voice_prompt=broken.pt", "cut off, or no zip archive"),
        (&format!("text_prompt={long}"), "1001 characters of at most 1000"),
        // Each takes three tokens of its own, which is more than this model remembers.
        (&format!("text_prompt={}", "%E2%82%AC".repeat(1000)), "beside this voice; shorten it"),
    ] {
        let (sentence, code) = refused(host.port, query).await;
        assert!(sentence.contains(said) && sentence.ends_with('.'), "{query}: {sentence}");
        assert!(!sentence.contains(folder.path().to_str().unwrap()), "no paths: {sentence}");
        assert_eq!(code, Some(close::REFUSED), "{query}");
    }
    let mut client = Client::connect(host.port, "").await;
    enter(&mut client).await;
    assert!(!talk(&mut client, 3).await.pcm.is_empty());
}

#[tokio::test]
async fn a_host_without_voices_has_none() {
    let folder = folder();
    std::fs::remove_dir_all(folder.path().join("voices")).unwrap();
    let host = host(folder.path());
    let mut client = Client::connect(host.port, "voice_prompt=NATF2.pt").await;
    let metadata = enter(&mut client).await;
    assert_eq!((metadata.persona.as_deref(), metadata.voice), (Some(DEFAULT_PERSONA), None));
    assert!(!talk(&mut client, 3).await.pcm.is_empty());
}

#[tokio::test]
async fn a_plain_moshi_ignores_both() {
    let folder = tempfile::tempdir().unwrap();
    tiny::write(folder.path(), TinySettings::default()).unwrap();
    let source = ModelSource::new(engine::load(folder.path()).unwrap(), None);
    let host = serve(source, ServerSettings::default());
    let mut client = Client::connect(host.port, "text_prompt=x&voice_prompt=..%2Fx").await;
    let metadata = enter(&mut client).await;
    assert_eq!((metadata.persona, metadata.voice), (None, None));
}

#[test]
fn a_model_that_nothing_describes_is_known_by_its_voices() {
    let folder = folder();
    let path = folder.path().join("config.json");
    let mut keys: serde_json::Map<_, _> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    keys.remove("model_type");
    keys.remove("dep_q");
    std::fs::write(&path, serde_json::to_vec(&keys).unwrap()).unwrap();
    assert!(engine::load(folder.path()).unwrap().takes_roles());
    std::fs::remove_dir_all(folder.path().join("voices")).unwrap();
    assert!(!engine::load(folder.path()).unwrap().takes_roles());
}

/// A host can be told to remember less than the model was taught to.
#[test]
fn a_role_has_to_fit_into_what_the_host_remembers() {
    let folder = folder();
    let role = |context| {
        let options = CpuOptions { context: Some(context), ..CpuOptions::default() };
        let mut model = engine::load_with(folder.path(), options).unwrap();
        model.role(None, None).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(role(500), Ok(()));
    let sentence = role(60).unwrap_err();
    assert!(sentence.contains("of at most 8 beside this voice"), "{sentence}");
    let sentence = role(40).unwrap_err();
    assert!(sentence.contains("37 frames of at most 30"), "{sentence}");
}

/// A model that takes as long to begin as it is told to.
#[derive(Debug)]
struct Slow {
    /// Told when an opening was asked for, and what came of it.
    told: std::sync::mpsc::Sender<&'static str>,
    /// What an opening waits for, besides for nobody waiting any more.
    begin: Arc<CancellationToken>,
}

#[derive(Debug)]
struct Open(mpsc::Sender<Event>);

impl Session for Open {
    fn hear(&mut self, frame: &[f32; 1920]) -> Option<Event> {
        assert!(!self.0.is_closed());
        Some(Event::Sound(frame.to_vec()))
    }
}

impl Source for Slow {
    fn about(&self) -> About {
        About { server: "slow".into(), version: "1".into(), model: None, capabilities: Vec::new() }
    }

    fn open(&self, _: &SessionOptions, events: mpsc::Sender<Event>) -> Result<Box<dyn Session>, Error> {
        self.told.send("asked").unwrap();
        let begun = tokio::runtime::Handle::current().block_on(async {
            tokio::select! {
                () = self.begin.cancelled() => true,
                () = events.closed() => false,
            }
        });
        self.told.send(if begun { "begun" } else { "given up" }).unwrap();
        if begun { Ok(Box::new(Open(events))) } else { Err(Error::GivenUp) }
    }
}

fn slow(
    settings: ServerSettings,
) -> (Running, std::sync::mpsc::Receiver<&'static str>, Arc<CancellationToken>) {
    let (told, telling) = std::sync::mpsc::channel();
    let begin = Arc::new(CancellationToken::new());
    let running = serve(Slow { told, begin: Arc::clone(&begin) }, settings);
    (running, telling, begin)
}

async fn next(telling: &std::sync::mpsc::Receiver<&'static str>) -> &'static str {
    tokio::task::block_in_place(|| telling.recv_timeout(Duration::from_secs(60)).unwrap())
}

async fn is_busy(port: u16) -> bool {
    let (_, body) = http(port, "GET /health", "").await;
    serde_json::from_str::<serde_json::Value>(&body).unwrap()["busy"].as_bool().unwrap()
}

async fn until_free(port: u16) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while is_busy(port).await {
        assert!(tokio::time::Instant::now() < deadline, "the host never gets free");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_before_it_begins_is_not_waited_for() {
    let (host, telling, _begin) = slow(ServerSettings::default());
    for leaves in [Client::reset as fn(Client), |client| drop(tokio::spawn(client.close()))] {
        let client = Client::connect(host.port, "").await;
        assert_eq!(next(&telling).await, "asked");
        assert!(is_busy(host.port).await, "a second caller is refused meanwhile");
        leaves(client);
        assert_eq!(next(&telling).await, "given up");
        until_free(host.port).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_gives_no_sign_of_life_before_it_begins_is_let_go() {
    let settings = ServerSettings {
        silence_ends: Duration::from_millis(200),
        ping_every: Duration::from_secs(60),
        ..Default::default()
    };
    let (host, telling, _begin) = slow(settings);
    let mut client = Client::connect(host.port, "").await;
    assert_eq!(next(&telling).await, "asked");
    assert_eq!(client.closed().await, Some(close::NORMAL));
    assert_eq!(next(&telling).await, "given up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_answers_pings_is_waited_with_and_what_was_sent_early_is_heard() {
    let settings = ServerSettings {
        silence_ends: Duration::from_secs(2),
        ping_every: Duration::from_millis(50),
        ..Default::default()
    };
    let (host, telling, begin) = slow(settings);
    let mut client = Client::connect(host.port, "").await;
    assert_eq!(next(&telling).await, "asked");
    // As moshi-cli: at once, headers and all.
    client.say(&sweep(5 * 1920)).await;
    for _ in 0..60 {
        // Three seconds of pings, which reading answers.
        assert!(matches!(client.message().await, Some(Message::Ping(_))));
    }
    begin.cancel();
    assert_eq!(next(&telling).await, "begun");
    let mut heard = Heard::default();
    let mut timing = None;
    while heard.pcm.len() < 5 * 1920 {
        match client.frame().await {
            Frame::Handshake { .. } => {}
            frame => heard.frame(&frame, &mut timing),
        }
    }
    client.send(Message::Binary(Bytes::from_static(&[3, 0]))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_ends_says_so_to_who_waits() {
    let (host, telling, _begin) = slow(ServerSettings::default());
    let mut client = Client::connect(host.port, "").await;
    assert_eq!(next(&telling).await, "asked");
    host.stop.cancel();
    assert_eq!(next(&telling).await, "given up");
    assert_eq!(client.closed().await, Some(close::GOING_AWAY));
}

/// What a role is made of is what NVIDIA's code would go through.
#[test]
fn a_role_is_gone_through_token_by_token() {
    let folder = folder();
    let mut model = engine::load(folder.path()).unwrap();
    let (role, prompt) = model.role(Some("You are a good friend."), None).unwrap();
    assert_eq!(role.voice.as_deref(), Some("NATF2.wav"));
    let tokenizer = model.tokenizer();
    let text: Vec<u8> = prompt.text.iter().flat_map(|&token| tokenizer.piece(token).to_vec()).collect();
    assert_eq!(String::from_utf8(text).unwrap(), " <system> You are a good friend. <system>");
    // Two seconds of voice, a second of silence around the text.
    assert_eq!(prompt.steps(), 25 + 12 + prompt.text.len());
    model.reset(Sampling::GREEDY, 0);
    assert!(model.prefill(&prompt, || true).unwrap());
    assert!(!model.prefill(&Prompt::default(), || false).unwrap());
}
