//! Events on their way to the window: at most one of each kind, and one of each turn.

use crate::view::{Speaker, UiEvent};

/// Events that wait at most. Beyond that a batch goes out before its time.
const MOST: usize = 2_000;
/// Entries of the log that a batch holds at most: 15,000 a second. Beyond that the oldest are left out and counted.
const LOG_ENTRIES: usize = 1_000;

/// Events that wait for the next batch. A later one replaces an earlier one of the same thing in its place, because
/// each carries a whole.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: Vec<UiEvent>,
    /// Entries of the log that were left out so far.
    left_out: u64,
}

impl Outbox {
    pub(crate) fn push(&mut self, event: UiEvent) {
        if matches!(event, UiEvent::Conversation { .. }) {
            // Turns of the conversation before are not its own.
            self.waiting.retain(|waiting| !matches!(waiting, UiEvent::Turn { .. } | UiEvent::Times { .. }));
        }
        if matches!(event, UiEvent::Panels { .. }) {
            self.waiting.retain(|waiting| !belongs_to_panels(waiting));
        }
        let Some(event) = self.waiting.iter_mut().try_fold(event, |event, waiting| add(waiting, event))
        else {
            return;
        };
        // From the end: a turn that grows is nearly always among the last.
        if let Some(place) = self.waiting.iter_mut().rev().find(|waiting| replaces(&event, waiting)) {
            *place = event;
        } else {
            self.waiting.push(event);
        }
    }

    /// Whether a person waits for something of it. Nobody waits for Moshi's words: they are heard.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.waiting.iter().any(|event| match event {
            UiEvent::Turn { turn } => turn.speaker != Speaker::Moshi,
            UiEvent::Call { .. }
            | UiEvent::Conversation { .. }
            | UiEvent::Brain { .. }
            | UiEvent::Dictation { .. }
            | UiEvent::OpenSettings { .. } => true,
            UiEvent::Tools { calls, .. } => calls.iter().any(|call| call.question.is_some()),
            _ => false,
        })
    }

    /// Whether the batch has to go out now.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= MOST
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn take(&mut self) -> Vec<UiEvent> {
        let mut events = std::mem::take(&mut self.waiting);
        for event in &mut events {
            if let UiEvent::Log { entries, left_out } = event {
                let beyond = entries.len().saturating_sub(LOG_ENTRIES);
                entries.drain(..beyond);
                self.left_out += beyond as u64;
                *left_out += self.left_out;
            }
        }
        events
    }
}

/// Adds a new event to one of the same kind that waits, where both hold parts of a list. Gives the event back where they
/// do not.
fn add(waiting: &mut UiEvent, event: UiEvent) -> Option<UiEvent> {
    match (waiting, event) {
        (UiEvent::Tools { calls, total }, UiEvent::Tools { calls: new, total: now }) => {
            *total = now;
            merge(calls, new, |a, b| a.id == b.id);
        }
        (UiEvent::Agents { agents }, UiEvent::Agents { agents: new }) => {
            merge(agents, new, |a, b| a.id == b.id);
        }
        (UiEvent::Injections { injections }, UiEvent::Injections { injections: new }) => {
            merge(injections, new, |a, b| a.id == b.id);
        }
        (UiEvent::Memory { uses, counts }, UiEvent::Memory { uses: new, counts: now }) => {
            *counts = now;
            uses.extend(new);
        }
        (UiEvent::Log { entries, left_out }, UiEvent::Log { entries: new, left_out: now }) => {
            *left_out = now;
            entries.extend(new);
        }
        (_, event) => return Some(event),
    }
    None
}

fn merge<T>(waiting: &mut Vec<T>, new: Vec<T>, same: impl Fn(&T, &T) -> bool) {
    for item in new {
        match waiting.iter_mut().rev().find(|waiting| same(waiting, &item)) {
            Some(waiting) => *waiting = item,
            None => waiting.push(item),
        }
    }
}

fn belongs_to_panels(event: &UiEvent) -> bool {
    matches!(
        event,
        UiEvent::Brain { .. }
            | UiEvent::Tools { .. }
            | UiEvent::Agents { .. }
            | UiEvent::Memory { .. }
            | UiEvent::Injections { .. }
            | UiEvent::Consciousness { .. }
    )
}

