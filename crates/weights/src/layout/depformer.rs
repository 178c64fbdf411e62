//! What has to be known of a model's depformer to find its tensors.

use serde::Deserialize;

use crate::File;

/// Most codebooks.
const MAX_CODEBOOKS: usize = 64;

/// The transformer over the codebooks of one step; its slices are steps with weights of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depformer {
    /// Which set of weights each codebook uses. As long as there are codebooks that are generated.
    pub schedule: Vec<usize>,
    /// Whether the slices have projections of their own from the temporal transformer.
    pub multi_linear: bool,
    /// Whether the slices have transformer weights of their own.
    pub weights_per_step: bool,
}

/// The keys of `config.json` that matter here. One that is missing has the value of Moshi 7B, but that the codebooks
/// are counted in the weights: the description that PersonaPlex is published with says nothing of them.
#[derive(Deserialize)]
#[serde(default)]
struct Keys {
    dep_q: Option<usize>,
    depformer_multi_linear: bool,
    depformer_weights_per_step: bool,
    depformer_weights_per_step_schedule: Option<Vec<usize>>,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            dep_q: None,
            depformer_multi_linear: true,
            depformer_weights_per_step: true,
            depformer_weights_per_step_schedule: None,
        }
    }
}

impl Depformer {
    /// That of a model of this description (`config.json`; `{}` where there is none) and these weights.
    ///
    /// # Errors
    /// What is wrong with the description.
    pub fn described(json: &[u8], weights: &File) -> Result<Self, String> {
        // Through a map, because a structure alone would also be read from a JSON array.
        let map = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(json);
        let keys: Keys =
            map.and_then(|map| serde_json::from_value(map.into())).map_err(|error| error.to_string())?;
        let codebooks = keys.dep_q.unwrap_or_else(|| counted(weights));
        if codebooks > MAX_CODEBOOKS {
            return Err(format!("{codebooks} codebooks are generated"));
        }
        let schedule = keys.depformer_weights_per_step_schedule.unwrap_or_else(|| (0..codebooks).collect());
        if schedule.len() != codebooks || schedule.iter().any(|&weights| weights >= codebooks) {
            return Err(format!("{codebooks} codebooks use weights {schedule:?}"));
        }
        Ok(Self {
            schedule,
            multi_linear: keys.depformer_multi_linear,
            weights_per_step: keys.depformer_weights_per_step,
        })
    }

    /// The same with only so many codebooks, at most. No codebook hears of a later one, so that the others do not
    /// change by it.
    #[must_use]
    pub fn first(mut self, codebooks: usize) -> Self {
        self.schedule.truncate(codebooks);
        self
    }
}

/// How many codebooks the weights generate: `linears.7.weight` or `depformer.7.linear_out.weight` is the eighth's.
fn counted(weights: &File) -> usize {
    let index = |name: &str| {
        let pytorch = name.strip_prefix("linears.").and_then(|rest| rest.strip_suffix(".weight"));
        let rust =
            || name.strip_prefix("depformer.").and_then(|rest| rest.strip_suffix(".linear_out.weight"));
        pytorch.or_else(rust)?.parse::<usize>().ok()
    };
    weights.names().filter_map(index).max().map_or(0, |last| last.saturating_add(1))
}
