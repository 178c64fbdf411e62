//! The convolutions of the encoder (SEANet): sound into vectors, a few for each frame.
//!
//! Everything lies in the order of time, the channels of a position side by side: so the numbers that a convolution of
//! undilated positions multiplies with its weights lie together already.

use candle_nn::Activation;
use moshi::seanet::Config;
use weights::{Format, Tensor};

use crate::Error;
use crate::cpu::layers::{Matrix, Workbench};
use crate::tensors::Tensors;

/// A causal convolution that goes on from frame to frame.
#[derive(Debug, Clone)]
struct Convolution {
    /// A row for each channel that comes out: for each position of the kernel, all channels that go in.
    weights: Matrix,
    bias: Vec<f32>,
    channels: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    /// What is seen again with the next frame; silence at the start.
    before: Vec<f32>,
}

/// Two convolutions around which the input goes, too.
#[derive(Debug, Clone)]
struct Residual {
    inner: Convolution,
    outer: Convolution,
}

#[derive(Debug, Clone)]
struct Stage {
    residuals: Vec<Residual>,
    downsample: Convolution,
}

/// The network, with what it remembers of the frame before.
#[derive(Debug, Clone)]
pub(super) struct Network {
    first: Convolution,
    stages: Vec<Stage>,
    last: Convolution,
}

/// What a convolution looks like.
struct Shape {
    from: usize,
    to: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
}

impl Network {
    /// Loads `encoder.model.*`.
    ///
    /// # Errors
    /// [`Error`] where a tensor is missing or of another shape, and for activations other than ELU.
    pub(super) fn load(tensors: &dyn Tensors, config: &Config) -> Result<Self, Error> {
        if config.activation != Activation::Elu(1.0) || !config.true_skip {
            return Err(Error::Input { what: "a codec with another activation than ELU".into() });
        }
        let get = |layer: usize, part: &str, shape: Shape| {
            Convolution::load(tensors, &format!("encoder.model.{layer}{part}.conv.conv"), shape)
        };
        let plain = |from, to, kernel, dilation| Shape { from, to, kernel, stride: 1, dilation };
        let mut width = config.n_filters;
        let first = get(0, "", plain(config.channels, width, config.kernel_size, 1))?;
        // Activations count as layers, too.
        let mut layer = 1;
        let mut stages = Vec::new();
        for &ratio in config.ratios.iter().rev() {
            let mut residuals = Vec::new();
            for i in 0..config.n_residual_layers {
                let (hidden, kernel) = (width / config.compress, config.residual_kernel_size);
                let dilation = u32::try_from(i).ok().and_then(|i| config.dilation_base.checked_pow(i));
                let inner = plain(width, hidden, kernel, dilation.unwrap_or(1));
                residuals.push(Residual {
                    inner: get(layer, ".block.1", inner)?,
                    outer: get(layer, ".block.3", plain(hidden, width, 1, 1))?,
                });
                layer += 1;
            }
            let shape = Shape { from: width, to: 2 * width, kernel: 2 * ratio, stride: ratio, dilation: 1 };
            stages.push(Stage { residuals, downsample: get(layer + 1, "", shape)? });
            layer += 2;
            width *= 2;
        }
        let last = get(layer + 1, "", plain(width, config.dimension, config.last_kernel_size, 1))?;
        Ok(Self { first, stages, last })
    }

    /// Vectors of the next frame, one after the other.
    pub(super) fn step(&mut self, bench: &mut Workbench, pcm: &[f32]) -> Vec<f32> {
        let mut x = self.first.step(bench, pcm);
        for Stage { residuals, downsample } in &mut self.stages {
            for Residual { inner, outer } in residuals {
                let hidden = inner.step(bench, &elu(x.clone()));
                let more = outer.step(bench, &elu(hidden));
                x.iter_mut().zip(more).for_each(|(x, more)| *x += more);
            }
            x = downsample.step(bench, &elu(x));
        }
        self.last.step(bench, &elu(x))
    }

    /// Goes back to the start of time.
    pub(super) fn reset(&mut self) {
        let Self { first, stages, last } = self;
        for Stage { residuals, downsample } in stages {
            for Residual { inner, outer } in residuals {
                inner.before.fill(0.0);
                outer.before.fill(0.0);
            }
            downsample.before.fill(0.0);
        }
        first.before.fill(0.0);
        last.before.fill(0.0);
    }
}

impl Convolution {
    fn load(tensors: &dyn Tensors, name: &str, shape: Shape) -> Result<Self, Error> {
        let Shape { from, to, kernel, stride, dilation } = shape;
        let published = tensors.tensor(&format!("{name}.weight"), &[to, from, kernel])?.to_f32();
        let mut bytes = Vec::with_capacity(4 * published.len());
        for row in published.chunks_exact(from * kernel) {
            for at in 0..kernel {
                let channels = row.iter().skip(at).step_by(kernel);
                bytes.extend(channels.flat_map(|number| number.to_le_bytes()));
            }
        }
        let weights = Tensor::new(Format::F32, vec![to, kernel * from], bytes.into());
        let weights =
            weights.ok_or_else(|| Error::Input { what: format!("a convolution {name} without numbers") })?;
        let bias = tensors.tensor(&format!("{name}.bias"), &[to])?.to_f32();
        let seen = ((kernel - 1) * dilation + 1).saturating_sub(stride);
        let before = vec![0.0; seen * from];
        Ok(Self { weights: Matrix::new(weights), bias, channels: from, kernel, stride, dilation, before })
    }

    fn step(&mut self, bench: &mut Workbench, input: &[f32]) -> Vec<f32> {
        let Self { weights, bias, channels, kernel, stride, dilation, before } = self;
        let seen = [before.as_slice(), input].concat();
        let kept = seen.len() - before.len();
        before.copy_from_slice(&seen[kept..]);
        let mut gathered = Vec::new();
        let windows: Vec<&[f32]> = if *dilation == 1 {
            seen.windows(*kernel * *channels).step_by(*stride * *channels).collect()
        } else {
            let reach = ((*kernel - 1) * *dilation + 1) * *channels;
            for window in seen.windows(reach).step_by(*stride * *channels) {
                for position in window.chunks_exact(*channels).step_by(*dilation) {
                    gathered.extend_from_slice(position);
                }
            }
            gathered.chunks_exact(*kernel * *channels).collect()
        };
        let mut out = Vec::new();
        weights.multiply_each(bench, &windows, &mut out);
        for position in out.chunks_exact_mut(bias.len()) {
            position.iter_mut().zip(bias.iter()).for_each(|(number, bias)| *number += bias);
        }
        out
    }
}

/// The activation before each convolution but the first.
fn elu(mut x: Vec<f32>) -> Vec<f32> {
    for number in &mut x {
        if *number < 0.0 {
            *number = number.exp() - 1.0;
        }
    }
    x
}
