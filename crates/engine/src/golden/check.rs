//! Rows that were recorded, beside those that are found.

use super::flaw::Flaw;
use super::recording::Rows;
use super::{EXACT, Line};

/// What can be compared.
pub(super) trait Value: Copy {
    /// Whether a difference says anything.
    const MEASURED: bool;

    /// How far two are apart.
    fn distance(self, other: Self) -> f32;
}

impl Value for i64 {
    const MEASURED: bool = false;

    fn distance(self, other: Self) -> f32 {
        if self == other { EXACT } else { f32::INFINITY }
    }
}

impl Value for f32 {
    const MEASURED: bool = true;

    fn distance(self, other: Self) -> f32 {
        let distance = (self - other).abs();
        // Also two infinite ones: no number of a network is.
        if distance.is_nan() { Self::INFINITY } else { distance }
    }
}

/// A part of a recording that is compared row by row.
#[derive(Debug)]
pub(super) struct Check<T> {
    what: String,
    tolerance: f32,
    expected: Result<Rows<T>, Flaw>,
    agreed: usize,
    /// Rows that were found, from the first on.
    seen: usize,
    largest: f32,
}

impl<T: Value> Check<T> {
    /// A check against rows, or against rows that can not be had: then it fails.
    pub(super) fn new(what: impl Into<String>, tolerance: f32, expected: Result<Rows<T>, Flaw>) -> Self {
        Self { what: what.into(), tolerance, expected, agreed: 0, seen: 0, largest: 0.0 }
    }

    /// Compares the next row.
    pub(super) fn see(&mut self, found: &[T]) {
        let Ok(rows) = &self.expected else { return };
        let expected = rows.get(self.seen).unwrap_or_default();
        self.seen += 1;
        let mut distance = if found.len() == expected.len() { 0.0 } else { f32::INFINITY };
        for (&found, &expected) in found.iter().zip(expected) {
            distance = distance.max(found.distance(expected));
        }
        self.largest = self.largest.max(distance);
        self.agreed += usize::from(distance <= self.tolerance);
    }

    /// What it came to, as a line about this file.
    pub(super) fn line(self, file: &str) -> Line {
        let rows = match self.expected {
            Ok(rows) => rows,
            Err(flaw) => return Line::failed(file, self.what, &flaw),
        };
        let count = rows.count();
        let reason = if self.seen == 0 {
            Some("It was not come to.".to_owned())
        } else if self.seen != count {
            Some(format!("There were {} rows instead of {count}.", self.seen))
        } else if T::MEASURED && self.largest.is_infinite() {
            Some("There are numbers that are none.".to_owned())
        } else {
            None
        };
        Line {
            file: file.into(),
            what: self.what,
            agreed: self.agreed,
            count,
            largest_difference: (T::MEASURED && self.seen > 0).then_some(self.largest),
            tolerance: Some(self.tolerance),
            relative_error: None,
            ok: Some(self.agreed == count && self.seen == count && count > 0),
            reason,
        }
    }
}

impl Line {
    /// What could not be compared.
    pub(super) fn failed(file: &str, what: impl Into<String>, why: &impl ToString) -> Self {
        Self {
            file: file.into(),
            what: what.into(),
            agreed: 0,
            count: 0,
            largest_difference: None,
            tolerance: None,
            relative_error: None,
            ok: Some(false),
            reason: Some(why.to_string()),
        }
    }
}

/// How near numbers are that need not agree.
#[derive(Debug, Default)]
pub(super) struct Nearness {
    agreed: usize,
    seen: usize,
    error: f64,
    power: f64,
    largest: f32,
}

impl Nearness {
    /// Compares the next row. `agrees` is whether it leads to the same tokens.
    pub(super) fn see(&mut self, found: &[f32], expected: &[f32], agrees: bool) {
        self.seen += 1;
        self.agreed += usize::from(agrees);
        for (&found, &expected) in found.iter().zip(expected) {
            self.error += f64::from(found - expected).powi(2);
            self.power += f64::from(expected).powi(2);
            self.largest = self.largest.max(found.distance(expected));
        }
    }

    /// What it came to. Nothing is judged.
    pub(super) fn line(self, file: &str, what: &str) -> Line {
        Line {
            file: file.into(),
            what: what.into(),
            agreed: self.agreed,
            count: self.seen,
            largest_difference: Some(self.largest),
            tolerance: None,
            relative_error: Some((self.error / self.power.max(f64::MIN_POSITIVE)).sqrt() as f32),
            ok: None,
            reason: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line<T: Value>(tolerance: f32, expected: Vec<T>, found: &[&[T]]) -> Line {
        let mut check = Check::new("x", tolerance, Ok(Rows::new(2, expected)));
        found.iter().for_each(|row| check.see(row));
        check.line("f")
    }

    #[test]
    fn rows_agree_within_the_tolerance() {
        let found = line(0.5, vec![1.0, 2.0, 3.0, 4.0], &[&[1.0, 2.5], &[3.0, 3.0]]);
        assert_eq!((found.agreed, found.count, found.largest_difference), (1, 2, Some(1.0)));
        assert_eq!((found.ok, found.reason), (Some(false), None));
        let found = line(EXACT, vec![1_i64, 2], &[&[1, 2]]);
        assert_eq!((found.agreed, found.largest_difference, found.ok), (1, None, Some(true)));
    }

    #[test]
    fn what_is_no_number_or_not_there_never_agrees() {
        let none = f32::NAN;
        for (expected, found) in
            [(vec![1.0, none], [1.0, 1.0]), (vec![1.0, 1.0], [none, 1.0]), (vec![none; 2], [none; 2])]
        {
            let line = line(0.5, expected, &[&found]);
            assert_eq!(
                (line.agreed, line.ok, line.largest_difference),
                (0, Some(false), Some(f32::INFINITY))
            );
        }
        let two = || vec![1.0, 2.0];
        assert_eq!(line(0.5, two(), &[]).ok, Some(false), "nothing was found");
        assert_eq!(line(0.5, two(), &[&[1.0]]).ok, Some(false), "a row is too short");
        assert_eq!(line(0.5, two(), &[&[1.0, 2.0], &[1.0, 2.0]]).ok, Some(false), "there is one too many");
        assert_eq!(line::<f32>(0.5, Vec::new(), &[]).ok, Some(false), "nothing was recorded");
    }
}
