//! How typed turns get to the brain and its replies into the transcript, by sequences of what happens.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::{collections::BTreeMap, time::Duration};

use brain::{Canned, Decision, Failure, Outcome, Reply, Role, ToolCall, ToolState, What};
use conversation::{
    Host, Problem,
    machine::{Ask, Effect, Input, LinkEvent, Machine, Moment},
};
use store::{Delivery, Speaker, Turn};
use uuid::Uuid;

/// A machine with a brain and a disk that takes everything, unless it is full.
struct World {
    machine: Machine,
    disk_is_full: bool,
    /// Turns as they were shown last.
    shown: BTreeMap<u64, Turn>,
    asked: Vec<Ask>,
    other: Vec<Effect>,
}

impl World {
    fn new(turns: &[Turn]) -> Self {
        let machine = Machine::new(named("c"), turns, Moment::default());
        let mut world = Self {
            machine,
            disk_is_full: false,
            shown: BTreeMap::new(),
            asked: Vec::new(),
            other: Vec::new(),
        };
        world.step(Input::Brain(true));
        world
    }

    fn step(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            for effect in self.machine.step(input, Moment::default()) {
                match effect {
                    Effect::Store(..) => inputs.push(Input::Stored(if self.disk_is_full {
                        Err(Problem::not_saved(&store::DatabaseError::DiskFull))
                    } else {
                        Ok(())
                    })),
                    Effect::Times(_) => {}
                    Effect::Show(turns) => {
                        self.shown.extend(turns.into_iter().map(|shown| (shown.turn.number, shown.turn)));
                    }
                    Effect::Ask(ask) => self.asked.push(*ask),
                    Effect::Call(_) | Effect::Saving(_) => {}
                    other => self.other.push(other),
                }
            }
        }
    }

    fn type_text(&mut self, text: &str) {
        self.step(Input::Typed(text.into()));
    }

    fn told(&mut self, ask: u64, what: What) {
        self.step(Input::Told(ask, Box::new(what)));
    }

    fn say(&mut self, ask: u64, text: &str) {
        self.told(ask, What::Token { text: text.into() });
    }

    fn done(&mut self, ask: u64, outcome: Outcome) {
        self.told(ask, What::Done { outcome, left_out: 0 });
        self.step(Input::Silent(ask));
    }

    fn texts(&self) -> Vec<(Speaker, &str)> {
        self.shown.values().map(|turn| (turn.speaker, turn.text.as_str())).collect()
    }

    fn asked(&self) -> Vec<&str> {
        self.asked.iter().map(|ask| ask.text.as_str()).collect()
    }

    fn delivery(&self, number: u64) -> (Option<Delivery>, Option<&str>) {
        let turn = &self.shown[&number];
        (turn.delivery, turn.note.as_deref())
    }
}

fn named(id: &str) -> store::Conversation {
    store::Conversation { id: id.into(), started_ms: 0 }
}

fn reply(provider: &str) -> What {
    What::Reply(Reply {
        text: String::new(),
        whole: true,
        provider: Some(provider.into()),
        agent: None,
        canned: Canned::Perhaps,
        first_token: None,
        latency: Duration::ZERO,
    })
}

fn failure() -> What {
    What::Error(Failure {
        code: "brain.lost",
        what: "It did not answer.".into(),
        next: "Try again.".into(),
        said: None,
        repeatable: true,
    })
}

fn question(call: Uuid) -> What {
    What::Tool(ToolCall {
        id: call,
        their_id: None,
        name: "forget".into(),
        arguments: None,
        question: Some("Forget it?".into()),
        state: ToolState::Pending,
        measured: None,
        reported: None,
        result: None,
    })
}

