//! The guard of Windows: in a job before it starts anything, so that all of it is born there.

use std::{
    io,
    os::windows::process::CommandExt,
    process::{Command, ExitCode},
};

use crate::tree::windows::job;

/// No black window.
const CREATE_NO_WINDOW: u32 = 0x0800_0000;

pub(super) fn guard(mut command: Command) -> io::Result<ExitCode> {
    let job = job().map_err(io::Error::other)?;
    job.assign_current_process().map_err(io::Error::other)?;
    let status = command.creation_flags(CREATE_NO_WINDOW).spawn()?.wait()?;
    // The end of this process is the end of the job. An `ExitCode` is too small for what Windows tells.
    std::process::exit(status.code().unwrap_or(1));
}
