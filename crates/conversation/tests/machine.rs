//! The state machine of a conversation, by sequences of what happens.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::time::Duration;

use conversation::{
    CallState, Host, Phase,
    machine::{Effect, Input, LinkEvent, Machine, Moment},
    problem::{Action, LinkError, Problem},
};
use wire::HostMetadata;

/// A machine with a clock and a memory of what it wanted.
struct World {
    machine: Machine,
    now: Duration,
    call: Option<CallState>,
    effects: Vec<Effect>,
}

impl World {
    fn new() -> Self {
        let conversation = store::Conversation { id: "c".into(), started_ms: 0 };
        Self {
            machine: Machine::new(conversation, &[], Moment::default()),
            now: Duration::ZERO,
            call: None,
            effects: Vec::new(),
        }
    }

    fn moment(&self) -> Moment {
        Moment { mono: self.now, unix_ms: 1_000_000 + i64::try_from(self.now.as_millis()).unwrap() }
    }

    /// What the machine wants at once; stores succeed.
    fn step(&mut self, input: Input) -> Vec<Effect> {
        let mut all = Vec::new();
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let effects = self.machine.step(input, self.moment());
            for effect in &effects {
                match effect {
                    Effect::Call(call) => self.call = Some((**call).clone()),
                    Effect::Store(..) => inputs.push(Input::Stored(Ok(()))),
                    _ => {}
                }
            }
            all.extend(effects);
        }
        self.effects.extend(all.clone());
        all
    }

    fn talk(&mut self) -> Vec<Effect> {
        self.step(Input::Talk(Host::new("gpu:8998", "", "", Duration::from_secs(240))))
    }

    fn link(&mut self, link: u64, event: LinkEvent) -> Vec<Effect> {
        self.step(Input::Link(link, event))
    }

    /// Lets time go by, with a tick at each deadline.
    fn wait(&mut self, duration: Duration) -> Vec<Effect> {
        let until = self.now + duration;
        let mut all = Vec::new();
        while let Some(deadline) = self.machine.deadline().filter(|d| *d <= until) {
            self.now = self.now.max(deadline);
            all.extend(self.step(Input::Tick));
        }
        self.now = until;
        all
    }

    fn phase(&self) -> Phase {
        self.call.as_ref().unwrap().phase
    }

    fn problem(&self) -> &'static str {
        self.call.as_ref().unwrap().problem.as_ref().map_or("", |p| p.code)
    }

    fn live(&mut self) -> u64 {
        let effects = self.talk();
        let link = connected(&effects).unwrap();
        self.link(link, LinkEvent::Connected);
        self.link(link, LinkEvent::Handshake);
        assert_eq!(self.phase(), Phase::Live);
        link
    }

    /// Texts of all turns shown so far, in their last state.
    fn turns(&self) -> Vec<String> {
        let mut turns = std::collections::BTreeMap::new();
        for effect in &self.effects {
            if let Effect::Show(shown) = effect {
                for turn in shown {
                    turns.insert(turn.turn.number, turn.turn.text.clone());
                }
            }
        }
        turns.into_values().collect()
    }
}

fn connected(effects: &[Effect]) -> Option<u64> {
    effects.iter().find_map(|e| if let Effect::Connect(link, _) = e { Some(*link) } else { None })
}

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

const CLOSED: LinkEvent = LinkEvent::Ended(LinkError::Closed(None));

#[test]
fn a_call_goes_from_connecting_over_warming_up_to_live() {
    let mut w = World::new();
    let effects = w.talk();
    assert_eq!(w.phase(), Phase::Connecting);
    assert!(matches!(effects[0], Effect::OpenSound), "the microphone is warm before the host is");
    w.link(1, LinkEvent::Connected);
    assert_eq!((w.phase(), w.problem()), (Phase::WarmingUp, "call.warming_up"));
    assert_eq!(w.call.as_ref().unwrap().limit, Some(secs(240)));
    let metadata =
        HostMetadata { server: Some("myca host".into()), version: Some("1.2".into()), ..Default::default() };
    w.link(1, LinkEvent::Metadata(Box::new(metadata)));
    w.link(1, LinkEvent::Handshake);
    let call = w.call.clone().unwrap();
    assert_eq!((call.phase, call.problem, call.limit), (Phase::Live, None, None));
    assert_eq!(call.server.as_deref(), Some("myca host 1.2"));
}

