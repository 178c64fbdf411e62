//! What the brain tells, and what the panels and the log show of it.

use std::time::{Duration, SystemTime};

use brain::{
    AgentActivity, AgentState, Canned, Failure, Memory, MemoryUse, Notice, Outcome, Reply, ToolCall,
    ToolState, What,
};
use uuid::Uuid;

use super::*;
use crate::{
    state::{Thinks, mas::MasChange},
    view::{BrainKind, BrainState, InjectionState, InjectionVoice, LogLevel, LogSource},
};

fn told(turn: u128, what: What) -> Change {
    Change::Conversation(Event::Brain(Box::new(brain::Event {
        turn: Uuid::from_u128(turn),
        number: 0,
        at: SystemTime::UNIX_EPOCH,
        after: Duration::ZERO,
        what,
    })))
}

fn thinking() -> What {
    What::Thinking { asks: "/voice/brain/stream".into() }
}

fn token(text: &str) -> What {
    What::Token { text: text.into() }
}

fn reply(text: &str) -> What {
    What::Reply(Reply {
        text: text.into(),
        whole: true,
        provider: Some("gemini".into()),
        agent: None,
        canned: Canned::No,
        first_token: Some(Duration::from_millis(120)),
        latency: Duration::from_millis(900),
    })
}

fn call(id: u128, state: ToolState, question: Option<&str>) -> What {
    What::Tool(ToolCall {
        id: Uuid::from_u128(id),
        their_id: Some("brain_1".into()),
        name: "weather".into(),
        arguments: Some("{}".into()),
        question: question.map(str::to_owned),
        state,
        measured: None,
        reported: None,
        result: None,
    })
}

fn agent(name: &str, state: AgentState) -> What {
    What::Agent(AgentActivity {
        their_id: None,
        name: name.into(),
        action: Some("counts spores".into()),
        state,
        said: None,
    })
}

fn done(outcome: Outcome) -> What {
    What::Done { outcome, left_out: 0 }
}

#[test]
fn a_turn_is_followed_from_thinking_to_its_end() {
    let mut state = state(Settings::default());
    let shown = |state: &State| {
        let brain = &state.snapshot().panels.brain;
        (brain.state, brain.since_ms, brain.reply.clone())
    };
    step(&mut state, told(1, thinking()), 100);
    assert_eq!(shown(&state), (BrainState::Thinking, 100, String::new()));
    assert_eq!(told_of(&state, LightId::Brain), (LightState::Waiting, "Thinking"));
    step(&mut state, told(1, token("Good")), 200);
    step(&mut state, told(1, token(" day.")), 300);
    assert_eq!(shown(&state), (BrainState::Streaming, 200, "Good day.".into()));
    step(&mut state, told(1, reply("Good day.")), 400);
    step(&mut state, told(1, done(Outcome::Answered)), 500);
    assert_eq!(shown(&state), (BrainState::Ready, 500, "Good day.".into()));
    let brain = &state.snapshot().panels.brain;
    assert_eq!((brain.first_token_ms, brain.latency_ms), (Some(120.0), Some(900.0)));
    assert_eq!((brain.provider.as_deref(), brain.turns, brain.whole), (Some("gemini"), 1, true));
    step(&mut state, told(2, thinking()), 600);
    let brain = &state.snapshot().panels.brain;
    assert_eq!(
        (brain.reply.as_str(), brain.latency_ms, brain.turns),
        ("", None, 2),
        "nothing is left of the last"
    );
}

fn told_of(state: &State, id: LightId) -> (LightState, &str) {
    let light = light(state, id);
    (light.state, &light.what)
}

