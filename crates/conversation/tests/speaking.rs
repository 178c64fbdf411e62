//! The brain's replies in Moshi's voice: by sequences of what happens, and with a real host.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test may stop at the first surprise"
)]

mod world;

use std::{sync::Arc, time::Duration};

use brain::{BuiltIn, Canned, Outcome, Reply, What, built_in};
use conversation::{
    Command, Conduct, Host, Phase, ReplyState, Says, SpokenReply, Thinker,
    machine::{Effect, Input, LinkEvent, Machine, Moment},
    problem::LinkError,
};
use engine::{
    Sampling,
    serve::{ModelSource, Server, ServerSettings},
    tiny::{self, TinySettings},
};
use tokio_util::sync::CancellationToken;
use wire::{HostMetadata, MOST_SPEECHES, SpeechNews, SpeechState, capability};
use world::{LIMIT, world};

/// A machine with a brain, a disk that takes everything, and what came of its replies.
struct Talk {
    machine: Machine,
    now: Duration,
    link: u64,
    asks: u64,
    /// What the host was told; `None` is to say no further.
    host: Vec<(u64, Option<String>)>,
    spoken: Vec<SpokenReply>,
    turns: std::collections::BTreeMap<u64, String>,
    speaks: bool,
}

impl Talk {
    fn new() -> Self {
        let machine =
            Machine::new(store::Conversation { id: "c".into(), started_ms: 0 }, &[], Moment::default());
        let mut talk = Self {
            machine,
            now: Duration::ZERO,
            link: 0,
            asks: 0,
            host: Vec::new(),
            spoken: Vec::new(),
            turns: std::collections::BTreeMap::new(),
            speaks: false,
        };
        talk.step(Input::Brain(true));
        talk
    }

    /// With a call to a host that says texts, which are to be said at once.
    fn live() -> Self {
        let mut talk = Self::new();
        let conduct = Conduct { says: Says::AtOnce, ..Conduct::default() };
        talk.step(Input::Conduct(Box::new(conduct)));
        talk.step(Input::Talk(Host::speaking("gpu:8998", "", "", Duration::from_secs(9))));
        talk.answers(&[capability::SPEAKS]);
        talk
    }

    fn answers(&mut self, capabilities: &[&str]) {
        let capabilities = capabilities.iter().map(|name| (*name).to_owned()).collect();
        let metadata = HostMetadata { capabilities, ..HostMetadata::default() };
        self.event(LinkEvent::Metadata(Box::new(metadata)));
        self.event(LinkEvent::Handshake);
    }

    fn step(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let now = Moment { mono: self.now, unix_ms: 0 };
            for effect in self.machine.step(input, now) {
                match effect {
                    Effect::Store(..) => inputs.push(Input::Stored(Ok(()))),
                    Effect::Show(turns) => {
                        self.turns
                            .extend(turns.into_iter().map(|shown| (shown.turn.number, shown.turn.text)));
                    }
                    Effect::Connect(link, _) => self.link = link,
                    Effect::Ask(ask) => self.asks = ask.ask,
                    Effect::Say(link, text) => self.host.push((link, Some(text))),
                    Effect::StopSaying(link) => self.host.push((link, None)),
                    Effect::Spoken(reply) => self.spoken.push(*reply),
                    Effect::Call(call) => self.speaks = call.speaks,
                    _ => {}
                }
            }
        }
    }

    fn event(&mut self, event: LinkEvent) {
        self.step(Input::Link(self.link, event));
    }

    fn news(&mut self, id: u64, state: SpeechState, said: &str, unsaid: &str) {
        let news = SpeechNews { said: said.into(), unsaid: unsaid.into(), ..SpeechNews::new(id, state) };
        let metadata = HostMetadata { speech: Some(news), ..HostMetadata::default() };
        self.event(LinkEvent::Metadata(Box::new(metadata)));
    }

    fn replies(&mut self, text: &str, whole: bool) {
        let reply = Reply {
            text: text.into(),
            whole,
            provider: None,
            agent: None,
            canned: Canned::No,
            first_token: None,
            latency: Duration::ZERO,
        };
        let ask = self.asks;
        self.step(Input::Told(ask, Box::new(What::Token { text: text.into() })));
        self.step(Input::Told(ask, Box::new(What::Reply(reply))));
        self.step(Input::Told(ask, Box::new(What::Done { outcome: Outcome::Answered, left_out: 0 })));
        self.step(Input::Silent(ask));
    }

    fn asks(&mut self, text: &str, reply: &str) {
        self.step(Input::Typed(text.into()));
        self.replies(reply, true);
    }

    /// Numbers, states and words of what was told of replies, since the last look.
    fn told(&mut self) -> Vec<(u64, ReplyState, String)> {
        std::mem::take(&mut self.spoken)
            .into_iter()
            .map(|reply| (reply.number, reply.state, reply.said))
            .collect()
    }

    fn host(&self) -> Vec<Option<&str>> {
        self.host.iter().map(|(_, text)| text.as_deref()).collect()
    }
}

