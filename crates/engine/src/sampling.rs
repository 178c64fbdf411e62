//! Picking a token by its logits, as Kyutai's `moshi/utils/sampling.py` does: softmax at a temperature, the best k.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// How tokens are picked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// For the text.
    pub text: TokenSampling,
    /// For the codebooks.
    pub audio: TokenSampling,
}

impl Default for Sampling {
    /// What Kyutai's servers use: text at temperature 0.7 among 25 tokens, sound at 0.8 among 250.
    fn default() -> Self {
        Self {
            text: TokenSampling { temperature: 0.7, top_k: 25 },
            audio: TokenSampling { temperature: 0.8, top_k: 250 },
        }
    }
}

impl Sampling {
    /// Always the most probable token: the same input has the same output.
    pub const GREEDY: Self = Self { text: TokenSampling::GREEDY, audio: TokenSampling::GREEDY };
}

/// How one kind of token is picked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenSampling {
    /// 0 picks the most probable token; 1 picks as the model was taught; more is more daring. At most 5.
    pub temperature: f32,
    /// Only so many of the most probable tokens are picked from; 0 is all of them.
    pub top_k: usize,
}

impl TokenSampling {
    /// Always the most probable token.
    pub const GREEDY: Self = Self { temperature: 0.0, top_k: 0 };

    /// Itself, or what is wrong with it.
    ///
    /// # Errors
    /// A sentence without a full stop for a temperature outside of 0 to 5.
    pub fn check(self) -> Result<Self, String> {
        if (0.0..=5.0).contains(&self.temperature) {
            Ok(self)
        } else {
            Err(format!("a temperature of {} is outside of 0 to 5", self.temperature))
        }
    }
}

/// Picks tokens; the same seed picks the same ones.
#[derive(Debug, Clone)]
pub struct Sampler {
    random: Xoshiro256PlusPlus,
    /// Logits and tokens that are picked from.
    candidates: Vec<(f32, u32)>,
}

impl Sampler {
    /// A sampler that begins with `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { random: Xoshiro256PlusPlus::seed_from_u64(seed), candidates: Vec::new() }
    }

    /// One token of `logits`, which must not be empty; 0 if they are.
    pub fn pick(&mut self, logits: &[f32], sampling: TokenSampling) -> u32 {
        let tokens = logits.iter().zip(0..);
        if sampling.temperature <= 0.0 {
            // The first of equals, as in PyTorch.
            let best = tokens.reduce(|best, next| if next.0 > best.0 { next } else { best });
            return best.map_or(0, |(_, token)| token);
        }
        let candidates = &mut self.candidates;
        candidates.clear();
        candidates.extend(tokens.map(|(&logit, token)| (logit / sampling.temperature, token)));
        if (1..candidates.len()).contains(&sampling.top_k) {
            candidates.select_nth_unstable_by(sampling.top_k - 1, |a, b| b.0.total_cmp(&a.0));
            candidates.truncate(sampling.top_k);
        }
        // The largest sum of logit and Gumbel noise has the probability of the softmax.
        let mut best = (f32::NEG_INFINITY, 0);
        for &(logit, token) in candidates.iter() {
            let uniform: f32 = self.random.random();
            let value = logit - (-(uniform.max(f32::MIN_POSITIVE)).ln()).ln();
            if value > best.0 {
                best = (value, token);
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greedy_takes_the_first_of_the_best() {
        let mut sampler = Sampler::new(0);
        assert_eq!(sampler.pick(&[0.0, 3.0, -1.0, 3.0], TokenSampling::GREEDY), 1);
        assert_eq!(sampler.pick(&[], TokenSampling::GREEDY), 0);
        assert_eq!(sampler.pick(&[], TokenSampling { temperature: 1.0, top_k: 3 }), 0);
        assert_eq!(sampler.pick(&[f32::NAN; 4], TokenSampling { temperature: 1.0, top_k: 3 }), 0);
    }

    #[test]
    fn tokens_are_as_frequent_as_the_softmax_says() {
        let probabilities = [0.5_f32, 0.05, 0.3, 0.15];
        let logits = probabilities.map(f32::ln);
        let count = |top_k, temperature| {
            let (mut sampler, mut counts) = (Sampler::new(7), [0_u32; 4]);
            for _ in 0..40_000 {
                counts[sampler.pick(&logits, TokenSampling { temperature, top_k }) as usize] += 1;
            }
            counts.map(|count| count as f32 / 40_000.0)
        };
        let close = |found: [f32; 4], expected: [f32; 4]| {
            found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.01)
        };
        assert!(close(count(0, 1.0), probabilities), "all tokens");
        assert!(close(count(2, 1.0), [0.625, 0.0, 0.375, 0.0]), "the best two");
        assert!(close(count(0, 0.5), [0.685, 0.007, 0.247, 0.062]), "squared at half the temperature");
    }

    #[test]
    fn the_same_seed_picks_the_same() {
        let logits: Vec<f32> = (0..100).map(|i| (i as f32 * 0.37).sin()).collect();
        let run = |seed| {
            let mut sampler = Sampler::new(seed);
            (0..50)
                .map(|_| sampler.pick(&logits, TokenSampling { temperature: 0.8, top_k: 20 }))
                .collect::<Vec<_>>()
        };
        assert_eq!(run(3), run(3));
        assert_ne!(run(3), run(4));
    }
}
