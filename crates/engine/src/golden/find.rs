//! Which files of a folder belong together, by their names.

use std::collections::{BTreeMap, BTreeSet};

use super::case::Case;
use super::codec::CodecCase;
use super::end_to_end::EndToEndCase;
use super::lm::LmCase;
use super::personaplex::PersonaPlexCase;
use super::words::WordsCase;
use super::{kyutai, manifest, personaplex};

/// How the name of a model's description ends.
const CONFIG: &str = "_config.json";

/// How the name of its weights ends.
const WEIGHTS: &str = "_weights.safetensors";

/// How the names of files of language models end.
const LM_ENDS: [&str; 5] = [WEIGHTS, "_greedy.safetensors", "_forced.safetensors", "_forced.json", ".gguf"];

/// How the names of files begin that belong to models, and what those hear, if they are language models.
const LANGUAGE_MODELS: [(&str, &str); 2] = [("lm_", "user_codes"), ("stt_", "input_codes")];
const CODECS: &str = "mimi_";

/// The models that the recordings through several of them are of, where there are others.
const USUAL_LM: &str = "lm_7bshape";
const USUAL_CODEC: &str = "mimi_small";

/// What is in a folder.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) cases: Vec<Case>,
    /// Files that are not there, or that something else belongs to that is not there, with a sentence each.
    pub(super) missing: Vec<(String, String)>,
    /// Files that are none of the above.
    pub(super) others: Vec<String>,
}

/// Sorts the files of a folder.
pub(super) fn cases(names: &BTreeSet<String>) -> Found {
    let mut search = Search { names, known: BTreeSet::new(), found: Found::default() };
    search.known.extend([manifest::NAME.to_owned(), "README.md".to_owned()]);
    for (prefix, heard) in LANGUAGE_MODELS {
        search.language_models(prefix, heard);
    }
    search.codecs();
    search.end_to_end();
    search.personaplex();
    search.kyutai();
    let Search { known, mut found, .. } = search;
    found.others = names.difference(&known).cloned().collect();
    found
}

struct Search<'a> {
    names: &'a BTreeSet<String>,
    /// Files whose place is found.
    known: BTreeSet<String>,
    found: Found,
}

