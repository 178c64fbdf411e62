//! How often a watch looks.

use std::time::Duration;

use crate::mas::missing::MISSING;

/// How often a watch looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Whether MAS is there.
    pub there: Duration,
    /// After it went, for the first time; then after twice as long each time, up to [`Pace::there`].
    pub gone: Duration,
    /// What it says of itself, while a turn is under way.
    pub consciousness: Duration,
    /// The same while nothing goes on.
    pub quiet_consciousness: Duration,
    /// How its memory is.
    pub memory: Duration,
    /// What happened, while a turn is under way or something has just happened.
    pub events: Duration,
    /// The same while nothing goes on.
    pub quiet_events: Duration,
    /// What agents did.
    pub activity: Duration,
    /// The same where it is pushed too.
    pub pushed_activity: Duration,
    /// How long something counts as having just happened.
    pub lively: Duration,
    /// What is missing, as long as MAS does not go away and come back.
    pub missing: Duration,
    /// A sign of life on a socket.
    pub ping: Duration,
    /// How long pushed things are gathered before they are told.
    pub gather: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            there: seconds(15),
            gone: seconds(2),
            consciousness: seconds(15),
            quiet_consciousness: seconds(30),
            memory: seconds(60),
            events: seconds(2),
            quiet_events: seconds(10),
            activity: seconds(30),
            pushed_activity: seconds(60),
            lively: seconds(60),
            missing: MISSING,
            ping: seconds(20),
            gather: Duration::from_millis(250),
        }
    }
}
