//! A call through a bridge, and what the window shows of it.

use std::time::{Duration, SystemTime};

use brain::{Canned, Notice, Reply, What};
use conversation::{BridgeNews, Phase};
use uuid::Uuid;

use super::*;
use crate::{
    state::Thinks,
    view::{BrainKind, InjectionState, LightState},
};

fn news(news: BridgeNews) -> Change {
    Change::Conversation(Event::Bridge(Box::new(news)))
}

fn in_a_turn(what: What) -> Change {
    Change::Conversation(Event::Brain(Box::new(brain::Event {
        turn: Uuid::nil(),
        number: 0,
        at: SystemTime::UNIX_EPOCH,
        after: Duration::ZERO,
        what,
    })))
}

fn prepared(said: &str) -> Change {
    let notice = Notice { said: Some(said.into()), ..Notice::new("bridge.prepared_reply", "It was ready.") };
    in_a_turn(What::Notice(notice))
}

fn reply(text: &str) -> Change {
    in_a_turn(What::Reply(Reply {
        text: text.into(),
        whole: true,
        provider: None,
        agent: None,
        canned: Canned::No,
        first_token: None,
        latency: Duration::ZERO,
    }))
}

fn with_bridge() -> State {
    state(settings_with(HostPlace::Bridge { address: "gate".into() }))
}

fn bridge(state: &State) -> (LightState, &str, Option<f64>) {
    let light = light(state, LightId::Bridge);
    (light.state, &light.what, light.ms)
}

fn live(state: &mut State) {
    for change in [
        news(BridgeNews::Calls),
        news(BridgeNews::Reached),
        call(Phase::Live, None),
        news(BridgeNews::Answers(true)),
    ] {
        step(state, change, 100);
    }
}

fn injections(state: &State) -> Vec<(&str, InjectionState)> {
    let injections = &state.snapshot().panels.injections;
    injections.iter().map(|injection| (injection.text.as_str(), injection.state)).collect()
}

#[test]
fn the_light_shows_the_bridge_and_not_its_moshi() {
    let mut state = with_host();
    assert_eq!(bridge(&state), (LightState::Off, "Not used.", None));
    state = with_bridge();
    assert_eq!(bridge(&state), (LightState::Off, "Not connected.", None));
    assert_eq!(state.snapshot().call.host, "gate:8999");
    step(&mut state, news(BridgeNews::Calls), 100);
    assert_eq!(bridge(&state), (LightState::Waiting, "Connecting", None));
    step(&mut state, news(BridgeNews::Reached), 200);
    step(&mut state, news(BridgeNews::RoundTrip(Duration::from_micros(4_200))), 300);
    assert_eq!(bridge(&state), (LightState::Well, "Answers", Some(4.2)));
    let problem = Problem::new("bridge.no_moshi", "It has no Moshi.", "Start it.", &[]);
    step(&mut state, news(BridgeNews::Ended { there: true, problem: problem.clone() }), 400);
    step(&mut state, call(Phase::Failed, Some(problem)), 400);
    assert_eq!(bridge(&state), (LightState::Well, "Answers, without Moshi", None));
    assert_eq!(light(&state, LightId::Moshi).state, LightState::Wrong);
    let problem = Problem::new("bridge.refused", "Nothing listens.", "Start it.", &[]);
    step(&mut state, news(BridgeNews::Ended { there: false, problem: problem.clone() }), 500);
    assert_eq!(bridge(&state), (LightState::Wrong, "Nothing listens.", None));
    step(&mut state, call(Phase::Idle, None), 600);
    assert_eq!(bridge(&state), (LightState::Off, "Not connected.", None));
}

#[test]
fn while_the_bridge_answers_it_is_the_brain_and_the_lists_stay() {
    let mut state = with_bridge();
    let built_in = Thinks { kind: BrainKind::BuiltIn, place: "On this computer".into(), memory: None };
    step(&mut state, Change::Brain(built_in.clone()), 50);
    assert!(state.snapshot().panels.memory_counts.editable);
    live(&mut state);
    step(&mut state, reply("Before the switch."), 150);
    let panels = &state.snapshot().panels;
    assert_eq!((panels.brain.kind, panels.brain.place.as_str()), (BrainKind::Bridge, "gpu:8998"));
    assert!(!panels.memory_counts.editable);
    // Other settings of the built-in brain change nothing about it, and an agent system of one's own does at once.
    step(&mut state, Change::Brain(built_in), 200);
    assert_eq!(state.snapshot().panels.brain.kind, BrainKind::Bridge);
    let mas = Thinks { kind: BrainKind::Mas, place: "http://mas:8001".into(), memory: None };
    step(&mut state, Change::Brain(mas), 300);
    assert_eq!(state.snapshot().panels.brain.kind, BrainKind::Mas);
    step(&mut state, news(BridgeNews::Answers(false)), 400);
    assert_eq!(state.snapshot().panels.brain.place, "http://mas:8001");
}

#[test]
fn what_the_bridge_speaks_is_queued_until_it_was_heard_whichever_is_told_first() {
    for sound_first in [false, true] {
        let mut state = with_bridge();
        live(&mut state);
        step(&mut state, in_a_turn(What::Thinking { asks: "the bridge".into() }), 150);
        let mut both = [prepared("I'm here."), news(BridgeNews::Speaks)];
        if sound_first {
            both.reverse();
        }
        for change in both {
            step(&mut state, change, 200);
        }
        assert_eq!(injections(&state), [("I'm here.", InjectionState::Queued)]);
        step(&mut state, news(BridgeNews::Spoke), 300);
        step(&mut state, reply("I'm here."), 400);
        assert_eq!(injections(&state), [("I'm here.", InjectionState::Spoken)], "it is one and the same");
        step(&mut state, reply("Twelve."), 500);
        assert_eq!(injections(&state)[1], ("Twelve.", InjectionState::ShownOnly));
    }
}

#[test]
fn what_was_not_heard_to_its_end_says_so() {
    let mut state = with_bridge();
    live(&mut state);
    step(&mut state, news(BridgeNews::Replied("It is late.".into())), 200);
    step(&mut state, news(BridgeNews::Speaks), 200);
    step(&mut state, call(Phase::Idle, None), 300);
    assert_eq!(injections(&state), [("It is late.", InjectionState::ShownOnly)]);
    assert!(state.snapshot().panels.injections[0].why.is_some());
}
