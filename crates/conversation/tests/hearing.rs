//! What the person says, from an ear to the brain and back into Moshi's voice: by sequences of what happens.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::{collections::BTreeMap, time::Duration};

use brain::{Came, Canned, Decision, Outcome, Reply, Role, ToolCall, ToolState, What};
use conversation::{
    Answerer, Conduct, Dictation, Ear, EarEvent, EarPhase, EarServer, EarState, Host, Problem, ReplyState,
    Says, SpokenReply, TurnTimes,
    machine::{Ask, Effect, Input, LinkEvent, Machine, Moment, PATIENCE},
    problem::LinkError,
};
use store::{Delivery, Source, Speaker, Turn};
use uuid::Uuid;
use wire::{Hearing, HostMetadata, SpeechNews, SpeechState, Utterance, UtteranceState, capability};

const NINE: Duration = Duration::from_secs(9);

/// A machine with a brain and a disk that takes everything, and all that came of it.
struct Talk {
    machine: Machine,
    now: Duration,
    link: u64,
    asks: Vec<Ask>,
    turns: BTreeMap<u64, Turn>,
    /// What the host was told to say; `None` is to say no further.
    host: Vec<Option<String>>,
    spoken: Vec<SpokenReply>,
    decided: Vec<Decision>,
    /// Ears that were opened and not closed, with their addresses.
    ears: BTreeMap<u64, String>,
    ear: Option<EarState>,
    dictation: Dictation,
    times: BTreeMap<u64, TurnTimes>,
    sound: bool,
}

impl Talk {
    fn new(conduct: Conduct) -> Self {
        let conversation = store::Conversation { id: "c".into(), started_ms: 0 };
        let mut talk = Self {
            machine: Machine::new(conversation, &[], Moment::default()),
            now: Duration::ZERO,
            link: 0,
            asks: Vec::new(),
            turns: BTreeMap::new(),
            host: Vec::new(),
            spoken: Vec::new(),
            decided: Vec::new(),
            ears: BTreeMap::new(),
            ear: None,
            dictation: Dictation::default(),
            times: BTreeMap::new(),
            sound: false,
        };
        talk.step(Input::Brain(true));
        talk.step(Input::Conduct(Box::new(conduct)));
        talk
    }

    /// In a call with a host that hears and speaks.
    fn live(conduct: Conduct) -> Self {
        let mut talk = Self::new(conduct);
        talk.calls();
        talk
    }

    /// The same, with the host's ear and otherwise as it is without a choice.
    fn heard_by_host() -> Self {
        Self::live(Conduct { ear: Ear::Host, ..Conduct::default() })
    }

    fn calls(&mut self) {
        self.step(Input::Talk(Host::speaking("gpu:8998", "", "", NINE)));
        self.answers(&[capability::SPEAKS, capability::HEARS]);
    }

    fn answers(&mut self, capabilities: &[&str]) {
        let capabilities = capabilities.iter().map(|name| (*name).to_owned()).collect();
        let hearing = Hearing { model: Some("stt".into()), delay_ms: 500, timing: None };
        self.tells(HostMetadata { capabilities, hearing: Some(hearing), ..HostMetadata::default() });
        self.event(LinkEvent::Handshake);
    }

