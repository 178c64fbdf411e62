//! Which device is used: the person's choice while it is there, else the system's default.
//!
//! A state machine for one direction. What happens goes in with the time, what is to be done comes out; opening and
//! closing is somebody else's.

use std::time::Duration;

use crate::device::{DeviceError, DeviceId, DeviceInfo, Direction};

/// First wait after a device could not be opened; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(300);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// A device that failed is passed over for this long where there is another one.
const AVOID: Duration = Duration::from_secs(5);

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
    Closed { retry_at: Duration },
    Opening(DeviceId),
    Open(DeviceId),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RouteEffect {
    /// Close what is open and open this.
    Open(DeviceId),
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
    avoid: Option<(DeviceId, Duration)>,
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
            avoid: None,
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
                State::Open(id) => Some(known(id)),
                State::Opening(_) | State::Closed { .. } => None,
            },
            error: self.error.clone(),
        }
    }

    /// Takes what happened at `now` and returns what is to be done.
    pub(crate) fn step(&mut self, input: RouteInput, now: Duration) -> Option<RouteEffect> {
        match input {
            RouteInput::Choose(chosen) => {
                self.chosen = chosen;
                self.avoid = None;
                self.moved = false;
                self.soon();
            }
            RouteInput::Devices(list) => {
                if matches!(self.error, Some(DeviceError::NoSystem(_))) {
                    self.error = None;
                }
                if list != self.list {
                    self.list = list;
                    self.moved = false;
                    self.soon();
                }
            }
            RouteInput::Unavailable(error) => {
                self.list.clear();
                let was_open = matches!(self.state, State::Open(_));
                self.close(error, now);
                return was_open.then_some(RouteEffect::Close);
            }
            RouteInput::Opened => {
                if let State::Opening(id) = &self.state {
                    self.state = State::Open(id.clone());
                    self.wait = FIRST_WAIT;
                    self.error = None;
                }
            }
            RouteInput::OpenFailed(error) => {
                if let State::Opening(id) = &self.state {
                    self.avoid = Some((id.clone(), now + AVOID));
                    self.close(error, now + self.wait);
                    self.wait = (self.wait * 2).min(LONGEST_WAIT);
                }
            }
            RouteInput::Ended(error) => self.lost(error, now),
            RouteInput::Silent => self.lost(DeviceError::Lost(self.direction), now),
            RouteInput::Moved(id) => {
                if let State::Open(open) = &mut self.state {
                    *open = id;
                    self.moved = true;
                }
            }
            RouteInput::Tick => {}
        }
        self.reconcile(now)
    }

    fn lost(&mut self, error: DeviceError, now: Duration) {
        if let State::Open(id) = &self.state {
            self.avoid = Some((id.clone(), now + AVOID));
            self.close(error, now);
        }
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

    fn desired(&self, now: Duration) -> Option<DeviceId> {
        let avoided = |id: &DeviceId| self.avoid.as_ref().is_some_and(|(a, until)| a == id && now < *until);
        let chosen = self.chosen.as_ref().filter(|id| self.is_listed(id));
        let default = self.list.iter().find(|d| d.is_default).or(self.list.first()).map(|d| &d.id);
        let wanted = chosen.or(default)?;
        if !avoided(wanted) {
            return Some(wanted.clone());
        }
        // The wanted one failed a moment ago. Another one is better than nothing, and it better than nothing.
        let other = default.into_iter().chain(self.list.iter().map(|d| &d.id)).find(|id| !avoided(id));
        Some(other.unwrap_or(wanted).clone())
    }

    fn reconcile(&mut self, now: Duration) -> Option<RouteEffect> {
        let desired = self.desired(now);
        match (&self.state, desired) {
            (State::Opening(_), _) => None,
            (State::Open(open), Some(desired)) if *open == desired => None,
            (State::Open(open), Some(_)) if self.moved && self.is_listed(open) => None,
            (State::Closed { retry_at }, Some(_)) if now < *retry_at => None,
            (_, Some(desired)) => {
                self.state = State::Opening(desired.clone());
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
        assert_eq!(r.step(devices(&["a", "b*"]), secs(1)), open("b"));
        r.step(RouteInput::Opened, secs(1));
        assert_eq!(r.status().in_use.map(|d| d.id), Some(id("b")));
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
        // Plugged in again long after: back to it at once.
        assert_eq!(r.step(devices(&["a*", "usb"]), secs(60)), open("usb"));
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
        assert_eq!(r.step(RouteInput::Tick, secs(11)), open("usb"));
    }

    #[test]
    fn a_device_that_dies_in_silence_is_left_for_another_one() {
        let mut r = route(None);
        r.step(devices(&["a*", "b"]), secs(0));
        r.step(RouteInput::Opened, secs(0));
        assert_eq!(r.step(RouteInput::Silent, secs(3)), open("b"));
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
        assert_eq!(r.status().in_use.map(|d| d.id), Some(id("b")));
        assert_eq!(r.step(RouteInput::Choose(Some(id("a"))), secs(3)), open("a"));
    }

    #[test]
    fn a_chosen_device_is_returned_to_after_the_system_moved_its_stream_away() {
        let mut r = route(Some("usb"));
        r.step(devices(&["a*", "usb"]), secs(0));
        r.step(RouteInput::Opened, secs(0));
        r.step(RouteInput::Moved(id("a")), secs(1));
        assert_eq!(r.step(devices(&["a*"]), secs(1)), None);
        assert_eq!(r.step(devices(&["a*", "usb"]), secs(9)), open("usb"));
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
        assert_eq!(r.step(RouteInput::Choose(Some(id("b"))), secs(1)), open("b"));
        r.step(RouteInput::Opened, secs(1));
        assert_eq!(r.step(RouteInput::Choose(None), secs(2)), open("a"));
    }
}
