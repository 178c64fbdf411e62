//! From what was observed to a verdict.

use serde::Serialize;

use crate::{FrameTime, Obstacle, PaceSource};

/// What a model has for one frame, in milliseconds.
const FRAME: f64 = 80.0;
/// What is still taken for that, where it was measured from here: the sound that a host keeps to itself, and the way.
const TOLERANCE: f64 = 1.08;
/// Above this part of it there is little left for bad moments.
const TIGHT: f64 = 0.85;

/// What a test of a host ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It takes calls and keeps up with speech.
    Works,
    /// It takes calls and does not keep up with speech.
    TooSlow,
    /// Somebody else holds it.
    Busy,
    /// Something answers that is no Moshi, or does not behave like one.
    NotMoshi,
    /// Nothing answers.
    Unreachable,
    /// It, or its certificate, or a rule here stands in the way.
    Refused,
}

impl Verdict {
    /// Stable code, as it is kept in [`store::Measured::verdict`].
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::TooSlow => "too_slow",
            Self::Busy => "busy",
            Self::NotMoshi => "not_moshi",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
        }
    }
}

/// What was observed of a host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observations {
    /// What stood in the way, if it did not come to an end.
    pub obstacle: Option<Obstacle>,
    /// Whether there is a bridge in front of Moshi, which is not called by a test.
    pub bridge: bool,
    /// The round trip, in milliseconds.
    pub round_trip_ms: Option<f64>,
    /// How long it works on a frame; nothing where there is no model.
    pub frame: Option<FrameTime>,
}

/// The verdict, and a sentence with its reason. `host`: its address, as it is shown.
#[must_use]
pub fn judge(seen: &Observations, host: &str) -> (Verdict, String) {
    if let Some(obstacle) = &seen.obstacle {
        return (obstacle.verdict(), obstacle.what(host));
    }
    if seen.bridge {
        return (Verdict::Works, format!("The bridge at {host} answers and says that it reaches its Moshi."));
    }
    let Some(frame) = seen.frame else {
        return (Verdict::Works, format!("{host} works; it sends back what it hears, without a model."));
    };
    let ms = frame.ms;
    let limit = if frame.source == PaceSource::Told { FRAME } else { FRAME * TOLERANCE };
    if ms > limit {
        let behind = (ms / FRAME - 1.0) * 100.0;
        let slow = format!(
            "{host} needs {ms:.0} ms for a frame of 80 ms, so that it falls behind by {behind:.0} % of the time."
        );
        return (Verdict::TooSlow, slow);
    }
    let reserve = match frame.p99_ms {
        Some(p99) if p99 > FRAME => format!(", but one in a hundred takes {p99:.0} ms"),
        _ if ms > FRAME * TIGHT => ", which leaves little in reserve".to_owned(),
        _ => String::new(),
    };
    let way = seen.round_trip_ms.map(|ms| format!("; the way there and back takes {ms:.0} ms"));
    let way = way.unwrap_or_default();
    (Verdict::Works, format!("{host} works: {ms:.0} ms for a frame of 80 ms{reserve}{way}."))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::TunnelError;

    fn of(ms: f64, p99_ms: Option<f64>, source: PaceSource) -> (Verdict, String) {
        let frame = Some(FrameTime { ms, p99_ms, source });
        judge(&Observations { frame, round_trip_ms: Some(12.4), ..Observations::default() }, "gpu:8998")
    }

    #[test]
    fn whether_a_host_keeps_up_is_told_by_its_frames() {
        let (verdict, why) = of(31.0, Some(40.0), PaceSource::Told);
        assert_eq!(verdict, Verdict::Works);
        assert_eq!(why, "gpu:8998 works: 31 ms for a frame of 80 ms; the way there and back takes 12 ms.");
        let (verdict, why) = of(31.0, Some(140.0), PaceSource::Told);
        assert!(verdict == Verdict::Works && why.contains("one in a hundred takes 140 ms"), "{why}");
        let (verdict, why) = of(75.0, None, PaceSource::Measured);
        assert!(verdict == Verdict::Works && why.contains("little in reserve"), "{why}");
        assert_eq!(of(80.5, None, PaceSource::Told).0, Verdict::TooSlow);
        assert_eq!(of(80.5, None, PaceSource::Measured).0, Verdict::Works, "within what can be measured");
        let (verdict, why) = of(200.0, None, PaceSource::Measured);
        assert!(verdict == Verdict::TooSlow && why.contains("falls behind by 150 %"), "{why}");
    }

    #[test]
    fn what_stands_in_the_way_decides() {
        for (obstacle, verdict) in [
            (Obstacle::Refused, Verdict::Unreachable),
            (Obstacle::Plain, Verdict::Refused),
            (Obstacle::WrongToken(401), Verdict::Refused),
            (Obstacle::NotFound, Verdict::NotMoshi),
            (Obstacle::SeemsBusy(Duration::from_secs(30)), Verdict::Busy),
            (Obstacle::Tunnel(TunnelError::HostKeyChanged), Verdict::Refused),
            (Obstacle::Tunnel(TunnelError::NothingBehind), Verdict::Unreachable),
        ] {
            let frame = Some(FrameTime { ms: 1.0, p99_ms: None, source: PaceSource::Told });
            let seen = Observations { obstacle: Some(obstacle.clone()), frame, ..Observations::default() };
            assert_eq!(judge(&seen, "gpu").0, verdict, "{obstacle:?}");
        }
    }

    #[test]
    fn a_host_without_a_model_and_a_bridge_are_not_measured_by_frames() {
        assert_eq!(judge(&Observations::default(), "h").0, Verdict::Works);
        let bridge = Observations { bridge: true, ..Observations::default() };
        assert!(judge(&bridge, "h").1.contains("bridge"));
    }
}
