//! One run of a runtime, from the first look at what it needs to its end.

mod container;
mod ending;
mod program;

use std::{fs, io, path::PathBuf, sync::Arc};

use process::{Line, LogFile};
use tokio::{
    select,
    sync::{mpsc, oneshot},
    task::spawn_blocking,
};

use crate::{
    Chosen, Description, Moved, Progress, Run, RuntimeKind, Scheme, Secret, StartError, Surroundings,
    Warning, What,
    check::check,
    describe::describe,
    known,
    lines::Lines,
    machine::{Ended, Known},
    port,
    sign::{self, Sign},
};

/// What is to be run.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) chosen: Chosen,
    pub(crate) here: Surroundings,
    pub(crate) token: Option<Secret>,
    /// At another port than the one that is wanted.
    pub(crate) elsewhere: bool,
    pub(crate) lines: Arc<Lines>,
}

/// What happens in a run. The last one is `Refused` or `Ended`.
#[derive(Debug)]
pub(crate) enum Event {
    /// It runs, or will in a moment.
    Described(Described),
    /// Its image is downloaded.
    Pulling(Progress),
    /// It runs, and is to listen at this port.
    Launched { port: u16 },
    /// A line told something.
    Sign(Sign),
    /// A line told of a failure.
    Known(Known),
    /// So much has come into its cache since the start.
    Grown(u64),
    /// It was not started.
    Refused(StartError),
    /// It has ended.
    Ended(Ended),
}

/// What whoever watches a run has to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) scheme: Scheme,
    pub(crate) path: &'static str,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) moved: Option<Moved>,
    pub(crate) warnings: Vec<Warning>,
}

/// Where a run tells what happens. It waits for whoever listens, and ends when nobody does.
type Events = mpsc::Sender<Event>;
/// Ends a run: by a word, or because whoever could say it is gone.
type Stop = oneshot::Receiver<()>;

/// Runs it until it ends, or until it is to end. Nothing of it is left then.
pub(crate) async fn run(order: Order, events: Events, mut stop: Stop) {
    let checked = select! {
        checked = check(&order.chosen, &order.here) => checked,
        _ = &mut stop => {
            let _ = events.send(Event::Ended(ending::stopped())).await;
            return;
        }
    };
    let prepared = match checked {
        Ok(chosen) => prepare(&order, chosen).await,
        Err(error) => Err(error),
    };
    let last = match prepared {
        Ok(prepared) => start(&order, prepared, &events, stop).await,
        Err(error) => Event::Refused(error),
    };
    let _ = events.send(last).await;
}

async fn start(order: &Order, prepared: Prepared, events: &Events, stop: Stop) -> Event {
    let Prepared { description, port, moved } = prepared;
    let Description { kind, run, scheme, path, emptied, certificate, cache, warnings, .. } = description;
    let watch = Watch { kind, lines: &order.lines, events };
    watch.tell(Event::Described(Described { scheme, path, certificate, moved, warnings })).await;
    let log = LogFile::new(order.here.log(kind));
    let ended = match run {
        Run::Program(program) => {
            let job = program::Job { program, port, cache, guard: order.here.guard.clone(), log };
            program::run(job, &watch, stop).await
        }
        Run::Container(container) => {
            let socket = order.here.docker.as_deref();
            container::run(container, socket, log, &watch, stop).await.map_err(StartError::from)
        }
    };
    if let Ok(Err(error)) = spawn_blocking(move || emptied.iter().try_for_each(empty)).await {
        tracing::warn!(%error, "what a runtime wrote down is not deleted");
    }
    ended.map_or_else(Event::Refused, Event::Ended)
}

/// A runtime that can be started.
struct Prepared {
    description: Description,
    port: u16,
    /// Where another port was wanted.
    moved: Option<Moved>,
}

/// Chooses a port, and writes down what the runtime reads. Not to be dropped: its thread goes on, and the next run writes
/// the same files.
async fn prepare(order: &Order, chosen: Chosen) -> Result<Prepared, StartError> {
    let Order { here, token, elsewhere, .. } = order.clone();
    let prepared = spawn_blocking(move || {
        let everywhere = matches!(chosen.what, What::PersonaPlex { .. });
        let free = port::choose(chosen.port, everywhere, elsewhere)?;
        let description = describe(&chosen, free.port, &here, token.as_ref())?;
        write(&description)?;
        Ok(Prepared { description, port: free.port, moved: free.moved })
    });
    prepared.await.unwrap_or(Err(StartError::NoPort))
}

fn write(description: &Description) -> Result<(), StartError> {
    let unwritable = |path: &PathBuf| {
        let path = path.clone();
        move |error: io::Error| StartError::Unwritable { path, why: error.to_string() }
    };
    for folder in &description.folders {
        private_folder(folder).map_err(unwritable(folder))?;
    }
    for folder in &description.emptied {
        empty(folder).map_err(unwritable(folder))?;
    }
    for (path, content) in &description.files {
        fs::write(path, content).map_err(unwritable(path))?;
    }
    Ok(())
}

/// A folder for this person alone, where the system knows such folders.
fn private_folder(folder: &PathBuf) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Deletes the files in a folder.
fn empty(folder: &PathBuf) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Takes the lines of a run.
struct Watch<'a> {
    kind: RuntimeKind,
    lines: &'a Lines,
    events: &'a Events,
}

impl Watch<'_> {
    /// Keeps a line, and tells what it means.
    async fn take(&self, line: Line) {
        let sign = sign::of(self.kind, &line.text).map(Event::Sign);
        let known = known::of(&line.text).map(Event::Known);
        self.lines.take(line);
        for event in [sign, known].into_iter().flatten() {
            self.tell(event).await;
        }
    }

    async fn tell(&self, event: Event) {
        // Nobody listens only when the run is about to be ended.
        let _ = self.events.send(event).await;
    }
}
