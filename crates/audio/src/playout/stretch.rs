//! Making speech a little longer or shorter without changing its pitch.
//!
//! Voiced speech repeats itself every 2.5 to 15 ms. Where two neighbouring stretches of that length are alike, one of
//! them can be left out or played twice, with a cross-fade over the seam (waveform similarity overlap-add). The same
//! search finds the period with which the last sound is repeated when nothing follows it.

/// Shortest period that is looked for: 400 Hz at 24 kHz.
pub(super) const SHORTEST: usize = 60;
/// Longest one: 67 Hz.
pub(super) const LONGEST: usize = 360;
/// Samples that are compared.
const COMPARED: usize = 240;
/// Samples around a place that a search there needs.
pub(super) const REACH: usize = 2 * LONGEST + COMPARED;
/// Sound quieter than this (-52 dBFS) can be cut anywhere.
const QUIET: f32 = 0.0025;

/// How alike two stretches must be for a cut that cannot be heard.
#[derive(Debug, Clone, Copy)]
pub(super) struct Similarity(pub(super) f32);

impl Similarity {
    /// For small corrections that can wait for a good place.
    pub(super) const HIGH: Self = Self(0.85);
    /// For large ones, where delay hurts more than a rough seam.
    pub(super) const LOW: Self = Self(0.4);
}

fn energy(samples: &[f32]) -> f32 {
    samples.iter().map(|s| s * s).sum()
}

fn product(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn rms(samples: &[f32]) -> f32 {
    (energy(samples) / samples.len().max(1) as f32).sqrt()
}

/// The lag in `SHORTEST..=LONGEST` at which `later` looks most like `earlier`, with the normalised correlation.
/// `at(lag)` gives the stretch to compare with `reference`.
fn best_lag<'a>(reference: &[f32], longest: usize, at: impl Fn(usize) -> &'a [f32]) -> (usize, f32) {
    let own = energy(reference);
    let score = |lag: usize| {
        let other = at(lag);
        product(reference, other) / (own * energy(other)).sqrt().max(1e-9)
    };
    // Every fourth lag first: speech has little above 3 kHz that would make the correlation jump in between.
    let mut best = (SHORTEST, f32::MIN);
    for lag in (SHORTEST..=longest).step_by(4) {
        let score = score(lag);
        if score > best.1 {
            best = (lag, score);
        }
    }
    for lag in best.0.saturating_sub(3).max(SHORTEST)..=(best.0 + 3).min(longest) {
        let score = score(lag);
        if score > best.1 {
            best = (lag, score);
        }
    }
    best
}

/// Leaves one period of at most `longest` samples out of `sound`, at or after `from`. Returns how many samples were
/// removed, or 0 where nothing in reach is similar enough.
pub(super) fn shorten(sound: &mut Vec<f32>, from: usize, longest: usize, similarity: Similarity) -> usize {
    let Some((at, lag)) = seam(sound, from, longest, similarity) else { return 0 };
    for i in 0..lag {
        let fade = i as f32 / lag as f32;
        sound[at + i] = sound[at + i] * (1.0 - fade) + sound[at + lag + i] * fade;
    }
    sound.drain(at + lag..at + 2 * lag);
    lag
}

/// Plays one period of `sound` of at most `longest` samples twice. Returns how many samples were added, or 0.
pub(super) fn lengthen(sound: &mut Vec<f32>, longest: usize, similarity: Similarity) -> usize {
    let Some((at, lag)) = seam(sound, 0, longest, similarity) else { return 0 };
    // Between the two periods goes a third that begins like the second and ends like the first.
    let inserted: Vec<f32> = (0..lag)
        .map(|i| {
            let fade = i as f32 / lag as f32;
            sound[at + lag + i] * (1.0 - fade) + sound[at + i] * fade
        })
        .collect();
    sound.splice(at + lag..at + lag, inserted);
    lag
}

