//! A whole model out of a folder: language model, codec and tokenizer.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::{
    Backend, Cpu, CpuOptions, Decoder, Encoder, Error, FileNames, Generator, LmConfig, Prompt,
    RecogniserConfig, Sampling, Tokenizer, Voices, codec, personaplex,
};

/// Name of the model description.
pub const CONFIG: &str = "config.json";

/// Names of weights of a language model in a folder that does not say, the first that is there wins.
pub const MOSHI: [&str; 4] = ["model.safetensors", "model.q4k.gguf", "model.q8.gguf", "model.gguf"];

/// Name of the codec's weights in a folder that does not say.
pub const MIMI: &str = "tokenizer-e351c8d8-checkpoint125.safetensors";

/// Name of the text tokenizer in a folder that does not say.
pub const TOKENIZER: &str = "tokenizer_spm_32k_3.model";

/// Codec and tokenizer in folders that do not say, of models that talk and of recognisers.
const OF_MOSHI: (&str, &str) = (MIMI, TOKENIZER);
pub(crate) const OF_RECOGNISERS: (&str, &str) =
    ("mimi-pytorch-e351c8d8@125.safetensors", "tokenizer_en_fr_audio_8000.model");

/// A model that is loaded and holds no conversation.
#[derive(Debug)]
pub struct Model {
    pub(crate) encoder: Encoder,
    pub(crate) generator: Generator,
    pub(crate) decoder: Decoder,
    pub(crate) tokenizer: Arc<Tokenizer>,
    pub(crate) name: String,
    pub(crate) voices: Voices,
    pub(crate) codec_files: CodecFiles,
}

/// What a codec was loaded from.
#[derive(Debug, Clone)]
pub(crate) struct CodecFiles {
    pub(crate) weights: PathBuf,
    /// Its shape, where that is not the published one.
    pub(crate) config: Option<PathBuf>,
}

/// What can be told of a model before it is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    /// Whether it has the shape of Moshi 7B.
    pub full_size: bool,
    /// Bytes of memory that it takes at most: weights, and what is remembered of the steps before.
    pub memory_bytes: u64,
}

/// Loads a model from a folder with Kyutai's files, or from a file of weights in such a folder.
///
/// `config.json` says what the other files are called; without it, or where it does not say, they have the names
/// under which they are published. A folder without `config.json` is Moshi 7B.
///
/// # Errors
/// [`Error`] where a file is missing, damaged, or of another model, and for models that do not hold conversations.
pub fn load(path: &Path) -> Result<Model, Error> {
    load_with(path, CpuOptions::default())
}

/// As [`load`], computed in another way.
///
/// # Errors
/// As for [`load`].
pub fn load_with(path: &Path, options: CpuOptions) -> Result<Model, Error> {
    let Described { folder, description, config, files } = Described::of_talk(path)?;
    tracing::info!(file = %files.moshi.display(), "loading the language model");
    let codec_files = files.codec();
    let size = config.codebook_size;
    let lm = Cpu::load(&files.moshi, config, options)?;
    tracing::info!(file = %files.mimi.display(), "loading the codec");
    let (encoder, decoder) = codec::load_codec_for(lm.config(), &files.mimi, files.mimi_config.as_deref())?;
    if decoder.codebook_size() != size {
        let reason = format!(
            "the codec has {} entries in a codebook, the language model {}",
            decoder.codebook_size(),
            size
        );
        return Err(Error::Config { path: description, reason });
    }
    let tokenizer = Arc::new(Tokenizer::load(&files.tokenizer)?);
    Ok(Model {
        encoder,
        generator: Generator::new(Box::new(lm)),
        decoder,
        tokenizer,
        name: name_of(folder),
        voices: Voices::of_model(folder),
        codec_files,
    })
}

/// The name of a model: that of its folder.
pub(crate) fn name_of(folder: &Path) -> String {
    let folder = std::path::absolute(folder).ok();
    folder.and_then(|folder| Some(folder.file_name()?.display().to_string())).unwrap_or_default()
}

/// Looks at what [`load`] would load: its description, and the heads of its files.
///
/// # Errors
/// [`Error`] for what keeps it from being loaded, as far as it can be told without reading all of it.
pub fn outline(path: &Path, options: CpuOptions) -> Result<Outline, Error> {
    Described::of_talk(path)?.outline(options)
}

