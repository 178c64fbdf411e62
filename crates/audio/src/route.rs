//! Which device is used: the person's choice while it is there, else the system's default.
//!
//! A state machine for one direction. What happens goes in with the time, what is to be done comes out; opening and
//! closing is somebody else's.

use std::{collections::HashMap, time::Duration};

use crate::device::{DeviceError, DeviceId, DeviceInfo, Direction};

/// First wait after a device could not be opened; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(300);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// A device that failed is passed over for this long where there is another one, and for twice as long each time that
/// it fails again, up to [`LONGEST_AVOID`].
const AVOID: Duration = Duration::from_secs(5);
const LONGEST_AVOID: Duration = Duration::from_secs(300);
/// A device that died and was opened again is believed to live after this long; a dead one is found out before.
const PROBATION: Duration = Duration::from_millis(1_500);
/// A device that served for this long and then failed is as good as any.
const STEADY: Duration = Duration::from_secs(60);

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RouteInput {
    /// The person chose a device, or `None` to follow the system's default.
    Choose(Option<DeviceId>),
    /// The system's devices of this direction, now.
    Devices(Vec<DeviceInfo>),
    /// The sound system itself does not answer.
    Unavailable(DeviceError),
    /// The device that was asked for runs.
    Opened,
    /// It does not.
    OpenFailed(DeviceError),
    /// The running stream ended.
    Ended(DeviceError),
    /// The system moved the running stream to this device.
    Moved(DeviceId),
    /// The running stream has stopped calling without a word.
    Silent,
    /// Time went by.
    Tick,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    Closed {
        retry_at: Duration,
    },
    Opening {
        device: DeviceId,
        /// What goes on being used if it does not open.
        before: Option<Used>,
    },
    Open(Used),
}

#[derive(Debug, Clone, PartialEq)]
struct Used {
    device: DeviceId,
    since: Duration,
}

/// How long a device that failed is passed over.
#[derive(Debug, Clone, PartialEq)]
struct Avoided {
    until: Duration,
    wait: Duration,
    /// Whether it failed while it was in use, and not when it was opened.
    died: bool,
}

/// How a device failed.
#[derive(Debug, Clone, Copy)]
enum Failure {
    Open,
    Use { served: Duration },
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RouteEffect {
    /// Close what is open and open this.
    Open(DeviceId),
    /// Open this, and close what is open if that works. What failed once may fail each time, and must not interrupt
    /// what works.
    Switch(DeviceId),
    /// Close what is open; there is nothing to open.
    Close,
}

/// The state of one direction as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteStatus {
    /// Microphone or loudspeaker.
    pub direction: Direction,
    /// The person's choice; `None` follows the system's default.
    pub chosen: Option<DeviceId>,
    /// Whether the chosen device is not there.
    pub chosen_missing: bool,
    /// The device in use.
    pub in_use: Option<DeviceInfo>,
    /// Why nothing, or not the chosen device, is in use.
    pub error: Option<DeviceError>,
}

/// The state machine.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    direction: Direction,
    chosen: Option<DeviceId>,
    list: Vec<DeviceInfo>,
    state: State,
    wait: Duration,
    avoid: HashMap<DeviceId, Avoided>,
    /// The running stream was moved by the system, or by the person in a volume control. That is respected until
    /// devices or the choice change.
    moved: bool,
    error: Option<DeviceError>,
}

impl Route {
    pub(crate) fn new(direction: Direction, chosen: Option<DeviceId>) -> Self {
        Self {
            direction,
            chosen,
            list: Vec::new(),
            state: State::Closed { retry_at: Duration::ZERO },
            wait: FIRST_WAIT,
            avoid: HashMap::new(),
            moved: false,
            error: None,
        }
    }

