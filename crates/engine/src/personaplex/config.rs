//! Telling PersonaPlex from Moshi, and what is different in its shape.

use std::path::Path;

use super::{SILENCE, SINE};
use crate::LmConfig;

/// What its model description says it is.
const MODEL_TYPE: &str = "personaplex";

/// Depformer slices of a published model: one for each codebook of both speakers.
const SLICES: usize = 16;

/// Whether a description with these values is one of PersonaPlex.
pub(crate) fn is_declared(model_type: Option<&str>, codebooks: usize, slices: usize) -> bool {
    match model_type {
        Some(name) => name.eq_ignore_ascii_case(MODEL_TYPE),
        // Moshi never generates what the other speaker says; models that have nobody to listen to say what they are.
        None => codebooks == SLICES && slices == SLICES,
    }
}

/// Looks whether a model that nothing describes, or no more than its name, is one of PersonaPlex: the repository of
/// NVIDIA says nothing about the shape. Either its voices lie beside it, or its depformer has a slice too many.
pub(crate) fn look(folder: &Path, description: &[u8], has_tensor: impl Fn(&str) -> bool) -> bool {
    let keys: serde_json::Map<_, _> = serde_json::from_slice(description).unwrap_or_default();
    if keys.contains_key("model_type") || keys.contains_key("dep_q") {
        return false;
    }
    folder.join("voices").is_dir()
        || folder.join("voices.tgz").is_file()
        || ["depformer_in.8.weight", "depformer.8.linear_in.weight"].into_iter().any(has_tensor)
}

impl LmConfig {
    /// The same model as one of PersonaPlex. Fails with a reason in words.
    pub(crate) fn into_personaplex(mut self) -> Result<Self, String> {
        if self.personaplex {
            return Ok(self);
        }
        let own = self.codebooks / 2;
        if own != SILENCE.len()
            || !self.codebooks.is_multiple_of(2)
            || self.depformer.slices.schedule.len() < own
        {
            return Err(format!(
                "PersonaPlex has {own} of {} codebooks for itself, and {} slices",
                self.codebooks,
                self.depformer.slices.schedule.len()
            ));
        }
        let most = SILENCE.iter().chain(&SINE).max().copied().unwrap_or(0);
        if most >= self.initial_audio() {
            return Err(format!("codebooks of {} entries have no silence", self.codebook_size));
        }
        if self.transformer.context < 2 {
            return Err("its context is too short".into());
        }
        // The slices behind these say what the other speaker would; nothing of the others depends on them.
        self.depformer.slices.schedule.truncate(own);
        self.depformer.transformer.context = own;
        self.depformer.transformer.max_seq_len = own;
        // Its ring of keys takes the oldest one for one of the future as soon as it is full, so it sees one less.
        self.transformer.context -= 1;
        self.transformer.max_seq_len = self.transformer.context;
        self.personaplex = true;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    fn parse(json: &str) -> Result<LmConfig, Error> {
        LmConfig::parse(json.as_bytes(), Path::new("config.json")).map(|(config, _)| config)
    }

    #[test]
    fn it_is_known_by_its_name_or_its_slices() {
        for json in [
            r#"{"model_type":"personaplex"}"#,
            r#"{"dep_q":16}"#,
            r#"{"model_type":"PersonaPlex","dep_q":16}"#,
        ] {
            let config = parse(json).unwrap();
            assert!(config.personaplex, "{json}");
            assert_eq!((config.generated_codebooks(), config.heard_codebooks()), (8, 8), "{json}");
            assert_eq!(config.depformer.slices.schedule, [0, 1, 2, 3, 4, 5, 6, 7], "{json}");
            assert_eq!(
                (config.transformer.context, config.depformer.transformer.context),
                (2999, 8),
                "{json}"
            );
            assert_eq!(config.delays, [0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1], "{json}");
            assert!(config.is_full_size());
        }
        for json in [
            "{}",
            r#"{"model_type":"moshi"}"#,
            r#"{"n_q":3,"dep_q":3,"delays":[0,1,2,4]}"#,
            r#"{"model_type":"tts","dep_q":16}"#,
        ] {
            assert!(!parse(json).unwrap().personaplex, "{json}");
        }
    }

    #[test]
    fn a_shape_that_it_can_not_have_is_refused() {
        for json in [
            r#"{"model_type":"personaplex","card":2000}"#,
            r#"{"model_type":"personaplex","dep_q":4}"#,
            r#"{"model_type":"personaplex","n_q":8,"delays":[0,0,0,0,0,0,0,0,0]}"#,
            r#"{"model_type":"personaplex","context":1}"#,
        ] {
            assert_eq!(parse(json).map(|_| ()).unwrap_err().code(), "engine.config", "{json}");
        }
    }

    #[test]
    fn what_nothing_describes_is_known_by_what_lies_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert!(!look(folder, b"{}", |_| false));
        assert!(look(folder, b"{}", |name| name == "depformer_in.8.weight"));
        assert!(look(folder, b"", |_| true));
        std::fs::write(folder.join("voices.tgz"), "").unwrap();
        assert!(look(folder, br#"{"version":1}"#, |_| false));
        assert!(!look(folder, br#"{"model_type":"moshi"}"#, |_| true));
        assert!(!look(folder, br#"{"dep_q":8}"#, |_| true));
        std::fs::remove_file(folder.join("voices.tgz")).unwrap();
        std::fs::create_dir(folder.join("voices")).unwrap();
        assert!(look(folder, b"{}", |_| false));
    }
}
