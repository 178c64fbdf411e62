//! Getting a model from Hugging Face, or from what serves its files the same way.
//!
//! The repository is asked for its files, with sizes and hashes. They come one after the other, each in pieces over
//! several connections, into a `.part` beside a small file that says which pieces have reached the disk. A file is
//! hashed as it comes, and gets its name when its hash is right. The marker that makes the folder a model comes last.
//! So whatever ends a download, and wherever, the next one goes on behind the last piece that had reached the disk.

mod blocking;
mod digest;
mod error;
mod fetch;
mod hub;
mod part;
mod part_state;
mod patience;
mod plan;
mod positioned;
mod progress;
mod repository;
mod work;

use std::{path::Path, sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    Kept, Model, Shelf, ShelfError,
    lock::Hold,
    marker::{MarkedFile, Marker},
    space,
};
use blocking::blocking;
use error::Trouble;
use fetch::Job;
use patience::Patience;
use plan::Plan;
use progress::Meter;

pub use error::DownloadError;
pub use hub::{Hub, HubError};
pub use progress::{Phase, Progress};

/// How a download is done. The default is for everybody; others are for tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Connections at once.
    pub connections: usize,
    /// Bytes of a piece: what is not yet a whole piece when a download ends comes again.
    pub piece: u64,
    /// Pieces that one request asks for, at most.
    pub run: u64,
    /// How often in a row a connection may fail without bringing anything.
    pub tries: u32,
    /// The wait before the second try. It doubles with each, up to half a minute.
    pub first_wait: Duration,
    /// The longest that a server may ask us to wait.
    pub longest_wait: Duration,
    /// How often what came is brought to the disk.
    pub keep_every: Duration,
    /// Bytes that stay free on the disk.
    pub reserve: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections: 4,
            piece: 4 << 20,
            run: 32,
            tries: 6,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(300),
            keep_every: Duration::from_secs(2),
            reserve: 1 << 30,
        }
    }
}

/// Gets a model onto the shelf, or what is missing of it.
///
/// `progress` is told at most ten times a second. When `cancel` is cancelled, what has come is brought to the disk and
/// the download ends with [`DownloadError::Paused`]; dropping the future ends it too, and loses what came in the last
/// [`Options::keep_every`].
///
/// # Errors
/// [`DownloadError`]. What had come stays, except after [`DownloadError::Mismatch`].
pub async fn download(
    shelf: &Shelf,
    model: &Model,
    hub: &Hub,
    options: &Options,
    progress: watch::Sender<Progress>,
    cancel: &CancellationToken,
) -> Result<Kept, DownloadError> {
    let meter = Arc::new(Meter::new(progress));
    let all = Box::pin(whole(shelf, model, hub, options, &meter, cancel));
    let done = tokio::select! {
        done = all => done,
        never = meter.run() => match never {},
    };
    meter.tell();
    done
}

async fn whole(
    shelf: &Shelf,
    model: &Model,
    hub: &Hub,
    options: &Options,
    meter: &Arc<Meter>,
    cancel: &CancellationToken,
) -> Result<Kept, DownloadError> {
    let (shelf, id) = (shelf.clone(), model.id.clone());
    let folder = shelf.folder().join(&id);
    let (lock, there) = {
        let (shelf, id) = (shelf.clone(), id.clone());
        blocking(move || {
            let lock = shelf.lock(&id, Hold::Alone).map_err(|error| match error {
                ShelfError::File { path, source } => DownloadError::File { path, source },
                _ => DownloadError::Busy(id.clone()),
            })?;
            Ok((Arc::new(lock), shelf.usable(&id)))
        })
        .await?
    };
    if let Some(there) = there {
        return Ok(there);
    }
    let plan = tokio::select! {
        () = cancel.cancelled() => return Err(DownloadError::Paused),
        plan = ask(hub, model, options) => plan?,
    };
    meter.plan(plan.total());
    let done = {
        let (folder, plan, reserve) = (folder.clone(), plan.clone(), options.reserve);
        let lock = Arc::clone(&lock);
        blocking(move || {
            let done = prepare(&folder, &plan, reserve);
            // Also when nobody waits for it any more, the model is held until here.
            drop(lock);
            done
        })
        .await?
    };
    let mut marked = Vec::new();
    for (file, done) in plan.files.iter().zip(done) {
        let sha256 = if done {
            file.sha256.clone()
        } else {
            let job = Job {
                hub: hub.clone(),
                model: Arc::new(model.clone()),
                file: file.clone(),
                folder: folder.clone(),
                options: options.clone(),
                meter: Arc::clone(meter),
                lock: Arc::clone(&lock),
            };
            Some(fetch::fetch(Arc::new(job), cancel).await?)
        };
        meter.finished(file.size);
        marked.push(MarkedFile { name: file.name.clone(), size: file.size, sha256 });
    }
    let marker = Marker {
        version: 1,
        repo: Some(model.repo.clone()),
        revision: Some(model.revision.clone()),
        path: None,
        files: marked,
    };
    blocking(move || {
        let of = |source| DownloadError::of_disk(&folder, source);
        marker.write(&folder).map_err(of)?;
        plan.clear(&folder).map_err(of)?;
        drop(lock);
        let gone = || DownloadError::of_disk(&folder, std::io::ErrorKind::NotFound.into());
        shelf.usable(&id).ok_or_else(gone)
    })
    .await
}

/// Asks what is to be downloaded.
async fn ask(hub: &Hub, model: &Model, options: &Options) -> Result<Plan, DownloadError> {
    // Whoever is not there at all is said soon.
    let mut patience = Patience::new(&Options { tries: options.tries.min(3), ..options.clone() });
    loop {
        match hub.files(model).await {
            Ok(listed) => return Plan::new(model, listed),
            Err(Trouble::Final(error)) => return Err(error),
            Err(Trouble::Passing { why, wait }) => patience.wait(why, wait).await?,
            Err(Trouble::Changed(what)) => return Err(DownloadError::Answer(what)),
        }
    }
}

/// Makes the folder ready and looks whether the disk takes what is to come. Says of each file whether it is whole.
fn prepare(folder: &Path, plan: &Plan, reserve: u64) -> Result<Vec<bool>, DownloadError> {
    let of = |source| DownloadError::of_disk(folder, source);
    // Of a model that is not whole any more.
    Marker::remove(folder).map_err(of)?;
    let done = plan.settle(folder).map_err(of)?;
    let missing = plan.total().saturating_sub(plan.bytes_in(folder));
    match space::free(folder) {
        Ok(free) if free < missing.saturating_add(reserve) => {
            let need = missing.saturating_add(reserve);
            return Err(DownloadError::Space { folder: folder.into(), need, free });
        }
        Ok(_) => {}
        Err(error) => tracing::debug!(%error, "the room on the disk is not known"),
    }
    Ok(done)
}

/// A download that did not come to its end.
#[derive(Debug)]
pub(crate) struct Begun {
    /// Bytes that are there.
    pub(crate) done: u64,
    /// Bytes in all.
    pub(crate) total: u64,
    /// Its first file, which has the weights.
    pub(crate) first: String,
}

/// The download that was begun in a folder.
pub(crate) fn begun(folder: &Path) -> Option<Begun> {
    let plan = Plan::read(folder)?;
    Some(Begun { done: plan.bytes_in(folder), total: plan.total(), first: plan.files.first()?.name.clone() })
}
