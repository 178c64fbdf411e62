//! What is to be started.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{Guard, LogFile, StartError, find::find_in, output::LONGEST};

/// A program to start, and how. Nothing goes through a shell.
#[derive(Clone)]
pub struct Spec {
    program: PathBuf,
    arguments: Vec<OsString>,
    /// A name without a value is taken out of what the child inherits.
    environment: Vec<(OsString, Option<OsString>)>,
    pub(crate) secrets: Vec<String>,
    pub(crate) longest_line: usize,
    folder: Option<PathBuf>,
    input: bool,
    pub(crate) log: Option<LogFile>,
    pub(crate) guard: Option<Guard>,
}

impl Spec {
    /// A program, by its path or by its name in PATH. Its standard input is closed.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            secrets: Vec::new(),
            longest_line: LONGEST,
            folder: None,
            input: false,
            log: None,
            guard: None,
        }
    }

    /// The same with one more argument. Arguments can be read by everybody on this computer: secrets go into
    /// [`Self::secret`].
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// The same with more arguments.
    #[must_use]
    pub fn arguments(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// The same with a variable of the environment, beside those that it inherits.
    #[must_use]
    pub fn set(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), Some(value.into())));
        self
    }

    /// The same without a variable that it would inherit.
    #[must_use]
    pub fn unset(mut self, name: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), None));
        self
    }

    /// The same with a variable whose value is taken out of everything that the child prints.
    #[must_use]
    pub fn secret(mut self, name: impl Into<OsString>, value: impl Into<String>) -> Self {
        let value = value.into();
        self.environment.push((name.into(), Some(value.clone().into())));
        if !value.is_empty() {
            self.secrets.push(value);
        }
        self
    }

    /// The same with longer lines than 4 KiB kept, up to so many bytes: for programs that answer in one line.
    #[must_use]
    pub fn longest_line(mut self, bytes: usize) -> Self {
        self.longest_line = bytes;
        self
    }

    /// The same in another folder than ours.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// The same with a pipe as its standard input, for [`crate::Child::input`]. Unless it is taken there, it stays open
    /// until the child is to end, which suits programs that end when it does.
    #[must_use]
    pub fn piped(mut self) -> Self {
        self.input = true;
        self
    }

    /// The same with what it prints written to a file.
    #[must_use]
    pub fn log(mut self, log: LogFile) -> Self {
        self.log = Some(log);
        self
    }

    /// The same under a guard, which ends all that it starts even when this program is killed.
    #[must_use]
    pub fn guarded_by(mut self, guard: Guard) -> Self {
        self.guard = Some(guard);
        self
    }

    /// The program, as it was named.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// What starts it, once it is known that it can be.
    pub(crate) fn command(&self) -> Result<Command, StartError> {
        if let Some(folder) = self.folder.as_ref().filter(|folder| !folder.is_dir()) {
            return Err(StartError::NoFolder(folder.clone()));
        }
        // The guard could not tell, so that it is found out here.
        let program = self.found()?;
        let mut command = match &self.guard {
            Some(guard) => guard.command(&program)?,
            None => Command::new(program),
        };
        command.args(&self.arguments);
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command.stdin(if self.input { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }

    fn found(&self) -> Result<PathBuf, StartError> {
        let path = match self.environment.iter().rev().find(|(name, _)| name == "PATH") {
            Some((_, path)) => path.clone(),
            None => std::env::var_os("PATH"),
        };
        let found = find_in(&self.program, path.as_deref());
        let found = found.ok_or_else(|| StartError::NotFound(self.program.clone()))?;
        if !may_be_run(&found) {
            return Err(StartError::NotRunnable(found));
        }
        // It is started in another folder perhaps, and by a guard.
        std::path::absolute(&found).map_err(|error| StartError::of(&error, found))
    }
}

#[cfg(unix)]
fn may_be_run(program: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    program.metadata().is_ok_and(|found| found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn may_be_run(_: &Path) -> bool {
    true
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&OsStr> = self.environment.iter().map(|(name, _)| name.as_os_str()).collect();
        f.debug_struct("Spec")
            .field("program", &self.program)
            .field("arguments", &self.arguments)
            .field("environment", &names)
            .field("folder", &self.folder)
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_never_shows_the_values_of_its_environment() {
        let spec = Spec::new("x").set("PLAIN", "hush-1").secret("TOKEN", "hush-2");
        let shown = format!("{spec:?}");
        assert!(shown.contains("TOKEN") && !shown.contains("hush"), "{shown}");
    }
}
