//! How Linux tells a process that its parent is gone.

use std::io;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use tokio::signal::unix::{SignalKind, signal};

/// Done when the parent process is gone.
///
/// The kernel's signal comes when the *thread* ends that started this process, which in a program with many threads
/// means nothing; only another parent does.
pub(super) fn gone() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let parent = getppid();
    let mut died = signal(SignalKind::user_defined2())?;
    set_parent_process_death_signal(Some(Signal::USR2))?;
    // It may have gone while this was set up, so that the first look needs no signal.
    Ok(async move { while getppid() == parent && died.recv().await.is_some() {} })
}