#[test]
fn a_failure_says_why_until_the_next_turn() {
    let mut state = state(Settings::default());
    step(&mut state, told(1, thinking()), 100);
    let failure = Failure {
        code: "mas.failed",
        what: "It failed.".into(),
        next: "Try again.".into(),
        said: Some("Traceback".into()),
        repeatable: false,
    };
    step(&mut state, told(1, What::Error(failure)), 200);
    step(&mut state, told(1, done(Outcome::Failed)), 300);
    let brain = &state.snapshot().panels.brain;
    assert_eq!((brain.state, brain.said.as_deref()), (BrainState::Failed, Some("Traceback")));
    assert_eq!(light(&state, LightId::Brain).problem.as_ref().unwrap().code, "mas.failed");
    let entry = state.snapshot().log.entries.last().unwrap();
    assert_eq!((entry.level, entry.said.as_deref()), (LogLevel::Error, Some("Traceback")));
    step(&mut state, told(2, thinking()), 400);
    assert_eq!(state.snapshot().panels.brain.problem, None);
}

#[test]
fn a_wait_is_shown_with_its_end() {
    let mut state = state(Settings::default());
    step(&mut state, told(1, thinking()), 1_000);
    let mut notice = Notice::new("mas.limited", "It has had too many requests.");
    notice.wait = Some(Duration::from_secs(60));
    step(&mut state, told(1, What::Notice(notice)), 2_000);
    let brain = &state.snapshot().panels.brain;
    assert_eq!((brain.state, brain.waits_until_ms), (BrainState::Waiting, Some(62_000)));
    step(&mut state, told(1, token("Now")), 3_000);
    let brain = &state.snapshot().panels.brain;
    assert_eq!(
        (brain.state, brain.waits_until_ms, brain.notice.as_ref()),
        (BrainState::Streaming, None, None)
    );
}

#[test]
fn a_call_is_one_entry_whatever_is_told_of_it_and_a_question_waits_for_the_person() {
    let mut state = state(Settings::default());
    step(&mut state, told(1, thinking()), 100);
    step(&mut state, told(1, call(7, ToolState::Pending, Some("Forget it?"))), 200);
    let panels = &state.snapshot().panels;
    assert_eq!(panels.brain.state, BrainState::Waiting);
    assert_eq!(panels.tools[0].question.as_deref(), Some("Forget it?"));
    step(&mut state, told(1, call(7, ToolState::Running, Some("Forget it?"))), 300);
    let panels = &state.snapshot().panels;
    assert_eq!((panels.brain.state, panels.tools[0].question.as_ref()), (BrainState::Thinking, None));
    step(&mut state, told(1, call(7, ToolState::Success, None)), 400);
    step(&mut state, told(2, call(8, ToolState::Error, None)), 500);
    let tools = &state.snapshot().panels.tools;
    assert_eq!(
        tools.iter().map(|call| call.at_ms).collect::<Vec<_>>(),
        [200, 500],
        "their own id comes again"
    );
    assert_eq!(state.snapshot().panels.tool_total, 2);
}

#[test]
fn an_agent_is_one_entry_with_what_it_did_last() {
    let mut state = state(Settings::default());
    step(&mut state, told(1, agent("Mycologist", AgentState::Processing)), 100);
    step(&mut state, told(1, agent("Other", AgentState::Matched)), 200);
    step(&mut state, told(1, agent("Mycologist", AgentState::Processing)), 300);
    let agents = &state.snapshot().panels.agents;
    assert_eq!((agents.len(), agents[0].since_ms), (2, 100), "it has done that since the beginning");
    step(&mut state, told(1, agent("Mycologist", AgentState::Completed)), 400);
    let agents = &state.snapshot().panels.agents;
    assert_eq!((agents[0].state, agents[0].since_ms), (crate::view::AgentState::Completed, 400));
    let lines = state.snapshot().log.entries.iter().filter(|entry| entry.source == LogSource::Agent).count();
    assert_eq!(lines, 4, "the log has all of it");
}