#[test]
fn a_host_that_says_nothing_seems_busy_and_is_given_up_at_the_limit() {
    let mut w = World::new();
    w.talk();
    w.link(1, LinkEvent::Connected);
    w.wait(secs(7));
    assert_eq!(w.phase(), Phase::WarmingUp);
    w.wait(secs(2));
    assert_eq!((w.phase(), w.problem()), (Phase::Busy, "call.seems_busy"));
    let effects = w.wait(secs(240));
    assert!(effects.contains(&Effect::Disconnect(1)) && effects.contains(&Effect::CloseSound));
    assert_eq!((w.phase(), w.problem()), (Phase::Failed, "call.no_handshake"));
}

#[test]
fn a_host_of_ours_that_works_for_long_does_not_seem_busy() {
    let mut w = World::new();
    w.talk();
    w.link(1, LinkEvent::Connected);
    let metadata = HostMetadata {
        capabilities: vec![wire::capability::REFUSES_WHEN_BUSY.into()],
        ..HostMetadata::default()
    };
    w.link(1, LinkEvent::Metadata(Box::new(metadata)));
    w.wait(secs(60));
    assert_eq!(w.phase(), Phase::WarmingUp);
}

#[test]
fn a_busy_host_is_asked_again_until_it_lets_the_call_in() {
    let mut w = World::new();
    w.talk();
    w.link(1, LinkEvent::Connected);
    w.link(1, LinkEvent::Ended(LinkError::Busy(None)));
    assert_eq!((w.phase(), w.problem()), (Phase::Busy, "link.busy"));
    let since = w.call.as_ref().unwrap().since_ms;
    assert!(w.call.as_ref().unwrap().retry_at_ms.is_some());
    let link = connected(&w.wait(secs(3))).unwrap();
    assert_eq!(w.phase(), Phase::Busy, "it is busy until it says otherwise");
    w.link(link, LinkEvent::Ended(LinkError::Busy(None)));
    let link = connected(&w.wait(secs(5))).unwrap();
    assert_eq!(w.call.as_ref().unwrap().since_ms, since, "the wait is counted as one");
    w.link(link, LinkEvent::Connected);
    w.link(link, LinkEvent::Handshake);
    assert_eq!(w.phase(), Phase::Live);
}

#[test]
fn a_first_call_that_cannot_succeed_fails_at_once_with_its_reason() {
    for (error, code) in [
        (LinkError::Refused, "link.refused"),
        (LinkError::NotFound, "link.not_found"),
        (LinkError::UnknownName("x".into()), "link.unknown_name"),
        (LinkError::Certificate("y".into()), "link.certificate"),
        (LinkError::NotMoshi("z".into()), "link.not_moshi"),
    ] {
        let mut w = World::new();
        w.talk();
        let effects = w.link(1, LinkEvent::Ended(error));
        assert_eq!((w.phase(), w.problem()), (Phase::Failed, code));
        assert!(effects.contains(&Effect::CloseSound), "{code}: no microphone stays open");
        assert_eq!(w.machine.deadline(), None, "{code}: nothing goes on in the background");
    }
}

#[test]
fn a_server_that_closes_while_it_prepares_is_said_to_have_done_so() {
    let mut w = World::new();
    w.talk();
    w.link(1, LinkEvent::Connected);
    w.link(1, CLOSED);
    assert_eq!((w.phase(), w.problem()), (Phase::Failed, "call.ended_before_it_began"));
}