    pub(crate) fn status(&self) -> RouteStatus {
        let known = |id: &DeviceId| {
            let listed = self.list.iter().find(|d| d.id == *id).cloned();
            listed.unwrap_or_else(|| DeviceInfo { id: id.clone(), name: id.0.clone(), is_default: false })
        };
        RouteStatus {
            direction: self.direction,
            chosen: self.chosen.clone(),
            chosen_missing: self.chosen.as_ref().is_some_and(|id| !self.is_listed(id)),
            in_use: match &self.state {
                State::Open(used) | State::Opening { before: Some(used), .. } => Some(known(&used.device)),
                State::Opening { before: None, .. } | State::Closed { .. } => None,
            },
            error: self.error.clone(),
        }
    }

    /// Takes what happened at `now` and returns what is to be done.
    pub(crate) fn step(&mut self, input: RouteInput, now: Duration) -> Option<RouteEffect> {
        match input {
            RouteInput::Choose(chosen) => {
                self.chosen = chosen;
                self.avoid.clear();
                self.moved = false;
                self.soon();
            }
            RouteInput::Devices(list) => {
                if matches!(self.error, Some(DeviceError::NoSystem(_))) {
                    self.error = None;
                }
                if list != self.list {
                    self.list = list;
                    let list = &self.list;
                    // One that was taken away and comes back is another matter.
                    self.avoid.retain(|id, _| list.iter().any(|d| d.id == *id));
                    self.moved = false;
                    self.soon();
                }
            }
            RouteInput::Unavailable(error) => {
                self.list.clear();
                self.avoid.clear();
                let was_open = matches!(self.state, State::Open(_));
                self.close(error, now);
                return was_open.then_some(RouteEffect::Close);
            }
            RouteInput::Opened => {
                if let State::Opening { device, .. } = &self.state {
                    self.state = State::Open(Used { device: device.clone(), since: now });
                    self.wait = FIRST_WAIT;
                }
            }
            RouteInput::OpenFailed(error) => {
                let State::Opening { device, before } = &self.state else { return None };
                let (device, before) = (device.clone(), before.clone());
                self.avoid(&device, Failure::Open, now);
                match before {
                    Some(used) => {
                        self.error = Some(error);
                        self.state = State::Open(used);
                    }
                    None => {
                        // Another device need not wait for this one.
                        let other = self.desired(now).is_some_and(|other| other != device);
                        self.close(error, if other { now } else { now + self.wait });
                        self.wait = (self.wait * 2).min(LONGEST_WAIT);
                    }
                }
            }
            RouteInput::Ended(error) => self.lost(error, now),
            RouteInput::Silent => self.lost(DeviceError::Lost(self.direction), now),
            RouteInput::Moved(id) => {
                if let State::Open(open) = &mut self.state {
                    open.device = id;
                    self.moved = true;
                }
            }
            RouteInput::Tick => {}
        }
        self.reconcile(now)
    }

    fn lost(&mut self, error: DeviceError, now: Duration) {
        if let State::Open(used) = &self.state {
            let (device, served) = (used.device.clone(), now.saturating_sub(used.since));
            self.avoid(&device, Failure::Use { served }, now);
            self.close(error, now);
        }
    }

    /// Passes over a device that failed.
    fn avoid(&mut self, device: &DeviceId, failure: Failure, now: Duration) {
        let wait = match (self.avoid.get(device), failure) {
            (None, _) => AVOID,
            (Some(_), Failure::Use { served }) if served > STEADY => AVOID,
            (Some(avoided), _) => (avoided.wait * 2).min(LONGEST_AVOID),
        };
        let died = matches!(failure, Failure::Use { .. });
        self.avoid.insert(device.clone(), Avoided { until: now + wait, wait, died });
    }

    /// Whether the device in use is not known to be good.
    fn is_on_probation(&self, used: &Used, now: Duration) -> bool {
        let died = self.avoid.get(&used.device).is_some_and(|avoided| avoided.died && now < avoided.until);
        died && now.saturating_sub(used.since) < PROBATION
    }

    fn close(&mut self, error: DeviceError, retry_at: Duration) {
        self.error = Some(error);
        self.state = State::Closed { retry_at };
    }

