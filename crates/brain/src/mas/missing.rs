//! Paths that a MAS does not have.

use std::time::{Duration, Instant};

/// How long a path counts as missing. MAS may be brought up to date meanwhile.
pub(super) const MISSING: Duration = Duration::from_mins(10);

/// Which paths are known to be missing, and since when.
#[derive(Debug, Default)]
pub(super) struct Missing {
    since: Vec<(&'static str, Instant)>,
}

impl Missing {
    /// Whether a path need not be asked for.
    pub(super) fn is(&self, path: &str, now: Instant) -> bool {
        self.since
            .iter()
            .any(|(missing, since)| *missing == path && now.saturating_duration_since(*since) < MISSING)
    }

    /// A path is missing.
    pub(super) fn note(&mut self, path: &'static str, now: Instant) {
        self.since.retain(|(missing, _)| *missing != path);
        self.since.push((path, now));
    }

    /// MAS went away, and whatever comes back may be another build.
    pub(super) fn forget(&mut self) {
        self.since.clear();
    }
}
