//! Those who bring the pieces of a file, each over a connection of its own.

use std::{mem, ops::Range, sync::Arc};

use bytes::Bytes;
use tokio::task::JoinSet;

use super::{
    DownloadError, blocking::blocking, error::Trouble, fetch::Job, part::Part, patience::Patience,
    repository::Body,
};

/// Bytes that are written at once.
const BATCH: u64 = 1 << 20;

/// So many bytes are worth all patience: a connection that brings them before it breaks is a good one.
const WORTH: u64 = 1 << 20;

/// Asks for the first bytes, and starts those who bring the file: several, or one where the server does not give parts
/// of it.
pub(super) async fn start(
    job: &Arc<Job>,
    part: &Arc<Part>,
    run: Range<u64>,
    workers: &mut JoinSet<Result<(), Trouble>>,
) -> Result<(), Trouble> {
    let opened = open(job, part, run.clone()).await;
    let body = match opened {
        Ok(body) => body,
        Err(trouble) => {
            part.give_back(&run);
            return Err(trouble);
        }
    };
    let (job, part) = (Arc::clone(job), Arc::clone(part));
    if !body.part {
        // What was there is written again, as nothing can be left out.
        part.reset();
        part.is_still(body.etag.as_deref());
        job.meter.begin(&job.file.name, 0);
        workers.spawn(alone(job, part, body));
        return Ok(());
    }
    part.enter(job.options.connections.max(1));
    for _ in 1..job.options.connections {
        workers.spawn(work(Arc::clone(&job), Arc::clone(&part), None));
    }
    workers.spawn(work(job, part, Some((run, body))));
    Ok(())
}

/// Brings runs of pieces until there are none.
async fn work(job: Arc<Job>, part: Arc<Part>, first: Option<(Range<u64>, Body)>) -> Result<(), Trouble> {
    let mut first = first;
    loop {
        let (run, body) = match first.take() {
            Some((run, body)) => (run, Some(body)),
            None => match part.take() {
                Some(run) => (run, None),
                None => {
                    part.leave();
                    return Ok(());
                }
            },
        };
        match bring(&job, &part, run.clone(), body).await {
            Ok(()) => {}
            Err(Trouble::Passing { why, .. }) => {
                part.give_back(&run);
                // Some servers allow fewer connections at once than we make.
                return if part.leave() { Ok(()) } else { Err(why.into()) };
            }
            Err(trouble) => return Err(trouble),
        }
    }
}

/// Brings a run of pieces. After a break it goes on where that was.
async fn bring(job: &Job, part: &Arc<Part>, run: Range<u64>, body: Option<Body>) -> Result<(), Trouble> {
    let mut patience = Patience::new(&job.options);
    let mut at = run.start;
    let mut body = body;
    loop {
        let from = at;
        let ended = match body.take() {
            Some(body) => read(job, part, body, &run, &mut at).await,
            None => match open(job, part, at..run.end).await {
                Ok(body) if body.part => read(job, part, body, &run, &mut at).await,
                Ok(_) => Err(broken("parts of a file come at one time and not at another")),
                Err(trouble) => Err(trouble),
            },
        };
        if at == run.end {
            return Ok(());
        }
        if at - from >= WORTH {
            patience.renew();
        }
        match ended {
            Ok(()) => {
                patience.wait(DownloadError::Broken("a part of a file ended too early".into()), None).await
            }
            Err(Trouble::Passing { why, wait }) => patience.wait(why, wait).await,
            Err(trouble) => return Err(trouble),
        }
        .map_err(|why| Trouble::Passing { why, wait: None })?;
    }
}

/// Brings all of a file, from its beginning and without a break.
async fn alone(job: Arc<Job>, part: Arc<Part>, body: Body) -> Result<(), Trouble> {
    let all = 0..part.size();
    let mut at = 0;
    read(&job, &part, body, &all, &mut at).await?;
    if at == all.end { Ok(()) } else { Err(broken("a file ended too early")) }
}

async fn open(job: &Job, part: &Part, bytes: Range<u64>) -> Result<Body, Trouble> {
    let body = job.hub.open(&job.model, &job.file.name, part.size(), bytes).await?;
    // A file that comes as a whole is begun anew anyway.
    if body.part && !part.is_still(body.etag.as_deref()) {
        return Err(Trouble::Changed("the server calls it by another name than before".into()));
    }
    Ok(body)
}

/// Writes what comes, from `at` up to the end of the run and no further. `at` is then behind what was written.
async fn read(
    job: &Job,
    part: &Arc<Part>,
    body: Body,
    run: &Range<u64>,
    at: &mut u64,
) -> Result<(), Trouble> {
    let mut response = body.response;
    let (mut batch, mut held) = (Vec::new(), 0);
    loop {
        let room = run.end - *at - held;
        let came = if room == 0 { Ok(None) } else { response.piece().await };
        if let Ok(Some(bytes)) = &came {
            let bytes = bytes.slice(..bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
            held += bytes.len() as u64;
            batch.push(bytes);
        }
        let ended = !matches!(came, Ok(Some(_)));
        if held >= BATCH || ended {
            write(part, *at, mem::take(&mut batch)).await?;
            *at += held;
            job.meter.came(held);
            held = 0;
            part.written(&(run.start..*at));
        }
        if ended {
            return came.map(|_| ()).map_err(Trouble::from);
        }
    }
}

async fn write(part: &Arc<Part>, at: u64, batch: Vec<Bytes>) -> Result<(), DownloadError> {
    if batch.is_empty() {
        return Ok(());
    }
    let part = Arc::clone(part);
    blocking(move || part.write(at, &batch)).await
}

fn broken(why: &str) -> Trouble {
    Trouble::Passing { why: DownloadError::Broken(why.into()), wait: None }
}
