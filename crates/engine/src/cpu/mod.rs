//! A backend for the processor: weights stay in their file, which is mapped, and are multiplied as they are.
//!
//! A step reads every weight once, and the cache of the steps before; with weights of four bits, memory is what it
//! waits for. So nothing is widened or copied, and all threads read at once.

mod cache;
mod depformer;
mod matrix;
mod norm;
mod pool;
mod rounded;
mod simd;
mod transformer;

/// What benchmarks measure by itself.
pub(crate) mod kernels {
    pub(crate) use super::cache::{Cache, CacheFormat, View};
    pub(crate) use super::matrix::{Matrix, Workbench};
    pub(crate) use super::pool::Pool;
    pub(crate) use super::simd::all;
}

/// What other networks are built of.
pub(crate) mod layers {
    pub(crate) use super::matrix::{Matrix, Workbench};
    pub(crate) use super::transformer::{Place, Scratch, Transformer};
}

use std::path::Path;

pub use self::cache::CacheFormat;
use self::depformer::Depformer;
use self::matrix::{Matrix, Workbench, matrix};
use self::norm::Norm;
use self::pool::Pool;
use self::transformer::{Place, Scratch, Transformer};
use crate::tensors::{FileTensors, Tensors};
use crate::{Backend, Error, Input, LmConfig, Picked, Request, Sampler, Trace};

/// Steps that are taken at once where nothing comes out of them.
const AT_ONCE: usize = 16;

/// How a model is computed on the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuOptions {
    /// Threads that compute; as many as there are cores where it is not said.
    pub threads: Option<usize>,
    /// Steps that each step sees; what the model was taught with where it is not said, and never more.
    pub context: Option<usize>,
    /// How the steps before are remembered.
    pub cache: CacheFormat,
    /// Whether activations stay as they are for quantized weights too. Slow; for comparisons.
    pub exact: bool,
}

impl Default for CpuOptions {
    fn default() -> Self {
        Self { threads: None, context: None, cache: CacheFormat::F16, exact: false }
    }
}

impl CpuOptions {
    /// Every number as exact as 32 bits are.
    pub const EXACT: Self = Self { threads: None, context: None, cache: CacheFormat::F32, exact: true };

    /// Steps that each step sees, itself among them.
    #[must_use]
    pub fn window(&self, config: &LmConfig) -> usize {
        config.transformer.context.min(self.context.unwrap_or(usize::MAX)).max(1)
    }

    /// Bytes that are remembered when there are as many steps behind as are seen.
    #[must_use]
    pub fn cache_bytes(&self, config: &LmConfig) -> u64 {
        self.cache.bytes_of(config, self.window(config))
    }
}

impl CacheFormat {
    /// Bytes that so many steps take in all layers.
    #[must_use]
    pub fn bytes_of(self, config: &LmConfig, steps: usize) -> u64 {
        let transformer = &config.transformer;
        let of_head = self.bytes(transformer.d_model / transformer.num_heads.max(1));
        (2 * transformer.num_layers * transformer.num_heads * of_head * steps) as u64
    }
}

/// A language model on the processor, with its weights and its place in time.
#[derive(Debug)]
pub struct Cpu {
    config: LmConfig,
    bench: Workbench,
    sampler: Sampler,
    text_embedding: Matrix,
    audio_embeddings: Vec<Matrix>,
    transformer: Transformer,
    place: Place,
    out_norm: Norm,
    text_linear: Matrix,
    extra_heads: Vec<Matrix>,
    depformer: Depformer,
    scratch: Scratch,
    row: Vec<f32>,
}

impl Cpu {
    /// Loads weights: safetensors in F32, F16 or BF16, or GGUF in the formats of [`weights::Format`], with the names of
    /// PyTorch or of Kyutai's Rust crate. They stay in the file; it must not change while the model is used.
    ///
    /// # Errors
    /// [`Error`] where the file is missing, damaged, or of another model than `config`.
    pub fn load(path: &Path, config: LmConfig, options: CpuOptions) -> Result<Self, Error> {
        let tensors = FileTensors::of_lm(path, &config.depformer.slices)?;
        Self::new(config, &tensors, options)
    }

    pub(crate) fn new(
        mut config: LmConfig,
        tensors: &dyn Tensors,
        options: CpuOptions,
    ) -> Result<Self, Error> {
        let dim = config.transformer.d_model;
        let audio_embeddings = (0..config.codebooks)
            .map(|i| matrix(tensors, &format!("emb.{i}.weight"), config.codebook_size + 1, dim))
            .collect::<Result<_, _>>()?;
        let (heads, classes) = config.extra_heads.unwrap_or((0, 0));
        let extra_heads = (0..heads)
            .map(|i| matrix(tensors, &format!("extra_heads.{i}.weight"), classes, dim))
            .collect::<Result<_, _>>()?;
        let transformer = Transformer::load(tensors, "transformer", &config.transformer)?;
        // What it sees is what it is told to, and prompts have to fit into that.
        let window = options.window(&config);
        config.transformer.context = window;
        let threads = options.threads.unwrap_or_else(cores).max(1);
        Ok(Self {
            bench: Workbench::new(Pool::new(threads)?, simd::best(), options.exact),
            sampler: Sampler::new(0),
            text_embedding: matrix(tensors, "text_emb.weight", config.text_vocabulary + 1, dim)?,
            audio_embeddings,
            place: Place::new(&transformer, options.cache, window, AT_ONCE),
            transformer,
            out_norm: Norm::load(tensors, "out_norm", config.transformer.norm, dim)?,
            text_linear: matrix(tensors, "text_linear.weight", config.text_vocabulary_out, dim)?,
            extra_heads,
            depformer: Depformer::load(tensors, &config)?,
            scratch: Scratch::default(),
            row: Vec::new(),
            config,
        })
    }