    /// Something changed for the better: what waits for its next try need not wait.
    fn soon(&mut self) {
        self.wait = FIRST_WAIT;
        if let State::Closed { retry_at } = &mut self.state {
            *retry_at = Duration::ZERO;
        }
    }

    fn is_listed(&self, id: &DeviceId) -> bool {
        self.list.iter().any(|d| d.id == *id)
    }

    /// The device that is used if nothing is wrong with it.
    fn wanted(&self) -> Option<&DeviceId> {
        let chosen = self.chosen.as_ref().filter(|id| self.is_listed(id));
        let default = self.list.iter().find(|d| d.is_default).or(self.list.first()).map(|d| &d.id);
        chosen.or(default)
    }

    fn desired(&self, now: Duration) -> Option<DeviceId> {
        // What serves is not avoided, whatever it did before.
        let avoided = |id: &&DeviceId| match &self.state {
            State::Open(used) if used.device == **id => false,
            _ => self.avoid.get(*id).is_some_and(|avoided| now < avoided.until),
        };
        let wanted = self.wanted()?;
        // The wanted one may have failed a moment ago. Another one is better than nothing, and it better than nothing.
        let default = self.list.iter().filter(|d| d.is_default);
        let others = default.chain(&self.list).map(|d| &d.id);
        Some([wanted].into_iter().chain(others).find(|id| !avoided(id)).unwrap_or(wanted).clone())
    }

