//! A run of a container.

use std::{pin::pin, time::Duration};

use bollard::container::LogOutput;
use futures_util::StreamExt;
use process::{LogFile, Output, Source};
use tokio::{
    io::{AsyncWriteExt, simplex},
    join, select,
    time::timeout,
};

use super::{Event, Stop, Watch, ending, program::pass_on};
use crate::{
    Container, Failure,
    docker::{Attached, ContainerEnd, DockerError, Engine},
    known,
    machine::{Ended, Known},
};

/// How long its last words may take once it was told to end.
const LAST_WORDS: Duration = Duration::from_secs(15);
/// How much of its output waits to be cut into lines, in bytes.
const WAITING: usize = 16 << 10;

pub(super) async fn run(
    container: Container,
    socket: Option<&str>,
    log: LogFile,
    watch: &Watch<'_>,
    mut stop: Stop,
) -> Result<Ended, DockerError> {
    let made = select! {
        made = make(&container, socket, watch) => made,
        _ = &mut stop => return Ok(ending::stopped()),
    };
    let (engine, id) = match made {
        Ok(made) => made,
        Err(error) => return failed(error, watch).await,
    };
    let started = select! {
        started = engine.start(&id) => started,
        _ = &mut stop => {
            engine.remove(&id).await;
            return Ok(ending::stopped());
        }
    };
    let ended = match started {
        Ok(attached) => Ok(attend(&engine, &id, attached, &container, log, watch, stop).await),
        Err(error) => failed(error, watch).await,
    };
    engine.remove(&id).await;
    ended
}

/// A container that does not run yet, and the engine that has it.
async fn make(
    container: &Container,
    socket: Option<&str>,
    watch: &Watch<'_>,
) -> Result<(Engine, String), DockerError> {
    let engine = Engine::connect(socket).await?;
    if !engine.has(&container.image).await? {
        let mut news = pin!(engine.pull(&container.image));
        while let Some(progress) = news.next().await {
            watch.tell(Event::Pulling(progress?)).await;
        }
    }
    let id = engine.create(container).await?;
    Ok((engine, id))
}

/// What came in the way of a container is told like a line of it where it is a failure that is known: another port may help.
async fn failed(error: DockerError, watch: &Watch<'_>) -> Result<Ended, DockerError> {
    match error.words().and_then(known::of) {
        Some(known) => {
            let why = Failure::new(error.code(), error.to_string(), error.next());
            watch.tell(Event::Known(known)).await;
            Ok(Ended { why, hopeless: true })
        }
        None => Err(error),
    }
}

/// Stays with a container until it ends.
async fn attend(
    engine: &Engine,
    id: &str,
    attached: Attached,
    container: &Container,
    log: LogFile,
    watch: &Watch<'_>,
    stop: Stop,
) -> Ended {
    let Attached { mut output, mut input } = attached;
    let secrets: Vec<String> = container.token.iter().map(|token| token.expose().to_owned()).collect();
    // A container that is gone already says so by its end.
    let _ = input.write_all(format!("{}\n", secrets.concat()).as_bytes()).await;
    let _ = input.flush().await;
    watch.tell(Event::Launched { port: container.outside }).await;

    let printed = Output::logged(secrets, log);
    let (_, mut lines) = printed.follow();
    let (out, mut to_out) = simplex(WAITING);
    let (err, mut to_err) = simplex(WAITING);
    let cut = async {
        while let Some(Ok(piece)) = output.next().await {
            let _ = match piece {
                LogOutput::StdErr { message } => to_err.write_all(&message).await,
                other => to_out.write_all(&other.into_bytes()).await,
            };
        }
        let _ = join!(to_out.shutdown(), to_err.shutdown());
    };
    let to_the_end = async {
        join!(cut, printed.read(out, Source::Output), printed.read(err, Source::Error));
        let end = engine.end(id).await;
        printed.close(end.exit);
        end
    };
    let to_the_end = async { join!(to_the_end, async { while pass_on(&mut lines, watch).await {} }).0 };
    let mut to_the_end = pin!(to_the_end);
    let ContainerEnd { exit, out_of_memory } = select! {
        end = &mut to_the_end => end,
        _ = stop => {
            drop(input);
            let ended = async { join!(to_the_end, engine.stop(id)) };
            return match timeout(LAST_WORDS, ended).await {
                Ok((end, ())) => ending::explain(watch.kind, end.exit, &printed.tail()),
                Err(_) => ending::stopped(),
            };
        }
    };
    if out_of_memory {
        watch.tell(Event::Known(no_memory())).await;
    }
    ending::explain(watch.kind, exit, &printed.tail())
}

fn no_memory() -> Known {
    Known {
        failure: Failure::new(
            "docker.memory",
            "The container used up its memory, and the system ended it.",
            "Give Docker more memory, or close programs that use much. On the processor Moshi needs 18 to 20 GB.",
        ),
        another_port: false,
        if_stalled: false,
    }
}