    fn step(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let unix_ms = i64::try_from(self.now.as_millis()).unwrap();
            for effect in self.machine.step(input, Moment { mono: self.now, unix_ms }) {
                match effect {
                    Effect::Store(..) => inputs.push(Input::Stored(Ok(()))),
                    Effect::Show(turns) => {
                        self.turns.extend(turns.into_iter().map(|shown| (shown.turn.number, shown.turn)));
                    }
                    Effect::Connect(link, _) => self.link = link,
                    Effect::Ask(ask) => self.asks.push(*ask),
                    Effect::Say(_, text) => self.host.push(Some(text)),
                    Effect::StopSaying(_) => self.host.push(None),
                    Effect::Spoken(reply) => self.spoken.push(*reply),
                    Effect::Decide(_, decision) => self.decided.push(decision),
                    Effect::OpenEar(ear, server) => {
                        assert!(self.sound, "an ear needs a microphone");
                        assert!(self.ears.insert(ear, server.shown).is_none());
                    }
                    Effect::CloseEar(ear) => assert!(self.ears.remove(&ear).is_some(), "it was open"),
                    Effect::Ear(state) => self.ear = Some(*state),
                    Effect::Dictation(dictation) => self.dictation = *dictation,
                    Effect::Times(times) => _ = self.times.insert(times.turn, *times),
                    Effect::OpenSound => self.sound = true,
                    Effect::CloseSound => self.sound = false,
                    _ => {}
                }
            }
        }
    }

    fn event(&mut self, event: LinkEvent) {
        self.step(Input::Link(self.link, event));
    }

    fn tells(&mut self, metadata: HostMetadata) {
        self.event(LinkEvent::Metadata(Box::new(metadata)));
    }

    /// Lets time go by up to this moment, ticking whenever the machine wants to.
    fn until(&mut self, at: Duration) {
        let mut ticks = 0;
        while let Some(deadline) = self.machine.deadline().filter(|deadline| *deadline <= at) {
            self.now = self.now.max(deadline);
            self.step(Input::Tick);
            ticks += 1;
            assert!(ticks < 1_000, "it does not tick for ever");
        }
        self.now = at;
    }

    fn after(&mut self, ms: u64) {
        self.until(self.now + Duration::from_millis(ms));
    }

    /// The host has heard this.
    fn hears(&mut self, id: u64, text: &str, state: UtteranceState) {
        let heard = Some(self.utterance(id, text, state));
        self.tells(HostMetadata { heard, ..HostMetadata::default() });
    }

    fn utterance(&self, id: u64, text: &str, state: UtteranceState) -> Utterance {
        let at = self.now.as_secs_f64();
        Utterance { id, state, text: text.into(), start: at - 0.4, end: at - 0.1, at: at - 0.02, pause: None }
    }

    fn partly(&mut self, id: u64, text: &str) {
        self.hears(id, text, UtteranceState::Partial);
    }

    fn wholly(&mut self, id: u64, text: &str) {
        self.hears(id, text, UtteranceState::Final);
    }

    /// The ear that is open reports.
    fn ear(&mut self, event: EarEvent) {
        let ear = *self.ears.keys().next_back().unwrap();
        self.step(Input::Ear(ear, event));
    }

    fn writes(&mut self, piece: &str) {
        let ask = self.asks.last().unwrap().ask;
        self.step(Input::Told(ask, Box::new(What::Token { text: piece.into() })));
    }

    /// The reply is whole, and this is all of it.
    fn replied(&mut self, text: &str) {
        let ask = self.asks.last().unwrap().ask;
        let reply = Reply {
            text: text.into(),
            whole: true,
            provider: None,
            agent: None,
            canned: Canned::No,
            first_token: None,
            latency: Duration::ZERO,
        };
        self.step(Input::Told(ask, Box::new(What::Reply(reply))));
        self.step(Input::Told(ask, Box::new(What::Done { outcome: Outcome::Answered, left_out: 0 })));
        self.step(Input::Silent(ask));
    }

    fn replies(&mut self, text: &str) {
        self.writes(text);
        self.replied(text);
    }

    fn news(&mut self, id: u64, state: SpeechState, said: &str) {
        let news = SpeechNews { said: said.into(), ..SpeechNews::new(id, state) };
        self.tells(HostMetadata { speech: Some(news), ..HostMetadata::default() });
    }

    fn asked(&self) -> Vec<(&str, Came)> {
        self.asks.iter().map(|ask| (ask.text.as_str(), ask.came)).collect()
    }

    fn said(&self) -> Vec<Option<&str>> {
        self.host.iter().map(Option::as_deref).collect()
    }

    fn person(&self) -> Vec<(&str, Source, bool, Option<Delivery>)> {
        let mine = self.turns.values().filter(|turn| turn.speaker == Speaker::Person);
        mine.map(|turn| (turn.text.as_str(), turn.source, turn.open, turn.delivery)).collect()
    }
}

fn server(address: &str) -> EarServer {
    EarServer::new(address, None, true).unwrap()
}

fn served(address: &str) -> Conduct {
    Conduct { ear: Ear::Server(server(address)), ..Conduct::default() }
}

fn problem() -> Problem {
    Problem::new("ear.lost", "It is gone.", "Wait.", &[])
}

#[test]
fn what_is_heard_forms_a_turn_is_corrected_and_is_asked_once() {
    let mut talk = Talk::heard_by_host();
    talk.now = Duration::from_secs(10);
    talk.event(LinkEvent::Text(" Hello".into()));
    talk.partly(1, "What time");
    assert_eq!(talk.person(), [("What time", Source::Heard, true, None)]);
    talk.partly(1, "What time is it");
    assert!(talk.asks.is_empty(), "half a sentence is no question");
    talk.wholly(1, "What time is it?");
    talk.wholly(1, "What time is it?");
    talk.partly(1, "What");
    assert_eq!(talk.person(), [("What time is it?", Source::Heard, false, Some(Delivery::Waiting))]);
    assert_eq!(talk.asked(), [("What time is it?", Came::Heard)]);
    assert_eq!(talk.turns[&1].at_ms, 9_600, "it began with its first word");
    let order: Vec<_> = talk.turns.values().map(|turn| turn.speaker).collect();
    assert_eq!(order, [Speaker::Moshi, Speaker::Person]);
    assert!(!talk.turns[&0].open, "what Moshi says next answers it");
}

