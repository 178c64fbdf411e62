//! Texts that the tiny model is to say, by real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod client;

use std::time::Duration;

use client::server::{Running, serve};
use client::{Client, http};
use engine::Sampling;
use engine::serve::{Echo, ModelSource, ServerSettings};
use engine::tiny::{self, TinySettings};
use tokio_tungstenite::tungstenite::Message;
use wire::SpeechState::{Cut, Finished, Queued, Refused, Started, Word};
use wire::{Frame, HostMetadata, SpeechNews, SpeechWish, capability};

/// A host with a model, and the folder of its files.
fn model() -> (Running, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    tiny::write(folder.path(), TinySettings::default()).unwrap();
    let source = ModelSource::new(engine::load(folder.path()).unwrap(), Some(Sampling::GREEDY));
    (serve(source, ServerSettings::default()), folder)
}

/// What came, each with the number of the frame of sound before which it did.
#[derive(Debug, Clone, PartialEq)]
enum Came {
    News(SpeechNews),
    Text(String),
}

/// A caller who is silent, and never more than one frame ahead of the model.
struct Caller {
    client: Client,
    /// Frames that were sent.
    sent: usize,
    /// Frames that came.
    frames: usize,
    came: Vec<(usize, Came)>,
}

impl Caller {
    async fn enter(host: &Running, query: &str) -> (Self, HostMetadata) {
        let mut client = Client::connect(host.port, query).await;
        let Frame::Metadata(json) = client.frame().await else { panic!("metadata comes first") };
        client.handshake().await.unwrap();
        (Self { client, sent: 0, frames: 0, came: Vec::new() }, HostMetadata::parse(&json).unwrap())
    }

    async fn speak(&mut self, text: impl AsRef<[u8]>) {
        self.client.send(Message::binary([&[2], text.as_ref()].concat())).await;
    }

    async fn cut(&mut self) {
        let json = SpeechWish::Cut.to_json();
        self.client.send(Message::binary([&[4], &json[..]].concat())).await;
    }

    /// One frame of silence, and what comes up to the sound before it: the model is a step late.
    async fn frame(&mut self) {
        self.client.say(&[0.0; 1920]).await;
        self.sent += 1;
        while self.frames + 1 < self.sent {
            self.take().await;
        }
    }

    async fn take(&mut self) {
        match self.client.frame().await {
            Frame::Audio(_) => self.frames += 1,
            // It stands behind the sound of its frame.
            Frame::Text(piece) => {
                let piece = String::from_utf8_lossy(&piece).into_owned();
                self.came.push((self.frames - 1, Came::Text(piece)));
            }
            Frame::Metadata(json) => {
                let news = HostMetadata::parse(&json).unwrap().speech;
                self.came.extend(news.map(|news| (self.frames, Came::News(news))));
            }
            other => panic!("{other:?}"),
        }
    }

    fn news(&self) -> impl Iterator<Item = (usize, &SpeechNews)> {
        self.came.iter().filter_map(|(frame, came)| match came {
            Came::News(news) => Some((*frame, news)),
            Came::Text(_) => None,
        })
    }

    /// Goes on until this is told.
    async fn until(&mut self, wanted: impl Fn(&SpeechNews) -> bool) -> usize {
        for _ in 0..400 {
            if let Some((frame, _)) = self.news().find(|(_, news)| wanted(news)) {
                return frame;
            }
            self.frame().await;
        }
        panic!("it is never told: {:?}", self.came);
    }

    /// The text of these frames.
    fn text(&self, frames: std::ops::Range<usize>) -> String {
        let texts = self.came.iter().filter_map(|(frame, came)| match came {
            Came::Text(piece) if frames.contains(frame) => Some(piece.as_str()),
            _ => None,
        });
        texts.collect()
    }
}

fn is(id: u64, state: wire::SpeechState) -> impl Fn(&SpeechNews) -> bool {
    move |news| (news.id, news.state) == (id, state)
}

const SENTENCE: &str = "the rivers of the city, they keep moving to the sea. we can hear 2 birds";