impl Described<'_> {
    /// What it takes, by the heads of its files.
    pub(crate) fn outline(&self, options: CpuOptions) -> Result<Outline, Error> {
        let Self { config, files, .. } = self;
        let (of_lm, of_mimi) = (weights::File::open(&files.moshi)?, weights::File::open(&files.mimi)?);
        let length = std::fs::metadata(of_lm.path()).map(|file| file.len());
        let length = length.map_err(|source| Error::File { path: of_lm.path().into(), source })?;
        let of_lm = length.saturating_add(options.cache_bytes(config));
        // The numbers of the codec are widened.
        let memory_bytes = of_lm.saturating_add(of_mimi.numbers().saturating_mul(4));
        Tokenizer::load(&files.tokenizer)?;
        Ok(Outline { full_size: config.is_full_size(), memory_bytes })
    }
}

/// Whether weights have this tensor.
fn has_tensor(weights: &Path, tensor: &str) -> bool {
    weights::File::open(weights).is_ok_and(|file| file.info(tensor).is_some())
}

/// A model as it is described, before its weights are looked at.
pub(crate) struct Described<'a> {
    pub(crate) folder: &'a Path,
    /// Where `config.json` is, or would be.
    pub(crate) description: PathBuf,
    config: LmConfig,
    files: Files,
}

impl<'a> Described<'a> {
    /// A model that talks.
    pub(crate) fn of_talk(path: &'a Path) -> Result<Self, Error> {
        let described = Self::find(path)?;
        if described.config.recogniser.is_some() {
            return Err(Error::IsRecogniser { path: described.description });
        }
        let config = &described.config;
        let (generated, heard) = (config.generated_codebooks(), config.heard_codebooks());
        if generated == 0 || generated != heard {
            let what = format!("a conversation in which {generated} codebooks are said and {heard} heard");
            return Err(Error::Unsupported { path: described.description, what });
        }
        Ok(described)
    }

    /// A recogniser, and how it tells words.
    pub(crate) fn of_recogniser(path: &'a Path) -> Result<(Self, RecogniserConfig), Error> {
        let described = Self::find(path)?;
        match described.config.recogniser {
            Some(recogniser) => Ok((described, recogniser)),
            None => Err(Error::NoRecogniser { path: described.description }),
        }
    }

    fn find(path: &'a Path) -> Result<Self, Error> {
        let folder = if path.is_file() { path.parent().unwrap_or(Path::new("")) } else { path };
        if !folder.is_dir() {
            return Err(Error::MissingFile { path: path.into() });
        }
        let description = folder.join(CONFIG);
        let json = match std::fs::read(&description) {
            Ok(json) => json,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => b"{}".into(),
            Err(source) => return Err(Error::File { path: description, source }),
        };
        let (mut config, names) = LmConfig::parse(&json, &description)?;
        let usual = if config.recogniser.is_some() { OF_RECOGNISERS } else { OF_MOSHI };
        let files = Files::find(folder, path.is_file().then_some(path), names, usual, &description)?;
        if !config.personaplex && personaplex::look(folder, &json, |tensor| has_tensor(&files.moshi, tensor))
        {
            let wrong = |reason| Error::Config { path: description.clone(), reason };
            config = config.into_personaplex().map_err(wrong)?;
        }
        Ok(Self { folder, description, config, files })
    }

    /// The files of its codec.
    pub(crate) fn codec(&self) -> CodecFiles {
        self.files.codec()
    }

    /// The file of its text tokenizer.
    pub(crate) fn tokenizer(&self) -> &Path {
        &self.files.tokenizer
    }

    /// The file with the weights of the language model.
    pub(crate) fn weights(&self) -> &Path {
        &self.files.moshi
    }

    /// What it looks like.
    pub(crate) fn config(&self) -> &LmConfig {
        &self.config
    }
}

impl Model {
    /// Name of the folder that it came from.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Forgets a conversation, for the next one.
    pub fn reset(&mut self, sampling: Sampling, seed: u64) {
        self.encoder.reset();
        self.generator.reset(sampling, seed);
        self.decoder.reset();
    }