#[test]
fn who_is_to_answer_is_asked_and_nobody_else() {
    for (answerer, asked, said) in
        [(Answerer::Moshi, 0, 0), (Answerer::BrainThroughMoshi, 1, 1), (Answerer::BrainInText, 1, 0)]
    {
        let mut talk = Talk::live(Conduct { ear: Ear::Host, answerer, ..Conduct::default() });
        talk.wholly(1, "Who are you?");
        assert_eq!(talk.asks.len(), asked, "{answerer:?}");
        let delivery = (asked > 0).then_some(Delivery::Waiting);
        assert_eq!(talk.person(), [("Who are you?", Source::Heard, false, delivery)]);
        if asked > 0 {
            talk.replies("I am MYCA.");
        }
        assert_eq!(talk.host.len(), said, "{answerer:?}");
        // What is typed is answered in any case.
        talk.step(Input::Typed("hello".into()));
        assert_eq!(talk.asks.len(), asked + 1);
    }
}

#[test]
fn voice_and_keyboard_at_once_are_two_turns_and_each_is_asked_once_when_it_is_whole() {
    let mut talk = Talk::heard_by_host();
    talk.partly(1, "What is");
    talk.step(Input::Typed("and in Paris".into()));
    talk.wholly(1, "What is the weather?");
    assert_eq!(talk.asked(), [("and in Paris", Came::Typed)], "one at a time");
    assert!(talk.asks[0].before.is_empty(), "what still grows was not said before");
    talk.replies("Sunny.");
    assert_eq!(talk.asked()[1..], [("What is the weather?", Came::Heard)]);
    talk.replies("Rain.");
    assert_eq!(talk.asks.len(), 2);
    assert!(
        talk.person().iter().all(|(_, _, open, delivery)| !open && *delivery == Some(Delivery::Delivered))
    );
}

#[test]
fn a_lost_call_leaves_half_a_sentence_to_be_sent_by_hand_and_the_next_one_counts_anew() {
    let mut talk = Talk::heard_by_host();
    talk.wholly(1, "First.");
    talk.replies("Yes.");
    talk.partly(2, "And then we");
    talk.event(LinkEvent::Ended(LinkError::Closed(None)));
    let half = talk.turns.values().rfind(|turn| turn.source == Source::Heard).unwrap().clone();
    assert_eq!((half.open, half.delivery), (false, Some(Delivery::Failed)));
    assert!(half.note.unwrap().contains("lost"));
    assert_eq!(talk.asks.len(), 1);
    assert_eq!(talk.ear.as_ref().unwrap().phase, EarPhase::Waiting);
    talk.until(talk.machine.deadline().unwrap());
    talk.answers(&[capability::HEARS]);
    talk.wholly(1, "Again.");
    assert_eq!(talk.asked()[1..], [("Again.", Came::Heard)], "numbers are those of the new connection");
    talk.replies("Yes.");
    talk.step(Input::Retry(half.number));
    talk.step(Input::Retry(half.number));
    assert_eq!(talk.asked()[2..], [("And then we", Came::Heard)]);
}

#[test]
fn after_stop_nothing_is_heard() {
    let mut talk = Talk::heard_by_host();
    talk.partly(1, "Wait");
    let link = talk.link;
    talk.step(Input::Stop);
    let heard = Some(talk.utterance(1, "Wait for me", UtteranceState::Final));
    let metadata = HostMetadata { heard, ..HostMetadata::default() };
    talk.step(Input::Link(link, LinkEvent::Metadata(Box::new(metadata))));
    assert_eq!(talk.person(), [("Wait", Source::Heard, false, Some(Delivery::Failed))]);
    assert!(talk.asks.is_empty());
    assert_eq!(talk.ear.unwrap().phase, EarPhase::Off);
}

