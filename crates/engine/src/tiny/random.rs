//! Random weights: made up when a network asks for them, kept under the names that PyTorch would give them.

use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{Device, Shape, Tensor};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use weights::layout::{self, Depformer, Place};

use super::hearing::{self, Learnt};
use super::words::{PADDING, Piece};
use crate::Error;
use crate::tensors::Tensors;

/// What the first component of each text embedding is: the same for all, so that the output can rely on it.
const CONSTANT: f32 = 4.0;

/// Spread of the logits of words. Large enough that the best word is much more probable than the next one.
const WORD_SPREAD: f32 = 0.55;

/// What the output makes of the constant component for padding, so that about half of all steps say nothing.
const PADDING_LOGIT: f32 = 5.2;

/// The same for tokens that are never said.
const NEVER: f32 = -20.0;

/// A source of random tensors for one network.
#[derive(Debug, Clone)]
pub(crate) struct RandomWeights(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    seed: u64,
    depformer: Option<Depformer>,
    said: Vec<bool>,
    /// Of a recogniser.
    learnt: Option<Learnt>,
    made: Mutex<Made>,
}

/// By the name in PyTorch, with the number of the part for those that are stacked.
type Made = BTreeMap<(String, usize), Tensor>;

impl RandomWeights {
    pub(super) fn of_lm(seed: u64, depformer: Depformer, vocabulary: &[Piece]) -> Self {
        let said = vocabulary.iter().map(|piece| piece.said).collect();
        Self(Arc::new(Inner { seed, depformer: Some(depformer), said, learnt: None, made: Mutex::default() }))
    }

    pub(super) fn of_recogniser(seed: u64, learnt: Learnt, vocabulary: &[Piece]) -> Self {
        let said = hearing::said(vocabulary);
        Self(Arc::new(Inner { seed, depformer: None, said, learnt: Some(learnt), made: Mutex::default() }))
    }

    pub(crate) fn of_mimi(seed: u64) -> Self {
        Self(Arc::new(Inner {
            seed,
            depformer: None,
            said: Vec::new(),
            learnt: None,
            made: Mutex::default(),
        }))
    }

    /// Writes everything that was asked for, under PyTorch's names.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Error> {
        let mut parts = BTreeMap::<String, Vec<Tensor>>::new();
        for ((name, _), tensor) in &*self.0.made() {
            parts.entry(name.clone()).or_default().push(tensor.clone());
        }
        let stacked = parts.into_iter().map(|(name, parts)| Ok((name, Tensor::cat(&parts, 0)?)));
        let tensors = stacked.collect::<candle_core::Result<HashMap<_, _>>>()?;
        Ok(candle_core::safetensors::save(&tensors, path)?)
    }
}