/// A place and a period where `sound` repeats itself.
fn seam(sound: &[f32], from: usize, longest: usize, similarity: Similarity) -> Option<(usize, usize)> {
    let longest = longest.min(LONGEST);
    if longest < SHORTEST {
        return None;
    }
    let last = sound.len().checked_sub(REACH)?;
    let mut best = None;
    let mut best_score = similarity.0;
    for at in (from.min(last)..=last).step_by(COMPARED) {
        let here = &sound[at..at + COMPARED];
        if rms(&sound[at..at + 2 * LONGEST]) < QUIET {
            return Some((at, longest));
        }
        let (lag, score) = best_lag(here, longest, |lag| &sound[at + lag..at + lag + COMPARED]);
        if score > best_score {
            best_score = score;
            best = Some((at, lag));
        }
    }
    best
}

/// Continues a sound that broke off by repeating its last period, fading out.
#[derive(Debug, Clone, Default)]
pub(super) struct Continuation {
    period: Vec<f32>,
    at: usize,
    made: usize,
}

impl Continuation {
    /// Samples of the past that [`Self::after`] wants; with fewer it continues with silence.
    pub(super) const PAST: usize = LONGEST + COMPARED;
    /// Full loudness at first: half of all gaps are shorter.
    const HOLD: usize = 480;
    /// From there to silence, linearly. Longer repetition sounds like a machine.
    const FADE: usize = 2_400;

    /// Takes up the sound that ends with `past`.
    pub(super) fn after(past: &[f32]) -> Self {
        let Some(start) = past.len().checked_sub(Self::PAST) else { return Self::default() };
        let past = &past[start..];
        let end = past.len();
        let reference = &past[end - COMPARED..];
        let (lag, score) = best_lag(reference, LONGEST, |lag| &past[end - lag - COMPARED..end - lag]);
        // What has no period is repeated in its longest form, which sounds least like a tone.
        let lag = if score < 0.3 { LONGEST } else { lag };
        let mut period = past[end - lag..].to_vec();
        // The end of the period must lead into its beginning: fade over to what came just before it.
        let seam = (lag / 4).min(end - lag);
        for i in 0..seam {
            let fade = (i + 1) as f32 / (seam + 1) as f32;
            let (to, before) = (lag - seam + i, end - lag - seam + i);
            period[to] = period[to] * (1.0 - fade) + past[before] * fade;
        }
        // The first repetition follows the true past, so it starts at the period's beginning.
        Self { period, at: 0, made: 0 }
    }

    /// Appends `count` samples to `out`.
    pub(super) fn make(&mut self, count: usize, out: &mut Vec<f32>) {
        for _ in 0..count {
            let gain = if self.made < Self::HOLD {
                1.0
            } else {
                1.0 - ((self.made - Self::HOLD) as f32 / Self::FADE as f32).min(1.0)
            };
            let sample = self.period.get(self.at).copied().unwrap_or(0.0);
            out.push(sample * gain);
            self.made += 1;
            self.at += 1;
            if self.at >= self.period.len() {
                self.at = 0;
            }
        }
    }

    /// Whether it has faded to silence.
    pub(super) fn is_over(&self) -> bool {
        self.period.is_empty() || self.made >= Self::HOLD + Self::FADE
    }

