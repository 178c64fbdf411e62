//! The thread that starts programs.
//!
//! On Linux a child is told of the death of the *thread* that started it, so that all of them are started by one that
//! lives as long as the program.

use std::{
    process::Command,
    sync::{Mutex, PoisonError},
    thread,
};

use tokio::{
    process::Child,
    runtime::Handle,
    sync::{mpsc, oneshot},
};

use crate::{StartError, tree::Tree};

/// How many starts wait.
const WAITING: usize = 16;

/// A process that runs, and all that it starts.
#[derive(Debug)]
pub(crate) struct Spawned {
    pub(crate) child: Child,
    pub(crate) tree: Tree,
}

struct Start {
    command: Command,
    guarded: bool,
    runtime: Handle,
    tell: oneshot::Sender<Result<Spawned, StartError>>,
}

static STARTS: Mutex<Option<mpsc::Sender<Start>>> = Mutex::new(None);

/// Starts a program. Dropping this ends what it has started.
pub(crate) async fn spawn(command: Command, guarded: bool) -> Result<Spawned, StartError> {
    let (tell, told) = oneshot::channel();
    let start = Start { command, guarded, runtime: Handle::current(), tell };
    let gone = || StartError::Failed("the thread that starts programs is gone".into());
    starts()?.send(start).await.map_err(|_| gone())?;
    told.await.map_err(|_| gone())?
}

fn starts() -> Result<mpsc::Sender<Start>, StartError> {
    let mut starts = STARTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(starts) = starts.as_ref().filter(|starts| !starts.is_closed()) {
        return Ok(starts.clone());
    }
    let (sender, mut waiting) = mpsc::channel::<Start>(WAITING);
    thread::Builder::new()
        .name("process-start".into())
        .spawn(move || {
            while let Some(Start { command, guarded, runtime, tell }) = waiting.blocking_recv() {
                // Where nobody waits any more, the tree ends by being dropped.
                let _ = tell.send(start(command, guarded, &runtime));
            }
        })
        .map_err(|error| StartError::Failed(error.to_string()))?;
    Ok(starts.insert(sender).clone())
}

fn start(mut command: Command, guarded: bool, runtime: &Handle) -> Result<Spawned, StartError> {
    let _inside = runtime.enter();
    Tree::prepare(&mut command, guarded);
    let program = command.get_program().to_owned();
    let failed = |error: &std::io::Error| StartError::of(error, program.into());
    let mut child = tokio::process::Command::from(command).spawn().map_err(|error| failed(&error))?;
    match Tree::of(&child, guarded) {
        Ok(tree) => Ok(Spawned { child, tree }),
        // Without its tree it could outlive us.
        Err(error) => {
            let _ = child.start_kill();
            Err(StartError::Failed(error.to_string()))
        }
    }
}