#[test]
fn a_lost_connection_is_made_again_and_the_conversation_stays() {
    let mut w = World::new();
    let link = w.live();
    w.link(link, LinkEvent::Text(" Before".into()));
    w.wait(secs(20));
    w.link(link, CLOSED);
    assert_eq!(w.phase(), Phase::Reconnecting);
    w.step(Input::Typed("meanwhile".into()));
    let again = connected(&w.wait(secs(1))).unwrap();
    assert_ne!(again, link);
    w.link(again, LinkEvent::Connected);
    assert_eq!(w.phase(), Phase::Reconnecting);
    w.link(again, LinkEvent::Handshake);
    assert_eq!(w.phase(), Phase::Live);
    w.link(again, LinkEvent::Text(" After".into()));
    assert_eq!(w.turns(), ["Before", "meanwhile", "After"]);
    assert!(!w.effects.contains(&Effect::CloseSound), "the microphone stays warm");
}

#[test]
fn tries_come_ever_slower_and_end_in_typing() {
    let mut w = World::new();
    let link = w.live();
    w.wait(secs(10));
    w.link(link, CLOSED);
    let lost = w.now;
    let mut tries = Vec::new();
    while w.phase() == Phase::Reconnecting {
        let deadline = w.machine.deadline().unwrap();
        w.now = deadline;
        if let Some(link) = connected(&w.step(Input::Tick)) {
            tries.push((w.now - lost).as_millis());
            w.link(link, LinkEvent::Ended(LinkError::Refused));
        }
    }
    assert_eq!(tries[..5], [300, 1_300, 3_300, 7_300, 15_300]);
    assert!(tries.len() < 40, "{} tries in five minutes", tries.len());
    assert_eq!((w.phase(), w.problem()), (Phase::TypingOnly, "call.gone"));
    w.step(Input::Typed("still here".into()));
    assert_eq!(w.turns(), ["still here"]);
    w.talk();
    assert_eq!(w.phase(), Phase::Connecting, "Talk tries again");
}

#[test]
fn a_host_that_hangs_up_at_once_again_and_again_is_not_called_for_ever() {
    let mut w = World::new();
    let mut link = w.live();
    for _ in 0..3 {
        w.wait(secs(1));
        w.link(link, CLOSED);
        if w.phase() == Phase::Failed {
            break;
        }
        link = connected(&w.wait(secs(2))).unwrap();
        w.link(link, LinkEvent::Connected);
        w.link(link, LinkEvent::Handshake);
    }
    assert_eq!((w.phase(), w.problem()), (Phase::Failed, "call.ends_at_once"));
}

#[test]
fn a_host_that_sends_no_moshi_again_and_again_is_not_called_for_ever_however_long_the_calls_are() {
    let mut w = World::new();
    let mut link = w.live();
    let mut calls = 0;
    // One call in between that ends like any other.
    let ends = [true, true, false, true, true, true, true];
    for is_garbage in ends {
        calls += 1;
        w.wait(secs(12));
        let error =
            if is_garbage { LinkError::Protocol("text without end".into()) } else { LinkError::Closed(None) };
        w.link(link, LinkEvent::Ended(error));
        if w.phase() == Phase::Failed {
            break;
        }
        assert_eq!(w.phase(), Phase::Reconnecting);
        link = connected(&w.wait(secs(2))).unwrap();
        w.link(link, LinkEvent::Connected);
        w.link(link, LinkEvent::Handshake);
    }
    assert_eq!((w.phase(), w.problem(), calls), (Phase::Failed, "link.protocol", 6));
}

#[test]
fn the_wait_is_told_from_its_beginning_however_often_its_phase_changes() {
    let mut world = World::new();
    let effects = world.talk();
    let began = world.moment().unix_ms;
    world.wait(secs(2));
    world.link(connected(&effects).unwrap(), LinkEvent::Connected);
    assert_eq!(world.phase(), Phase::WarmingUp);
    let call = world.call.clone().unwrap();
    assert_eq!((call.waiting_since_ms, call.since_ms), (Some(began), began + 2_000));
    world.wait(secs(8));
    assert_eq!(world.phase(), Phase::Busy);
    assert_eq!(world.call.clone().unwrap().waiting_since_ms, Some(began));
    world.link(1, LinkEvent::Handshake);
    assert_eq!(world.call.clone().unwrap().waiting_since_ms, None, "nothing is waited for");
}