    /// Name of the instructions that it uses.
    #[must_use]
    pub fn instructions(&self) -> &'static str {
        self.bench.kernels.name
    }

    /// Threads that compute.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.bench.pool.threads()
    }

    /// Puts it after so many steps, of which it remembers noise. For measurements.
    pub(crate) fn stand_at(&mut self, position: usize) {
        self.place.make_up(self.bench.kernels, position);
    }

    /// Lets all threads fill a slice, item by item.
    pub(crate) fn share_out<T: Send>(&mut self, items: &mut [T], fill: impl Fn(usize, &mut T) + Sync) {
        self.bench.pool.fill(items, 1, |i, item| item.iter_mut().for_each(|item| fill(i, item)));
    }

    /// Bytes of weights that every step reads.
    #[must_use]
    pub fn bytes_of_step(&self) -> u64 {
        (self.transformer.bytes() + self.text_linear.bytes() + self.depformer.bytes()) as u64
    }

    /// The sum of the embeddings, behind what is in `x` already.
    fn embed(&mut self, input: &Input<'_>, x: &mut Vec<f32>) -> Result<(), Error> {
        let (dim, streams) = (self.config.transformer.d_model, self.config.streams());
        let tokens = match *input {
            Input::Embedded(numbers) if numbers.len() == dim => {
                x.extend_from_slice(numbers);
                return Ok(());
            }
            Input::Embedded(numbers) => {
                let what = format!("{} numbers as an embedding instead of {dim}", numbers.len());
                return Err(Error::Input { what });
            }
            Input::Tokens(tokens) => tokens,
        };
        let (Some((&text, audio)), true) = (tokens.split_first(), tokens.len() == streams) else {
            return Err(Error::Input { what: format!("{} streams instead of {streams}", tokens.len()) });
        };
        let at = x.len();
        x.resize(at + dim, 0.0);
        self.row.resize(dim, 0.0);
        // In the order of the Python code, as float sums depend on it.
        let audio = audio.iter().zip(&self.audio_embeddings).map(|(&token, table)| (token, table));
        for (token, table) in audio.chain([(text, &self.text_embedding)]) {
            let Some(token) = token else { continue };
            table.row(token, &mut self.row)?;
            x[at..].iter_mut().zip(&self.row).for_each(|(sum, number)| *sum += number);
        }
        Ok(())
    }
}

impl Backend for Cpu {
    fn config(&self) -> &LmConfig {
        &self.config
    }

    fn reset(&mut self, seed: u64) {
        self.place.position = 0;
        self.sampler = Sampler::new(seed);
    }

    fn prefill(&mut self, inputs: &[Input<'_>]) -> Result<(), Error> {
        let mut x = Vec::new();
        for inputs in inputs.chunks(AT_ONCE) {
            x.clear();
            for input in inputs {
                self.embed(input, &mut x)?;
            }
            self.transformer.forward(&mut self.bench, &mut self.place, &mut self.scratch, &mut x);
        }
        Ok(())
    }

    fn step(&mut self, request: &Request<'_>) -> Result<Picked, Error> {
        let mut x = Vec::new();
        self.embed(&request.input, &mut x)?;
        let bench = &mut self.bench;
        self.transformer.forward(bench, &mut self.place, &mut self.scratch, &mut x);
        let (mut hidden, mut text_logits) = (Vec::new(), Vec::new());
        self.out_norm.apply(&x, &mut hidden);
        self.text_linear.multiply(bench, &hidden, &mut text_logits);
        check_finite(&text_logits)?;
        let picked_text = self.sampler.pick(&text_logits, request.sampling.text);
        let mut extra_heads = Vec::new();
        for head in &self.extra_heads {
            let mut classes = Vec::new();
            head.multiply(bench, &hidden, &mut classes);
            (bench.kernels.softmax)(&mut classes);
            extra_heads.push(classes);
        }
        let trace =
            request.trace.then(|| Trace { hidden: hidden.clone(), text_logits, audio_logits: Vec::new() });
        let text = request.text.apply(picked_text, &self.config);
        let mut picked = Picked { text, picked_text, audio: Vec::new(), extra_heads, trace };
        self.depformer.pick(bench, &mut self.sampler, &hidden, request, &mut picked)?;
        Ok(picked)
    }
}

/// Damaged weights make numbers that are none, which spread to all that comes after.
fn check_finite(numbers: &[f32]) -> Result<(), Error> {
    if numbers.iter().all(|number| number.is_finite()) { Ok(()) } else { Err(Error::NotFinite) }
}

/// Cores of this machine. Two threads of one core share what they would wait for.
fn cores() -> usize {
    let logical = std::thread::available_parallelism().map_or(1, usize::from);
    logical.min(num_cpus::get_physical())
}
