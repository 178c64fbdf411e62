//! Those who bring the pieces of a file, each over a connection of its own.

use std::{ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use net::{HttpError, Response};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

use super::{
    DownloadError, blocking::blocking, error::Trouble, fetch::Job, part::Part, patience::Patience,
    repository::Body,
};

/// Bytes that are written at once.
const BATCH: u64 = 1 << 20;

/// How long bytes wait for others to be written with them.
const LINGER: Duration = Duration::from_millis(250);

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
    let (job, mut part) = (Arc::clone(job), Arc::clone(part));
    if !body.part {
        // What was there is written again, as nothing can be left out.
        part = blocking(move || {
            part.reset()?;
            Ok(part)
        })
        .await?;
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
            None => match part.take_or_leave() {
                Some(run) => (run, None),
                None => return Ok(()),
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
    let begun = part.begun();
    loop {
        let mut batch = Batch::default();
        let ended = batch.fill(&mut response, run.end - *at).await;
        let len = batch.len;
        write(part, begun, *at, batch.pieces).await?;
        *at += len;
        job.meter.came(len);
        part.written(&(run.start..*at));
        if let Some(ended) = ended {
            return ended.map_err(Trouble::from);
        }
    }
}

/// What came and is not written yet.
#[derive(Default)]
struct Batch {
    pieces: Vec<Bytes>,
    len: u64,
}

impl Batch {
    /// Takes what comes until it is worth writing, and no more than there is room for. Says how the answer ended, if it
    /// did.
    async fn fill(&mut self, response: &mut Response, room: u64) -> Option<Result<(), HttpError>> {
        let mut due = None;
        while self.len < BATCH {
            let left = room - self.len;
            if left == 0 {
                return Some(Ok(()));
            }
            let piece = response.piece();
            let came = match due {
                None => piece.await,
                // What is held does not wait longer for more.
                Some(due) => timeout_at(due, piece).await.ok()?,
            };
            let bytes = match came {
                Ok(Some(bytes)) => {
                    bytes.slice(..bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX)))
                }
                ended => return Some(ended.map(|_| ())),
            };
            self.len += bytes.len() as u64;
            self.pieces.push(bytes);
            due = due.or_else(|| Some(Instant::now() + LINGER));
        }
        None
    }
}

async fn write(part: &Arc<Part>, begun: u64, at: u64, batch: Vec<Bytes>) -> Result<(), DownloadError> {
    if batch.is_empty() {
        return Ok(());
    }
    let part = Arc::clone(part);
    blocking(move || part.write(begun, at, &batch)).await
}

fn broken(why: &str) -> Trouble {
    Trouble::Passing { why: DownloadError::Broken(why.into()), wait: None }
}
