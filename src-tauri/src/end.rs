//! The end of the app: a close frame for the host, the last turns to disk, no child left behind.

use std::io;
use std::time::Duration;

use tauri::AppHandle;
use tokio::task::JoinHandle;
use window::Window;

/// How long all that may take. Turns are on disk as soon as they are on the screen; this is for the last ones.
const LIMIT: Duration = Duration::from_secs(5);

/// Ends everything behind the window and waits for it.
pub(crate) async fn end(window: &Window, task: JoinHandle<()>) {
    let ending = async {
        window.end().await;
        task.await
    };
    match tokio::time::timeout(LIMIT, ending).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "the window's task failed"),
        Err(_) => tracing::warn!("the app did not end cleanly in time"),
    }
}

/// Ends the app as if its window were closed when the system asks it to.
#[cfg(unix)]
pub(crate) fn when_asked(app: &AppHandle) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let _runtime = tauri::async_runtime::handle().inner().enter();
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let mut signal = signal(kind)?;
        let app = app.clone();
        tauri::async_runtime::spawn(async move {
            signal.recv().await;
            app.exit(0);
        });
    }
    Ok(())
}

/// Windows closes the window itself when it asks a program to end.
#[cfg(not(unix))]
pub(crate) fn when_asked(_: &AppHandle) -> io::Result<()> {
    Ok(())
}