    fn reconcile(&mut self, now: Duration) -> Option<RouteEffect> {
        let desired = self.desired(now);
        if let State::Open(open) = &self.state
            && self.wanted() == Some(&open.device)
            && !self.is_on_probation(open, now)
        {
            self.error = None;
        }
        match (&self.state, desired) {
            (State::Opening { .. }, _) => None,
            (State::Open(open), Some(desired)) if open.device == desired => None,
            (State::Open(open), Some(_)) if self.moved && self.is_listed(&open.device) => None,
            (State::Closed { retry_at }, Some(_)) if now < *retry_at => None,
            (State::Open(open), Some(desired)) if self.is_listed(&open.device) => {
                self.state = State::Opening { device: desired.clone(), before: Some(open.clone()) };
                Some(RouteEffect::Switch(desired))
            }
            (_, Some(desired)) => {
                self.state = State::Opening { device: desired.clone(), before: None };
                Some(RouteEffect::Open(desired))
            }
            (State::Closed { .. }, None) => {
                if !matches!(self.error, Some(DeviceError::NoSystem(_))) {
                    self.error = Some(DeviceError::NotFound(self.direction));
                }
                None
            }
            (State::Open(_), None) => {
                self.close(DeviceError::NotFound(self.direction), now);
                Some(RouteEffect::Close)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> DeviceId {
        DeviceId(name.into())
    }

    /// A list from names; the one with a star is the default.
    fn devices(names: &[&str]) -> RouteInput {
        let device = |name: &&str| DeviceInfo {
            id: id(name.trim_end_matches('*')),
            name: (*name).into(),
            is_default: name.ends_with('*'),
        };
        RouteInput::Devices(names.iter().map(device).collect())
    }

    fn open(name: &str) -> Option<RouteEffect> {
        Some(RouteEffect::Open(id(name)))
    }

    fn switch(name: &str) -> Option<RouteEffect> {
        Some(RouteEffect::Switch(id(name)))
    }

    fn in_use(route: &Route) -> Option<DeviceId> {
        route.status().in_use.map(|d| d.id)
    }

    fn secs(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    fn route(chosen: Option<&str>) -> Route {
        Route::new(Direction::Input, chosen.map(id))
    }

    #[test]
    fn the_default_is_followed_when_it_changes() {
        let mut r = route(None);
        assert_eq!(r.step(devices(&["a*", "b"]), secs(0)), open("a"));
        assert_eq!(r.step(RouteInput::Opened, secs(0)), None);
        assert_eq!(r.step(devices(&["a", "b*"]), secs(1)), switch("b"));
        assert_eq!(in_use(&r), Some(id("a")), "until the other one runs");
        r.step(RouteInput::Opened, secs(1));
        assert_eq!(in_use(&r), Some(id("b")));
    }

    #[test]
    fn a_chosen_device_is_returned_to_when_it_comes_back() {
        let mut r = route(Some("usb"));
        assert_eq!(r.step(devices(&["a*", "usb"]), secs(0)), open("usb"));
        r.step(RouteInput::Opened, secs(0));
        assert_eq!(r.step(RouteInput::Ended(DeviceError::Lost(Direction::Input)), secs(5)), open("a"));
        r.step(RouteInput::Opened, secs(5));
        assert_eq!(r.step(devices(&["a*"]), secs(5)), None);
        assert!(r.status().chosen_missing);
        assert_eq!(r.status().error, None, "the device in use is the right one for now");
        // Plugged in again long after: back to it at once.
        assert_eq!(r.step(devices(&["a*", "usb"]), secs(60)), switch("usb"));
        r.step(RouteInput::Opened, secs(60));
        assert!(!r.status().chosen_missing);
    }

    #[test]
    fn a_chosen_device_that_was_pulled_and_plugged_at_once_is_taken_up_after_a_moment() {
        let mut r = route(Some("usb"));
        r.step(devices(&["a*", "usb"]), secs(0));
        r.step(RouteInput::Opened, secs(0));
        r.step(RouteInput::Ended(DeviceError::Lost(Direction::Input)), secs(5));
        r.step(RouteInput::Opened, secs(5));
        assert_eq!(r.step(RouteInput::Tick, secs(6)), None);
        assert_eq!(
            r.status().error,
            Some(DeviceError::Lost(Direction::Input)),
            "why it is not the chosen one"
        );
        assert_eq!(r.step(RouteInput::Tick, secs(11)), switch("usb"));
        r.step(RouteInput::Opened, secs(11));
        assert_eq!(r.status().error, None);
    }

    #[test]
    fn a_device_that_dies_in_silence_is_left_for_another_one() {
        let mut r = route(None);
        r.step(devices(&["a*", "b"]), secs(0));
        r.step(RouteInput::Opened, secs(0));
        assert_eq!(r.step(RouteInput::Silent, secs(3)), open("b"));
    }

    #[test]
    fn the_only_device_that_died_is_opened_again_and_not_called_well_before_it_is() {
        let mut r = route(None);
        let lost = || Some(DeviceError::Lost(Direction::Input));
        let at = Duration::from_millis;
        r.step(devices(&["a*"]), secs(0));
        r.step(RouteInput::Opened, secs(0));
        for second in 3..6 {
            assert_eq!(r.step(RouteInput::Silent, secs(second)), open("a"));
            r.step(RouteInput::Opened, secs(second));
            assert_eq!((in_use(&r), r.status().error), (Some(id("a")), lost()));
        }
        r.step(RouteInput::Tick, at(6_000));
        assert_eq!(r.status().error, lost());
        r.step(RouteInput::Tick, at(6_600));
        assert_eq!(r.status().error, None, "it has not fallen silent again");
    }

    #[test]
    fn the_only_device_is_tried_again_with_growing_waits() {
        let mut r = route(None);
        assert_eq!(r.step(devices(&["a*"]), secs(0)), open("a"));
        let failed = || RouteInput::OpenFailed(DeviceError::Busy(Direction::Input));
        assert_eq!(r.step(failed(), secs(0)), None);
        assert_eq!(r.status().error, Some(DeviceError::Busy(Direction::Input)));
        assert_eq!(r.step(RouteInput::Tick, Duration::from_millis(200)), None);
        assert_eq!(r.step(RouteInput::Tick, Duration::from_millis(300)), open("a"));
        assert_eq!(r.step(failed(), secs(1)), None);
        assert_eq!(r.step(RouteInput::Tick, secs(1) + Duration::from_millis(500)), None);
        assert_eq!(r.step(RouteInput::Tick, secs(1) + Duration::from_millis(600)), open("a"));
        r.step(RouteInput::Opened, secs(2));
        assert_eq!(r.status().error, None);
    }

    #[test]
    fn no_device_at_all_is_said_and_the_first_one_is_taken() {
        let mut r = route(None);
        assert_eq!(r.step(devices(&[]), secs(0)), None);
        assert_eq!(r.status().error, Some(DeviceError::NotFound(Direction::Input)));
        assert_eq!(r.step(devices(&["a"]), secs(1)), open("a"));
        r.step(RouteInput::Opened, secs(1));
        assert_eq!(r.step(devices(&[]), secs(2)), Some(RouteEffect::Close));
    }

    #[test]
    fn a_stream_that_was_moved_stays_until_devices_or_the_choice_change() {
        let mut r = route(None);
        r.step(devices(&["a*", "b"]), secs(0));
        r.step(RouteInput::Opened, secs(0));
        assert_eq!(r.step(RouteInput::Moved(id("b")), secs(1)), None);
        assert_eq!(r.step(devices(&["a*", "b"]), secs(2)), None, "nothing new in this list");
        assert_eq!(in_use(&r), Some(id("b")));
        assert_eq!(r.step(RouteInput::Choose(Some(id("a"))), secs(3)), switch("a"));
    }

    #[test]
    fn a_chosen_device_is_returned_to_after_the_system_moved_its_stream_away() {
        let mut r = route(Some("usb"));
        r.step(devices(&["a*", "usb"]), secs(0));
        r.step(RouteInput::Opened, secs(0));
        r.step(RouteInput::Moved(id("a")), secs(1));
        assert_eq!(r.step(devices(&["a*"]), secs(1)), None);
        assert_eq!(r.step(devices(&["a*", "usb"]), secs(9)), switch("usb"));
    }

    #[test]
    fn a_sound_server_that_went_away_is_said_and_its_return_noticed() {
        let mut r = route(None);
        r.step(devices(&["a*"]), secs(0));
        r.step(RouteInput::Opened, secs(0));
        let gone = DeviceError::NoSystem("gone".into());
        assert_eq!(r.step(RouteInput::Unavailable(gone.clone()), secs(1)), Some(RouteEffect::Close));
        assert_eq!(r.step(RouteInput::Tick, secs(2)), None);
        assert_eq!(r.status().error, Some(gone));
        assert_eq!(r.step(devices(&["a*"]), secs(3)), open("a"));
    }

    #[test]
    fn a_choice_takes_effect_at_once() {
        let mut r = route(None);
        r.step(devices(&["a*", "b"]), secs(0));
        r.step(RouteInput::Opened, secs(0));
        assert_eq!(r.step(RouteInput::Choose(Some(id("b"))), secs(1)), switch("b"));
        r.step(RouteInput::Opened, secs(1));
        assert_eq!(r.step(RouteInput::Choose(None), secs(2)), switch("a"));
    }

    #[test]
    fn a_chosen_device_that_is_refused_is_said_and_does_not_interrupt_the_one_that_serves() {
        let mut r = route(Some("usb"));
        let refused = || RouteInput::OpenFailed(DeviceError::Refused(Direction::Input));
        assert_eq!(r.step(devices(&["a*", "usb"]), secs(0)), open("usb"));
        assert_eq!(r.step(refused(), secs(0)), open("a"), "another one need not wait");
        r.step(RouteInput::Opened, secs(0));
        assert_eq!(r.status().error, Some(DeviceError::Refused(Direction::Input)));
        let mut tries = Vec::new();
        for s in 1..400 {
            if let Some(effect) = r.step(RouteInput::Tick, secs(s)) {
                assert_eq!(Some(effect), switch("usb"));
                assert_eq!(r.step(refused(), secs(s)), None, "what was in use still is");
                tries.push(s);
            }
            assert_eq!(in_use(&r), Some(id("a")), "after {s} s");
        }
        assert_eq!(tries, [5, 15, 35, 75, 155, 315], "ever more seldom");
        assert_eq!(r.step(RouteInput::Choose(Some(id("usb"))), secs(400)), switch("usb"), "asked for again");
    }

    #[test]
    fn a_chosen_device_that_dies_again_and_again_is_tried_ever_more_seldom() {
        let mut r = route(Some("usb"));
        r.step(devices(&["a*", "usb"]), secs(0));
        r.step(RouteInput::Opened, secs(0));
        let mut tries = Vec::new();
        let mut dead_at = Some(1);
        for s in 1..120 {
            let effect = if dead_at == Some(s) {
                dead_at = None;
                r.step(RouteInput::Silent, secs(s))
            } else {
                r.step(RouteInput::Tick, secs(s))
            };
            if effect == switch("usb") {
                tries.push(s);
                dead_at = Some(s + 1);
            }
            if effect.is_some() {
                r.step(RouteInput::Opened, secs(s));
            }
        }
        assert_eq!(tries, [6, 17, 38, 79]);
        // One that served for long and then died is not held responsible for the past.
        assert_eq!(r.step(RouteInput::Tick, secs(500)), switch("usb"));
        r.step(RouteInput::Opened, secs(500));
        r.step(RouteInput::Silent, secs(900));
        r.step(RouteInput::Opened, secs(900));
        assert_eq!(r.step(RouteInput::Tick, secs(905)), switch("usb"));
    }
    mod any_sequence {
        use proptest::prelude::*;

        use super::*;

        const NAMES: [&str; 3] = ["a", "b", "c"];

        fn input() -> impl Strategy<Value = RouteInput> {
            let error = || DeviceError::Lost(Direction::Input);
            prop_oneof![
                2 => prop::option::of(0_usize..3).prop_map(|i| RouteInput::Choose(i.map(|i| id(NAMES[i])))),
                3 => prop::collection::vec(any::<bool>(), 3).prop_map(|there| {
                    let listed = NAMES.iter().zip(there).filter(|(_, there)| *there).map(|(name, _)| *name);
                    devices(&listed.collect::<Vec<_>>())
                }),
                1 => Just(RouteInput::Unavailable(DeviceError::NoSystem("gone".into()))),
                2 => Just(RouteInput::Ended(error())),
                2 => Just(RouteInput::Silent),
                1 => (0_usize..3).prop_map(|i| RouteInput::Moved(id(NAMES[i]))),
                4 => Just(RouteInput::Tick),
            ]
        }

        proptest! {
            /// Whatever happens, and whichever devices do not open: it is always clear what is open, and nobody is
            /// busy with opening for ever.
            #[test]
            fn comes_to_rest(
                inputs in prop::collection::vec((input(), 0_u64..9, prop::collection::vec(any::<bool>(), 3)), 0..60),
            ) {
                let mut r = route(None);
                let mut now = secs(0);
                let mut open: Option<DeviceId> = None;
                for (input, seconds, opens) in inputs {
                    now += secs(seconds);
                    match &input {
                        RouteInput::Ended(_) | RouteInput::Silent => open = None,
                        RouteInput::Moved(to) if open.is_some() => open = Some(to.clone()),
                        _ => {}
                    }
                    let mut next = Some(input);
                    let mut steps = 0;
                    while let Some(input) = next.take() {
                        steps += 1;
                        prop_assert!(steps < 8, "it goes on and on");
                        let effect = r.step(input, now);
                        if matches!(effect, Some(RouteEffect::Open(_) | RouteEffect::Close)) {
                            open = None;
                        }
                        if let Some(RouteEffect::Open(device) | RouteEffect::Switch(device)) = effect {
                            let name = NAMES.iter().position(|name| *name == device.0).unwrap();
                            next = Some(if opens[name] {
                                open = Some(device);
                                RouteInput::Opened
                            } else {
                                RouteInput::OpenFailed(DeviceError::Busy(Direction::Input))
                            });
                        }
                    }
                    prop_assert_eq!(in_use(&r), open.clone());
                    if open.is_none() {
                        prop_assert!(r.status().error.is_some(), "nothing is used without a reason");
                    }
                }
            }
        }
    }
}
