use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use wire::bridge::FromBridge;

const SECOND: Duration = Duration::from_secs(9);

struct Line {
    attribution: Attribution,
    now: Instant,
}

impl Line {
    fn new() -> Self {
        Self { attribution: Attribution::new(SECOND), now: Instant::now() }
    }

    fn event(&mut self, kind: &str, data: &Value) -> Vec<(Owner, Fact)> {
        let message = json!({ "type": "mas_event", "event": { "type": kind, "data": data } });
        match FromBridge::decode_text(&message.to_string()) {
            Ok(FromBridge::Mas(event)) => self.attribution.told(event, self.now),
            other => panic!("{other:?}"),
        }
    }

    fn query(&mut self, status: &str, query: Option<&str>) -> Owner {
        let told =
            self.event("tool_call", &json!({ "tool": QUERY, "id": "b", "status": status, "query": query }));
        told[0].0
    }

    fn replied(&mut self, content: &str) -> Owner {
        let told = self.event("injection", &json!({ "content": content }));
        assert_eq!(told[0].1, Fact::Replied(content.into()));
        told[0].0
    }

    fn words(&mut self, text: &str) -> Voice {
        self.attribution.words(text, self.now).1
    }
}

#[test]
fn words_are_moshis_unless_a_question_is_under_way() {
    let mut line = Line::new();
    assert_eq!(line.words("word "), Voice::Moshi);
    line.query("running", None);
    assert_eq!(line.words("word "), Voice::Mas, "the words may come before the injection");
    assert_eq!(line.words(" word"), Voice::Moshi);
    assert_eq!(line.words(" "), Voice::Moshi);
    line.replied("One two three.");
    assert_eq!(line.words("One "), Voice::Mas);
    assert_eq!(line.words("other "), Voice::Moshi, "it stands nowhere in the reply");
    assert_eq!(line.words("three. "), Voice::Mas, "one was lost on the way");
    assert_eq!(line.words("One two three."), Voice::Mas, "the whole of it");
    line.query("success", None);
    assert_eq!(line.words("One "), Voice::Moshi);
}

#[test]
fn behind_the_end_of_a_cut_injection_words_are_known_by_their_shape() {
    let mut line = Line::new();
    line.query("running", None);
    let cut = format!("{}ha", "a".repeat(MasFact::CUT_INJECTION - 2));
    line.replied(&cut);
    assert_eq!(line.words(&format!("{cut}lf ")), Voice::Mas);
    assert_eq!(line.words("more "), Voice::Mas);
    assert_eq!(line.words(" more"), Voice::Moshi);
}

#[test]
fn a_question_belongs_to_the_turn_whose_words_it_has() {
    let mut line = Line::new();
    let long = "Tell me everything about the oyster mushroom, please";
    line.attribution.asked(long);
    assert_eq!(line.query("running", Some("what somebody said")), Owner::Other);
    assert_eq!(line.query("running", Some(&long[..50])), Owner::Turn);
    assert_eq!(line.replied("To the one who spoke."), Owner::Other, "the oldest is answered first");
    assert_eq!(line.query("success", None), Owner::Other);
    assert_eq!(line.replied("To the one who typed."), Owner::Turn);
    assert_eq!(line.query("success", None), Owner::Turn);
}

#[test]
fn a_turn_is_answered_also_where_its_beginning_was_not_told() {
    let mut line = Line::new();
    line.attribution.asked("Hello");
    assert_eq!(line.replied("Hi."), Owner::Turn);
    assert_eq!(line.query("success", None), Owner::Turn);
}

#[test]
fn a_second_reply_goes_to_the_question_that_ended_first_and_only_for_a_while() {
    let mut line = Line::new();
    for text in ["one", "two"] {
        line.attribution.asked(text);
        line.query("running", Some(text));
        line.replied("Prepared.");
        line.query("success", None);
        if text == "one" {
            line.attribution.given_up();
        }
    }
    assert_eq!(line.replied("For the first."), Owner::Other);
    assert_eq!(line.replied("For the second."), Owner::Turn);
    line.attribution.asked("three");
    line.query("running", Some("three"));
    line.query("success", None);
    line.now += SECOND;
    assert_eq!(line.replied("Too late."), Owner::Other);
}

#[test]
fn a_question_without_an_end_does_not_stand_in_the_way_for_ever() {
    let mut line = Line::new();
    line.query("running", Some("lost"));
    line.now += FORGOTTEN;
    line.attribution.asked("Hello");
    assert_eq!(line.query("running", Some("Hello")), Owner::Turn);
    assert_eq!(line.query("timeout", None), Owner::Turn);
}

fn words() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-z]{1,8}[.,]?", 1..60)
}

proptest! {
    /// However Moshi's pieces fall between the words of a reply, each is known for what it is.
    #[test]
    fn any_mixture_is_told_apart(
        reply in words(),
        moshi in prop::collection::vec("( [a-z']{1,6}|[a-z']{1,6}|[.,!?])", 0..60),
        order in prop::collection::vec(any::<bool>(), 120),
        is_cut in any::<bool>(),
    ) {
        let mut line = Line::new();
        line.query("running", None);
        let whole = reply.join(" ");
        let content: String = whole.chars().take(if is_cut { MasFact::CUT_INJECTION } else { usize::MAX }).collect();
        line.replied(&content);
        // A piece that is the whole of a reply of one word looks like it.
        prop_assume!(!moshi.iter().any(|piece| piece.trim() == whole));
        let (mut reply, mut moshi) = (reply.iter(), moshi.iter());
        for mas_first in order {
            let (voice, text) = match (mas_first, reply.as_slice().is_empty(), moshi.as_slice().is_empty()) {
                (true, false, _) | (false, false, true) => (Voice::Mas, reply.next().map(|word| format!("{word} "))),
                (_, _, false) => (Voice::Moshi, moshi.next().cloned()),
                (_, true, true) => break,
            };
            let text = text.unwrap();
            prop_assert_eq!(line.words(&text), voice, "{:?}", text);
        }
    }

    /// Nothing that a bridge can tell, in any order, makes it fail or remember without bound.
    #[test]
    fn any_order_of_events_is_survived(steps in prop::collection::vec(0u8..9, 0..300)) {
        let mut line = Line::new();
        for step in steps {
            match step {
                0 => line.attribution.asked("hello there"),
                1 => line.attribution.given_up(),
                2 => drop(line.query("running", Some("hello there"))),
                3 => drop(line.query("success", None)),
                4 => drop(line.query("timeout", None)),
                5 => drop(line.replied("hello you")),
                6 => drop(line.words("hello ")),
                7 => drop(line.event("memory", &json!({ "reads": 1, "writes": 1 }))),
                _ => line.now += Duration::from_secs(5),
            }
            prop_assert!(line.attribution.questions.len() <= MOST && line.attribution.ended.len() <= MOST);
        }
    }
}