#[tokio::test(flavor = "multi_thread")]
async fn a_sentence_is_said_word_by_word_in_order_and_at_the_pace_of_speech() {
    let (host, _folder) = model();
    let (mut caller, about) = Caller::enter(&host, "speak=1").await;
    assert!(about.can(capability::SPEAKS));
    for _ in 0..5 {
        caller.frame().await;
    }
    caller.speak(SENTENCE).await;
    let ended = caller.until(is(1, Finished)).await;
    // The text of the last frame stands behind its sound.
    caller.frame().await;
    let states: Vec<_> = caller.news().map(|(_, news)| news.state).collect();
    let words: Vec<&str> = SENTENCE.split(' ').collect();
    assert_eq!(states[..2], [Queued, Started]);
    assert_eq!(states[2..states.len() - 1], vec![Word; words.len()]);
    let begun: Vec<_> = caller.news().filter(|(_, news)| news.state == Word).collect();
    for (i, (frame, news)) in begun.iter().enumerate() {
        assert_eq!(news.said, words[..=i].join(" "));
        let end = begun.get(i + 1).map_or(ended, |(next, _)| *next);
        assert_eq!(caller.text(*frame..end), format!(" {}", words[i]), "and nothing of the model's own");
        assert!(end - frame >= 2, "at least one frame without a word");
    }
    let rate = SENTENCE.len() as f64 / ((ended - begun[0].0) as f64 * 0.08);
    assert!((5.0..22.0).contains(&rate), "{rate} characters a second");
    // The text of the model, which the sentence has held up, goes on.
    for _ in 0..40 {
        caller.frame().await;
    }
    assert!(!caller.text(ended..caller.frames).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_holds_from_the_next_frame_on_and_what_is_not_said_is_told() {
    let (host, _folder) = model();
    let (mut caller, _) = Caller::enter(&host, "speak=1").await;
    caller.speak("the city by the sea").await;
    caller.speak("we never get here").await;
    caller.until(|news| news.said == "the city").await;
    caller.cut().await;
    let cut = caller.sent;
    assert_eq!(caller.until(is(1, Cut)).await, cut, "from the first frame on that comes after it");
    let ends: Vec<_> =
        caller.news().filter(|(_, news)| news.state == Cut).map(|(_, news)| news.clone()).collect();
    let words: Vec<&str> = "the city by the sea".split(' ').collect();
    let begun = ends[0].said.split(' ').count();
    assert!((2..4).contains(&begun), "{:?}", ends[0]);
    assert_eq!((&ends[0].said, &ends[0].unsaid), (&words[..begun].join(" "), &words[begun..].join(" ")));
    assert_eq!((ends[1].id, ends[1].said.as_str(), ends[1].unsaid.as_str()), (2, "", "we never get here"));
    // Another text is none of those that were cut.
    caller.speak("good").await;
    caller.until(is(3, Finished)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_are_said_one_after_the_other() {
    let (host, _folder) = model();
    let (mut caller, _) = Caller::enter(&host, "speak=1").await;
    caller.speak("good day").await;
    caller.speak("how are you").await;
    let ended = caller.until(is(2, Finished)).await;
    let told: Vec<_> = caller.news().map(|(_, news)| (news.id, news.state)).collect();
    let expected = [
        (1, Queued),
        (2, Queued),
        (1, Started),
        (1, Word),
        (1, Word),
        (1, Finished),
        (2, Started),
        (2, Word),
        (2, Word),
        (2, Word),
        (2, Finished),
    ];
    assert_eq!(told, expected);
    let (began, _) = caller.news().find(|(_, news)| news.state == Started).unwrap();
    caller.frame().await;
    assert_eq!(caller.text(began..ended), " good day how are you");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_for_whoever_did_not_ask() {
    let (host, _folder) = model();
    let mut heard = Vec::new();
    for (query, texts) in [("seed=1", false), ("seed=1", true), ("seed=1&speak=0", true)] {
        let (mut caller, about) = Caller::enter(&host, query).await;
        assert!(!about.can(capability::SPEAKS) && about.can(capability::UNLIMITED));
        if texts {
            caller.speak("good day").await;
            caller.cut().await;
        }
        for _ in 0..40 {
            caller.frame().await;
        }
        assert_eq!(caller.news().count(), 0);
        heard.push(caller.text(0..39));
        caller.client.close().await;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while http(host.port, "GET /health", "").await.1.contains("\"busy\":true") {
            assert!(tokio::time::Instant::now() < deadline);
        }
    }
    assert!(!heard[0].is_empty() && heard.iter().all(|text| *text == heard[0]), "{heard:?}");
    // A host without a model speaks nothing.
    let host = serve(Echo, ServerSettings::default());
    let (mut caller, about) = Caller::enter(&host, "speak=1").await;
    assert!(!about.can(capability::SPEAKS));
    caller.speak("good day").await;
    caller.frame().await;
    caller.frame().await;
    assert_eq!(caller.news().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_said_is_refused_in_words_and_counted() {
    let (host, _folder) = model();
    let (mut caller, _) = Caller::enter(&host, "speak=1").await;
    let refused: [(&[u8], &str); 6] = [
        (&[b'a'; 100_000], "longer than 4000"),
        (&[b'a'; 4_001], "longer than 4000"),
        (b"good \xff day", "UTF-8"),
        (b"", "nothing"),
        (b"\x1b\x07 \x00\n", "nothing"),
        (&"🙂".repeat(4_000).into_bytes(), "longer to say"),
    ];
    for (i, (text, reason)) in refused.iter().enumerate() {
        caller.speak(text).await;
        let id = i as u64 + 1;
        while caller.news().count() < i + 1 {
            caller.take().await;
        }
        let (_, news) = caller.news().last().unwrap();
        assert_eq!((news.id, news.state), (id, Refused));
        let said = news.reason.as_deref().unwrap();
        assert!(said.contains(reason) && said.ends_with('.'), "{said}");
    }
    // What is between can be said, and is without what does something to a terminal.
    caller.speak("good\x1b[2J\r\n\u{202e}day").await;
    caller.until(is(7, Finished)).await;
    assert_eq!(caller.news().last().unwrap().1.said, "good[2J day");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_sixteen_texts_wait() {
    let (host, _folder) = model();
    let (mut caller, _) = Caller::enter(&host, "speak=1").await;
    for _ in 0..17 {
        caller.speak("good day").await;
    }
    while caller.news().count() < 17 {
        caller.take().await;
    }
    let states: Vec<_> = caller.news().map(|(_, news)| news.state).collect();
    assert_eq!(states[..16], [Queued; 16]);
    let (_, refused) = caller.news().last().unwrap();
    assert_eq!((refused.id, refused.state), (17, Refused));
    assert!(refused.reason.as_deref().unwrap().starts_with("16 texts"), "{refused:?}");
    caller.cut().await;
    caller.speak("now").await;
    caller.until(is(18, Finished)).await;
    assert_eq!(caller.news().filter(|(_, news)| news.state == Cut).count(), 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_texts_and_does_not_read_is_let_go() {
    let (host, _folder) = model();
    let (mut caller, _) = Caller::enter(&host, "speak=1").await;
    // Each is answered. Far more than there is room for in any buffer.
    for _ in 0..1_000_000 {
        if caller.client.try_send(Message::binary(b"\x02".to_vec())).await.is_err() {
            break;
        }
    }
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let mut next = Client::connect(host.port, "").await;
        if next.handshake().await.is_ok() {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "the host never gets free");
    }
}
