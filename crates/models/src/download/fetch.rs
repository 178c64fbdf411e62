//! One file, from the first question to its name.

use std::{path::PathBuf, pin::pin, sync::Arc};

use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    DownloadError, Hub, Options, blocking::blocking, digest::digest, error::Trouble, part::Part,
    patience::Patience, plan::PlannedFile, progress::Meter, work,
};
use crate::{Model, lock::Lock};

/// How often a file that changes is begun anew.
const ANEW: u32 = 2;

/// A file that is to come.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) hub: Hub,
    pub(super) model: Arc<Model>,
    pub(super) file: PlannedFile,
    pub(super) folder: PathBuf,
    pub(super) options: Options,
    pub(super) meter: Arc<Meter>,
    pub(super) lock: Arc<Lock>,
}

/// Gets a file. Returns its SHA-256.
pub(super) async fn fetch(job: Arc<Job>, cancel: &CancellationToken) -> Result<String, DownloadError> {
    let part = {
        let job = Arc::clone(&job);
        blocking(move || Part::open(&job.folder, &job.file, &job.options, Arc::clone(&job.lock))).await?
    };
    let part = Arc::new(part);
    let mut patience = Patience::new(&job.options);
    let mut anew = 0;
    let hash = loop {
        job.meter.begin(&job.file.name, part.done());
        match Box::pin(attempt(&job, &part, cancel)).await {
            Ok(hash) => break hash,
            Err(Trouble::Final(error)) => return Err(error),
            Err(Trouble::Changed(what)) => {
                anew += 1;
                if anew > ANEW {
                    return Err(DownloadError::Changed { file: job.file.name.clone(), what });
                }
                tracing::warn!(file = job.file.name, what, "a file changed and is downloaded anew");
                let part = Arc::clone(&part);
                blocking(move || part.reset()).await?;
            }
            Err(Trouble::Passing { why, wait }) => tokio::select! {
                () = cancel.cancelled() => return Err(DownloadError::Paused),
                waited = patience.wait(why, wait) => waited?,
            },
        }
    };
    let right = job.file.sha256.as_ref().is_none_or(|right| *right == hash);
    blocking(move || {
        if right {
            part.finish()?;
            return Ok(hash);
        }
        part.throw_away()?;
        Err(DownloadError::Mismatch(job.file.name.clone()))
    })
    .await
}

/// Brings what is missing, and hashes all of it. However it ends, what is whole then is on the disk.
async fn attempt(job: &Arc<Job>, part: &Arc<Part>, cancel: &CancellationToken) -> Result<String, Trouble> {
    let mut workers = JoinSet::new();
    let ended = tokio::select! {
        () = cancel.cancelled() => Err(DownloadError::Paused.into()),
        ended = bring(job, part, &mut workers) => ended,
        never = keep_on(job, part) => Err(never.into()),
    };
    if ended.is_ok() {
        return ended;
    }
    // Nobody marks a piece as whole behind this.
    workers.shutdown().await;
    let part = Arc::clone(part);
    let kept = blocking(move || part.keep()).await;
    match (ended, kept) {
        // A full disk explains why nothing could be kept.
        (Err(Trouble::Passing { .. } | Trouble::Changed(_)), Err(error)) => Err(error.into()),
        (ended, _) => ended,
    }
}

/// Brings what is missing, and hashes all of it.
async fn bring(
    job: &Arc<Job>,
    part: &Arc<Part>,
    workers: &mut JoinSet<Result<(), Trouble>>,
) -> Result<String, Trouble> {
    match part.take() {
        Some(run) => work::start(job, part, run, workers).await?,
        None => job.meter.checking(),
    }
    let mut hash = pin!(digest(Arc::clone(part)));
    loop {
        tokio::select! {
            hash = &mut hash => return Ok(hash?),
            Some(ended) = workers.join_next() => {
                let broken = |error: tokio::task::JoinError| DownloadError::Broken(error.to_string());
                ended.map_err(broken)??;
                if workers.is_empty() {
                    job.meter.checking();
                }
            }
        }
    }
}

/// Brings to the disk what comes, now and then. Ends only with an error.
async fn keep_on(job: &Job, part: &Arc<Part>) -> DownloadError {
    loop {
        sleep(job.options.keep_every).await;
        let part = Arc::clone(part);
        if let Err(error) = blocking(move || part.keep()).await {
            return error;
        }
    }
}
