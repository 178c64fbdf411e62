//! Programs that are asked one question.

use std::{
    ffi::OsStr,
    path::Path,
    process::{ExitStatus, Stdio},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
};

use super::Surroundings;

/// What is read of an answer, in bytes. The rest is not waited for.
const LONGEST: u64 = 256 * 1024;

/// What a program said.
pub(super) struct Answer {
    pub(super) status: ExitStatus,
    pub(super) out: String,
    pub(super) err: String,
}

impl Answer {
    /// What it said if it ended well, and what is wrong otherwise.
    pub(super) fn well(self) -> Result<String, String> {
        if self.status.success() {
            return Ok(self.out);
        }
        Err(last_line(&self.err).map_or_else(|| self.status.to_string(), str::to_owned))
    }
}

/// Starts a program and reads what it says. The program ends when the future is dropped.
pub(super) async fn ask(
    place: &Surroundings,
    program: &Path,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Result<Answer, String> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(place.for_programs())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(windows)]
    {
        // No console window flashes up.
        const CREATE_NO_WINDOW: u32 = 0x0800_0000;
        command.creation_flags(CREATE_NO_WINDOW);
    }
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (out, err) = tokio::join!(beginning(out), beginning(err));
    let status = child.wait().await.map_err(|error| error.to_string())?;
    Ok(Answer { status, out, err })
}

async fn beginning(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        // What came before an error is still worth reading.
        let _ = stream.take(LONGEST).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The last line that says something, not more than a sentence of it.
fn last_line(text: &str) -> Option<&str> {
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    Some(line.char_indices().nth(200).map_or(line, |(end, _)| &line[..end]))
}
