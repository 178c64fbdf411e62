//! Work on the disk, away from what must not wait for it.

use std::panic::resume_unwind;

use tokio::task::spawn_blocking;

use super::DownloadError;

/// Does work on the disk. It goes on to its end when nobody waits for it any more.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DownloadError> + Send + 'static,
) -> Result<T, DownloadError> {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        // The program ends, and nothing is begun any more.
        Err(_) => Err(DownloadError::Paused),
    }
}
