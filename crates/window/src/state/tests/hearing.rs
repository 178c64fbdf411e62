//! Who hears, dictation, and when turns went from one hand to the next.

use conversation::{Dictation, EarPhase, EarState, TurnTimes};
use store::EarChoice;

use super::*;

fn ear(phase: EarPhase, place: &str, problem: Option<Problem>) -> EarState {
    EarState { phase, place: place.into(), of_host: true, model: None, delay_ms: None, timing: None, problem }
}

fn told_ear(ear: EarState) -> Change {
    Change::Conversation(Event::Ear(Box::new(ear)))
}

fn dictation(on: bool, text: &str, problem: Option<Problem>) -> Change {
    Change::Conversation(Event::Dictation(Box::new(Dictation { on, text: text.into(), problem })))
}

fn times(turn: u64, said_ms: i64) -> Change {
    let times = TurnTimes { turn, said_ms: Some(said_ms), ..TurnTimes::default() };
    Change::Conversation(Event::Times(Box::new(times)))
}

fn logged(state: &State) -> Vec<(LogSource, &str)> {
    state.snapshot().log.entries.iter().map(|entry| (entry.source, entry.what.as_str())).collect()
}

#[test]
fn an_ear_says_where_it_listens_with_what_and_what_it_costs() {
    let mut state = with_host();
    assert_eq!(told(light(&state, LightId::Ear)), (LightState::Off, "Closed until you talk.", None));
    step(&mut state, told_ear(ear(EarPhase::Waiting, "gpu:8998", None)), 2_000);
    assert_eq!(told(light(&state, LightId::Ear)), (LightState::Waiting, "Being reached", None));
    let listens = EarState {
        model: Some("stt-1b".into()),
        delay_ms: Some(500),
        ..ear(EarPhase::Listening, "gpu:8998", None)
    };
    step(&mut state, told_ear(listens.clone()), 3_000);
    assert_eq!(told(light(&state, LightId::Ear)), (LightState::Well, "gpu:8998, stt-1b", None));
    assert_eq!(state.snapshot().ear.frames, None, "it has said nothing of its cost yet");
    let timing = wire::FrameTiming { frame_ms_p50: 12.04, frame_ms_p99: 20.0, backlog: 0, dropped: 0 };
    step(&mut state, told_ear(EarState { timing: Some(timing), ..listens }), 4_000);
    assert_eq!(state.snapshot().ear.frames.map(|frames| frames.p50_ms), Some(12.0));
    assert_eq!(light(&state, LightId::Ear).since_ms, 3_000, "what it costs is no other state");
    let ears = logged(&state).into_iter().filter(|(source, _)| *source == LogSource::Ear);
    let ears: Vec<_> = ears.map(|(_, what)| what).collect();
    assert_eq!(ears, ["The recogniser is being reached.", "What you say is heard."]);
}

#[test]
fn a_host_without_a_recogniser_is_calmly_off_and_a_server_that_fails_is_wrong() {
    let mut state = with_host();
    let none =
        Problem::new("ear.host_does_not_hear", "gpu:8998 does not tell.", "Start it with --hear.", &[]);
    step(&mut state, told_ear(ear(EarPhase::Failed, "gpu:8998", Some(none))), 2_000);
    assert_eq!(
        told(light(&state, LightId::Ear)),
        (LightState::Off, "This host does not tell what you say.", Some("ear.host_does_not_hear"))
    );
    let key = Problem::new("ear.key", "The recogniser wants a key.", "Set its key in Settings.", &[]);
    let failed = EarState { of_host: false, ..ear(EarPhase::Failed, "ears:8080", Some(key)) };
    step(&mut state, told_ear(failed), 3_000);
    assert_eq!(
        told(light(&state, LightId::Ear)),
        (LightState::Wrong, "The recogniser wants a key.", Some("ear.key"))
    );
    let levels = |level| state.snapshot().log.entries.iter().filter(|entry| entry.level == level).count();
    assert_eq!((levels(LogLevel::Error), levels(LogLevel::Warning)), (1, 0));
}