/// What a file is to a language model, by the end of its name.
#[derive(Debug, PartialEq, Eq)]
enum Role<'a> {
    /// Description, weights.
    Part,
    Run {
        delay: Option<usize>,
        forced: bool,
    },
    /// The list of words of a run, which has this name.
    Words(String),
    Quantized(&'a str),
    /// A run with what quantized weights of this format stand for.
    Dequantized(&'a str),
}

impl<'a> Role<'a> {
    fn of(end: &'a str) -> Option<Self> {
        if matches!(end, "config.json" | "weights.safetensors") {
            return Some(Self::Part);
        }
        if let Some(format) = end.strip_suffix(".gguf") {
            return Some(Self::Quantized(format));
        }
        if end == "forced.json" || end.ends_with("_forced.json") {
            return Some(Self::Words(end.replace(".json", ".safetensors")));
        }
        let end = end.strip_suffix(".safetensors")?;
        if let Some(format) = end.strip_suffix("_dequant_greedy") {
            return Some(Self::Dequantized(format));
        }
        let late = end.strip_prefix("delay").and_then(|end| {
            let (delay, end) = end.split_once('_')?;
            Some((Some(delay.parse::<u8>().ok()?.into()), end))
        });
        let (delay, kind) = late.unwrap_or((None, end));
        matches!(kind, "greedy" | "forced").then_some(Self::Run { delay, forced: kind == "forced" })
    }
}

impl Search<'_> {
    fn is_there(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    fn miss(&mut self, name: String, why: impl Into<String>) {
        self.found.missing.push((name, why.into()));
    }

    /// The models of a kind, each with the ends of the names of all files that are its own. `is_own` is asked about files
    /// without a model.
    fn models(&mut self, prefix: &str, is_own: fn(&str) -> bool) -> BTreeMap<String, Vec<String>> {
        let described = |name: &String| {
            let model = name.strip_suffix(CONFIG)?;
            (model.len() > prefix.len() && model.starts_with(prefix)).then(|| (model.to_owned(), Vec::new()))
        };
        let mut models: BTreeMap<String, Vec<String>> = self.names.iter().filter_map(described).collect();
        for name in self.names.iter().filter(|name| name.starts_with(prefix)) {
            // Where the name of one model is the beginning of another's, the longer one counts.
            let own = models.iter_mut().rev().find_map(|(model, ends)| {
                let end = name.strip_prefix(model.as_str())?.strip_prefix('_')?;
                Some((ends, end))
            });
            match own {
                Some((ends, end)) => ends.push(end.to_owned()),
                // What ends as nothing of a model's does is none of its files.
                None if is_own(name) => {
                    self.known.insert(name.clone());
                    let sentence =
                        format!("There is no {prefix}...{CONFIG} that it belongs to. Put it beside it.");
                    self.found.missing.push((name.clone(), sentence));
                }
                None => {}
            }
        }
        models
    }

    fn language_models(&mut self, prefix: &str, heard: &'static str) {
        let is_own = |name: &str| LM_ENDS.iter().any(|end| name.ends_with(end));
        for (model, ends) in self.models(prefix, is_own) {
            let file = |end: &str| format!("{model}_{end}");
            let case = |recording: String| LmCase {
                config: file("config.json"),
                weights: format!("{model}{WEIGHTS}"),
                recording,
                heard,
                delay: None,
                forced: false,
                quantized: false,
            };
            if !ends.iter().any(|end| matches!(Role::of(end), Some(Role::Run { .. }))) {
                self.miss(file("greedy.safetensors"), "It is missing: its model is there. Record it.");
            }
            for end in &ends {
                let Some(role) = Role::of(end) else { continue };
                self.known.insert(file(end));
                match role {
                    Role::Part => {}
                    Role::Run { delay, forced } => {
                        self.found.cases.push(Case::Lm(LmCase { delay, forced, ..case(file(end)) }));
                        let words = end.replace(".safetensors", ".json");
                        if forced && !self.is_there(&file(&words)) {
                            self.miss(file(&words), "It is missing: its recording is there. Copy it, too.");
                        }
                    }
                    Role::Words(recording) => {
                        let (list, recording) = (file(end), file(&recording));
                        self.found.cases.push(Case::Words(WordsCase { list, recording }));
                    }
                    Role::Quantized(format) => {
                        let recording = file(&format!("{format}_dequant_greedy.safetensors"));
                        if !self.is_there(&recording) {
                            self.miss(recording, "It is missing: its weights are there. Record it.");
                        }
                    }
                    Role::Dequantized(format) => {
                        let weights = file(&format!("{format}.gguf"));
                        let case = LmCase { weights, quantized: true, ..case(file(end)) };
                        self.found.cases.push(Case::Lm(case));
                    }
                }
            }
        }
    }

    fn codecs(&mut self) {
        let is_own =
            |name: &str| name.ends_with(WEIGHTS) || (name.contains("_io") && name.ends_with(".safetensors"));
        for (model, ends) in self.models(CODECS, is_own) {
            let file = |end: &str| format!("{model}_{end}");
            let whole = file("io.safetensors");
            if !self.is_there(&whole) {
                self.miss(whole.clone(), "It is missing: its codec is there. Record it.");
            }
            for end in &ends {
                let part = matches!(end.as_str(), "config.json" | "weights.safetensors");
                let use_of = end.strip_prefix("io").and_then(|end| end.strip_suffix(".safetensors"));
                let context = use_of.and_then(|end| end.strip_prefix("_ctx")?.parse::<u16>().ok());
                let personaplex = use_of == Some("_personaplex");
                let run = use_of == Some("") || context.is_some() || personaplex;
                if part || run {
                    self.known.insert(file(end));
                }
                if run {
                    self.found.cases.push(Case::Codec(CodecCase {
                        config: file("config.json"),
                        weights: file("weights.safetensors"),
                        recording: file(end),
                        sound: personaplex.then(|| whole.clone()),
                        context: context.map(usize::from),
                        personaplex,
                    }));
                }
            }
        }
    }

    /// Description and weights of the usual model of a kind, or else of the first.
    fn usual(&self, prefix: &str, usual: &str) -> Option<(String, String)> {
        let model = |name: &'_ String| {
            let model = name.strip_suffix(CONFIG)?;
            model.starts_with(prefix).then(|| model.to_owned())
        };
        let mut models = self.names.iter().filter_map(model);
        let first = models.next()?;
        let model = if models.any(|model| model == usual) { usual.to_owned() } else { first };
        Some((format!("{model}{CONFIG}"), format!("{model}{WEIGHTS}")))
    }

    fn end_to_end(&mut self) {
        let is_run = |name: &&String| name.starts_with("e2e_") && name.ends_with("_io.safetensors");
        for recording in self.names.iter().filter(is_run) {
            self.known.insert(recording.clone());
            let lm = LANGUAGE_MODELS.first().and_then(|(prefix, _)| self.usual(prefix, USUAL_LM));
            let codec = self.usual(CODECS, USUAL_CODEC);
            self.found.cases.push(Case::EndToEnd(EndToEndCase { recording: recording.clone(), lm, codec }));
        }
    }

    fn personaplex(&mut self) {
        use personaplex::{CONFIG, PROMPT, RUN_STATES, RUN_WAV, STATES, WAV, WEIGHTS};
        let all = [CONFIG, WEIGHTS, PROMPT, WAV, STATES, RUN_WAV, RUN_STATES];
        if !self.family(&all) {
            return;
        }
        if self.is_there(PROMPT) {
            self.found.cases.push(Case::PersonaPlexPrompt);
        }
        let codec = self.usual(CODECS, USUAL_CODEC);
        for (recording, wav) in [(RUN_WAV, true), (RUN_STATES, false)] {
            if self.is_there(recording) {
                self.found.cases.push(Case::PersonaPlex(PersonaPlexCase { wav, codec: codec.clone() }));
            }
        }
    }

    fn kyutai(&mut self) {
        if self.family(&[kyutai::WEIGHTS, kyutai::CODES, kyutai::OUT]) && self.is_there(kyutai::OUT) {
            self.found.cases.push(Case::Kyutai);
        }
    }

    /// Files of which none is worth anything without the others. Returns whether any is there.
    fn family(&mut self, all: &[&str]) -> bool {
        let (here, gone): (Vec<&str>, Vec<&str>) = all.iter().partition(|name| self.is_there(name));
        self.known.extend(here.iter().map(|&name| name.to_owned()));
        if here.is_empty() {
            return false;
        }
        for name in gone {
            self.miss(name.to_owned(), "It is missing: others are there that need it. Copy it, too.");
        }
        true
    }
}

#[cfg(test)]
mod tests;
