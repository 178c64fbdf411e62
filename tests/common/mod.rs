//! What the end-to-end tests stand on: programs as they are run by people, a sound server and a display of the test's own, and
//! ears.
//!
//! Everything that is started here ends when it is dropped. Nothing waits without a limit, and nothing waits a fixed time: what
//! can wake us does, and what cannot is asked again until it is so.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(unreachable_pub, reason = "there is no outside; this is what the tests use")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop at the first surprise, and says what it saw"
)]

pub mod alignment;
pub mod app;
pub mod display;
pub mod driver;
pub mod http;
pub mod process;
pub mod program;
pub mod pulse;
pub mod recording;
pub mod server;
pub mod speech;
pub mod tap;

use std::time::{Duration, Instant};

/// Longer than anything takes on any machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at something that has no way to wake us.
const LOOK: Duration = Duration::from_millis(20);

/// Waiting that has an end.
struct Wait<'a> {
    what: &'a str,
    since: Instant,
}

impl<'a> Wait<'a> {
    fn for_(what: &'a str) -> Self {
        Self { what, since: Instant::now() }
    }

    /// How long it may go on.
    #[track_caller]
    fn left(&self) -> Duration {
        let left = PATIENCE.saturating_sub(self.since.elapsed());
        assert!(!left.is_zero(), "{}: not within {PATIENCE:?}", self.what);
        left
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        // Whoever looks into a test that took long wants to know where.
        const LONG: Duration = Duration::from_secs(10);
        if self.since.elapsed() > LONG {
            eprintln!("{}: waited for {:.1?}", self.what, self.since.elapsed());
        }
    }
}

/// Looks at something that has no way to wake us until it is there.
#[track_caller]
pub fn patiently<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let wait = Wait::for_(what);
    loop {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(LOOK.min(wait.left()));
    }
}
