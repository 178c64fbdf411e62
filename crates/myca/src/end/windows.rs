//! How Windows asks a console program to end.

use std::io;

use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};

/// Done when somebody pressed Ctrl+C or Ctrl+Break, closed the console or shuts the system down. What comes from now on
/// is noticed, also before the future is first polled.
pub(super) fn asked() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut c, mut pause, mut close, mut shutdown) =
        (ctrl_c()?, ctrl_break()?, ctrl_close()?, ctrl_shutdown()?);
    Ok(async move {
        tokio::select! {
            _ = c.recv() => {}
            _ = pause.recv() => {}
            _ = close.recv() => {}
            _ = shutdown.recv() => {}
        }
    })
}
