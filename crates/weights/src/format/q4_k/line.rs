//! The search for scale and minimum of a group.
//!
//! The bits of 32 numbers are whole numbers from 0 to 15, and scale and minimum put a line through them, which is
//! `scale * bits - minimum`. Which line is best depends on the bits, and the bits on the line, so that some are tried,
//! as ggml's `make_qkx2_quants` does: the numbers are put on grids that are somewhat finer and somewhat coarser than
//! the one that just spans them, the line that fits those bits best follows from least squares, and the best of all
//! lines wins.

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
    /// Sums of weight, of weight times number, and of weight times the square of the number.
    sums: [f32; 3],
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
        let mut best = Self { scale: (high - low) / MOST, minimum: -low };
        let mut least = group.error(best);
        for grid in 0..GRIDS {
            let steps = MOST - 1.0 + 0.1 * f32::from(grid);
            let Some((line, error)) = group.fit(low, steps / (high - low)) else { continue };
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
        let [squares] = sums(|i| [numbers[i] * numbers[i]]);
        let typical = (squares / GROUP as f32).sqrt();
        let weights = numbers.map(|number| typical + number.abs());
        let sums = sums(|i| {
            let weighted = weights[i] * numbers[i];
            [weights[i], weighted, weighted * numbers[i]]
        });
        Self { numbers, weights, sums }
    }

    /// The line with the least error for the bits that the numbers have on the grid that begins at `low` and has so
    /// many steps to one, and that error; none where the bits are all the same.
    fn fit(&self, low: f32, steps: f32) -> Option<(Line, f32)> {
        let [of_bits, of_squares, of_products] = sums(|i| {
            let bits = nearest((self.numbers[i] - low) * steps);
            let weighted = self.weights[i] * bits;
            [weighted, weighted * bits, weighted * self.numbers[i]]
        });
        let [weight, first, second] = self.sums;
        let determinant = weight * of_squares - of_bits * of_bits;
        if determinant <= 0.0 {
            return None;
        }
        let (mut scale, mut offset) = (
            (weight * of_products - first * of_bits) / determinant,
            (of_squares * first - of_bits * of_products) / determinant,
        );
        if offset > 0.0 {
            // A minimum cannot lie above zero, so that the line goes through it.
            (scale, offset) = (of_products / of_squares, 0.0);
        }
        // What the sum of the weighted squares of the errors becomes where its derivatives are zero.
        let error = second - scale * of_products - offset * first;
        (scale >= 0.0).then_some((Line { scale, minimum: -offset }, error))
    }

    /// Sum of the weighted squares of what is off, with the best bits for this line.
    fn error(&self, line: Line) -> f32 {
        let [error] = sums(|i| {
            let bits = nearest((self.numbers[i] + line.minimum) / line.scale);
            let off = line.scale * bits - line.minimum - self.numbers[i];
            [self.weights[i] * off * off]
        });
        error
    }
}

/// Sums over a group, in an order that lets the compiler add several at once: four, which every processor can.
fn sums<const COUNT: usize>(of: impl Fn(usize) -> [f32; COUNT]) -> [f32; COUNT] {
    const LANES: usize = 4;
    let mut lanes = [[0.0; LANES]; COUNT];
    for start in (0..GROUP).step_by(LANES) {
        for lane in 0..LANES {
            for (lanes, value) in lanes.iter_mut().zip(of(start + lane)) {
                lanes[lane] += value;
            }
        }
    }
    lanes.map(|lanes| lanes.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(of: impl Fn(usize) -> f32) -> Line {
        Line::through(&std::array::from_fn(of))
    }

    #[test]
    fn the_line_through_numbers_on_a_line_is_found() {
        for (scale, minimum) in [(0.5, 3.0), (0.25, 0.0), (2.0, 30.0)] {
            let found = line(|i| (i % 16) as f32 * scale - minimum);
            let off = (found.scale / scale - 1.0).abs().max((found.minimum - minimum).abs() / scale);
            assert!(off < 1e-5, "{found:?}");
        }
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
        let low = numbers.iter().fold(0.0_f32, |low, &number| low.min(number));
        let span = Line { scale: (4.0 - low) / MOST, minimum: -low };
        let (found, span) = (group.error(Line::through(&numbers)), group.error(span));
        assert!(found < 0.9 * span, "{found} {span}");
    }
}
