//! Work that blocks.

use std::thread;

use tokio::sync::oneshot;

/// Does work on a thread of its own. Not on the runtime's: a driver that hangs would keep the program from ending.
pub(super) async fn on_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let (done, answer) = oneshot::channel();
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            // Nobody may wait any more.
            let _ = done.send(work());
        })
        .map_err(|error| error.to_string())?;
    answer.await.unwrap_or_else(|_| Err("the probe broke".to_owned()))
}
