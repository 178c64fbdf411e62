//! The panels: what the brain tells becomes what is shown of it.

use brain::{AgentActivity, Event, Memory, Notice, Outcome, Reply, What, bounded::cut};
use conversation::{ReplyState, SpokenReply};

use super::log::Line;
use crate::{
    translate::millis,
    view::{
        Agent, BrainKind, BrainPanel, BrainState, Injection, InjectionState, InjectionVoice, LogLevel,
        LogSource, MemoryUse, Panels, ToolCall, ToolState, UiEvent,
    },
};

/// Entries of one list that are kept in sight.
pub(crate) const MOST: usize = 10_000;
/// Agents that are kept in sight, the first that were heard of.
const MOST_AGENTS: usize = 1_000;
/// As much of a reply as the panel shows, in bytes. The transcript has all of it.
const SHOWN: usize = 4 << 10;

/// What a step leads to: events for the window, and lines for the log.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) events: Vec<UiEvent>,
    pub(super) lines: Vec<Line>,
    /// What happened beyond that, and is only counted.
    pub(super) left_out: u64,
}

/// What is known beyond what is shown.
#[derive(Debug, Default)]
pub(super) struct Known {
    uses: u64,
    injections: u64,
    /// What the bridge has begun to speak since the turn began.
    spoken: Option<String>,
    /// The turn that the panel shows.
    turn: Option<uuid::Uuid>,
}

impl Known {
    /// Whatever is told of the turn that the panel showed does not concern it any more.
    pub(super) fn forget_turn(&mut self) {
        self.turn = None;
    }
}

/// The brain tells something. `shown_only`: Moshi hears and speaks, and what becomes of a reply is not told otherwise.
pub(super) fn brain(
    panels: &mut Panels,
    known: &mut Known,
    event: &Event,
    shown_only: bool,
    now_ms: i64,
) -> Told {
    let mut told = Told::default();
    if let What::Thinking { asks } = &event.what {
        if known.turn != Some(event.turn) {
            known.turn = Some(event.turn);
            known.spoken = None;
            let BrainPanel { kind, place, turns, .. } = std::mem::take(&mut panels.brain);
            panels.brain = BrainPanel { kind, place, turns: turns + 1, ..BrainPanel::default() };
        }
        panels.brain.asks = Some(asks.clone());
        become_(&mut panels.brain, BrainState::Thinking, now_ms);
        told.lines.push(Line::new(LogSource::Brain, "The brain is asked.").said(Some(asks)));
        told.events.push(UiEvent::Brain { brain: panels.brain.clone() });
        return told;
    }
    let before = panels.brain.clone();
    // A turn that only remembers has no place in the brain's panel.
    if known.turn == Some(event.turn) {
        of_the_turn(&mut panels.brain, &event.what, now_ms);
        if let What::Reply(reply) = &event.what
            && shown_only
        {
            inject(panels, known, reply, now_ms, &mut told);
        }
    }
    happened(panels, known, &event.what, now_ms, &mut told);
    if panels.brain != before {
        told.events.push(UiEvent::Brain { brain: panels.brain.clone() });
    }
    told
}

/// Something happened, in a turn or beside all of them: tools, agents, memory.
pub(super) fn happened(panels: &mut Panels, known: &mut Known, what: &What, now_ms: i64, told: &mut Told) {
    match what {
        What::Tool(call) => tool(panels, call, now_ms, told),
        What::Agent(activity) => agent(panels, activity, now_ms, told),
        What::Memory(memory) => remembered(panels, known, memory, now_ms, told),
        What::Notice(notice) => told.lines.push(
            Line::new(LogSource::Brain, notice.what.clone())
                .level(LogLevel::Warning)
                .said(notice.said.as_deref()),
        ),
        What::Error(failure) => told.lines.push(
            Line::new(LogSource::Brain, failure.what.clone())
                .level(LogLevel::Error)
                .said(failure.said.as_deref()),
        ),
        What::Reply(reply) => {
            let seconds = reply.latency.as_secs_f64();
            let whole = if reply.whole { "The brain has answered" } else { "A part of an answer came" };
            told.lines.push(Line::new(LogSource::Brain, format!("{whole} in {seconds:.1} s.")));
        }
        What::Done { left_out, .. } if *left_out > 0 => told.lines.push(
            Line::new(
                LogSource::Brain,
                format!("{left_out} entries of the turn were too many and left out."),
            )
            .level(LogLevel::Warning),
        ),
        What::Thinking { .. } | What::Token { .. } | What::Done { .. } => {}
    }
}

