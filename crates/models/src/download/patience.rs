//! How often something is tried again, and after how long.

use std::time::Duration;

use tokio::time::sleep;

use super::{DownloadError, Options};

/// The longest wait that is our own idea.
const LONGEST: Duration = Duration::from_secs(30);

/// What is left of the patience with a server.
#[derive(Debug)]
pub(super) struct Patience {
    tries: u32,
    left: u32,
    first: Duration,
    next: Duration,
    longest_asked: Duration,
}

impl Patience {
    pub(super) fn new(options: &Options) -> Self {
        let (tries, first) = (options.tries, options.first_wait);
        Self { tries, left: tries, first, next: first, longest_asked: options.longest_wait }
    }

    /// Something came: all is well again.
    pub(super) fn renew(&mut self) {
        (self.left, self.next) = (self.tries, self.first);
    }

    /// Waits for the next try, as long as the server asks for; an error if there is none.
    pub(super) async fn wait(
        &mut self,
        why: DownloadError,
        asked: Option<Duration>,
    ) -> Result<(), DownloadError> {
        if self.left <= 1 || asked.is_some_and(|asked| asked > self.longest_asked) {
            return Err(why);
        }
        self.left -= 1;
        tracing::debug!(reason = %why, "a download tries again");
        sleep(asked.unwrap_or(self.next)).await;
        self.next = (self.next * 2).min(LONGEST);
        Ok(())
    }
}