    /// Leads over into `sound`: its beginning is cross-faded with the continuation at the place where the two look
    /// most alike. What had to be continued until that place is appended to `out`; at most one period.
    pub(super) fn lead_into(mut self, sound: &mut [f32], out: &mut Vec<f32>) {
        const OVER: usize = 120;
        if sound.len() < OVER {
            return;
        }
        if self.is_over() {
            for (i, sample) in sound[..OVER].iter_mut().enumerate() {
                *sample *= (i + 1) as f32 / (OVER + 1) as f32;
            }
            return;
        }
        let period = self.period.len();
        let mut ahead = Vec::with_capacity(period + OVER);
        self.make(period + OVER, &mut ahead);
        let head = &sound[..OVER];
        let mut best = (0, f32::MIN);
        for shift in 0..period {
            let there = &ahead[shift..shift + OVER];
            let score = product(there, head) / energy(there).sqrt().max(1e-9);
            if score > best.1 {
                best = (shift, score);
            }
        }
        let shift = best.0;
        out.extend_from_slice(&ahead[..shift]);
        for i in 0..OVER {
            let fade = (i + 1) as f32 / (OVER + 1) as f32;
            sound[i] = ahead[shift + i] * (1.0 - fade) + sound[i] * fade;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    fn tone(hz: f32, count: usize) -> Vec<f32> {
        (0..count).map(|i| (TAU * hz * i as f32 / 24_000.0).sin() * 0.5).collect()
    }

    /// The largest step between neighbouring samples: a click shows as a step that the tone itself does not have.
    fn steepest(sound: &[f32]) -> f32 {
        sound.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_gets_shorter_and_longer_without_a_click() {
        for hz in [80.0, 131.0, 220.0, 440.0] {
            let original = tone(hz, 2_400);
            let mut shorter = original.clone();
            let removed = shorten(&mut shorter, 0, LONGEST, Similarity::HIGH);
            assert!((SHORTEST..=LONGEST).contains(&removed), "{hz} Hz: {removed}");
            assert_eq!(shorter.len(), original.len() - removed);
            let mut longer = original.clone();
            let added = lengthen(&mut longer, LONGEST, Similarity::HIGH);
            assert_eq!(longer.len(), original.len() + added);
            for changed in [&shorter, &longer] {
                assert!(
                    steepest(changed) < steepest(&original) * 1.3,
                    "{hz} Hz clicks: {}",
                    steepest(changed)
                );
            }
        }
    }

    #[test]
    fn noise_is_left_alone_unless_delay_hurts_more() {
        let mut state = 1_u32;
        let noise: Vec<f32> = (0..2_400)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 24) as f32 - 0.5
            })
            .collect();
        assert_eq!(shorten(&mut noise.clone(), 0, LONGEST, Similarity::HIGH), 0);
        assert!(shorten(&mut noise.clone(), 0, LONGEST, Similarity(0.1)) > 0);
    }

    #[test]
    fn silence_can_be_cut_anywhere() {
        let mut silence = vec![0.0; 1_920];
        assert_eq!(shorten(&mut silence, 0, LONGEST, Similarity::HIGH), LONGEST);
        assert_eq!(
            shorten(&mut silence.clone(), 5_000, 200, Similarity::HIGH),
            200,
            "a place beyond the end"
        );
        assert_eq!(shorten(&mut vec![0.0; 100], 0, LONGEST, Similarity::HIGH), 0, "too short to search");
    }

    #[test]
    fn a_tone_goes_on_without_a_hole_and_then_fades() {
        let past = tone(440.0, 2_400);
        let mut continuation = Continuation::after(&past);
        let mut out = past.clone();
        continuation.make(480, &mut out);
        assert!(steepest(&out) < steepest(&past) * 1.3, "no click at the seam");
        for window in out[2_400..].chunks(60) {
            let loudest = window.iter().fold(0.0_f32, |m, s| m.max(s.abs()));
            assert!(loudest > 0.4, "no hole in the first 20 ms");
        }
        continuation.make(4_800, &mut out);
        assert!(continuation.is_over());
        assert_eq!(out.last(), Some(&0.0));
    }

    #[test]
    fn what_follows_is_joined_in_phase() {
        let whole = tone(200.0, 4_800);
        let (past, rest) = whole.split_at(2_400);
        let mut continuation = Continuation::after(past);
        let mut out = past.to_vec();
        continuation.make(310, &mut out);
        let mut rest = rest.to_vec();
        continuation.lead_into(&mut rest, &mut out);
        out.extend_from_slice(&rest);
        assert!(steepest(&out) < steepest(&whole) * 1.4, "no click where sound returns: {}", steepest(&out));
        for window in out.chunks(120) {
            let loudest = window.iter().fold(0.0_f32, |m, s| m.max(s.abs()));
            assert!(loudest > 0.35, "no dip where sound returns");
        }
    }
}
