//! A run of a program.

use std::{future::pending, path::PathBuf, time::Duration};

use process::{Child, Guard, Line, LogFile, Spec};
use tokio::{
    join, select,
    sync::broadcast::{Receiver, error::RecvError},
    task::spawn_blocking,
    time::{Interval, MissedTickBehavior, interval},
};

use super::{Event, Stop, Watch, ending};
use crate::{Program, RuntimeKind, StartError, growth, machine::Ended};

/// How long it may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(5);
/// How often it is looked whether its cache has grown.
const LOOK: Duration = Duration::from_secs(2);

/// What is run, and with what.
pub(super) struct Job {
    pub(super) program: Program,
    pub(super) port: u16,
    /// The folder that grows while it downloads.
    pub(super) cache: Option<PathBuf>,
    pub(super) guard: Option<Guard>,
    pub(super) log: LogFile,
}

pub(super) async fn run(job: Job, watch: &Watch<'_>, mut stop: Stop) -> Result<Ended, StartError> {
    let Job { program, port, cache, guard, log } = job;
    let mut growth = Growth::begin(cache).await;
    let child = Child::start(spec(watch.kind, program, guard).log(log)).await?;
    let (before, mut lines) = child.follow();
    watch.tell(Event::Launched { port }).await;
    for line in before {
        watch.take(line).await;
    }
    loop {
        select! {
            more = pass_on(&mut lines, watch) => if !more { break },
            bytes = growth.next() => watch.tell(Event::Grown(bytes)).await,
            _ = &mut stop => {
                // Its last lines are kept as well.
                let to_the_end = async { while pass_on(&mut lines, watch).await {} };
                let _ = join!(child.stop(GRACE), to_the_end);
                break;
            }
        }
    }
    let exit = child.wait().await;
    if let Some(known) = ending::no_address(watch.kind, exit) {
        watch.tell(Event::Known(known)).await;
    }
    Ok(ending::explain(watch.kind, exit, &child.tail()))
}

/// Passes a line on. Whether there may be another one.
pub(super) async fn pass_on(lines: &mut Receiver<Line>, watch: &Watch<'_>) -> bool {
    match lines.recv().await {
        Ok(line) => watch.take(line).await,
        // They came too fast for us, and are in the log all the same.
        Err(RecvError::Lagged(_)) => {}
        Err(RecvError::Closed) => return false,
    }
    true
}

fn spec(kind: RuntimeKind, program: Program, guard: Option<Guard>) -> Spec {
    let Program { program, arguments, set, removed, token, folder } = program;
    let spec = Spec::new(program).arguments(arguments).folder(folder);
    let spec = removed.into_iter().fold(spec, Spec::unset);
    let spec = set.into_iter().fold(spec, |spec, (name, value)| spec.set(name, value));
    let spec = match token {
        Some(token) => spec.secret("HF_TOKEN", token.expose()),
        None => spec,
    };
    match guard {
        // It starts nothing, and ends when its standard input does.
        _ if kind.is_ours() => spec.piped(),
        Some(guard) => spec.guarded_by(guard),
        None => spec,
    }
}

/// How a cache grows.
struct Growth {
    cache: Option<PathBuf>,
    before: u64,
    looks: Interval,
}

impl Growth {
    async fn begin(cache: Option<PathBuf>) -> Self {
        let before = match &cache {
            Some(cache) => size(cache.clone()).await,
            None => 0,
        };
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { cache, before, looks }
    }

    /// The bytes that have come, when it is time to say so. May be dropped and called again.
    async fn next(&mut self) -> u64 {
        let Some(cache) = self.cache.clone() else { return pending().await };
        self.looks.tick().await;
        size(cache).await.saturating_sub(self.before)
    }
}

async fn size(folder: PathBuf) -> u64 {
    spawn_blocking(move || growth::size(&folder)).await.unwrap_or_default()
}