#[test]
fn a_typed_turn_is_on_disk_before_it_is_asked_and_its_reply_grows_into_one_turn() {
    let mut w = World::new(&[]);
    let effects = w.machine.step(Input::Typed(" hello ".into()), Moment::default());
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Ask(_))), "the disk has not had it");
    w.step(Input::Stored(Ok(())));
    assert_eq!((w.asked(), w.delivery(0)), (vec!["hello"], (Some(Delivery::Waiting), None)));
    w.told(1, What::Thinking { asks: "/voice/brain/stream".into() });
    assert_eq!(w.delivery(0).0, Some(Delivery::Sent));
    w.say(1, "Good");
    w.say(1, " day.");
    assert!(w.shown[&1].open);
    w.told(1, reply("gemini"));
    w.done(1, Outcome::Answered);
    assert_eq!(w.texts(), [(Speaker::Person, "hello"), (Speaker::Brain, "Good day.")]);
    assert_eq!(w.delivery(0), (Some(Delivery::Delivered), None));
    assert_eq!(w.delivery(1), (None, Some("gemini, may be a prepared sentence")));
    assert!(!w.shown[&1].open && w.machine.is_settled());
}

#[test]
fn one_turn_is_asked_at_a_time_with_what_was_said_before_it() {
    let mut w = World::new(&[]);
    w.type_text("one");
    w.type_text("two");
    assert_eq!(w.asked(), ["one"]);
    w.say(1, "first");
    w.done(1, Outcome::Answered);
    assert_eq!(w.asked(), ["one", "two"]);
    let before: Vec<_> = w.asked[1].before.iter().map(|said| (said.role, said.text.as_str())).collect();
    assert_eq!(before, [(Role::Person, "one")], "what came after it was typed was not said before it");
    w.done(2, Outcome::Answered);
    w.type_text("three");
    let before: Vec<_> = w.asked[2].before.iter().map(|said| said.text.as_str()).collect();
    assert_eq!(before, ["one", "two", "first"]);
}

#[test]
fn what_failed_stays_with_its_reason_and_can_be_sent_again() {
    let mut w = World::new(&[]);
    w.type_text("hello");
    w.told(1, failure());
    w.done(1, Outcome::Failed);
    assert_eq!(w.delivery(0), (Some(Delivery::Failed), Some("It did not answer. Try again.")));
    w.step(Input::Retry(7));
    assert_eq!(w.asked().len(), 1, "there is no such turn");
    w.step(Input::Retry(0));
    assert_eq!((w.asked(), w.delivery(0)), (vec!["hello", "hello"], (Some(Delivery::Waiting), None)));
    w.step(Input::Retry(0));
    assert_eq!(w.asked().len(), 2, "it is on its way already");
    w.say(2, "hi");
    w.done(2, Outcome::Answered);
    w.step(Input::Retry(0));
    assert_eq!(w.asked().len(), 2, "it was answered");
    assert_eq!(w.texts(), [(Speaker::Person, "hello"), (Speaker::Brain, "hi")]);
}

#[test]
fn a_reply_that_breaks_off_says_so_itself() {
    let mut w = World::new(&[]);
    w.type_text("hello");
    w.say(1, "Half");
    w.told(1, failure());
    w.done(1, Outcome::Failed);
    assert_eq!(w.delivery(0).0, Some(Delivery::Delivered), "it has arrived");
    assert_eq!(w.delivery(1).1, Some("Not whole. It did not answer. Try again."));
    w.type_text("again");
    w.step(Input::CancelAnswer);
    assert!(w.other.contains(&Effect::CancelAsk(2)));
    w.done(2, Outcome::Cancelled);
    assert_eq!(w.delivery(2), (Some(Delivery::Failed), Some("You stopped it.")));
    w.type_text("silent");
    w.step(Input::Silent(3));
    assert_eq!(w.delivery(3).0, Some(Delivery::Failed), "a brain that ends without a word has failed");
    w.say(1, "late");
    assert_eq!(w.shown.len(), 4, "nothing of a turn that has ended is listened to");
}

#[test]
fn a_full_disk_keeps_nobody_from_an_answer() {
    let mut w = World::new(&[]);
    w.disk_is_full = true;
    w.type_text("hello");
    w.say(1, "hi");
    w.done(1, Outcome::Answered);
    assert_eq!(w.texts(), [(Speaker::Person, "hello"), (Speaker::Brain, "hi")]);
    assert_eq!(w.asked(), ["hello"], "once");
}

