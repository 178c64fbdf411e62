//! The echo test: a person hears their own microphone through the whole way that a conversation takes.
//!
//! `myca echo` runs as a child, on a port that the system picks; a conversation of its own, which nothing keeps, calls it.

use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use audio::RouteStatus;
use conversation::{Command, Conversation, Event, Handle, Host, Options, Phase, Problem};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, ChildStdin},
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

/// How long the child may take to listen. It loads no model.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long its first sound may take.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// News that waits to be taken.
const NEWS: usize = 64;
/// How much of the child's last words is read, in bytes.
const LAST_WORDS: u64 = 1_000;

/// What an echo test tells.
pub(crate) enum News {
    /// A direction's device changed.
    Route(RouteStatus),
    /// The person hears themselves. The handle has the figures.
    Running(Handle),
    /// It is over by itself. Nothing comes after this.
    Failed(Problem),
}

/// A running echo test. Dropping it ends it.
pub(crate) struct EchoTest {
    pub(crate) news: mpsc::Receiver<News>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl EchoTest {
    /// Starts one, with the sound and devices of `options`.
    pub(crate) fn start(program: PathBuf, options: Options) -> Self {
        let (tell, news) = mpsc::channel(NEWS);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            if let Err(problem) = run(&program, options, &tell, stopped).await {
                let _ = tell.send(News::Failed(problem)).await;
            }
        });
        Self { news, stop: Some(stop), task }
    }

    /// Ends it and waits until its devices are free.
    pub(crate) async fn end(mut self) {
        self.stop = None;
        self.news.close();
        let _ = self.task.await;
    }
}

/// Runs until stopped (`Ok`) or until it cannot go on.
async fn run(
    program: &Path,
    options: Options,
    tell: &mpsc::Sender<News>,
    mut stopped: oneshot::Receiver<()>,
) -> Result<(), Problem> {
    let started = async {
        match timeout(START_LIMIT, start(program)).await {
            Ok(started) => started.map_err(|error| not_started(&error.to_string())),
            Err(_) => Err(not_started("it does not answer")),
        }
    };
    // Neither sender nor message is needed: both mean the end.
    let (mut child, _stdin, host) = tokio::select! {
        started = started => started?,
        _ = &mut stopped => return Ok(()),
    };
    let (to_events, mut events) = mpsc::channel(NEWS);
    let (handle, conversation) =
        Conversation::start(options, to_events).map_err(|error| not_started(&error.to_string()))?;
    handle.send(Command::Talk(Ok(host))).await;
    let end = loop {
        tokio::select! {
            _ = &mut stopped => break Ok(()),
            status = child.wait() => {
                let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                break Err(ended(&status));
            }
            event = events.recv() => match event {
                Some(Event::Route(route)) => {
                    let _ = tell.send(News::Route(route)).await;
                }
                Some(Event::Call(call)) => match (call.phase, call.problem) {
                    (Phase::Live, _) => {
                        let _ = tell.send(News::Running(handle.clone())).await;
                    }
                    (Phase::Failed | Phase::TypingOnly, Some(problem)) => break Err(problem),
                    _ => {}
                },
                Some(_) => {}
                None => break Err(ended("its conversation is over")),
            },
        }
    };
    handle.send(Command::Stop).await;
    drop(handle);
    while events.recv().await.is_some() {}
    let _ = conversation.await;
    let _ = child.kill().await;
    end
}

/// Starts the child and waits for the line that says where it listens.
///
/// The child ends when its standard input does, so that this has to be held; waiting for the child would close it.
async fn start(program: &Path) -> io::Result<(Child, Option<ChildStdin>, Host)> {
    let mut command = tokio::process::Command::new(program);
    command.args(["echo", "--port", "0", "--json", "--end-with-parent"]);
    // Its standard input ends with this program, however that ends; then the child ends, too.
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    #[cfg(windows)]
    command.creation_flags(CREATE_NO_WINDOW);
    let mut child = command.spawn()?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).await?;
    }
    let address = serde_json::from_str::<serde_json::Value>(&line)
        .ok()
        .and_then(|ready| ready.get("url")?.as_str().map(str::to_owned));
    let mut stderr = child.stderr.take();
    let Some(address) = address else {
        let mut words = String::new();
        if let Some(stderr) = stderr {
            stderr.take(LAST_WORDS).read_to_string(&mut words).await?;
        }
        return Err(io::Error::other(words.trim().to_owned()));
    };
    // A child whose words nobody takes would wait for that in the end.
    tokio::spawn(async move {
        if let Some(stderr) = &mut stderr {
            let _ = tokio::io::copy(stderr, &mut tokio::io::sink()).await;
        }
    });
    let host =
        Host::new(&address, "", "", HANDSHAKE_LIMIT).map_err(|problem| io::Error::other(problem.what))?;
    let stdin = child.stdin.take();
    Ok((child, stdin, host))
}

/// A console program must not flash up a console.
#[cfg(windows)]
const CREATE_NO_WINDOW: u32 = 0x0800_0000;

fn not_started(reason: &str) -> Problem {
    Problem::new(
        "echo_test.not_started",
        format!("The echo test could not start: {}.", reason.trim_end_matches('.')),
        "Try again. If it stays like this, install MYCA Voice again: its program `myca` may be missing.",
        &[],
    )
}

fn ended(reason: &str) -> Problem {
    Problem::new(
        "echo_test.ended",
        format!("The echo test ended by itself ({reason})."),
        "Start it again.",
        &[],
    )
}

/// Dictation is under way: its devices are in use.
pub(crate) fn dictation_first() -> Problem {
    Problem::new(
        "echo_test.dictation",
        "The echo test needs the microphone, which dictation uses.",
        "End the dictation, then start the test.",
        &[],
    )
}

/// A call is under way: its devices are in use.
pub(crate) fn call_first() -> Problem {
    Problem::new(
        "echo_test.call",
        "The echo test needs the microphone and the speaker, which the call uses.",
        "Stop the call, then start the test.",
        &[conversation::Action::Stop],
    )
}