#[test]
fn an_ear_that_is_lost_is_waited_for_and_says_why() {
    let mut state = with_host();
    step(&mut state, told_ear(ear(EarPhase::Listening, "ears:8080", None)), 2_000);
    let lost =
        || Problem::new("ear.lost", "The recogniser at ears:8080 was lost.", "It is tried again.", &[]);
    let waits = ear(EarPhase::Waiting, "ears:8080", Some(lost()));
    step(&mut state, told_ear(waits.clone()), 3_000);
    assert_eq!(
        told(light(&state, LightId::Ear)),
        (LightState::Waiting, "Not reached; tried again", Some("ear.lost"))
    );
    let entry = state.snapshot().log.entries.last().unwrap();
    assert_eq!((entry.level, entry.what.as_str()), (LogLevel::Warning, "What you say is not heard for now."));
    assert_eq!(step(&mut state, told_ear(waits), 4_000), [], "the same again is no news");
}

#[test]
fn what_is_chosen_to_hear_is_said_before_anybody_talks() {
    let hears = |ear, address: &str| {
        let state = state(Settings { ear, ear_address: address.into(), ..Settings::default() });
        let light = light(&state, LightId::Ear);
        (light.what.clone(), light.problem.as_ref().map(|problem| problem.code.clone()))
    };
    assert_eq!(hears(EarChoice::Off, ""), ("Not used.".into(), None));
    assert_eq!(hears(EarChoice::Server, "ears:8080"), ("Closed until you talk.".into(), None));
    let none = hears(EarChoice::Server, "");
    assert_eq!(none, ("No recogniser is set up.".into(), Some("ear.no_server".into())));
}

#[test]
fn dictation_opens_the_microphone_and_closes_it_and_its_words_are_in_no_log() {
    let mut state = with_host();
    step(&mut state, listed(&["mic"], &["speaker"]), 1_500);
    step(&mut state, dictation(true, "", None), 2_000);
    assert_eq!(light(&state, LightId::Microphone).state, LightState::Waiting);
    step(&mut state, opened(Direction::Input, "mic"), 2_100);
    assert!(state.conversation_sounds());
    step(&mut state, heard(Figures { mic_unheard: 5, ..figures() }), 2_200);
    assert_eq!(state.snapshot().latency, latency::none(), "nothing goes to a host and back");
    assert_eq!(state.snapshot().ear.lost_ms, 100.0, "five frames of 20 ms");
    step(&mut state, dictation(true, "swordfish", None), 3_000);
    step(&mut state, dictation(false, "swordfish", None), 4_000);
    assert_eq!(told(light(&state, LightId::Microphone)), (LightState::Off, "Closed until you talk.", None));
    step(&mut state, dictation(false, "swordfish is it", None), 4_100);
    assert_eq!(state.snapshot().dictation.text, "swordfish is it", "the last words come after its end");
    let entries = &state.snapshot().log.entries;
    let of_ear: Vec<_> = entries.iter().filter(|entry| entry.source == LogSource::Ear).collect();
    let words: Vec<_> = of_ear.iter().map(|entry| entry.what.as_str()).collect();
    assert_eq!(words, ["Dictation begins.", "Dictation has ended."]);
    assert!(entries.iter().all(|entry| !format!("{entry:?}").contains("swordfish")));
}

#[test]
fn dictation_hears_also_where_calls_are_muted_until_it_is_muted_itself() {
    let mut state = with_host();
    let muted = |muted| {
        let Change::Conversation(Event::Call(mut call)) = call(conversation::Phase::Idle, None) else {
            panic!()
        };
        call.muted = muted;
        Change::Conversation(Event::Call(call))
    };
    let shown = |state: &State| light(state, LightId::Microphone).what.clone();
    step(&mut state, muted(true), 1_000);
    step(&mut state, dictation(true, "", None), 2_000);
    step(&mut state, opened(Direction::Input, "mic"), 2_100);
    assert_eq!(shown(&state), "mic");
    step(&mut state, muted(false), 3_000);
    assert_eq!(shown(&state), "mic");
    step(&mut state, muted(true), 4_000);
    assert_eq!(shown(&state), "Muted: mic");
}