#[test]
fn a_host_that_was_not_asked_or_does_not_hear_adds_no_turns() {
    for (ear, capabilities, phase) in [
        (Ear::Off, &[capability::HEARS][..], None),
        (Ear::Host, &[capability::SPEAKS][..], Some(EarPhase::Failed)),
    ] {
        let mut talk = Talk::new(Conduct { ear, ..Conduct::default() });
        talk.step(Input::Talk(Host::speaking("gpu:8998", "", "", NINE)));
        talk.answers(capabilities);
        talk.wholly(1, "Hello?");
        assert!(talk.turns.is_empty() && talk.asks.is_empty());
        assert_eq!(talk.ear.as_ref().map(|ear| ear.phase), phase);
        let code = talk.ear.and_then(|ear| ear.problem).map(|problem| problem.code);
        assert_eq!(code, phase.map(|_| "ear.host_does_not_hear"));
    }
}

#[test]
fn who_hears_and_what_it_costs_is_told() {
    let mut talk = Talk::heard_by_host();
    let ear = talk.ear.clone().unwrap();
    assert_eq!((ear.phase, ear.place.as_str(), ear.of_host), (EarPhase::Listening, "gpu:8998", true));
    assert_eq!((ear.model.as_deref(), ear.delay_ms), (Some("stt"), Some(500)));
    let timing = wire::FrameTiming { frame_ms_p50: 20.0, ..wire::FrameTiming::default() };
    let hearing = Hearing { model: None, delay_ms: 500, timing: Some(timing) };
    talk.tells(HostMetadata { hearing: Some(hearing), ..HostMetadata::default() });
    let ear = talk.ear.unwrap();
    assert_eq!((ear.timing, ear.model.as_deref()), (Some(timing), Some("stt")));
}

#[test]
fn speaking_over_a_reply_cuts_it_and_the_brain_is_told_how_much_was_said() {
    let mut talk = Talk::heard_by_host();
    talk.wholly(1, "Tell me a story");
    talk.replies("Once upon a time. The end.");
    talk.news(1, SpeechState::Started, "");
    talk.news(1, SpeechState::Word, "Once upon");
    talk.partly(2, "Mhm");
    assert_eq!(talk.said().len(), 2, "who listens interrupts nobody");
    talk.partly(2, "Mhm stop");
    talk.partly(2, "Mhm stop it");
    assert_eq!(talk.said()[2..], [None], "once");
    talk.news(1, SpeechState::Cut, "Once upon");
    let last = talk.spoken.last().unwrap();
    assert_eq!((last.state, last.said.as_str()), (ReplyState::Cut, "Once upon"));
    assert_eq!(last.why.as_deref(), Some("You began to speak."));
    talk.wholly(2, "Mhm stop it please");
    let before = &talk.asks[1].before;
    let reply = before.iter().find(|said| said.role == Role::Brain).unwrap();
    assert!(reply.text.starts_with("Once upon [Interrupted"), "{}", reply.text);
    assert!(!reply.text.contains("The end"));
    let turn = talk.turns.values().find(|turn| turn.speaker == Speaker::Brain).unwrap();
    assert_eq!(turn.text, "Once upon a time. The end.", "what is on the screen stays");
}

#[test]
fn a_reply_waits_for_a_pause_of_both_sides() {
    let mut talk = Talk::heard_by_host();
    talk.now = Duration::from_secs(5);
    talk.step(Input::Typed("hello".into()));
    talk.event(LinkEvent::Text(" Well".into()));
    talk.replies("Good day.");
    assert!(talk.said().is_empty(), "Moshi speaks");
    talk.after(500);
    talk.event(LinkEvent::Text(" now".into()));
    talk.after(700);
    talk.partly(1, "So");
    talk.after(700);
    assert!(talk.said().is_empty(), "now the person does");
    talk.wholly(1, "So.");
    assert_eq!(talk.said(), [Some("Good day.")]);
    let times = &talk.times[&0];
    assert_eq!((times.sayable_ms, times.given_ms), (Some(5_000), Some(6_900)));
}

#[test]
fn a_pause_is_noticed_by_itself_and_patience_ends() {
    let mut talk = Talk::heard_by_host();
    talk.step(Input::Typed("hello".into()));
    talk.event(LinkEvent::Text(" Well".into()));
    talk.replies("Good day.");
    talk.until(talk.machine.deadline().unwrap());
    assert_eq!((talk.said(), talk.now.as_millis()), (vec![Some("Good day.")], 800));

    let mut talk = Talk::heard_by_host();
    talk.step(Input::Typed("hello".into()));
    talk.partly(1, "I just go on");
    talk.replies("Good day.");
    talk.until(PATIENCE - Duration::from_millis(1));
    assert!(talk.said().is_empty());
    talk.after(1);
    assert_eq!(talk.said(), [Some("Good day.")], "the question wants its answer");
}

