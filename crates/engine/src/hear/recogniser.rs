//! A recogniser, frame by frame.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use wire::{PAUSE_HEAD, Recognised};

use super::words::WordFormer;
use crate::codec::FRAME;
use crate::model::{CodecFiles, Described, name_of};
use crate::{
    Backend, Cpu, CpuOptions, Encoder, Error, Input, LmConfig, Model, Outline, RecogniserConfig, Request,
    Sampling, Tokenizer, codec,
};

/// Bytes of two files that are compared at once.
const PIECE: usize = 1 << 16;

/// A recogniser with its codec, its tokenizer and its place in time.
///
/// It says what is most probable. After an error it is at no place in time any more; [`reset`](Self::reset) makes it
/// usable again.
#[derive(Debug)]
pub struct Recogniser {
    backend: Box<dyn Backend>,
    encoder: Encoder,
    /// Whether its codec is that of the model beside it, used in the same way.
    shares_codec: bool,
    words: WordFormer,
    timing: RecogniserConfig,
    name: String,
    /// What goes in next: the last text token, then the codes.
    tokens: Vec<Option<u32>>,
    /// Whether it has taken the steps that come before any sound.
    begun: bool,
}

/// What a frame came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The text token.
    pub text: u32,
    /// Probability of the first class of each extra head: that the person pauses for 0.5, 1, 2 and 3 seconds, in Kyutai's
    /// model with such heads.
    pub pauses: Vec<f32>,
    /// In the order of Kyutai's server: the step, a word that is complete, one that has ended.
    pub told: Vec<Recognised>,
}

impl Recogniser {
    /// Loads a recogniser from a folder with Kyutai's files, or from a file of weights in such a folder, as
    /// [`load`](crate::load) does with a model that talks.
    ///
    /// # Errors
    /// As for [`load`](crate::load), and [`Error::NoRecogniser`] for a model that talks.
    pub fn load(path: &Path, options: CpuOptions) -> Result<Self, Error> {
        Self::load_with(path, options, None)
    }

