//! The transformer over the codebooks of one step: each codebook is a step of it, with weights of its own.

use super::cache::CacheFormat;
use super::check_finite;
use super::matrix::{Matrix, Workbench, matrix};
use super::transformer::{Place, Scratch, Transformer};
use crate::config::LmConfig;
use crate::tensors::Tensors;
use crate::{Error, Picked, Request, Sampler};

/// The weights of all codebooks, and memory for one step.
#[derive(Debug)]
pub(crate) struct Depformer {
    slices: Vec<Slice>,
    place: Option<Place>,
    scratch: Scratch,
    x: Vec<f32>,
    embedded: Vec<f32>,
    widened: Vec<f32>,
    logits: Vec<f32>,
}

/// One codebook's share.
#[derive(Debug)]
struct Slice {
    transformer: Transformer,
    embedding: Matrix,
    low_rank: Option<Matrix>,
    linear_in: Matrix,
    linear_out: Matrix,
}

impl Depformer {
    pub(crate) fn load(tensors: &dyn Tensors, config: &LmConfig) -> Result<Self, Error> {
        let slices = (0..config.generated_codebooks())
            .map(|i| Slice::load(tensors, config, i))
            .collect::<Result<Vec<_>, _>>()?;
        // All codebooks share what they remember; it is small, and read by few.
        let place =
            slices.first().map(|slice| Place::new(&slice.transformer, CacheFormat::F32, slices.len(), 1));
        Ok(Self {
            slices,
            place,
            scratch: Scratch::default(),
            x: Vec::new(),
            embedded: Vec::new(),
            widened: Vec::new(),
            logits: Vec::new(),
        })
    }

    /// Bytes of weights that are read for each step.
    pub(crate) fn bytes(&self) -> usize {
        let of_slice =
            |slice: &Slice| slice.transformer.bytes() + slice.linear_in.bytes() + slice.linear_out.bytes();
        self.slices.iter().map(of_slice).sum()
    }

    /// Picks a token for each codebook of the step that `hidden` belongs to, into `picked`.
    pub(crate) fn pick(
        &mut self,
        bench: &mut Workbench,
        sampler: &mut Sampler,
        hidden: &[f32],
        request: &Request<'_>,
        picked: &mut Picked,
    ) -> Result<(), Error> {
        let Some(place) = &mut self.place else { return Ok(()) };
        place.position = 0;
        let mut previous = picked.text;
        for (codebook, slice) in self.slices.iter().enumerate() {
            slice.linear_in.multiply(bench, hidden, &mut self.x);
            self.embedded.resize(slice.embedding.columns(), 0.0);
            slice.embedding.row(previous, &mut self.embedded)?;
            let embedded = match &slice.low_rank {
                None => &self.embedded,
                Some(low_rank) => {
                    low_rank.multiply(bench, &self.embedded, &mut self.widened);
                    &self.widened
                }
            };
            self.x.iter_mut().zip(embedded).for_each(|(x, embedded)| *x += embedded);
            slice.transformer.forward(bench, place, &mut self.scratch, &mut self.x);
            slice.linear_out.multiply(bench, &self.x, &mut self.logits);
            check_finite(&self.logits)?;
            let token = sampler.pick(&self.logits, request.sampling.audio);
            picked.audio.push(token);
            if let Some(trace) = &mut picked.trace {
                trace.audio_logits.push(self.logits.clone());
            }
            previous = request.audio.get(codebook).copied().flatten().unwrap_or(token);
        }
        Ok(())
    }
}

impl Slice {
    fn load(tensors: &dyn Tensors, config: &LmConfig, codebook: usize) -> Result<Self, Error> {
        let depformer = &config.depformer;
        let (dim, temporal) = (depformer.transformer.d_model, config.transformer.d_model);
        let vocabulary = 1 + if codebook == 0 { config.text_vocabulary } else { config.codebook_size };
        let name = format!("depformer.{codebook}");
        let get = |part: &str, rows: usize, columns: usize| {
            matrix(tensors, &format!("{name}.{part}"), rows, columns)
        };
        let rank = depformer.low_rank_embeddings;
        Ok(Self {
            transformer: Transformer::load(tensors, &format!("{name}.transformer"), &depformer.transformer)?,
            embedding: get("emb.weight", vocabulary, rank.unwrap_or(dim))?,
            low_rank: rank.map(|rank| get("emb.low_rank.weight", dim, rank)).transpose()?,
            linear_in: get("linear_in.weight", dim, temporal)?,
            linear_out: get("linear_out.weight", config.codebook_size, dim)?,
        })
    }
}