#[test]
fn whoever_waits_is_offered_to_stop_and_not_to_talk() {
    let mut world = World::new();
    let link = world.live();
    world.link(link, LinkEvent::Ended(LinkError::Refused));
    assert_eq!(world.phase(), Phase::Reconnecting);
    let actions = world.call.clone().unwrap().problem.unwrap().actions;
    assert_eq!(actions, [Action::Stop, Action::OpenHostSettings]);
}

#[test]
fn stop_is_latched() {
    let mut w = World::new();
    let link = w.live();
    w.link(link, LinkEvent::Text(" I was say".into()));
    let effects = w.step(Input::Stop);
    assert!(effects.contains(&Effect::Disconnect(link)) && effects.contains(&Effect::CloseSound));
    assert_eq!(w.phase(), Phase::Idle);
    for event in [LinkEvent::Text("ing".into()), LinkEvent::Handshake, CLOSED] {
        assert_eq!(w.link(link, event), [], "what the abandoned link says changes nothing");
    }
    assert_eq!(w.turns(), ["I was say"]);
    assert_eq!(w.wait(secs(600)), []);
}

#[test]
fn stop_ends_every_kind_of_waiting() {
    let stages: [fn(&mut World); 5] = [
        |_| {},
        |w| drop(w.link(1, LinkEvent::Connected)),
        |w| {
            w.link(1, LinkEvent::Connected);
            w.wait(secs(20));
        },
        |w| drop(w.link(1, LinkEvent::Ended(LinkError::Busy(None)))),
        |w| {
            w.link(1, LinkEvent::Handshake);
            w.link(1, CLOSED);
        },
    ];
    for (i, stage) in stages.into_iter().enumerate() {
        let mut w = World::new();
        w.talk();
        stage(&mut w);
        w.step(Input::Stop);
        assert_eq!(w.phase(), Phase::Idle, "stage {i}");
        assert_eq!(w.wait(secs(900)), [], "stage {i}: nothing goes on");
    }
}

#[test]
fn a_new_call_does_not_listen_to_the_old_ones_link() {
    let mut w = World::new();
    let old = w.live();
    w.step(Input::Stop);
    let new = connected(&w.talk()).unwrap();
    w.link(old, LinkEvent::Text("ghost".into()));
    w.link(old, LinkEvent::Handshake);
    assert_eq!(w.phase(), Phase::Connecting);
    w.link(new, LinkEvent::Handshake);
    assert_eq!((w.phase(), w.turns()), (Phase::Live, vec![]));
}

#[test]
fn a_handshake_without_anything_before_it_is_enough() {
    let mut w = World::new();
    w.talk();
    w.link(1, LinkEvent::Handshake);
    assert_eq!(w.phase(), Phase::Live);
}

#[test]
fn talk_twice_makes_one_call() {
    let mut w = World::new();
    w.talk();
    assert_eq!(w.talk(), []);
}

#[test]
fn without_a_usable_address_talk_says_why_and_typing_works() {
    let mut w = World::new();
    for (address, code) in
        [("", "host.none"), ("ftp://x", "host.bad_address"), ("ws://a:b@c", "host.secret_in_address")]
    {
        w.step(Input::Talk(Host::new(address, "", "", secs(240))));
        assert_eq!((w.phase(), w.problem()), (Phase::Failed, code));
        assert!(!w.effects.iter().any(|e| matches!(e, Effect::OpenSound)));
    }
    w.step(Input::Typed("hello".into()));
    assert_eq!(w.turns(), ["hello"]);
}

#[test]
fn mute_holds_over_calls() {
    let mut w = World::new();
    w.step(Input::Mute(true));
    let effects = w.talk();
    assert!(effects.contains(&Effect::Mute(true)));
    assert!(w.call.as_ref().unwrap().muted);
}