#[test]
fn typing_while_a_call_waits_for_permission_is_the_answer_or_a_refusal() {
    let call = Uuid::from_u128(5);
    for (typed, allowed, asked) in
        [("Yes, please!", None, 2), ("ok", Some(true), 1), ("Don’t.", Some(false), 1), ("what?", None, 2)]
    {
        let mut w = World::new(&[]);
        w.type_text("forget it");
        w.told(1, question(call));
        w.type_text(typed);
        let decision = Decision { call, allowed: allowed.unwrap_or(false) };
        assert_eq!(w.other, [Effect::Decide(1, decision)], "{typed}");
        w.done(1, Outcome::Answered);
        assert_eq!(w.asked.len(), asked, "{typed}");
    }
    let mut w = World::new(&[]);
    w.type_text("forget it");
    w.told(1, question(call));
    w.step(Input::Decided(Decision { call, allowed: true }));
    w.type_text("no");
    assert_eq!(w.other.len(), 1, "nothing waits any more: these are words like others");
}

#[test]
fn what_was_on_its_way_when_the_program_ended_is_there_with_its_reason() {
    let turn = |number, delivery| Turn {
        number,
        speaker: Speaker::Person,
        source: store::Source::Typed,
        text: format!("turn {number}"),
        at_ms: 0,
        open: false,
        delivery,
        note: Some("why".into()),
    };
    let mut w = World::new(&[turn(0, Some(Delivery::Failed)), turn(1, Some(Delivery::Delivered))]);
    w.step(Input::Retry(1));
    assert!(w.asked.is_empty());
    w.step(Input::Retry(0));
    assert_eq!(w.asked(), ["turn 0"]);
    w.type_text("next");
    assert_eq!(w.shown.keys().copied().collect::<Vec<_>>(), [0, 2], "numbers go on");
}

#[test]
fn leaving_a_conversation_ends_its_answer_and_says_so_at_what_waited() {
    let mut w = World::new(&[]);
    w.type_text("one");
    w.type_text("two");
    w.say(1, "part");
    w.step(Input::Begin(named("d"), Vec::new()));
    assert!(w.other.contains(&Effect::CancelAsk(1)));
    assert_eq!(w.delivery(1).0, Some(Delivery::Failed));
    assert_eq!(w.delivery(2).1, Some("The conversation was left before the answer was whole."));
    w.say(1, "late");
    w.type_text("new");
    assert_eq!((w.asked[1].conversation.as_str(), w.asked[1].before.len()), ("d", 0));
}

#[test]
fn a_forgotten_conversation_is_deleted_after_what_is_being_written_and_never_written_again() {
    let mut w = World::new(&[]);
    let effects = w.machine.step(Input::Typed("secret".into()), Moment::default());
    assert!(matches!(effects.last(), Some(Effect::Store(c, _)) if c.id == "c"));
    let effects = w.machine.step(Input::Forget("c".into(), named("d")), Moment::default());
    assert_eq!(effects, [Effect::Delete("c".into())], "the marks on what waited are not written either");
    assert_eq!(w.machine.conversation().id, "d");
    w.step(Input::Stored(Ok(())));
    assert!(w.shown.is_empty() && w.asked.is_empty() && w.machine.is_settled());
}

#[test]
fn what_moshi_said_is_remembered_and_not_answered() {
    let mut w = World::new(&[]);
    w.step(Input::Talk(Host::new("gpu:8998", "", "", Duration::from_secs(9))));
    w.step(Input::Link(1, LinkEvent::Handshake));
    for piece in [" Hello", " there", "."] {
        w.step(Input::Link(1, LinkEvent::Text(piece.into())));
    }
    w.type_text("hi");
    assert!(w.other.contains(&Effect::Remember("c".into(), "Hello there.".into())));
    assert_eq!(w.asked(), ["hi"]);
    assert_eq!(w.asked[0].before[0].role, Role::Moshi);
}

#[test]
fn without_a_brain_typing_is_only_written_down() {
    let mut w = World::new(&[]);
    w.step(Input::Brain(false));
    w.type_text("hello");
    assert_eq!((w.asked.len(), w.delivery(0)), (0, (None, None)));
}

#[test]
fn whoever_types_faster_than_the_brain_answers_is_told_at_the_turn() {
    let mut w = World::new(&[]);
    for number in 0..70 {
        w.type_text(&number.to_string());
    }
    let failed = w.shown.values().filter(|turn| turn.delivery == Some(Delivery::Failed)).count();
    assert_eq!((w.asked.len(), failed), (1, 5));
}