#[test]
fn at_once_is_at_once() {
    let mut talk = Talk::live(Conduct { ear: Ear::Host, says: Says::AtOnce, ..Conduct::default() });
    talk.step(Input::Typed("hello".into()));
    talk.event(LinkEvent::Text(" Well".into()));
    talk.partly(1, "And I");
    talk.replies("Good day.");
    assert_eq!(talk.said(), [Some("Good day.")]);
}

#[test]
fn the_first_sentence_is_said_while_the_rest_is_thought() {
    let mut talk = Talk::heard_by_host();
    talk.wholly(1, "Tell me");
    for piece in ["It", " is", " noon", "."] {
        talk.writes(piece);
        assert!(talk.said().is_empty(), "the sentence may go on: it is noon.5");
    }
    talk.writes(" It");
    assert_eq!(talk.said(), [Some("It is noon.")]);
    talk.writes(" rains.");
    talk.news(1, SpeechState::Started, "");
    talk.news(1, SpeechState::Finished, "It is noon.");
    assert_eq!(talk.spoken.last().unwrap().state, ReplyState::Speaking, "more of it comes");
    talk.replied("It is noon. It rains.");
    assert_eq!(talk.said()[1..], [Some("It rains.")]);
    talk.news(2, SpeechState::Started, "");
    talk.news(2, SpeechState::Word, "It");
    assert_eq!(talk.spoken.last().unwrap().said, "It is noon. It");
    talk.news(2, SpeechState::Finished, "It rains.");
    let last = talk.spoken.last().unwrap();
    assert_eq!((last.state, last.said.as_str()), (ReplyState::Spoken, "It is noon. It rains."));
    assert!(talk.spoken.iter().all(|reply| reply.number == 1), "it is one reply");
}

#[test]
fn what_is_cut_while_it_is_thought_is_said_no_further() {
    let mut talk = Talk::heard_by_host();
    talk.wholly(1, "Tell me");
    talk.writes("It is noon. It rains. And");
    talk.news(1, SpeechState::Started, "");
    talk.partly(2, "Stop");
    talk.writes(" it is cold. Also");
    talk.replied("It is noon. It rains. And it is cold. Also late.");
    assert_eq!(talk.said(), [Some("It is noon. It rains."), None]);
    talk.news(1, SpeechState::Finished, "It is noon. It rains.");
    let last = talk.spoken.last().unwrap();
    assert_eq!((last.state, last.said.as_str()), (ReplyState::Cut, "It is noon. It rains."));

    // Between two sentences the host has nothing to end.
    let mut talk = Talk::heard_by_host();
    talk.wholly(1, "Tell me");
    talk.writes("It is noon. And");
    talk.news(1, SpeechState::Started, "");
    talk.news(1, SpeechState::Finished, "It is noon.");
    talk.step(Input::StopSpeaking);
    talk.replied("It is noon. And late.");
    assert_eq!(talk.said(), [Some("It is noon.")]);
    assert_eq!(talk.spoken.last().unwrap().state, ReplyState::Cut);
}

#[test]
fn an_answer_that_fails_half_way_is_said_as_far_as_it_came() {
    let mut talk = Talk::heard_by_host();
    talk.wholly(1, "Tell me");
    talk.writes("It is noon. And");
    let ask = talk.asks[0].ask;
    talk.step(Input::Told(ask, Box::new(What::Done { outcome: Outcome::Failed, left_out: 0 })));
    talk.step(Input::Silent(ask));
    talk.news(1, SpeechState::Finished, "It is noon.");
    let last = talk.spoken.last().unwrap();
    assert_eq!((last.state, last.said.as_str()), (ReplyState::Cut, "It is noon."));
    assert_eq!(last.why.as_deref(), Some("The rest of it did not come."));
}

#[test]
fn a_voice_may_refuse_and_not_allow() {
    for (words, decided, asked) in [("No.", vec![false], 1), ("Yes.", vec![], 1), ("What?", vec![], 1)] {
        let mut talk = Talk::heard_by_host();
        talk.wholly(1, "Delete it");
        let call = ToolCall {
            id: Uuid::from_u128(5),
            name: "forget".into(),
            their_id: None,
            arguments: None,
            state: ToolState::Pending,
            question: Some("Delete it?".into()),
            result: None,
            measured: None,
            reported: None,
        };
        let ask = talk.asks[0].ask;
        talk.step(Input::Told(ask, Box::new(What::Tool(call))));
        talk.wholly(2, words);
        let allowed: Vec<bool> = talk.decided.iter().map(|decision| decision.allowed).collect();
        assert_eq!((allowed, talk.asks.len()), (decided, asked), "{words}");
    }
}

