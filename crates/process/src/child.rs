//! A program that runs.

use std::{
    process::ExitStatus,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    process::ChildStdin,
    select,
    sync::{broadcast, watch},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{
    Exit, Line, Source, Spec, StartError,
    log::{Journal, Written},
    output::Output,
    spawn::{Spawned, spawn},
    tree::Tree,
};

/// How long a child that is dropped may take to end by itself.
const DROPPED: Duration = Duration::from_secs(2);
/// How often it is looked whether a tree is gone.
const LOOK: Duration = Duration::from_millis(20);
/// How long the end of a child waits for its last lines: somebody outside of the tree may hold its streams.
const LAST_LINES: Duration = Duration::from_secs(1);

/// A program that runs, with all that it starts. Whoever drops it ends all of that, within two seconds and without
/// waiting for it.
#[derive(Debug)]
pub struct Child {
    id: u32,
    input: Mutex<Option<ChildStdin>>,
    output: Arc<Output>,
    /// When it is to be killed, once it is to end.
    deadline: watch::Sender<Option<Instant>>,
    exit: watch::Receiver<Option<Exit>>,
}

impl Child {
    /// Starts a program. A log that cannot be opened is warned of and does not keep it from running.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(spec: Spec) -> Result<Self, StartError> {
        let (guarded, command) = (spec.guard.is_some(), spec.command()?);
        let Spawned { mut child, tree } = spawn(command, guarded).await?;
        let id = child.id().unwrap_or_default();
        let (journal, written) = match spec.log.clone().map(Journal::open) {
            Some(Ok((journal, written))) => (Some(journal), Some(written)),
            Some(Err(error)) => {
                tracing::warn!(%error, "the log of a child cannot be opened");
                (None, None)
            }
            None => (None, None),
        };
        if let Some(journal) = &journal {
            journal.note(&format!("{} starts as process {id}", spec.program().display()));
        }
        let input = child.stdin.take();
        let output = Arc::new(Output::new(spec.secrets, spec.longest_line, journal));
        let mut readers = JoinSet::new();
        if let Some(stream) = child.stdout.take() {
            let output = Arc::clone(&output);
            readers.spawn(async move { output.read(stream, Source::Output).await });
        }
        if let Some(stream) = child.stderr.take() {
            let output = Arc::clone(&output);
            readers.spawn(async move { output.read(stream, Source::Error).await });
        }
        let (deadline, ending) = watch::channel(None);
        let (tell, exit) = watch::channel(None);
        let running = Running { child, tree, readers, output: Arc::clone(&output), written, guarded };
        tokio::spawn(async move {
            let exit = running.until_over(ending).await;
            tell.send_replace(Some(exit));
        });
        Ok(Self { id, input: Mutex::new(input), output, deadline, exit })
    }

    /// The number of its process; of its guard's, if it has one.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Its standard input, once, where it is [`Spec::piped`]. Whoever takes it closes it by dropping it.
    pub fn input(&self) -> Option<ChildStdin> {
        self.input.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The last lines that it printed, 200 at most, the newest at the end.
    #[must_use]
    pub fn tail(&self) -> Vec<Line> {
        self.output.tail()
    }

    /// The last lines, and every one that comes after them. Who follows too slowly is told how many lines it missed. The
    /// lines end when the child has ended.
    #[must_use]
    pub fn follow(&self) -> (Vec<Line>, broadcast::Receiver<Line>) {
        self.output.follow()
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn ended(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// Waits until it has ended, with all that it started, and its last lines are here. May be dropped and called again.
    pub async fn wait(&self) -> Exit {
        let mut exit = self.exit.clone();
        let ended = exit.wait_for(Option::is_some).await;
        ended.ok().and_then(|exit| *exit).unwrap_or(Exit::Unknown)
    }

    /// Asks it to end: closes its standard input, and on Linux sends SIGTERM to all of it. What is still there after
    /// `grace` is killed. Dropping this future takes nothing back.
    pub async fn stop(&self, grace: Duration) -> Exit {
        drop(self.input());
        self.end_by(Instant::now() + grace);
        self.wait().await
    }

    fn end_by(&self, deadline: Instant) {
        self.deadline.send_if_modified(|set| {
            let sooner = set.is_none_or(|set| deadline < set);
            if sooner {
                *set = Some(deadline);
            }
            sooner
        });
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end_by(Instant::now() + DROPPED);
    }
}

/// What goes on behind a [`Child`]. Dropping it kills the tree.
struct Running {
    child: tokio::process::Child,
    tree: Tree,
    readers: JoinSet<()>,
    output: Arc<Output>,
    written: Option<Written>,
    guarded: bool,
}

impl Running {
    async fn until_over(mut self, mut ending: watch::Receiver<Option<Instant>>) -> Exit {
        let is_asked = select! {
            // Whoever could ask for the end is gone only after having asked.
            _ = ending.changed() => true,
            _ = self.child.wait() => false,
        };
        if is_asked {
            self.ask(&mut ending).await;
        }
        self.tree.kill().await;
        let exit = self
            .child
            .wait()
            .await
            .map_or(Exit::Unknown, |status: ExitStatus| Exit::of(status, self.guarded));
        let last_lines = async { while self.readers.join_next().await.is_some() {} };
        let _ = timeout(LAST_LINES, last_lines).await;
        self.readers.shutdown().await;
        self.output.close(exit);
        if let Some(written) = self.written {
            let _ = timeout(LAST_LINES, written).await;
        }
        exit
    }

    /// Asks all of it to end, and waits for that until the deadline, which may come closer meanwhile.
    async fn ask(&mut self, ending: &mut watch::Receiver<Option<Instant>>) {
        self.tree.ask();
        loop {
            let deadline = ending.borrow_and_update().unwrap_or_else(Instant::now);
            let gone = async {
                let _ = self.child.wait().await;
                while !self.tree.is_gone() {
                    sleep(LOOK).await;
                }
            };
            select! {
                () = gone => return,
                () = sleep_until(deadline) => return,
                Ok(()) = ending.changed() => {}
            }
        }
    }
}
