//! What was measured on a machine, as opposed to read.

use serde::{Deserialize, Serialize};

use crate::{Runtime, Weights, World};

/// What was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Measured {
    /// How fast the processor reads its memory, in 10^9 bytes a second.
    pub cpu_gb_per_s: Option<f64>,
    /// The same for graphics cards.
    pub gpus: Vec<GpuBandwidth>,
    /// Real steps of real runtimes.
    pub runs: Vec<TimedRun>,
}

/// How fast a card reads its memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpuBandwidth {
    /// The card's name.
    pub gpu: String,
    /// In 10^9 bytes a second.
    pub gb_per_s: f64,
}

/// A runtime that has computed frames on this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimedRun {
    /// What computed.
    pub runtime: Runtime,
    /// The form of the weights.
    pub weights: Weights,
    /// The card's name; `None` for the processor.
    #[serde(default)]
    pub device: Option<String>,
    /// Half of the frames took less, in milliseconds.
    pub median_ms: f64,
    /// Nineteen of twenty frames took less, in milliseconds.
    pub p95_ms: f64,
    /// How many frames were timed.
    pub frames: u32,
}

impl World {
    /// Adds a timed run, in place of an earlier one of the same.
    pub fn add_run(&mut self, run: TimedRun) {
        self.measured
            .runs
            .retain(|old| (old.runtime, old.weights, &old.device) != (run.runtime, run.weights, &run.device));
        self.measured.runs.push(run);
    }
}