    /// As [`load`](Self::load), for use beside a model that talks. Where both have the same codec and use it in the same
    /// way, its weights are in memory once, and it can run once for both.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub fn load_beside(path: &Path, options: CpuOptions, model: &Model) -> Result<Self, Error> {
        Self::load_with(path, options, Some(model))
    }

    /// Looks at what [`load`](Self::load) would load: its description, and the heads of its files.
    ///
    /// # Errors
    /// [`Error`] for what keeps it from being loaded, as far as it can be told without reading all of it.
    pub fn outline(path: &Path, options: CpuOptions) -> Result<Outline, Error> {
        Described::of_recogniser(path)?.0.outline(options)
    }

    fn load_with(path: &Path, options: CpuOptions, beside: Option<&Model>) -> Result<Self, Error> {
        let (described, timing) = Described::of_recogniser(path)?;
        tracing::info!(file = %described.weights().display(), "loading the recogniser");
        let lm = Cpu::load(described.weights(), described.config().clone(), options)?;
        let codebooks = lm.config().codebooks;
        let files = described.codec();
        let shared = match beside {
            Some(model) if same_codec(model, &files)? => Some(model.encoder.with_codebooks(codebooks)?),
            _ => None,
        };
        let shares_codec = shared.is_some();
        let encoder = match shared {
            Some(encoder) => encoder,
            None => {
                tracing::info!(file = %files.weights.display(), "loading the recogniser's codec");
                codec::load_codec(&files.weights, files.config.as_deref(), codebooks)?.0
            }
        };
        if encoder.codebook_size() != lm.config().codebook_size {
            let reason = format!(
                "the codec has {} entries in a codebook, the recogniser {}",
                encoder.codebook_size(),
                lm.config().codebook_size
            );
            return Err(Error::Config { path: described.description, reason });
        }
        let tokenizer = Arc::new(Tokenizer::load(described.tokenizer())?);
        let name = name_of(described.folder);
        Ok(Self { shares_codec, ..Self::new(Box::new(lm), encoder, tokenizer, timing, name) })
    }

    /// A recogniser of its parts, at the start of time.
    pub(crate) fn new(
        mut backend: Box<dyn Backend>,
        encoder: Encoder,
        tokenizer: Arc<Tokenizer>,
        timing: RecogniserConfig,
        name: String,
    ) -> Self {
        backend.reset(0);
        let LmConfig { padding, end_of_padding, .. } = *backend.config();
        let (delay, prefix) = (timing.delay.into(), timing.prefix.into());
        Self {
            words: WordFormer::new(tokenizer, padding, end_of_padding, delay, prefix),
            backend,
            encoder,
            shares_codec: false,
            timing,
            name,
            tokens: Vec::new(),
            begun: false,
        }
    }

    /// Name of the folder that it came from.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its model looks like.
    #[must_use]
    pub fn config(&self) -> &LmConfig {
        self.backend.config()
    }

    /// How late it tells words.
    #[must_use]
    pub fn timing(&self) -> RecogniserConfig {
        self.timing
    }

    /// Whether the model beside it has the same codec and uses it in the same way, so that it runs once for both.
    #[must_use]
    pub fn shares_codec(&self) -> bool {
        self.shares_codec
    }

    /// An encoder for its codes that the model beside it can use as well, the first of the codes being that model's; none
    /// where their codecs differ. It is at the start of time.
    ///
    /// # Errors
    /// [`Error`] where it can not be built.
    pub(crate) fn shared_encoder(&self) -> Result<Option<Encoder>, Error> {
        self.shares_codec.then(|| self.encoder.another()).transpose()
    }

    /// Forgets what it heard.
    pub fn reset(&mut self) {
        self.backend.reset(0);
        self.encoder.reset();
        self.words.reset();
        self.tokens.clear();
        self.begun = false;
    }

    /// Takes the steps that come before any sound: one of start tokens, and those of the silence that it is to hear first.
    /// The first frame does so where nobody has done it before.
    ///
    /// Kyutai's server hears each frame a step later instead; that this one does not makes it a step faster.
    ///
    /// # Errors
    /// As for [`hear`](Self::hear).
    pub fn begin(&mut self) -> Result<(), Error> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        let config = self.backend.config();
        let start = vec![config.initial_audio(); config.codebooks];
        self.tokens = vec![Some(config.initial_text()); config.streams()];
        self.step(&start)?;
        for _ in 0..self.timing.prefix {
            let codes = self.encoder.encode(&[0.0; FRAME])?;
            self.step(&codes)?;
        }
        Ok(())
    }

    /// Hears a frame of sound. Samples that are no numbers are silence, and what is too loud is cut.
    ///
    /// # Errors
    /// [`Error::Input`] for anything but [`FRAME`] samples, [`Error::NotFinite`] where weights are damaged.
    pub fn hear(&mut self, pcm: &[f32]) -> Result<Step, Error> {
        self.begin()?;
        let clean = |sample: &f32| if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
        let pcm: Vec<f32> = pcm.iter().map(clean).collect();
        let codes = self.encoder.encode(&pcm)?;
        self.step(&codes)
    }

    /// Hears the codes of a frame, of all codebooks.
    ///
    /// # Errors
    /// [`Error::Input`] for another number of codes or a code outside of its codebook, [`Error::NotFinite`] where weights
    /// are damaged.
    pub fn hear_codes(&mut self, codes: &[u32]) -> Result<Step, Error> {
        self.begin()?;
        self.step(codes)
    }

    /// So many frames are not heard. What is said after them has the times that it was said at.
    ///
    /// # Errors
    /// As for [`begin`](Self::begin).
    pub fn lose(&mut self, frames: u64) -> Result<(), Error> {
        self.begin()?;
        self.words.lose(frames);
        Ok(())
    }

    fn step(&mut self, codes: &[u32]) -> Result<Step, Error> {
        let expected = self.backend.config().codebooks;
        if codes.len() != expected {
            return Err(Error::Input { what: format!("{} codes instead of {expected}", codes.len()) });
        }
        let places = self.tokens.iter_mut().skip(1);
        places.zip(codes).for_each(|(place, &code)| *place = Some(code));
        let picked = self.backend.step(&Request::free(Input::Tokens(&self.tokens), Sampling::GREEDY))?;
        if let Some(text) = self.tokens.first_mut() {
            *text = Some(picked.text);
        }
        let pauses: Vec<f32> =
            picked.extra_heads.iter().filter_map(|classes| classes.first().copied()).collect();
        let mut told = vec![Recognised::Step { pause: pauses.get(PAUSE_HEAD).copied() }];
        told.extend(self.words.take(picked.text));
        Ok(Step { text: picked.text, pauses, told })
    }
}

/// Whether a model uses the same codec in the same way.
fn same_codec(model: &Model, files: &CodecFiles) -> Result<bool, Error> {
    // Its codec sees one position less.
    if model.config().personaplex {
        return Ok(false);
    }
    let of_model = &model.codec_files;
    let shapes = match (&of_model.config, &files.config) {
        (None, None) => true,
        (Some(one), Some(other)) => same_bytes(one, other)?,
        _ => false,
    };
    Ok(shapes && same_bytes(&of_model.weights, &files.weights)?)
}

/// Whether two files are the same, or hold the same.
fn same_bytes(one: &Path, other: &Path) -> Result<bool, Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => Error::MissingFile { path },
            _ => Error::File { path, source },
        }
    };
    if one.canonicalize().map_err(failed(one))? == other.canonicalize().map_err(failed(other))? {
        return Ok(true);
    }
    let open = |path: &Path| File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
    let ((length, first), (of_other, second)) =
        (open(one).map_err(failed(one))?, open(other).map_err(failed(other))?);
    if length != of_other {
        return Ok(false);
    }
    let (mut first, mut second) =
        (BufReader::with_capacity(PIECE, first), BufReader::with_capacity(PIECE, second));
    let (mut left, mut right) = (vec![0; PIECE], vec![0; PIECE]);
    let mut at = 0;
    while at < length {
        let size = PIECE.min(usize::try_from(length - at).unwrap_or(PIECE));
        first.read_exact(&mut left[..size]).map_err(failed(one))?;
        second.read_exact(&mut right[..size]).map_err(failed(other))?;
        if left[..size] != right[..size] {
            return Ok(false);
        }
        at += size as u64;
    }
    Ok(true)
}
