//! A transformer that is given its steps one after the other, or several at once.

use candle_nn::Activation;
use moshi::transformer::{Config, PositionalEmbedding};

use super::cache::{Cache, CacheFormat, View};
use super::matrix::{Matrix, Workbench, matrix};
use super::norm::{self, Norm, Rope};
use super::simd::Kernels;
use crate::Error;
use crate::tensors::Tensors;

/// The weights.
#[derive(Debug)]
pub(crate) struct Transformer {
    layers: Vec<Layer>,
    heads: usize,
    dim: usize,
    rope: Option<Rope>,
    sines: Option<usize>,
}

#[derive(Debug)]
struct Layer {
    norm1: Norm,
    in_proj: Matrix,
    out_proj: Matrix,
    scale1: Option<Vec<f32>>,
    norm2: Norm,
    feedforward: Feedforward,
    scale2: Option<Vec<f32>>,
}

#[derive(Debug)]
enum Feedforward {
    Gated { linear_in: Matrix, linear_out: Matrix },
    Plain { linear1: Matrix, linear2: Matrix },
}

/// Where a transformer stands in time.
#[derive(Debug)]
pub(crate) struct Place {
    caches: Vec<Cache>,
    /// Steps that were taken.
    pub(crate) position: u64,
    /// Steps that each step sees, itself among them.
    window: usize,
    /// Whether the first of several steps at once see as many fewer as come behind them.
    overwrites: bool,
}

/// Steps that are taken at once: what each sees, and how its vectors are turned.
struct Steps {
    views: Vec<View>,
    angles: Vec<Vec<(f32, f32)>>,
}

/// Memory for the numbers of one step that is used again for the next.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    normed: Vec<f32>,
    projected: Vec<f32>,
    queries: Vec<f32>,
    seen: Vec<f32>,
    gate: Vec<f32>,
    hidden: Vec<f32>,
    out: Vec<f32>,
    transposed: Vec<f32>,
}

impl Place {
    /// The start of time, for a transformer that sees `window` steps and is given at most `at_once` of them at once.
    pub(crate) fn new(of: &Transformer, format: CacheFormat, window: usize, at_once: usize) -> Self {
        let (heads, width) = (of.heads, of.dim / of.heads);
        // What the first of several steps sees must still be there when the last has been put.
        let capacity = window + at_once - 1;
        let caches = of.layers.iter().map(|_| Cache::new(format, heads, width, capacity)).collect();
        Self { caches, position: 0, window, overwrites: false }
    }

    /// As [`new`](Self::new), as Kyutai's code does it that keeps as many steps as are seen: those that are taken at once
    /// are kept before any of them sees anything, and the oldest are gone then. Everything is kept in 32 bits.
    pub(crate) fn of_ring(of: &Transformer, window: usize, at_once: usize) -> Self {
        Self { overwrites: true, ..Self::new(of, CacheFormat::F32, window, at_once.max(1)) }
    }

    /// Goes to a place in time where it would see noise.
    pub(crate) fn make_up(&mut self, kernels: &Kernels, position: usize) {
        self.position = position as u64;
        for cache in &mut self.caches {
            cache.make_up(kernels, position.saturating_sub(self.window)..position);
        }
    }
}

impl Transformer {
    /// Loads `{name}.layers.*`.
    pub(crate) fn load(tensors: &dyn Tensors, name: &str, config: &Config) -> Result<Self, Error> {
        let layers = (0..config.num_layers)
            .map(|i| Layer::load(tensors, &format!("{name}.layers.{i}"), config))
            .collect::<Result<_, _>>()?;
        let (dim, heads) = (config.d_model, config.num_heads);
        let positions = config.positional_embedding;
        Ok(Self {
            layers,
            heads,
            dim,
            rope: (positions == PositionalEmbedding::Rope).then(|| Rope::new(dim / heads, config.max_period)),
            sines: (positions == PositionalEmbedding::Sin).then_some(config.max_period),
        })
    }

    /// Bytes of weights that are read for each step.
    pub(crate) fn bytes(&self) -> usize {
        self.layers.iter().map(Layer::bytes).sum()
    }

    /// Takes steps: `x` holds the input of each, and the output afterwards.
    pub(crate) fn forward(
        &self,
        bench: &mut Workbench,
        place: &mut Place,
        scratch: &mut Scratch,
        x: &mut [f32],
    ) {
        let dim = self.dim;
        let Place { caches, position, window, overwrites } = place;
        let count = x.len() / dim;
        let view = |(i, position): (usize, u64)| {
            let gone = if *overwrites { count - 1 - i } else { 0 };
            View { position, window: window.saturating_sub(gone).max(1) }
        };
        let views: Vec<_> = (0..count).zip(*position..).map(view).collect();
        if let Some(max_period) = self.sines {
            for (x, view) in x.chunks_exact_mut(dim).zip(&views) {
                norm::add_sines(view.position, max_period, x);
            }
        }
        let angles: Vec<_> =
            self.rope.iter().flat_map(|rope| views.iter().map(|view| rope.at(view.position))).collect();
        let steps = Steps { views, angles };
        for (layer, cache) in self.layers.iter().zip(caches) {
            layer.attend(bench, cache, scratch, &steps, x);
            layer.feed_forward(bench, scratch, x);
        }
        *position += steps.views.len() as u64;
    }
}