#[test]
fn the_times_of_a_turn_are_in_order() {
    let mut talk = Talk::heard_by_host();
    talk.now = Duration::from_secs(10);
    talk.partly(1, "Hello");
    talk.after(300);
    talk.wholly(1, "Hello there");
    talk.after(200);
    talk.writes("Good");
    talk.after(100);
    talk.writes(" day. I");
    talk.after(50);
    talk.news(1, SpeechState::Started, "");
    talk.replied("Good day. I listen.");
    assert_eq!(
        talk.times[&0],
        TurnTimes {
            turn: 0,
            said_ms: Some(10_200),
            known_ms: Some(10_300),
            words_late_ms: Some(20),
            asked_ms: Some(10_300),
            first_token_ms: Some(10_500),
            sayable_ms: Some(10_600),
            given_ms: Some(10_600),
            sounds_ms: Some(10_650),
            replied_ms: Some(10_650),
        }
    );
}

#[test]
fn a_server_listens_for_as_long_as_the_call_lasts() {
    let mut talk = Talk::new(served("ears:8080"));
    assert!(talk.ears.is_empty());
    talk.calls();
    assert_eq!(talk.ears.values().collect::<Vec<_>>(), ["ears:8080"]);
    assert_eq!(talk.ear.as_ref().unwrap().phase, EarPhase::Waiting);
    talk.wholly(1, "The host was not asked.");
    assert!(talk.turns.is_empty());
    talk.ear(EarEvent::Listens { delay_ms: None });
    let heard = talk.utterance(1, "Hello", UtteranceState::Final);
    talk.ear(EarEvent::Heard(heard));
    assert_eq!(talk.asked(), [("Hello", Came::Heard)]);
    let ear = talk.ear.clone().unwrap();
    assert_eq!((ear.phase, ear.place.as_str(), ear.of_host), (EarPhase::Listening, "ears:8080", false));

    // It is lost and comes back; numbers count anew.
    let half = talk.utterance(2, "And", UtteranceState::Partial);
    talk.ear(EarEvent::Heard(half));
    talk.ear(EarEvent::Waits(problem()));
    assert_eq!(talk.ear.as_ref().unwrap().problem.as_ref().unwrap().code, "ear.lost");
    assert_eq!(talk.person()[1], ("And", Source::Heard, false, Some(Delivery::Failed)));
    talk.ear(EarEvent::Listens { delay_ms: None });
    let heard = talk.utterance(1, "Again", UtteranceState::Final);
    talk.ear(EarEvent::Heard(heard));
    assert_eq!(talk.person().len(), 3);

    // The call is lost for a moment: the person goes on.
    talk.event(LinkEvent::Ended(LinkError::Closed(None)));
    assert_eq!(talk.ears.len(), 1);
    let ear = *talk.ears.keys().next().unwrap();
    talk.step(Input::Stop);
    assert!(talk.ears.is_empty() && !talk.sound);
    let late = talk.utterance(2, "Late", UtteranceState::Final);
    talk.step(Input::Ear(ear, EarEvent::Heard(late)));
    assert_eq!(talk.person().len(), 3, "what was closed is not listened to");
}

#[test]
fn another_ear_takes_over_at_once_and_the_old_one_is_not_listened_to() {
    let mut talk = Talk::live(served("ears:8080"));
    talk.ear(EarEvent::Listens { delay_ms: None });
    let half = talk.utterance(1, "Half", UtteranceState::Partial);
    talk.ear(EarEvent::Heard(half));
    let old = *talk.ears.keys().next().unwrap();
    talk.step(Input::Conduct(Box::new(served("others:8080"))));
    assert_eq!(talk.ears.values().collect::<Vec<_>>(), ["others:8080"]);
    assert_eq!(talk.person(), [("Half", Source::Heard, false, Some(Delivery::Failed))]);
    let late = talk.utterance(1, "Half of it", UtteranceState::Final);
    talk.step(Input::Ear(old, EarEvent::Heard(late)));
    assert_eq!(talk.person().len(), 1);
    talk.step(Input::Conduct(Box::default()));
    assert!(talk.ears.is_empty());
    talk.step(Input::Conduct(Box::new(Conduct { answerer: Answerer::Moshi, ..served("ears:8080") })));
    let ears = talk.ears.clone();
    talk.step(Input::Conduct(Box::new(served("ears:8080"))));
    assert_eq!(talk.ears, ears, "the same ear goes on");
}

