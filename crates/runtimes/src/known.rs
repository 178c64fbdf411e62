//! Failures that others had before, as the doctor knows them.

use crate::{Failure, machine::Known};

/// The failure that a line tells of, if it is a known one.
pub(crate) fn of(line: &str) -> Option<Known> {
    let doctor::KnownFailure { code, sign, what, next } = doctor::recognise(line)?;
    let next = match next.line {
        Some(line) => format!("{} {line}", next.says),
        None => next.says,
    };
    Some(Known {
        failure: Failure::new(code, what, next),
        another_port: code == "port.taken",
        if_stalled: sign == doctor::Sign::IfNothingFollows,
    })
}