fn is(number: u64, state: ReplyState, said: &str) -> (u64, ReplyState, String) {
    (number, state, said.into())
}

#[test]
fn a_reply_is_said_and_its_words_are_no_turn_of_moshis() {
    let mut talk = Talk::live();
    assert!(talk.speaks);
    talk.event(LinkEvent::Text(" Hm".into()));
    talk.asks("hello", "**Good** day.");
    assert_eq!(talk.host(), [Some("Good day.")]);
    assert_eq!(talk.told(), [is(1, ReplyState::Queued, "")]);
    talk.news(1, SpeechState::Queued, "", "");
    talk.event(LinkEvent::Text(" hm".into()));
    talk.news(1, SpeechState::Started, "", "");
    for (said, piece) in [("Good", " Good"), ("Good day.", " day.")] {
        talk.news(1, SpeechState::Word, said, "");
        talk.event(LinkEvent::Text(piece.into()));
    }
    talk.news(1, SpeechState::Finished, "Good day.", "");
    talk.event(LinkEvent::Text(" What else?".into()));
    assert_eq!(
        talk.told(),
        [
            is(1, ReplyState::Speaking, ""),
            is(1, ReplyState::Speaking, "Good"),
            is(1, ReplyState::Speaking, "Good day."),
            is(1, ReplyState::Spoken, "Good day."),
        ]
    );
    let turns: Vec<_> = talk.turns.values().map(String::as_str).collect();
    assert_eq!(turns, ["Hm", "hello", "**Good** day.", "hm", "What else?"]);
}

#[test]
fn nobody_speaks_without_a_live_call_to_a_host_that_does() {
    let mut talk = Talk::new();
    talk.asks("hello", "No call.");
    talk.step(Input::Talk(Host::speaking("gpu:8998", "", "", Duration::from_secs(9))));
    talk.asks("hello", "Not live.");
    talk.answers(&[capability::UNLIMITED]);
    talk.asks("hello", "Not this host.");
    talk.step(Input::StopSpeaking);
    assert!(!talk.speaks && talk.host.is_empty() && talk.spoken.is_empty());
}

#[test]
fn a_reply_waits_for_the_one_before_unless_the_person_has_gone_on() {
    let mut talk = Talk::live();
    talk.step(Input::Typed("one".into()));
    talk.step(Input::Typed("two".into()));
    talk.replies("First.", true);
    talk.replies("Second.", true);
    assert_eq!(talk.host(), [Some("First."), Some("Second.")], "both were asked for before");
    talk.news(1, SpeechState::Started, "", "");
    talk.news(1, SpeechState::Word, "First.", "");
    talk.asks("three", "Third.");
    assert_eq!(talk.host()[2..], [None, Some("Third.")]);
    talk.told();
    talk.news(1, SpeechState::Cut, "First.", "");
    talk.news(2, SpeechState::Cut, "", "Second.");
    talk.news(3, SpeechState::Started, "", "");
    let told = talk.spoken.clone();
    assert_eq!(told[0].why.as_deref(), Some("You asked something else meanwhile."));
    let expected =
        [is(1, ReplyState::Cut, "First."), is(2, ReplyState::Cut, ""), is(3, ReplyState::Speaking, "")];
    assert_eq!(talk.told(), expected);
    talk.news(3, SpeechState::Finished, "Third.", "");
    talk.asks("four", "Fourth.");
    assert_eq!(talk.host()[4..], [Some("Fourth.")], "there is nothing to end");
}

#[test]
fn the_person_can_stop_it_and_is_told_how_far_it_came() {
    let mut talk = Talk::live();
    talk.step(Input::StopSpeaking);
    talk.asks("hello", "Good day to you.");
    talk.news(1, SpeechState::Started, "", "");
    talk.step(Input::StopSpeaking);
    talk.step(Input::StopSpeaking);
    assert_eq!(talk.host(), [Some("Good day to you."), None], "once, and only where there is something");
    talk.news(1, SpeechState::Cut, "Good day", "to you.");
    let last = talk.spoken.last().unwrap();
    assert_eq!((last.state, last.said.as_str()), (ReplyState::Cut, "Good day"));
    assert_eq!((last.text.as_str(), last.why.as_deref()), ("Good day to you.", Some("You stopped it.")));
    talk.event(LinkEvent::Text(" Oh".into()));
    assert_eq!(talk.turns.values().next_back().unwrap(), "Oh", "Moshi speaks for itself again");
}