#[test]
fn an_ear_that_can_not_go_on_says_why_and_the_call_goes_on() {
    let mut talk = Talk::live(served("ears:8080"));
    let ear = *talk.ears.keys().next().unwrap();
    talk.ear(EarEvent::Ended(problem()));
    talk.ears.remove(&ear);
    let state = talk.ear.clone().unwrap();
    assert_eq!((state.phase, state.problem.unwrap().code), (EarPhase::Failed, "ear.lost"));
    assert!(talk.sound);
    talk.step(Input::Stop);
    talk.calls();
    assert_eq!(talk.ear.unwrap().phase, EarPhase::Waiting, "the next call tries anew");
}

mod dictation {
    use super::*;

    fn begun() -> Talk {
        let mut talk = Talk::new(Conduct::default());
        talk.step(Input::Dictate(Some(Ok(server("ears:8080")))));
        talk.ear(EarEvent::Listens { delay_ms: None });
        talk
    }

    fn hears(talk: &mut Talk, id: u64, text: &str, state: UtteranceState) {
        let heard = talk.utterance(id, text, state);
        talk.ear(EarEvent::Heard(heard));
    }

    #[test]
    fn words_grow_and_are_corrected_and_are_no_turns() {
        let mut talk = begun();
        assert!(talk.sound && talk.dictation.on);
        hears(&mut talk, 1, "By milk", UtteranceState::Partial);
        assert_eq!(talk.dictation.text, "By milk");
        hears(&mut talk, 1, "Buy milk.", UtteranceState::Final);
        hears(&mut talk, 2, "And", UtteranceState::Partial);
        assert_eq!(talk.dictation.text, "Buy milk. And");
        hears(&mut talk, 2, "And bread.", UtteranceState::Partial);
        assert_eq!(talk.dictation.text, "Buy milk. And bread.");
        assert!(talk.turns.is_empty() && talk.asks.is_empty());
    }

    #[test]
    fn the_last_words_arrive_after_its_end() {
        let mut talk = begun();
        hears(&mut talk, 1, "Buy", UtteranceState::Partial);
        let ear = *talk.ears.keys().next().unwrap();
        talk.step(Input::Dictate(None));
        assert!(!talk.sound && !talk.dictation.on && talk.ears.is_empty());
        let last = talk.utterance(1, "Buy milk.", UtteranceState::Final);
        talk.step(Input::Ear(ear, EarEvent::Heard(last)));
        assert_eq!((talk.dictation.text.as_str(), talk.dictation.on), ("Buy milk.", false));
        talk.step(Input::Ear(ear, EarEvent::Closed));
        let late = talk.utterance(2, "Late", UtteranceState::Final);
        talk.step(Input::Ear(ear, EarEvent::Heard(late)));
        assert_eq!(talk.dictation.text, "Buy milk.");
    }

    #[test]
    fn a_call_ends_it_and_it_does_not_begin_in_one() {
        let mut talk = begun();
        hears(&mut talk, 1, "Buy milk.", UtteranceState::Final);
        talk.calls();
        assert!(!talk.dictation.on && talk.ears.is_empty() && talk.sound);
        assert_eq!(talk.dictation.text, "Buy milk.");
        talk.step(Input::Dictate(Some(Ok(server("ears:8080")))));
        assert!(!talk.dictation.on && talk.ears.is_empty());
    }

    #[test]
    fn what_keeps_it_from_going_on_is_told_and_what_was_heard_stays() {
        let mut talk = begun();
        hears(&mut talk, 1, "Buy milk.", UtteranceState::Final);
        let ear = *talk.ears.keys().next().unwrap();
        talk.ears.clear();
        talk.step(Input::Ear(ear, EarEvent::Ended(problem())));
        assert!(!talk.sound && !talk.dictation.on);
        assert_eq!(talk.dictation.problem.as_ref().unwrap().code, "ear.lost");
        assert_eq!(talk.dictation.text, "Buy milk.");
        talk.step(Input::Dictate(Some(Err(problem()))));
        assert!(!talk.sound && talk.dictation.text.is_empty() && talk.dictation.problem.is_some());
    }

    #[test]
    fn it_ends_before_it_is_longer_than_anything_that_can_be_sent() {
        let mut talk = begun();
        let words = "word ".repeat(700);
        for id in 1..20 {
            if !talk.dictation.on {
                break;
            }
            hears(&mut talk, id, words.trim(), UtteranceState::Final);
        }
        assert_eq!(talk.dictation.problem.as_ref().unwrap().code, "ear.long_dictation");
        assert!(talk.dictation.text.len() < 40_000 && !talk.sound);
    }
}

