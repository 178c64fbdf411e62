//! A test of a host, in words.

use store::Measured;

use crate::view::{HostCheck, HostVerdict};

/// The last test, as far as it was kept.
pub(crate) fn of_measured(measured: &Measured) -> HostCheck {
    HostCheck {
        at_ms: measured.at_ms,
        running: false,
        steps: Vec::new(),
        verdict: verdict(&measured.verdict),
        found: found(measured),
        problem: None,
        offered: None,
        server: measured.server.clone(),
    }
}

/// A kept verdict; one of a later version says nothing.
fn verdict(code: &str) -> Option<HostVerdict> {
    Some(match code {
        "works" => HostVerdict::Works,
        "too_slow" => HostVerdict::TooSlow,
        "busy" => HostVerdict::Busy,
        "not_moshi" => HostVerdict::NotMoshi,
        "unreachable" => HostVerdict::Unreachable,
        "refused" => HostVerdict::Refused,
        _ => return None,
    })
}

/// The figures in a line.
fn found(measured: &Measured) -> String {
    let figures = [
        ("round trip", measured.round_trip_ms),
        ("handshake", measured.handshake_ms),
        ("frame", measured.frame_ms),
    ];
    let words = figures.iter().filter_map(|(name, ms)| Some(format!("{name} {:.0} ms", (*ms)?)));
    words.collect::<Vec<_>>().join(", ")
}