    /// Takes a model that was [`reset`](Self::reset) into a role, as [`Generator::prefill`] does.
    ///
    /// # Errors
    /// As [`Generator::prefill`].
    pub fn prefill(&mut self, prompt: &Prompt, go_on: impl FnMut() -> bool) -> Result<bool, Error> {
        self.generator.prefill(prompt, go_on)
    }

    /// What its tokens mean.
    #[must_use]
    pub fn tokenizer(&self) -> Arc<Tokenizer> {
        Arc::clone(&self.tokenizer)
    }

    /// What it looks like.
    #[must_use]
    pub fn config(&self) -> &LmConfig {
        self.generator.config()
    }
}

/// Where everything lies.
#[derive(Debug, PartialEq, Eq)]
struct Files {
    moshi: PathBuf,
    mimi: PathBuf,
    mimi_config: Option<PathBuf>,
    tokenizer: PathBuf,
}

impl Files {
    fn codec(&self) -> CodecFiles {
        CodecFiles { weights: self.mimi.clone(), config: self.mimi_config.clone() }
    }

    fn find(
        folder: &Path,
        weights: Option<&Path>,
        names: FileNames,
        (usual_mimi, usual_tokenizer): (&str, &str),
        description: &Path,
    ) -> Result<Self, Error> {
        let place = |name: &str| place(folder, name, description);
        let moshi = match (weights, &names.moshi) {
            (Some(weights), _) => weights.into(),
            (None, Some(name)) => place(name)?,
            (None, None) => {
                let there = MOSHI.iter().map(|name| folder.join(name)).find(|path| path.is_file());
                there.unwrap_or_else(|| folder.join(MOSHI[0]))
            }
        };
        Ok(Self {
            moshi,
            mimi: place(names.mimi.as_deref().unwrap_or(usual_mimi))?,
            mimi_config: names.mimi_config.as_deref().map(place).transpose()?,
            tokenizer: place(names.tokenizer.as_deref().unwrap_or(usual_tokenizer))?,
        })
    }
}

/// The file that a description calls `name`: in the folder, by its last part where it is in a repository of Hugging
/// Face (`hf://owner/repository/file`), or wherever `file://` says.
fn place(folder: &Path, name: &str, description: &Path) -> Result<PathBuf, Error> {
    if let Some(path) = name.strip_prefix("file://") {
        return Ok(path.into());
    }
    let name = match name.strip_prefix("hf://") {
        Some(remote) => remote.rsplit('/').next().unwrap_or(remote),
        None => name,
    };
    let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if name.is_empty() || !inside {
        let reason = format!("{name:?} is no file beside it");
        return Err(Error::Config { path: description.into(), reason });
    }
    Ok(folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_the_names_that_are_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let description = folder.join(CONFIG);
        let find =
            |weights: Option<&Path>, names| Files::find(folder, weights, names, OF_MOSHI, &description);
        let found = find(None, FileNames::default()).unwrap();
        assert_eq!(
            found.moshi,
            folder.join("model.safetensors"),
            "what is published most is what is missing"
        );
        assert_eq!((found.mimi, found.tokenizer), (folder.join(MIMI), folder.join(TOKENIZER)));
        std::fs::write(folder.join("model.q8.gguf"), "").unwrap();
        assert_eq!(find(None, FileNames::default()).unwrap().moshi, folder.join("model.q8.gguf"));

        let names = |moshi: &str| FileNames { moshi: Some(moshi.into()), ..FileNames::default() };
        let moshi = |name| find(None, names(name)).map(|files| files.moshi);
        assert_eq!(moshi("a.safetensors").unwrap(), folder.join("a.safetensors"));
        assert_eq!(moshi("hf://kyutai/moshiko/b.safetensors").unwrap(), folder.join("b.safetensors"));
        assert_eq!(moshi("file:///c.safetensors").unwrap(), Path::new("/c.safetensors"));
        for outside in ["", "../a", "/a", "a/../../b", "hf://x/.."] {
            assert_eq!(moshi(outside).unwrap_err().code(), "engine.config", "{outside}");
        }
        let given = Path::new("/given.gguf");
        assert_eq!(find(Some(given), names("a")).unwrap().moshi, given, "what was asked for wins");
    }
}