mod any_sequence {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Happens {
        Talk,
        Live,
        Stop,
        Lost,
        Hears(u64, bool),
        Ear(u64, u64, bool),
        Listens(u64),
        Waits(u64),
        Dictate(bool),
        Conduct(u8, u8),
        Types,
        Replies,
        Time(u16),
    }

    fn happens() -> impl Strategy<Value = Happens> {
        prop_oneof![
            2 => Just(Happens::Talk),
            2 => Just(Happens::Live),
            1 => Just(Happens::Stop),
            1 => Just(Happens::Lost),
            6 => (1_u64..5, any::<bool>()).prop_map(|(id, whole)| Happens::Hears(id, whole)),
            6 => (1_u64..5, 1_u64..5, any::<bool>()).prop_map(|(ear, id, whole)| Happens::Ear(ear, id, whole)),
            2 => (1_u64..5).prop_map(Happens::Listens),
            1 => (1_u64..5).prop_map(Happens::Waits),
            1 => any::<bool>().prop_map(Happens::Dictate),
            2 => (0_u8..3, 0_u8..3).prop_map(|(ear, who)| Happens::Conduct(ear, who)),
            1 => Just(Happens::Types),
            2 => Just(Happens::Replies),
            2 => (0_u16..5_000).prop_map(Happens::Time),
        ]
    }

    proptest! {
        /// Whatever happens: no turn is asked twice, at most one server listens and only with a microphone, no more than one
        /// of the person's turns grows, and none does without a call.
        #[test]
        fn no_turn_is_asked_twice_and_no_ear_is_left_open(happenings in prop::collection::vec(happens(), 0..100)) {
            let mut talk = Talk::new(Conduct::default());
            for happens in happenings {
                match happens {
                    Happens::Talk => talk.step(Input::Talk(Host::speaking("h", "", "", NINE))),
                    Happens::Live => talk.answers(&[capability::SPEAKS, capability::HEARS]),
                    Happens::Stop => talk.step(Input::Stop),
                    Happens::Lost => talk.event(LinkEvent::Ended(LinkError::Closed(None))),
                    Happens::Hears(id, whole) => {
                        let state = if whole { UtteranceState::Final } else { UtteranceState::Partial };
                        talk.hears(id, "some words", state);
                    }
                    Happens::Ear(ear, id, whole) => {
                        let state = if whole { UtteranceState::Final } else { UtteranceState::Partial };
                        let heard = talk.utterance(id, "other words", state);
                        talk.step(Input::Ear(ear, EarEvent::Heard(heard)));
                    }
                    Happens::Listens(ear) => talk.step(Input::Ear(ear, EarEvent::Listens { delay_ms: None })),
                    Happens::Waits(ear) => talk.step(Input::Ear(ear, EarEvent::Waits(problem()))),
                    Happens::Dictate(on) => talk.step(Input::Dictate(on.then(|| Ok(server("ears"))))),
                    Happens::Conduct(ear, who) => {
                        let ear = [Ear::Off, Ear::Host, Ear::Server(server("ears"))][usize::from(ear)].clone();
                        let answerers =
                            [Answerer::Moshi, Answerer::BrainThroughMoshi, Answerer::BrainInText];
                        let answerer = answerers[usize::from(who)];
                        let conduct = Conduct { ear, answerer, says: Says::AtPause };
                        talk.step(Input::Conduct(Box::new(conduct)));
                    }
                    Happens::Types => talk.step(Input::Typed("typed".into())),
                    Happens::Replies => if talk.asks.last().is_some() { talk.replies("Well then."); },
                    Happens::Time(ms) => talk.after(u64::from(ms)),
                }
                prop_assert!(talk.ears.len() <= 1);
                let growing = talk.turns.values().filter(|turn| turn.open && turn.source == Source::Heard).count();
                prop_assert!(growing <= 1);
                if !talk.sound {
                    prop_assert_eq!((growing, talk.ears.len()), (0, 0));
                }
            }
            let mut asked: Vec<u64> = talk.asks.iter().map(|ask| ask.ask).collect();
            asked.dedup();
            prop_assert_eq!(asked.len(), talk.asks.len());
            let answered = talk.person().iter().filter(|turn| turn.3.is_some()).count();
            prop_assert!(talk.asks.len() <= answered, "a turn was asked twice");
        }
    }
}
