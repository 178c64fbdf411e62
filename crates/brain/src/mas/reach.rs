//! Whether MAS is there.

use std::time::{Duration, Instant};

use super::{Mas, error::MasError, missing::Missing};

/// Where MAS says that it is alive, the best first: newer builds have one that answers at once, all have one that looks
/// into everything and may take seconds, and something in front of MAS may let only its own paths through. The first two
/// do not count among the requests that MAS allows.
const DOORS: [&str; 3] = ["/live", "/health", "/voice/brain/status"];

/// Looks whether MAS is there, again and again.
#[derive(Debug, Default)]
pub(super) struct Doors {
    missing: Missing,
}

impl Doors {
    /// After how long MAS answers. That it has had too many requests is an answer too.
    pub(super) async fn knock(&mut self, mas: &Mas, limit: Duration) -> Result<Duration, MasError> {
        let now = Instant::now();
        for path in DOORS {
            if self.missing.is(path, now) {
                continue;
            }
            let asked = Instant::now();
            let response = mas.inner.http.ask_within(path, None, limit).await.inspect_err(|error| {
                if error.is_unreached() {
                    self.missing.forget();
                }
            });
            let response = response.map_err(without_question)?;
            match response.status() {
                200..=299 | 429 => return Ok(asked.elapsed()),
                404 | 405 | 410 | 501 => self.missing.note(path, now),
                status @ 500.. => return Err(MasError::Unwell(status)),
                _ => return Err(mas.refused(response).await),
            }
        }
        // Next time all of them are asked again.
        self.missing.forget();
        Err(MasError::Unsupported)
    }
}

/// The same failure where nothing was asked that may have been understood.
fn without_question(error: MasError) -> MasError {
    match error {
        MasError::Slow(limit) => MasError::Unreachable(format!("no answer within {} s", limit.as_secs())),
        MasError::Broken => MasError::Unreachable("it hangs up".into()),
        other => other,
    }
}