#[test]
fn memory_is_counted_by_what_was_done_with_it() {
    let mut state = state(Settings::default());
    let memory =
        |used, kind: &str, count| What::Memory(Memory { used, kind: kind.into(), count, said: None });
    step(&mut state, told(1, thinking()), 0);
    step(&mut state, told(1, memory(MemoryUse::Read, "episodes", 3)), 100);
    step(&mut state, told(1, memory(MemoryUse::Write, "turn", 1)), 200);
    step(&mut state, told(2, memory(MemoryUse::Write, "turn", 1)), 300);
    let panels = &state.snapshot().panels;
    assert_eq!((panels.memory_counts.reads, panels.memory_counts.writes), (3, 2));
    assert_eq!(panels.memory_counts.scopes, ["episodes", "turn"]);
    assert_eq!((panels.memory.len(), panels.brain.memories), (3, 3));
}

#[test]
fn a_reply_to_a_live_call_is_shown_only_and_says_so() {
    let mut state = with_host();
    step(&mut state, told(1, thinking()), 100);
    step(&mut state, told(1, reply("Without a call.")), 200);
    assert!(state.snapshot().panels.injections.is_empty());
    step(&mut state, super::call(conversation::Phase::Live, None), 300);
    step(&mut state, told(2, thinking()), 400);
    step(&mut state, told(2, reply("During a call.")), 500);
    let injections = &state.snapshot().panels.injections;
    assert_eq!((injections.len(), injections[0].state), (1, InjectionState::ShownOnly));
    assert!(injections[0].why.is_some());
}

#[test]
fn a_reply_that_moshi_says_is_followed_to_its_end() {
    use conversation::{ReplyState, SpokenReply};
    let mut state = with_host();
    let Change::Conversation(Event::Call(mut live)) = super::call(conversation::Phase::Live, None) else {
        unreachable!()
    };
    live.speaks = true;
    step(&mut state, Change::Conversation(Event::Conversation { id: "c".into(), turns: vec![] }), 50);
    step(&mut state, Change::Conversation(Event::Call(live)), 100);
    step(&mut state, told(1, thinking()), 200);
    step(&mut state, told(1, reply("Good *day*.")), 300);
    assert!(state.snapshot().panels.injections.is_empty(), "the conversation tells what becomes of it");
    let reply = |number, state, said: &str| {
        let (text, why) = ("Good day.".into(), (state == ReplyState::Cut).then(|| "You stopped it.".into()));
        let reply = SpokenReply { number, text, state, said: said.into(), why };
        Change::Conversation(Event::Spoken(Box::new(reply)))
    };
    for (at, reply) in [
        (400, reply(1, ReplyState::Queued, "")),
        (500, reply(2, ReplyState::ShownOnly, "")),
        (600, reply(1, ReplyState::Speaking, "")),
        (700, reply(1, ReplyState::Speaking, "Good")),
    ] {
        step(&mut state, reply, at);
    }
    let injections = &state.snapshot().panels.injections;
    let shown: Vec<_> = injections.iter().map(|one| (one.state, one.voice, one.at_ms)).collect();
    let moshi = Some(InjectionVoice::Moshi);
    assert_eq!(shown, [(InjectionState::Speaking, moshi, 600), (InjectionState::ShownOnly, None, 500)]);
    assert_eq!((injections[0].text.as_str(), injections[0].said.as_deref()), ("Good day.", Some("Good")));
    step(&mut state, reply(1, ReplyState::Cut, "Good"), 800);
    let cut = &state.snapshot().panels.injections[0];
    assert_eq!((cut.state, cut.said.as_deref(), cut.at_ms), (InjectionState::Cut, Some("Good"), 800));
    assert_eq!(cut.why.as_deref(), Some("You stopped it."));
    let said: Vec<_> =
        state.snapshot().log.entries.iter().filter(|entry| entry.what.contains("reply")).collect();
    assert_eq!(said.len(), 4, "each state once: {said:?}");
    // What still comes of a conversation that was left is not of the next one.
    step(&mut state, Change::Conversation(Event::Conversation { id: "d".into(), turns: vec![] }), 900);
    step(&mut state, reply(3, ReplyState::Cut, ""), 950);
    assert!(state.snapshot().panels.injections.is_empty());
}

