//! How Unix asks a program to end.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Done when somebody pressed Ctrl+C, closed the terminal or asked the process to end. What comes from now on is noticed,
/// also before the future is first polled.
pub(super) fn asked() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}