impl Inner {
    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, name: &str) -> Place {
        let places =
            self.depformer.as_ref().map(|depformer| layout::places(name, depformer)).unwrap_or_default();
        // The second place is PyTorch's, where it differs; current versions split attention, published files do not.
        let of_pytorch = places.into_iter().nth(1).filter(|_| name.starts_with("depformer."));
        of_pytorch.unwrap_or_else(|| Place { tensor: name.into(), part: None })
    }

    fn get(&self, name: &str, shape: &Shape) -> candle_core::Result<Tensor> {
        let place = self.place(name);
        let key = (place.tensor, place.part.unwrap_or(0));
        let mut made = self.made();
        let tensor = match made.get(&key) {
            Some(tensor) => tensor.clone(),
            None => {
                let tensor = Tensor::from_vec(self.numbers(&key, shape), shape, &Device::Cpu)?;
                made.insert(key, tensor.clone());
                tensor
            }
        };
        Ok(tensor)
    }

    fn numbers(&self, key: &(String, usize), shape: &Shape) -> Vec<f32> {
        let (count, dims) = (shape.elem_count(), shape.dims());
        let mut normal = Normal::new(self.seed, key);
        let learnt = self.learnt.as_ref();
        if let Some(numbers) = learnt.and_then(|learnt| learnt.numbers(&key.0, dims, &self.said, &mut normal))
        {
            return numbers;
        }
        let mut spread = |spread: f32| (0..count).map(|_| spread * normal.next()).collect::<Vec<_>>();
        let name = key.0.as_str();
        let ends = |end: &str| name.ends_with(end);
        if ends("alpha")
            || ends("norm1.weight")
            || ends("norm2.weight")
            || ends("cluster_usage")
            || ends("_initialized")
        {
            vec![1.0; count]
        } else if ends("bias") {
            vec![0.0; count]
        } else if ends(".scale") {
            // What was heard long ago must not decide about the codes of silence.
            vec![if name.starts_with("encoder_transformer") { 0.001 } else { 0.3 }; count]
        } else if ends("embedding_sum") {
            spread(0.5)
        } else if name == "text_linear.weight" {
            let mut numbers = spread(WORD_SPREAD);
            for (token, row) in numbers.chunks_exact_mut(dims.get(1).copied().unwrap_or(1)).enumerate() {
                let said = self.said.get(token).copied().unwrap_or(false);
                if token == PADDING {
                    row.fill(0.0);
                }
                if let Some(constant) = row.first_mut() {
                    *constant = if token == PADDING {
                        PADDING_LOGIT
                    } else if said {
                        0.0
                    } else {
                        NEVER
                    };
                }
            }
            numbers
        } else if name.contains("emb") {
            let mut numbers = spread(0.3);
            let constant = match name {
                "text_emb.weight" => Some(CONSTANT),
                // Nothing is added to it.
                _ if name.starts_with("emb.") => Some(0.0),
                _ => None,
            };
            if let Some(constant) = constant {
                let rows = numbers.chunks_exact_mut(dims.get(1).copied().unwrap_or(1));
                rows.filter_map(|row| row.first_mut()).for_each(|first| *first = constant);
            }
            numbers
        } else {
            // Everything else multiplies as many inputs as all dimensions but the first have.
            let inputs: usize = dims.iter().skip(1).product();
            let mut numbers = spread(1.0 / (inputs.max(1) as f32).sqrt());
            if name.starts_with("transformer.") && (ends("out_proj.weight") || ends("linear_out.weight")) {
                // Nor by a layer.
                numbers.iter_mut().take(inputs).for_each(|number| *number = 0.0);
            }
            numbers
        }
    }
}

impl Tensors for RandomWeights {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<weights::Tensor, Error> {
        let numbers = self.0.get(name, &shape.into())?.flatten_all()?.to_vec1::<f32>()?;
        let bytes: Vec<u8> = numbers.into_iter().flat_map(f32::to_le_bytes).collect();
        let tensor = weights::Tensor::new(weights::Format::F32, shape.into(), bytes.into());
        tensor.ok_or_else(|| Error::Input { what: format!("the shape {shape:?} for {name}") })
    }

    fn has(&self, name: &str) -> bool {
        name.ends_with("weight")
    }
}

/// Numbers with a normal distribution, the same ones for the same seed and name.
pub(super) struct Normal {
    random: Xoshiro256PlusPlus,
    spare: Option<f32>,
}

impl Normal {
    fn new(seed: u64, key: &(String, usize)) -> Self {
        let mut hash = Fnv(0xcbf2_9ce4_8422_2325 ^ seed);
        key.hash(&mut hash);
        Self { random: Xoshiro256PlusPlus::seed_from_u64(hash.finish()), spare: None }
    }

    pub(super) fn next(&mut self) -> f32 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let (u, v): (f32, f32) = (self.random.random(), self.random.random());
        let radius = (-2.0 * u.max(f32::MIN_POSITIVE).ln()).sqrt();
        let (sin, cos) = (v * std::f32::consts::TAU).sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }
}

/// The FNV-1a hash: the standard library's hasher does not promise the same result in its next version.
struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