fn replaces(new: &UiEvent, old: &UiEvent) -> bool {
    match (new, old) {
        (UiEvent::Turn { turn: new }, UiEvent::Turn { turn: old }) => new.id == old.id,
        (UiEvent::Times { times: new }, UiEvent::Times { times: old }) => new.turn == old.turn,
        // Each holds sound of its own.
        (UiEvent::Signal { .. }, _) => false,
        _ => std::mem::discriminant(new) == std::mem::discriminant(old),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{Agent, Level, LogEntry, LogLevel, LogSource, Route, Signal, Turn, TurnSource};

    fn turn(id: &str, text: &str) -> UiEvent {
        let turn = Turn {
            id: id.into(),
            speaker: Speaker::Moshi,
            source: TurnSource::Spoken,
            text: text.into(),
            at_ms: 0,
            open: true,
            saved: false,
            delivery: None,
            note: None,
        };
        UiEvent::Turn { turn }
    }

    fn sent(events: impl IntoIterator<Item = UiEvent>) -> Vec<UiEvent> {
        let mut outbox = Outbox::default();
        events.into_iter().for_each(|event| outbox.push(event));
        outbox.take()
    }

    #[test]
    fn a_turn_that_grows_is_sent_once_in_its_place() {
        let events = sent([turn("1", "a"), turn("2", "x"), turn("1", "ab")]);
        assert_eq!(events, [turn("1", "ab"), turn("2", "x")]);
    }

    #[test]
    fn sound_is_never_replaced() {
        let level = Level { peak_db: -6.0, rms_db: -20.0 };
        let signal = |peak| UiEvent::Signal {
            signal: Signal { mic_peaks: vec![peak], moshi_peaks: vec![], mic: level, moshi: level },
        };
        assert_eq!(sent([signal(0.1), signal(0.2)]), [signal(0.1), signal(0.2)]);
    }

    #[test]
    fn a_new_conversation_takes_the_old_ones_turns_along() {
        let begin = UiEvent::Conversation { id: "c".into(), turns: vec![] };
        assert_eq!(sent([turn("1", "old"), begin.clone(), turn("1", "new")]), [begin, turn("1", "new")]);
    }

    #[test]
    fn of_each_turn_the_latest_times_are_sent_and_none_of_a_conversation_before() {
        let times = |turn: &str, said_ms| UiEvent::Times {
            times: crate::view::TurnTimes { turn: turn.into(), said_ms: Some(said_ms), ..Default::default() },
        };
        let begin = UiEvent::Conversation { id: "c".into(), turns: vec![] };
        assert_eq!(sent([times("1", 1), times("2", 2), times("1", 3)]), [times("1", 3), times("2", 2)]);
        assert_eq!(sent([times("1", 1), begin.clone(), times("1", 4)]), [begin, times("1", 4)]);
    }

    #[test]
    fn what_is_one_thing_is_sent_as_it_is_last() {
        let devices = |name: &str| UiEvent::Devices {
            devices: crate::view::Devices {
                input: Route { in_use: Some(name.into()), ..Route::default() },
                ..crate::view::Devices::default()
            },
        };
        assert_eq!(sent([devices("a"), turn("1", "t"), devices("b")]), [devices("b"), turn("1", "t")]);
    }

    fn agent(id: &str, since_ms: i64) -> UiEvent {
        let state = crate::view::AgentState::Processing;
        let name = "Mycologist".to_owned();
        UiEvent::Agents {
            agents: vec![Agent { id: id.into(), name, action: None, state, since_ms, said: None }],
        }
    }

    fn log(number: u64) -> UiEvent {
        let entry = LogEntry {
            number,
            at_ms: 0,
            source: LogSource::Agent,
            level: LogLevel::Info,
            what: "It works.".into(),
            said: None,
        };
        UiEvent::Log { entries: vec![entry], left_out: 0 }
    }

    #[test]
    fn parts_of_a_list_go_out_together_and_each_once() {
        let events = sent([agent("a", 1), log(0), agent("b", 2), agent("a", 3), log(1)]);
        let [UiEvent::Agents { agents }, UiEvent::Log { entries, .. }] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(agents.iter().map(|agent| agent.since_ms).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(entries.iter().map(|entry| entry.number).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn a_flood_of_the_log_is_cut_and_counted() {
        let mut outbox = Outbox::default();
        (0..1_500).for_each(|number| outbox.push(log(number)));
        (0..2).for_each(|_| {
            let events = outbox.take();
            let [UiEvent::Log { entries, left_out }] = &events[..] else { panic!("{events:?}") };
            assert_eq!((entries.len() as u64 + left_out, *left_out), (1_500, 500));
            (0..1_000).for_each(|number| outbox.push(log(number)));
        });
    }

    #[test]
    fn other_panels_take_along_what_waits_of_the_ones_before() {
        let panels = UiEvent::Panels { panels: crate::view::Panels::default() };
        assert_eq!(sent([agent("a", 1), panels.clone(), agent("b", 2)]), [panels, agent("b", 2)]);
    }

    #[test]
    fn a_flood_goes_out_before_its_time() {
        let mut outbox = Outbox::default();
        let pushed = (1..).take_while(|number| {
            outbox.push(turn(&number.to_string(), ""));
            !outbox.is_full()
        });
        assert_eq!((pushed.count() + 1, outbox.take().len()), (MOST, MOST));
        assert!(!outbox.is_full() && outbox.is_empty());
    }
}
