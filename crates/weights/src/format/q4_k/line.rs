//! The search for scale and minimum of a group.
//!
//! The bits of 32 numbers are whole numbers from 0 to 15, and scale and minimum put a line through them: `scale * bits
//! - minimum`. Which line is best depends on the bits, and the bits on the line, so that some are tried, as ggml's
//! `make_qkx2_quants` does: the numbers are put on grids that are somewhat finer and somewhat coarser than the one that
//! just spans them, the line that fits those bits best follows from least squares, and the best of all lines wins.

use super::{GROUP, nearest};

/// The largest bits.
const MOST: f32 = 15.0;

/// Grids that are tried: with `MOST - 1` steps between the smallest and the largest number, and a tenth more each time.
const GRIDS: u8 = 21;

/// `scale * bits - minimum`; neither is negative.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Line {
    pub(super) scale: f32,
    pub(super) minimum: f32,
}

/// The numbers of a group, and how much the error of each counts.
struct Group<'a> {
    numbers: &'a [f32; GROUP],
    weights: [f32; GROUP],
    /// Sum of the weights.
    weight: f32,
    /// Sum of weight times number.
    first: f32,
}

impl Line {
    /// A good line through these numbers.
    pub(super) fn through(numbers: &[f32; GROUP]) -> Self {
        let low = numbers.iter().fold(0.0_f32, |low, &number| low.min(number));
        let high = numbers.iter().fold(f32::MIN, |high, &number| high.max(number));
        // All the same and not positive: the minimum says it all. (And what is no number ends here.)
        if !(high > low && (high - low).is_finite()) {
            return Self { scale: 0.0, minimum: -low };
        }
        let group = Group::new(numbers);
        let on_grid = |steps: f32| numbers.map(|number| nearest((number - low) * (steps / (high - low))));
        let mut best = Self { scale: (high - low) / MOST, minimum: -low };
        let mut least = group.error(&on_grid(MOST), best);
        for grid in 0..GRIDS {
            let bits = on_grid(MOST - 1.0 + 0.1 * f32::from(grid));
            let Some(line) = group.fit(&bits) else { continue };
            let error = group.error(&bits, line);
            if error < least {
                (best, least) = (line, error);
            }
        }
        best
    }
}

impl<'a> Group<'a> {
    /// Errors of large numbers count more, as what they are multiplied with is not known.
    fn new(numbers: &'a [f32; GROUP]) -> Self {
        let typical = (sum(|i| numbers[i] * numbers[i]) / GROUP as f32).sqrt();
        let weights = numbers.map(|number| typical + number.abs());
        let (weight, first) = (sum(|i| weights[i]), sum(|i| weights[i] * numbers[i]));
        Self { numbers, weights, weight, first }
    }

    /// The line with the least error for these bits; none where the bits are all the same.
    fn fit(&self, bits: &[f32; GROUP]) -> Option<Line> {
        let weighted: [f32; GROUP] = std::array::from_fn(|i| self.weights[i] * bits[i]);
        let of_bits = sum(|i| weighted[i]);
        let of_squares = sum(|i| weighted[i] * bits[i]);
        let of_products = sum(|i| weighted[i] * self.numbers[i]);
        let determinant = self.weight * of_squares - of_bits * of_bits;
        if determinant <= 0.0 {
            return None;
        }
        let scale = (self.weight * of_products - self.first * of_bits) / determinant;
        let offset = (of_squares * self.first - of_bits * of_products) / determinant;
        let line = if offset > 0.0 {
            // A minimum cannot lie above zero, so that the line goes through it.
            Line { scale: of_products / of_squares, minimum: 0.0 }
        } else {
            Line { scale, minimum: -offset }
        };
        (line.scale >= 0.0).then_some(line)
    }

    /// Sum of the weighted squares of what is off.
    fn error(&self, bits: &[f32; GROUP], line: Line) -> f32 {
        sum(|i| {
            let off = line.scale * bits[i] - line.minimum - self.numbers[i];
            self.weights[i] * off * off
        })
    }
}

/// A sum over a group, in an order that lets the compiler add several at once.
fn sum(of: impl Fn(usize) -> f32) -> f32 {
    const LANES: usize = 8;
    let mut lanes = [0.0; LANES];
    for start in (0..GROUP).step_by(LANES) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += of(start + lane);
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(of: impl Fn(usize) -> f32) -> Line {
        Line::through(&std::array::from_fn(of))
    }

    #[test]
    fn numbers_on_a_line_are_found_exactly() {
        let found = line(|i| (i % 16) as f32 * 0.5 - 3.0);
        assert!((found.scale - 0.5).abs() < 1e-6 && (found.minimum - 3.0).abs() < 1e-6, "{found:?}");
        let found = line(|i| (i % 16) as f32 * 0.25);
        assert!((found.scale - 0.25).abs() < 1e-6 && found.minimum.abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn what_is_all_the_same_has_a_line() {
        assert_eq!(line(|_| 0.0), Line::default());
        assert_eq!(line(|_| -2.0), Line { scale: 0.0, minimum: 2.0 });
        let found = line(|_| 3.0);
        assert!((found.scale * 15.0 - found.minimum - 3.0).abs() < 1e-5, "{found:?}");
    }

    #[test]
    fn the_search_is_better_than_the_span() {
        // Many small numbers, and one large one that spoils the span.
        let numbers: [f32; GROUP] =
            std::array::from_fn(|i| if i == 0 { 4.0 } else { (i as f32 * 0.7).sin() });
        let group = Group::new(&numbers);
        let error_of = |line: Line| {
            group.error(&numbers.map(|number| nearest((number + line.minimum) / line.scale)), line)
        };
        let low = numbers.iter().fold(0.0_f32, |low, &number| low.min(number));
        let span = Line { scale: (4.0 - low) / MOST, minimum: -low };
        let (found, span) = (error_of(Line::through(&numbers)), error_of(span));
        assert!(found < 0.9 * span, "{found} {span}");
    }
}