/// What the panel shows of the turn that is under way.
fn of_the_turn(brain: &mut BrainPanel, what: &What, now_ms: i64) {
    match what {
        What::Token { text } => {
            if brain.state != BrainState::Streaming {
                brain.notice = None;
                brain.waits_until_ms = None;
                become_(brain, BrainState::Streaming, now_ms);
            }
            let room = SHOWN.saturating_sub(brain.reply.len());
            brain.reply.push_str(&text[..text.floor_char_boundary(room)]);
        }
        What::Reply(reply) => {
            brain.reply = cut(&reply.text, SHOWN);
            brain.whole = reply.whole;
            brain.provider.clone_from(&reply.provider);
            brain.agent.clone_from(&reply.agent);
            brain.canned = reply.canned.into();
            brain.first_token_ms = reply.first_token.map(millis);
            brain.latency_ms = Some(millis(reply.latency));
        }
        What::Tool(call) => {
            let waits = call.state == brain::ToolState::Pending && call.question.is_some();
            let (from, to) = if waits {
                (BrainState::Thinking, BrainState::Waiting)
            } else {
                (BrainState::Waiting, BrainState::Thinking)
            };
            if brain.state == from || (waits && brain.state == BrainState::Streaming) {
                become_(brain, to, now_ms);
            }
        }
        What::Memory(memory) if memory.used == brain::MemoryUse::Read => brain.memories += memory.count,
        What::Notice(notice) => notice_(brain, notice, now_ms),
        What::Error(failure) => {
            brain.problem = Some(failure.clone().into());
            brain.said.clone_from(&failure.said);
        }
        What::Done { outcome, .. } => {
            brain.asks = None;
            brain.waits_until_ms = None;
            let state = if *outcome == Outcome::Failed { BrainState::Failed } else { BrainState::Ready };
            become_(brain, state, now_ms);
        }
        What::Thinking { .. } | What::Agent(_) | What::Memory(_) => {}
    }
}

fn notice_(brain: &mut BrainPanel, notice: &Notice, now_ms: i64) {
    brain.notice = Some(notice.what.clone());
    if let Some(wait) = notice.wait {
        let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        brain.waits_until_ms = Some(now_ms.saturating_add(wait));
        become_(brain, BrainState::Waiting, now_ms);
    }
}

fn become_(brain: &mut BrainPanel, state: BrainState, now_ms: i64) {
    if brain.state != state {
        (brain.state, brain.since_ms) = (state, now_ms);
    }
}

fn tool(panels: &mut Panels, call: &brain::ToolCall, now_ms: i64, told: &mut Told) {
    let id = call.id.to_string();
    let known = panels.tools.iter().rposition(|known| known.id == id);
    let shown = ToolCall {
        at_ms: known.map_or(now_ms, |place| panels.tools[place].at_ms),
        id,
        name: call.name.clone(),
        arguments: call.arguments.clone(),
        state: call.state.into(),
        question: call.question.clone().filter(|_| call.state == brain::ToolState::Pending),
        measured_ms: call.measured.map(millis),
        reported_ms: call.reported.map(millis),
        result: call.result.clone(),
    };
    let words = match shown.state {
        ToolState::Pending => "is to be called",
        ToolState::Running => "runs",
        ToolState::Success => "has ended",
        ToolState::Error => "has failed",
    };
    let level = if shown.state == ToolState::Error { LogLevel::Error } else { LogLevel::Info };
    let said = shown.result.as_deref().or(shown.arguments.as_deref());
    let line = Line::new(LogSource::Tool, format!("{} {words}.", shown.name)).level(level).said(said);
    told.lines.push(line);
    match known {
        Some(place) => panels.tools[place] = shown.clone(),
        None => {
            panels.tool_total += 1;
            push(&mut panels.tools, shown.clone());
        }
    }
    told.events.push(UiEvent::Tools { calls: vec![shown], total: panels.tool_total });
}

fn agent(panels: &mut Panels, activity: &AgentActivity, now_ms: i64, told: &mut Told) {
    let id = activity.their_id.clone().unwrap_or_else(|| activity.name.clone());
    let known = panels.agents.iter().rposition(|known| known.id == id);
    let state = activity.state.into();
    let since_ms = match known.map(|place| &panels.agents[place]) {
        Some(known) if (known.state, &known.action) == (state, &activity.action) => known.since_ms,
        _ => now_ms,
    };
    let shown = Agent {
        id,
        name: activity.name.clone(),
        action: activity.action.clone(),
        state,
        since_ms,
        said: activity.said.clone(),
    };
    let said = shown.action.as_deref().or(shown.said.as_deref());
    let failed = activity.state == brain::AgentState::Failed;
    let level = if failed { LogLevel::Error } else { LogLevel::Info };
    let words = match activity.state {
        brain::AgentState::Matched => "matches the request",
        brain::AgentState::Invoked => "was called",
        brain::AgentState::Processing => "works",
        brain::AgentState::Completed => "has ended",
        brain::AgentState::Failed => "has failed",
        brain::AgentState::Unknown => "was heard of",
    };
    told.lines.push(Line::new(LogSource::Agent, format!("{} {words}.", shown.name)).level(level).said(said));
    match known {
        Some(place) => panels.agents[place] = shown.clone(),
        None if panels.agents.len() < MOST_AGENTS => panels.agents.push(shown.clone()),
        // Every one of them is in the log.
        None => return,
    }
    told.events.push(UiEvent::Agents { agents: vec![shown] });
}