#[test]
fn a_new_conversation_ends_the_call_and_keeps_the_old_turns() {
    let mut w = World::new();
    let link = w.live();
    w.link(link, LinkEvent::Text("old".into()));
    let effects = w.step(Input::Begin(store::Conversation { id: "d".into(), started_ms: 9 }, Vec::new()));
    assert!(effects.contains(&Effect::Disconnect(link)));
    let stored_old =
        w.effects.iter().any(|e| matches!(e, Effect::Store(c, t) if c.id == "c" && t[0].text == "old"));
    assert!(stored_old);
    let effects = w.step(Input::Typed("new".into()));
    assert!(effects.iter().any(|e| matches!(e, Effect::Store(c, t) if c.id == "d" && t[0].number == 0)));
}

#[test]
fn a_disk_that_refuses_is_said_once_and_so_is_its_recovery() {
    let conversation = store::Conversation { id: "c".into(), started_ms: 0 };
    let mut machine = Machine::new(conversation, &[], Moment::default());
    let at = |s| Moment { mono: secs(s), unix_ms: 0 };
    let full = || Problem::not_saved(&store::DatabaseError::DiskFull);
    machine.step(Input::Typed("a".into()), at(0));
    let effects = machine.step(Input::Stored(Err(full())), at(0));
    assert!(effects.contains(&Effect::Saving(Some(full()))), "{effects:?}");
    machine.step(Input::Typed("b".into()), at(1));
    let effects = machine.step(Input::Stored(Err(full())), at(1));
    assert!(!effects.iter().any(|e| matches!(e, Effect::Saving(_))), "said once");
    machine.step(Input::Tick, at(7));
    let effects = machine.step(Input::Stored(Ok(())), at(7));
    assert!(effects.contains(&Effect::Saving(None)));
    assert!(machine.is_settled());
}

mod any_sequence {
    use proptest::prelude::*;

    use super::*;

    fn input() -> impl Strategy<Value = Input> {
        let event = prop_oneof![
            Just(LinkEvent::Connected),
            Just(LinkEvent::Handshake),
            "[a-z ]{0,6}".prop_map(LinkEvent::Text),
            Just(CLOSED),
            Just(LinkEvent::Ended(LinkError::Busy(None))),
            Just(LinkEvent::Ended(LinkError::NotFound)),
        ];
        prop_oneof![
            2 => Just(Input::Talk(Host::new("h", "", "", secs(30)))),
            1 => Just(Input::Stop),
            1 => any::<bool>().prop_map(Input::Mute),
            1 => "[a-z ]{0,4}".prop_map(Input::Typed),
            6 => (0_u64..6, event).prop_map(|(link, event)| Input::Link(link, event)),
            3 => Just(Input::Tick),
        ]
    }

    proptest! {
        /// Whatever happens: sound is open exactly while a call is, at most one link is open, and turns never get lost
        /// or out of order.
        #[test]
        fn keeps_sound_links_and_turns_in_order(inputs in prop::collection::vec((input(), 0_u64..20), 0..60)) {
            let mut w = World::new();
            let (mut sound, mut links) = (false, std::collections::BTreeSet::new());
            let mut typed = Vec::new();
            for (input, pause) in inputs {
                if let Input::Typed(text) = &input && !text.trim().is_empty() {
                    typed.push(text.trim().to_owned());
                }
                if let Input::Link(link, LinkEvent::Ended(_)) = &input {
                    links.remove(link);
                }
                let mut effects = w.step(input);
                effects.extend(w.wait(secs(pause)));
                for effect in effects {
                    match effect {
                        Effect::OpenSound => { prop_assert!(!sound); sound = true; }
                        Effect::CloseSound => { prop_assert!(sound); sound = false; }
                        Effect::Connect(link, _) => { links.insert(link); }
                        Effect::Disconnect(link) => { links.remove(&link); }
                        _ => {}
                    }
                }
                prop_assert!(links.len() <= 1, "{:?}", links);
                let in_call = w.call.as_ref().is_some_and(|c| !matches!(c.phase, Phase::Idle | Phase::Failed | Phase::TypingOnly));
                prop_assert_eq!(sound, in_call);
            }
            let turns = w.turns();
            let mut rest = turns.iter();
            for text in typed {
                prop_assert!(rest.any(|t| *t == text), "{} is missing from {:?}", text, turns);
            }
        }
    }
}
