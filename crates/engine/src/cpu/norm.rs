//! Norms and positions.

use moshi::NormType;

use crate::Error;
use crate::tensors::Tensors;

/// A norm with its weights.
#[derive(Debug, Clone)]
pub(crate) enum Norm {
    /// By the root of the mean square.
    Rms { alpha: Vec<f32> },
    /// By mean and variance.
    Layer { weight: Vec<f32>, bias: Vec<f32> },
}

impl Norm {
    pub(crate) fn load(tensors: &dyn Tensors, name: &str, kind: NormType, dim: usize) -> Result<Self, Error> {
        let vector = |part: &str, shape: &[usize]| -> Result<Vec<f32>, Error> {
            Ok(tensors.tensor(&format!("{name}.{part}"), shape)?.to_f32())
        };
        Ok(match kind {
            NormType::RmsNorm => Self::Rms { alpha: vector("alpha", &[1, 1, dim])? },
            NormType::LayerNorm => {
                Self::Layer { weight: vector("weight", &[dim])?, bias: vector("bias", &[dim])? }
            }
        })
    }

    /// Norms vectors that lie one after the other.
    pub(crate) fn apply(&self, input: &[f32], out: &mut Vec<f32>) {
        out.clear();
        match self {
            Self::Rms { alpha } => {
                for vector in input.chunks_exact(alpha.len()) {
                    let power = vector.iter().map(|x| x * x).sum::<f32>() / alpha.len() as f32;
                    let factor = 1.0 / (power + 1e-8).sqrt();
                    out.extend(vector.iter().zip(alpha).map(|(x, alpha)| x * factor * alpha));
                }
            }
            Self::Layer { weight, bias } => {
                let count = weight.len() as f32;
                for vector in input.chunks_exact(weight.len()) {
                    let mean = vector.iter().sum::<f32>() / count;
                    let variance = vector.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / count;
                    let factor = 1.0 / (variance + 1e-5).sqrt();
                    let scaled = vector.iter().zip(weight).zip(bias);
                    out.extend(scaled.map(|((x, weight), bias)| (x - mean) * factor * weight + bias));
                }
            }
        }
    }
}

/// Rotary position embedding over pairs of neighbours.
#[derive(Debug, Clone)]
pub(crate) struct Rope {
    /// Radians for each step, by pair.
    frequencies: Vec<f64>,
}

impl Rope {
    /// For vectors of `width` numbers.
    pub(crate) fn new(width: usize, max_period: usize) -> Self {
        let frequency = |i: usize| (max_period as f64).powf(-((2 * i) as f64) / width as f64);
        Self { frequencies: (0..width / 2).map(frequency).collect() }
    }

    /// Sine and cosine of each pair at a position. In 64 bits, as a call may last for days, in which 32 bits would not
    /// tell one step from the next.
    pub(crate) fn at(&self, position: u64) -> Vec<(f32, f32)> {
        let angles = self.frequencies.iter().map(|frequency| position as f64 * frequency);
        angles.map(|angle| (angle.sin() as f32, angle.cos() as f32)).collect()
    }
}

/// Turns the pairs of each vector.
pub(crate) fn turn(angles: &[(f32, f32)], vectors: &mut [f32]) {
    for vector in vectors.chunks_exact_mut((2 * angles.len()).max(1)) {
        for ([a, b], &(sin, cos)) in vector.as_chunks_mut::<2>().0.iter_mut().zip(angles) {
            (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
        }
    }
}

/// Adds the position in sines: cosines in the first half, sines in the second.
pub(crate) fn add_sines(position: u64, max_period: usize, vector: &mut [f32]) {
    let half = vector.len() / 2;
    for i in 0..half {
        let period = (max_period as f64).powf(i as f64 / (half - 1) as f64);
        let angle = position as f64 / period;
        vector[i] += angle.cos() as f32;
        vector[half + i] += angle.sin() as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_told_apart_after_a_week() {
        let rope = Rope::new(128, 10_000);
        // The product of a query and a key depends on their distance alone, however late it is.
        let turned = |position: u64| {
            let mut vector = vec![0.1; 128];
            turn(&rope.at(position), &mut vector);
            vector
        };
        let product =
            |late: u64| -> f32 { turned(late).iter().zip(turned(late + 7)).map(|(a, b)| a * b).sum() };
        let week = 7 * 24 * 3600 * 25 / 2;
        assert!((product(0) - product(week)).abs() < 1e-5, "{} {}", product(0), product(week));
    }
}