impl Layer {
    fn load(tensors: &dyn Tensors, name: &str, config: &Config) -> Result<Self, Error> {
        let (dim, hidden) = (config.d_model, config.dim_feedforward);
        let get = |part: &str, rows: usize, columns: usize| {
            matrix(tensors, &format!("{name}.{part}"), rows, columns)
        };
        let scale = |part: &str| match config.layer_scale {
            None => Ok(None),
            Some(_) => {
                tensors.tensor(&format!("{name}.{part}.scale"), &[dim]).map(|scale| Some(scale.to_f32()))
            }
        };
        let feedforward = match config.gating {
            None => Feedforward::Plain {
                linear1: get("linear1.weight", hidden, dim)?,
                linear2: get("linear2.weight", dim, hidden)?,
            },
            Some(Activation::Silu) | Some(_) => {
                let hidden = crate::config::gated_width(config);
                Feedforward::Gated {
                    linear_in: get("gating.linear_in.weight", 2 * hidden, dim)?,
                    linear_out: get("gating.linear_out.weight", dim, hidden)?,
                }
            }
        };
        Ok(Self {
            norm1: Norm::load(tensors, &format!("{name}.norm1"), config.norm, dim)?,
            in_proj: get("self_attn.in_proj_weight", 3 * dim, dim)?,
            out_proj: get("self_attn.out_proj.weight", dim, dim)?,
            scale1: scale("layer_scale_1")?,
            norm2: Norm::load(tensors, &format!("{name}.norm2"), config.norm, dim)?,
            feedforward,
            scale2: scale("layer_scale_2")?,
        })
    }

    fn bytes(&self) -> usize {
        let of_feedforward = match &self.feedforward {
            Feedforward::Gated { linear_in: a, linear_out: b }
            | Feedforward::Plain { linear1: a, linear2: b } => a.bytes() + b.bytes(),
        };
        self.in_proj.bytes() + self.out_proj.bytes() + of_feedforward
    }

    fn attend(
        &self,
        bench: &mut Workbench,
        cache: &mut Cache,
        scratch: &mut Scratch,
        steps: &Steps,
        x: &mut [f32],
    ) {
        let dim = self.out_proj.rows();
        let Steps { views, angles } = steps;
        let Scratch { normed, projected, queries, seen, out, transposed, .. } = scratch;
        self.norm1.apply(x, normed);
        self.in_proj.multiply(bench, normed, projected);
        queries.clear();
        for (i, (projected, view)) in projected.chunks_exact_mut(3 * dim).zip(views).enumerate() {
            let (turned, values) = projected.split_at_mut(2 * dim);
            if let Some(angles) = angles.get(i) {
                norm::turn(angles, turned);
            }
            let (query, keys) = turned.split_at(dim);
            cache.put(bench.kernels, view.position, keys, values);
            queries.extend_from_slice(query);
        }
        seen.resize(queries.len(), 0.0);
        cache.attend(bench.kernels, &mut bench.pool, views, queries, seen, transposed);
        self.out_proj.multiply(bench, seen, out);
        add(x, out, self.scale1.as_deref());
    }

    fn feed_forward(&self, bench: &mut Workbench, scratch: &mut Scratch, x: &mut [f32]) {
        let Scratch { normed, gate, hidden, out, .. } = scratch;
        self.norm2.apply(x, normed);
        match &self.feedforward {
            Feedforward::Gated { linear_in, linear_out } => {
                linear_in.multiply(bench, normed, gate);
                let width = linear_out.columns();
                let (both, silu) = (&*gate, bench.kernels.silu);
                hidden.resize(both.len() / 2, 0.0);
                bench.pool.fill(hidden, width, |i, hidden| {
                    let (gate, up) = both[2 * i * width..][..2 * width].split_at(width);
                    hidden.copy_from_slice(gate);
                    silu(hidden, up);
                });
                linear_out.multiply(bench, hidden, out);
            }
            Feedforward::Plain { linear1, linear2 } => {
                linear1.multiply(bench, normed, hidden);
                for number in hidden.iter_mut() {
                    *number = gelu(*number);
                }
                linear2.multiply(bench, hidden, out);
            }
        }
        add(x, out, self.scale2.as_deref());
    }
}

/// The exact form, with the error function.
fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2))
}

fn add(x: &mut [f32], more: &[f32], scale: Option<&[f32]>) {
    match scale {
        None => x.iter_mut().zip(more).for_each(|(x, more)| *x += more),
        Some(scale) => {
            let scales = scale.iter().cycle();
            x.iter_mut().zip(more).zip(scales).for_each(|((x, more), scale)| *x += more * scale);
        }
    }
}