#[test]
fn a_reply_that_was_said_before_the_stop_came_was_said() {
    let mut talk = Talk::live();
    talk.asks("hello", "Yes.");
    talk.step(Input::StopSpeaking);
    talk.news(1, SpeechState::Finished, "Yes.", "");
    let last = talk.spoken.last().unwrap();
    assert_eq!((last.state, last.why.as_ref()), (ReplyState::Spoken, None));
}

#[test]
fn the_end_of_a_call_ends_what_is_said_and_the_next_one_counts_anew() {
    for lost in [false, true] {
        let mut talk = Talk::live();
        talk.asks("hello", "One two.");
        talk.step(Input::Typed("and".into()));
        talk.news(1, SpeechState::Started, "", "");
        talk.news(1, SpeechState::Word, "One", "");
        talk.told();
        let old = talk.link;
        if lost {
            talk.event(LinkEvent::Ended(LinkError::Closed(None)));
            talk.now = talk.machine.deadline().unwrap();
            talk.step(Input::Tick);
        } else {
            talk.step(Input::Stop);
            talk.step(Input::Talk(Host::speaking("gpu:8998", "", "", Duration::from_secs(9))));
        }
        assert_ne!(talk.link, old);
        let why = talk.spoken[0].why.clone().unwrap();
        assert!(why.contains("call ended"), "{why}");
        assert_eq!(talk.told(), [is(1, ReplyState::Cut, "One")]);
        talk.replies("Nobody is there.", true);
        assert!(!talk.speaks && talk.told().is_empty());
        talk.answers(&[capability::SPEAKS]);
        talk.asks("hello", "Three.");
        assert_eq!(talk.host.last().unwrap(), &(talk.link, Some("Three.".into())));
        talk.news(1, SpeechState::Finished, "Three.", "");
        assert_eq!(talk.told(), [is(2, ReplyState::Queued, ""), is(2, ReplyState::Spoken, "Three.")]);
    }
}

#[test]
fn what_is_not_said_says_why() {
    let mut talk = Talk::live();
    talk.step(Input::Typed("a".into()));
    talk.replies("Half of", false);
    talk.asks("b", "```\ncode\n```");
    talk.asks("c", "Refused.");
    let refused = SpeechNews { reason: Some("Too hard.".into()), ..SpeechNews::new(1, SpeechState::Refused) };
    talk.event(LinkEvent::Metadata(Box::new(HostMetadata {
        speech: Some(refused),
        ..HostMetadata::default()
    })));
    let only: Vec<_> = talk.spoken.iter().filter(|reply| reply.state == ReplyState::ShownOnly).collect();
    let why: Vec<_> = only.iter().map(|reply| reply.why.as_deref().unwrap()).collect();
    assert_eq!(why, ["It is not whole.", "There is nothing in it that can be said.", "Too hard."]);
    assert_eq!(talk.host(), [Some("Refused.")]);
    (0..MOST_SPEECHES).for_each(|_| talk.step(Input::Typed("d".into())));
    (0..MOST_SPEECHES).for_each(|_| talk.replies("More.", true));
    talk.step(Input::Typed("e".into()));
    talk.asks("f", "After a cut.");
    assert_eq!(talk.spoken.last().unwrap().state, ReplyState::Queued);
    talk.replies("Of f.", true);
    let said = talk.host().iter().filter(|said| said.is_some()).count();
    assert_eq!(said, 1 + MOST_SPEECHES + 2);
}

mod any_sequence {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Happens {
        Asks,
        Replies(bool),
        News(u64, SpeechState),
        Stop,
        HangUp,
        Lost,
    }

    fn happens() -> impl Strategy<Value = Happens> {
        use SpeechState::{Cut, Finished, Queued, Refused, Started, Word};
        let state = prop::sample::select(vec![Queued, Started, Word, Finished, Cut, Refused]);
        prop_oneof![
            4 => Just(Happens::Asks),
            2 => any::<bool>().prop_map(Happens::Replies),
            8 => (0_u64..8, state).prop_map(|(id, state)| Happens::News(id, state)),
            2 => Just(Happens::Stop),
            1 => Just(Happens::HangUp),
            1 => Just(Happens::Lost),
        ]
    }

