//! Job objects.

use std::{
    io,
    os::windows::process::CommandExt,
    process::Command,
    sync::{Mutex, PoisonError},
};

use win32job::{ExtendedLimitInfo, Job, JobError};

/// Keys that interrupt us are none of the child's.
const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
/// No black window.
const CREATE_NO_WINDOW: u32 = 0x0800_0000;

/// A child and all that it has started: a job, which ends with its last handle, however this program ends.
#[derive(Debug)]
pub(crate) struct Tree(Mutex<Option<Job>>);

impl Tree {
    /// Before the child is started.
    pub(crate) fn prepare(command: &mut Command, _guarded: bool) {
        command.creation_flags(CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW);
    }

    /// Puts the child into a job. What it may have started within the first moments stays outside; under a guard there
    /// is no such moment.
    pub(crate) fn of(child: &tokio::process::Child, _guarded: bool) -> io::Result<Self> {
        let job = job().map_err(io::Error::other)?;
        let process = child.raw_handle().ok_or(io::ErrorKind::NotFound)?;
        job.assign_process(process as isize).map_err(io::Error::other)?;
        Ok(Self(Mutex::new(Some(job))))
    }

    /// Windows has no way to ask but a closed standard input, which whoever holds it closes.
    #[expect(clippy::unused_self, reason = "on Linux there is something to do")]
    pub(crate) fn ask(&self) {}

    /// Whether nothing of it is known to run. What a child leaves behind gets no time of its own.
    #[expect(clippy::unused_self, reason = "on Linux there is something to look at")]
    pub(crate) fn is_gone(&self) -> bool {
        true
    }

    /// Kills all of it.
    #[expect(clippy::unused_async, reason = "on Linux it takes a while")]
    pub(crate) async fn kill(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// A job that ends all that is in it when it is dropped.
pub(crate) fn job() -> Result<Job, JobError> {
    let mut limits = ExtendedLimitInfo::new();
    limits.limit_kill_on_job_close();
    Job::create_with_limit_info(&limits)
}