#[test]
fn dictation_that_cannot_be_says_why_once() {
    let mut state = with_host();
    let off = || Problem::new("ear.off", "Nobody is chosen.", "Choose the host.", &[]);
    step(&mut state, dictation(false, "", Some(off())), 2_000);
    step(&mut state, dictation(false, "", Some(off())), 2_100);
    let problem = state.snapshot().dictation.problem.as_ref().map(|problem| problem.code.as_str());
    assert_eq!(problem, Some("ear.off"));
    let of_ear = logged(&state).into_iter().filter(|(source, _)| *source == LogSource::Ear).count();
    assert_eq!(of_ear, 1);
}

#[test]
fn a_heard_turn_grows_is_corrected_and_has_its_times_beside_it() {
    let mut state = with_host();
    let begun = |id: &str| Change::Conversation(Event::Conversation { id: id.into(), turns: vec![] });
    let said = |text: &str, open| {
        let mut shown = shown("a", 4, text);
        shown.turn.speaker = store::Speaker::Person;
        shown.turn.source = store::Source::Heard;
        shown.turn.open = open;
        Change::Conversation(Event::Turns(vec![shown]))
    };
    step(&mut state, begun("a"), 1_000);
    step(&mut state, said("how worm", true), 2_000);
    step(&mut state, times(4, 2_100), 2_100);
    step(&mut state, said("How warm is it?", false), 2_200);
    let [turn] = &state.snapshot().turns[..] else { panic!() };
    assert_eq!((turn.source, turn.text.as_str(), turn.open), (TurnSource::Heard, "How warm is it?", false));
    step(&mut state, times(4, 2_050), 2_300);
    step(&mut state, times(5, 2_400), 2_400);
    let kept: Vec<_> = state.snapshot().times.iter().map(|t| (t.turn.as_str(), t.said_ms)).collect();
    assert_eq!(kept, [("4", Some(2_050)), ("5", Some(2_400))], "each turn once, as it is last");
    step(&mut state, begun("b"), 3_000);
    assert_eq!(state.snapshot().times, [], "they belong to the conversation before");
}

#[test]
fn a_heard_turn_stands_where_it_began_also_when_the_conversation_is_opened_again() {
    let turn = |number, at_ms| {
        let mut shown = shown("a", number, &number.to_string());
        shown.turn.at_ms = at_ms;
        shown
    };
    let order =
        |state: &State| -> Vec<String> { state.snapshot().turns.iter().map(|t| t.id.clone()).collect() };
    // Moshi began to answer before the words before that had been told.
    let turns = [turn(1, 1_000), turn(2, 3_000), turn(3, 2_000), turn(4, 3_000)];
    let mut state = with_host();
    let begun = |turns| Change::Conversation(Event::Conversation { id: "a".into(), turns });
    step(&mut state, begun(vec![]), 1_000);
    for turn in turns.clone() {
        step(&mut state, Change::Conversation(Event::Turns(vec![turn])), 4_000);
    }
    assert_eq!(order(&state), ["1", "3", "2", "4"]);
    step(&mut state, begun(turns.into_iter().map(|shown| shown.turn).collect()), 5_000);
    assert_eq!(order(&state), ["1", "3", "2", "4"]);
}

#[test]
fn times_are_kept_for_as_long_as_their_turns_and_never_without_end() {
    let mut state = with_host();
    state.step(Change::Conversation(Event::Conversation { id: "a".into(), turns: vec![] }), 1_000);
    for turn in 0..3_000 {
        state.step(times(turn, 1), 1_000);
    }
    let kept = state.snapshot().times.len();
    assert!(kept <= 1_000, "{kept}");
    let most = u64::try_from(MOST_TURNS).unwrap();
    for number in 0..=most {
        state.step(Change::Conversation(Event::Turns(vec![shown("a", number, "")])), 2_000);
    }
    // The first thousand turns are out of sight, and more with each later thousand.
    let first: u64 = state.snapshot().turns[0].id.parse().unwrap();
    assert!(state.snapshot().times.iter().all(|times| times.turn.parse::<u64>().unwrap() >= first));
}
