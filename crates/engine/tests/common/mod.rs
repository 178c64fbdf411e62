//! Recorded runs of Kyutai's code; see `golden/README.md`.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::PathBuf;

use candle_core::safetensors::BufferedSafetensors;
use candle_core::{Device, Tensor};
use engine::LmConfig;

pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

pub(crate) fn config(name: &str) -> LmConfig {
    let path = path(name);
    LmConfig::parse(&std::fs::read(&path).unwrap(), &path).unwrap().0
}

/// The tensors of one recording.
pub(crate) struct Recording(BufferedSafetensors);

impl Recording {
    pub(crate) fn open(name: &str) -> Self {
        Self(BufferedSafetensors::new(std::fs::read(path(name)).unwrap()).unwrap())
    }

    pub(crate) fn tensor(&self, name: &str) -> Tensor {
        self.0.load(name, &Device::Cpu).unwrap()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.load(name, &Device::Cpu).is_ok()
    }

    /// Rows of token ids; -1, -2 and -3 become `None`.
    pub(crate) fn tokens(&self, name: &str) -> Vec<Vec<Option<u32>>> {
        let rows: Vec<Vec<i64>> = self.tensor(name).to_vec2().unwrap();
        rows.into_iter().map(|row| row.into_iter().map(|id| u32::try_from(id).ok()).collect()).collect()
    }

    /// Rows of token ids, all of which are there.
    pub(crate) fn codes(&self, name: &str) -> Vec<Vec<u32>> {
        self.tokens(name).into_iter().map(|row| row.into_iter().map(Option::unwrap).collect()).collect()
    }

    pub(crate) fn ids(&self, name: &str) -> Vec<Option<u32>> {
        let ids: Vec<i64> = self.tensor(name).to_vec1().unwrap();
        ids.into_iter().map(|id| u32::try_from(id).ok()).collect()
    }

    pub(crate) fn floats(&self, name: &str) -> Vec<f32> {
        self.tensor(name).flatten_all().unwrap().to_vec1().unwrap()
    }

    pub(crate) fn rows(&self, name: &str) -> Vec<Vec<f32>> {
        self.tensor(name).to_vec2().unwrap()
    }

    pub(crate) fn blocks(&self, name: &str) -> Vec<Vec<Vec<f32>>> {
        self.tensor(name).to_vec3().unwrap()
    }
}

/// The largest difference between two runs of numbers.
#[track_caller]
pub(crate) fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