fn remembered(panels: &mut Panels, known: &mut Known, memory: &Memory, now_ms: i64, told: &mut Told) {
    let write = memory.used == brain::MemoryUse::Write;
    let counts = &mut panels.memory_counts;
    *(if write { &mut counts.writes } else { &mut counts.reads }) += memory.count;
    if !counts.scopes.contains(&memory.kind) && counts.scopes.len() < 20 {
        counts.scopes.push(memory.kind.clone());
    }
    let shown = MemoryUse {
        id: known.uses.to_string(),
        write,
        kind: memory.kind.clone(),
        count: memory.count,
        at_ms: now_ms,
        said: memory.said.clone(),
    };
    known.uses += 1;
    let verb = if write { "written" } else { "read" };
    let line = Line::new(LogSource::Memory, format!("{} {}: {verb}.", memory.count, memory.kind));
    told.lines.push(line.said(memory.said.as_deref()));
    push(&mut panels.memory, shown.clone());
    let counts = panels.memory_counts.clone();
    told.events.push(UiEvent::Memory { uses: vec![shown], counts });
}

fn inject(panels: &mut Panels, known: &mut Known, reply: &Reply, now_ms: i64, told: &mut Told) {
    // Where the sentence that the bridge speaks is all of the reply, it is on its way already.
    if reply.text.trim().is_empty() || known.spoken.as_ref() == Some(&reply.text) {
        return;
    }
    let why = match panels.brain.kind {
        BrainKind::Bridge => "The bridge does not speak it, and Moshi cannot be given a text.",
        BrainKind::BuiltIn | BrainKind::Mas => {
            "This host speaks for itself alone; it cannot be given a text."
        }
    };
    add_injection(panels, known, &reply.text, None, Some(why), now_ms, told);
}

/// The bridge has begun to speak this. Tells the injection's id.
pub(super) fn spoken_by_the_bridge(
    panels: &mut Panels,
    known: &mut Known,
    text: String,
    now_ms: i64,
    told: &mut Told,
) -> Option<String> {
    if text.trim().is_empty() {
        return None;
    }
    let id = add_injection(panels, known, &text, Some(InjectionVoice::Bridge), None, now_ms, told);
    known.spoken = Some(text);
    Some(id)
}

fn add_injection(
    panels: &mut Panels,
    known: &mut Known,
    text: &str,
    voice: Option<InjectionVoice>,
    why: Option<&str>,
    now_ms: i64,
    told: &mut Told,
) -> String {
    let id = known.injections.to_string();
    let (text, why) = (cut(text, SHOWN), why.map(str::to_owned));
    let state = if voice.is_some() { InjectionState::Queued } else { InjectionState::ShownOnly };
    let injection = Injection { id: id.clone(), text, state, voice, said: None, why, at_ms: now_ms };
    known.injections += 1;
    push(&mut panels.injections, injection.clone());
    told.events.push(UiEvent::Injections { injections: vec![injection] });
    id
}

/// A reply on its way to Moshi's own voice stands somewhere else.
pub(super) fn spoken_by_moshi(panels: &mut Panels, reply: SpokenReply, now_ms: i64, told: &mut Told) {
    // The bridge's are numbers alone.
    let id = format!("m{}", reply.number);
    let known = panels.injections.iter().rposition(|injection| injection.id == id);
    let before = known.and_then(|place| panels.injections.get(place));
    let (state, what) = match reply.state {
        ReplyState::Queued => (InjectionState::Queued, "A reply waits for Moshi's voice."),
        ReplyState::Speaking => (InjectionState::Speaking, "Moshi says a reply."),
        ReplyState::Spoken => (InjectionState::Spoken, "Moshi has said a reply."),
        ReplyState::Cut => (InjectionState::Cut, "Moshi has not said a reply to its end."),
        ReplyState::ShownOnly => (InjectionState::ShownOnly, "A reply is shown only."),
    };
    let same = before.filter(|before| before.state == state);
    if same.is_none() {
        told.lines.push(Line::new(LogSource::Moshi, what).said(reply.why.as_deref()));
    }
    let injection = Injection {
        id,
        text: cut(&reply.text, SHOWN),
        state,
        voice: (state != InjectionState::ShownOnly).then_some(InjectionVoice::Moshi),
        said: Some(cut(&reply.said, SHOWN)).filter(|said| !said.is_empty()),
        why: reply.why,
        at_ms: same.map_or(now_ms, |same| same.at_ms),
    };
    match known.and_then(|place| panels.injections.get_mut(place)) {
        Some(known) => *known = injection.clone(),
        None if matches!(state, InjectionState::Queued | InjectionState::ShownOnly) => {
            push(&mut panels.injections, injection.clone());
        }
        // It belongs to a conversation that was left.
        None => return,
    }
    told.events.push(UiEvent::Injections { injections: vec![injection] });
}

fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() >= MOST {
        list.drain(..MOST / 10);
    }
    list.push(item);
}
