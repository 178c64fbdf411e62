//! When blocks arrive, by kinds of networks and hosts. A connection keeps their order, so that one that is late holds up those
//! behind it. Numbers are made up after what such networks are known for; the same ones in every run.

use crate::{BLOCK_MS, BLOCKS};

/// Numbers that look random (xorshift).
struct Dice(u64);

impl Dice {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().max(1e-12).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.uniform().max(1e-12).ln()
    }
}

/// Names of traces, and the times in milliseconds at which their blocks arrive.
pub(crate) fn all() -> Vec<(&'static str, Vec<f64>)> {
    vec![
        ("wire: 1 ms of jitter", trace(|dice, _| dice.normal().abs())),
        ("|N(0, 40 ms)|", trace(|dice, _| 40.0 * dice.normal().abs())),
        (
            "Wi-Fi: 5 ms, and 40 to 120 ms every 2 s",
            trace(|dice, _| {
                let held = if dice.uniform() < 0.04 { 40.0 + 80.0 * dice.uniform() } else { 0.0 };
                dice.exponential(5.0) + held
            }),
        ),
        (
            "mobile: 25 ms, and 150 to 400 ms every 10 s",
            trace(|dice, _| {
                let held = if dice.uniform() < 0.008 { 150.0 + 250.0 * dice.uniform() } else { 0.0 };
                dice.exponential(25.0) + held
            }),
        ),
        ("a host that is slow for 2 s of every 20", slow_host()),
        (
            "stalls of 500 ms every 20 s",
            trace(|dice, block| if block % 250 == 249 { 500.0 } else { 3.0 * dice.normal().abs() }),
        ),
    ]
}

/// Blocks that leave in time and are late by what `late` says.
fn trace(mut late: impl FnMut(&mut Dice, usize) -> f64) -> Vec<f64> {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut free = 0.0_f64;
    (0..BLOCKS)
        .map(|block| {
            free = free.max((block + 1) as f64 * BLOCK_MS + late(&mut dice, block));
            free
        })
        .collect()
}

/// A model that takes 60 ms for a frame, and 90 now and then, and has to catch up.
fn slow_host() -> Vec<f64> {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let mut free = 0.0_f64;
    (0..BLOCKS)
        .map(|block| {
            let took = if block % 250 < 25 { 90.0 } else { 60.0 } + 2.0 * dice.normal();
            free = free.max((block + 1) as f64 * BLOCK_MS) + took.max(1.0);
            free
        })
        .collect()
}