#[test]
fn words_of_moshis_that_are_remembered_do_not_look_like_an_answer() {
    let mut state = state(Settings::default());
    step(&mut state, told(1, thinking()), 100);
    step(&mut state, told(2, done(Outcome::Remembered)), 200);
    assert_eq!(state.snapshot().panels.brain.state, BrainState::Thinking, "the answer is still under way");
}

#[test]
fn another_conversation_has_panels_of_its_own_and_the_log_goes_on() {
    let mut state = state(Settings::default());
    let mas = Thinks { kind: BrainKind::Mas, place: "http://mas:8001".into(), memory: None };
    step(&mut state, Change::Brain(mas), 100);
    step(&mut state, told(1, thinking()), 200);
    step(&mut state, Change::Conversation(Event::Conversation { id: "c".into(), turns: vec![] }), 250);
    assert_eq!(state.snapshot().panels.brain.turns, 1, "before the first one there was no other");
    step(&mut state, told(1, call(7, ToolState::Success, None)), 300);
    let logged = state.snapshot().log.entries.len();
    step(&mut state, Change::Conversation(Event::Conversation { id: "d".into(), turns: vec![] }), 400);
    let panels = &state.snapshot().panels;
    assert_eq!((panels.brain.kind, panels.brain.place.as_str()), (BrainKind::Mas, "http://mas:8001"));
    assert!(panels.tools.is_empty() && panels.brain.turns == 0);
    step(&mut state, told(1, token("late")), 500);
    assert_eq!(state.snapshot().panels.brain.reply, "", "the turn before says nothing here any more");
    assert!(state.snapshot().log.entries.len() > logged);
}

#[test]
fn an_agent_system_is_shown_as_it_is_and_what_it_does_by_itself() {
    let set = Settings { mas_address: "http://mas:8001".into(), ..Settings::default() };
    let mut state = state(set.clone());
    let mas = Thinks { kind: BrainKind::Mas, place: set.mas_address, memory: None };
    step(&mut state, Change::Brain(mas), 100);
    assert_eq!(told_of(&state, LightId::Mas).0, LightState::Waiting);
    step(&mut state, Change::Mas(MasChange::Reached(Duration::from_micros(12_340))), 200);
    step(&mut state, Change::Mas(MasChange::Reached(Duration::from_micros(9_000))), 300);
    assert_eq!((light(&state, LightId::Mas).ms, light(&state, LightId::Mas).since_ms), (Some(9.0), 200));
    let memory = Some(("degraded".to_owned(), false, Duration::from_millis(4)));
    step(&mut state, Change::Mas(MasChange::Memory(memory)), 400);
    assert_eq!(told_of(&state, LightId::Memory), (LightState::Wrong, "degraded"));
    let happened = vec![agent("Mycologist", AgentState::Processing), call(9, ToolState::Success, None)];
    step(&mut state, Change::Mas(MasChange::Happened(happened)), 500);
    let panels = &state.snapshot().panels;
    assert_eq!((panels.agents.len(), panels.tools.len(), panels.brain.turns), (1, 1, 0));
    step(&mut state, Change::Mas(MasChange::LeftOut(40)), 600);
    step(&mut state, Change::Mas(MasChange::LeftOut(2)), 700);
    assert_eq!(state.snapshot().log.left_out, 42);
}

#[test]
fn lists_are_bounded() {
    let mut state = state(Settings::default());
    for id in 0..12_000 {
        state.step(told(1, call(id, ToolState::Success, None)), 0);
        state.step(told(1, agent(&id.to_string(), AgentState::Matched)), 0);
    }
    let Snapshot { panels, log, .. } = state.snapshot();
    assert!(panels.tools.len() <= 10_000 && panels.agents.len() <= 1_000 && log.entries.len() <= 10_000);
    assert_eq!(panels.tool_total, 12_000);
    assert_eq!(log.entries.last().unwrap().number, 23_999);
}
