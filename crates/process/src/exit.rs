//! How a program ended, in words.

use std::{fmt, process::ExitStatus};

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With this exit code. On Windows a crash is one too.
    Code(i32),
    /// By this signal of the system.
    Signal(i32),
    /// The system does not say.
    Unknown,
}

impl Exit {
    /// What an exit code means that tells a signal as shells do: by its number and 128.
    #[must_use]
    pub fn of_shell(code: i32) -> Self {
        match code {
            129..=192 => Self::Signal(code - 128),
            _ => Self::Code(code),
        }
    }

    /// `guarded`: whether it is the exit of a guard, which tells a signal as shells do.
    pub(crate) fn of(status: ExitStatus, guarded: bool) -> Self {
        match status.code() {
            Some(code) if guarded && cfg!(unix) => Self::of_shell(code),
            Some(code) => Self::Code(code),
            None => signal_of(status).map_or(Self::Unknown, Self::Signal),
        }
    }
}

#[cfg(unix)]
fn signal_of(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal_of(_: ExitStatus) -> Option<i32> {
    None
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Code(0) => write!(f, "it ended without an error"),
            Self::Code(code) => match of_windows(code.cast_unsigned()) {
                Some(words) if cfg!(windows) => {
                    write!(f, "{words} (exit code 0x{:08X})", code.cast_unsigned())
                }
                _ => write!(f, "it ended with exit code {code}"),
            },
            Self::Signal(signal) => match of_signal(signal) {
                Some((words, name)) => write!(f, "{words} ({name})"),
                None => write!(f, "it was ended by signal {signal}"),
            },
            Self::Unknown => write!(f, "it ended, and the system does not say how"),
        }
    }
}

/// The signals of Linux on x86-64 and ARM that end programs.
fn of_signal(signal: i32) -> Option<(&'static str, &'static str)> {
    Some(match signal {
        1 => ("its terminal was closed", "SIGHUP"),
        2 => ("it was interrupted", "SIGINT"),
        3 => ("it was told to quit", "SIGQUIT"),
        4 => ("it crashed on an instruction that this processor does not have", "SIGILL"),
        6 => ("it gave up", "SIGABRT"),
        7 => ("it crashed while it read a file or memory", "SIGBUS"),
        8 => ("it crashed in a calculation", "SIGFPE"),
        9 => ("it was killed, by somebody or for want of memory", "SIGKILL"),
        11 => ("it crashed on memory that is not its own", "SIGSEGV"),
        13 => ("nobody read what it wrote", "SIGPIPE"),
        15 => ("it was told to end", "SIGTERM"),
        24 => ("it used up its processor time", "SIGXCPU"),
        31 => ("it did what it is forbidden to", "SIGSYS"),
        _ => return None,
    })
}

/// The status codes that Windows gives a program that did not end by itself.
fn of_windows(code: u32) -> Option<&'static str> {
    Some(match code {
        0xC000_0005 => "it crashed on memory that is not its own",
        0xC000_0017 => "it was refused memory",
        0xC000_001D => "it crashed on an instruction that this processor does not have",
        0xC000_0094 => "it crashed in a calculation",
        0xC000_00FD => "it crashed for want of stack",
        0xC000_0135 => "a library (DLL) that it needs is missing",
        0xC000_0139 => "a library (DLL) that it needs is of another version",
        0xC000_013A => "it was interrupted",
        0xC000_0142 => "a library (DLL) that it needs does not start",
        0xC000_0374 => "it crashed on damaged memory",
        0xC000_0409 => "it gave up",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_in_words() {
        assert_eq!(Exit::Code(0).to_string(), "it ended without an error");
        assert_eq!(Exit::Code(3).to_string(), "it ended with exit code 3");
        assert_eq!(
            Exit::Signal(4).to_string(),
            "it crashed on an instruction that this processor does not have (SIGILL)"
        );
        assert_eq!(Exit::Signal(40).to_string(), "it was ended by signal 40");
    }

    #[cfg(unix)]
    #[test]
    fn a_guard_tells_a_signal_as_shells_do() {
        use std::os::unix::process::ExitStatusExt;
        let status = ExitStatus::from_raw(137 << 8);
        assert_eq!(Exit::of(status, true), Exit::Signal(9));
        assert_eq!(Exit::of(status, false), Exit::Code(137));
        assert_eq!(Exit::of(ExitStatus::from_raw(11), true), Exit::Signal(11), "the guard itself");
    }
}