    proptest! {
        /// Whatever the host tells: each reply has one end, nothing is told of it behind that, and the host is told to
        /// say no further only where it has something.
        #[test]
        fn every_reply_has_one_end(happenings in prop::collection::vec(happens(), 0..80)) {
            let mut talk = Talk::live();
            for happens in happenings {
                match happens {
                    Happens::Asks => talk.asks("again", "An answer."),
                    Happens::Replies(whole) => {
                        talk.step(Input::Typed("so".into()));
                        talk.replies("Well.", whole);
                    }
                    Happens::News(id, state) => talk.news(id, state, "An", "answer."),
                    Happens::Stop => talk.step(Input::StopSpeaking),
                    Happens::HangUp | Happens::Lost => {
                        if matches!(happens, Happens::HangUp) {
                            talk.step(Input::Stop);
                        } else {
                            talk.event(LinkEvent::Ended(LinkError::Closed(None)));
                            talk.step(Input::Stop);
                        }
                        talk.step(Input::Talk(Host::speaking("h", "", "", Duration::from_secs(9))));
                        talk.answers(&[capability::SPEAKS]);
                    }
                }
            }
            talk.step(Input::Stop);
            let mut ended = std::collections::BTreeSet::new();
            let mut begun = std::collections::BTreeSet::new();
            for reply in &talk.spoken {
                prop_assert!(!ended.contains(&reply.number), "{reply:?}");
                begun.insert(reply.number);
                if !matches!(reply.state, ReplyState::Queued | ReplyState::Speaking) {
                    ended.insert(reply.number);
                }
            }
            prop_assert_eq!(begun, ended);
            let mut waits = 0;
            for (_, said) in &talk.host {
                match said {
                    Some(_) => waits += 1,
                    None => {
                        prop_assert!(waits > 0);
                        waits = 0;
                    }
                }
            }
        }
    }
}

/// A host with a tiny model, until the token is cancelled.
fn host() -> (String, CancellationToken, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    tiny::write(folder.path(), TinySettings::default()).unwrap();
    let source = ModelSource::new(engine::load(folder.path()).unwrap(), Some(Sampling::GREEDY));
    let settings = ServerSettings { address: ([127, 0, 0, 1], 0).into(), ..ServerSettings::default() };
    let server = Server::bind(settings, Arc::new(source)).unwrap();
    let (address, stop) = (server.address().to_string(), CancellationToken::new());
    tokio::spawn(server.run(stop.clone()));
    (address, stop, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_host_says_replies_and_stops_where_it_is_told_to() {
    let (address, stop, _folder) = host();
    let _stop = stop.drop_guard();
    let mut w = world(None);
    let brain = BuiltIn::new(built_in::Options::default());
    let thinker = Thinker { brain: Arc::new(brain), person: "ada".into(), yields: true };
    w.handle.send(Command::Brain(Some(thinker))).await;
    w.handle.send(Command::Talk(Host::speaking(&address, "", "", LIMIT))).await;
    w.phase(Phase::Live).await;
    assert!(w.call.as_ref().unwrap().speaks);
    w.say("thanks").await;
    let spoken = w.spoken(|reply| reply.state == ReplyState::Spoken).await;
    assert_eq!((spoken.text.as_str(), spoken.said.as_str()), ("You are welcome.", "You are welcome."));
    let told: Vec<_> = w.spoken.iter().map(|reply| (reply.state, reply.said.as_str())).collect();
    let speaking = ReplyState::Speaking;
    let words = ["", "You", "You are", "You are welcome."].map(|said| (speaking, said));
    assert_eq!(told[0], (ReplyState::Queued, ""));
    assert_eq!(told[1..5], words);
    assert_eq!(
        w.words().matches("welcome").count(),
        1,
        "the reply itself, and no turn of Moshi's: {}",
        w.words()
    );

    w.say("hello").await;
    w.spoken(|reply| reply.number == 2 && reply.said.ends_with("Ask")).await;
    w.handle.send(Command::StopSpeaking).await;
    let cut = w.spoken(|reply| reply.state == ReplyState::Cut).await;
    assert!(cut.text.starts_with(&cut.said) && cut.said.len() < cut.text.len() / 2, "{cut:?}");
    assert_eq!(cut.why.as_deref(), Some("You stopped it."));

    w.say("hello").await;
    w.spoken(|reply| reply.number == 3 && reply.said == "Hello.").await;
    w.handle.send(Command::Stop).await;
    let cut = w.spoken(|reply| reply.number == 3 && reply.state == ReplyState::Cut).await;
    assert!(cut.said.starts_with("Hello."), "{cut:?}");
    w.end().await;
}
