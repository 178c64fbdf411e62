//! Work on the disk, away from what must not wait for it.

use std::io;

use tokio::task::spawn_blocking;

use super::DownloadError;

/// Does work on the disk. It goes on to its end when nobody waits for it any more.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DownloadError> + Send + 'static,
) -> Result<T, DownloadError> {
    spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(DownloadError::File { path: std::path::PathBuf::new(), source: io::Error::other(error) })
    })
}
