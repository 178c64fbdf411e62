//! What a model is, by the names of its tensors and by its description.

use super::{Description, Format, Kind, Names, Tensors};
use crate::{Runtime, Weights};

/// Codebooks that a Moshi says. A PersonaPlex predicts those of the person too.
const SAID: u64 = 8;

/// Types of models that a description may name.
const OURS: [&str; 3] = ["moshi", "personaplex", "stt"];

/// Says what a model is; an error says what else it is.
pub(super) fn tell(tensors: &Tensors, description: &Description) -> Result<(Kind, Names), String> {
    if let Some(other) = description.model_type.as_deref().filter(|kind| !OURS.contains(kind)) {
        let shown: String = other.chars().filter(|c| !c.is_control()).take(40).collect();
        return Err(format!("a model of type {shown:?}"));
    }
    if tensors.any(|name| name.starts_with("depth_decoder.") || name.starts_with("decoder.model.layers.")) {
        return Err("a Moshi as the library Transformers has it".into());
    }
    if tensors.any(|name| name.starts_with("encoder.") || name.starts_with("quantizer.")) {
        return Err("a codec for sound".into());
    }
    let core = tensors.has("text_emb.weight")
        && tensors.any(|name| name.starts_with("transformer.layers.0.self_attn."));
    if !core {
        let language = tensors.any(|name| name.starts_with("model.layers.") || name.starts_with("blk."));
        return Err(if language {
            "a language model for text".into()
        } else {
            "a model of another kind".into()
        });
    }
    let rust = tensors.any(|name| name.starts_with("depformer.0."));
    let pytorch = tensors.any(|name| name.starts_with("depformer_in."));
    let split = tensors.any(|name| name.contains(".in_projs."));
    let names = match (rust, split) {
        (true, _) => Names::Rust,
        (false, true) => Names::PytorchSplit,
        (false, false) => Names::Pytorch,
    };
    if !rust && !pytorch {
        return Ok((Kind::Recogniser, names));
    }
    Ok((if slices(tensors) > SAID { Kind::PersonaPlex } else { Kind::Moshi }, names))
}

/// What runs a model.
pub(super) fn runtimes(
    kind: Kind,
    names: Names,
    format: Format,
    weights: Weights,
    bitsandbytes: bool,
) -> Vec<Runtime> {
    use Runtime::{Docker, MoshiBackend, MycaHost, PersonaPlex, PythonMoshi};
    match (kind, format, names) {
        (Kind::Recogniser, ..) => Vec::new(),
        (Kind::PersonaPlex, Format::Safetensors, Names::Pytorch) if !bitsandbytes => vec![PersonaPlex],
        (Kind::PersonaPlex, ..) => Vec::new(),
        // Kyutai's Python turns what bitsandbytes packed into numbers again; nobody else does.
        (Kind::Moshi, Format::Safetensors, Names::Pytorch | Names::PytorchSplit) if bitsandbytes => {
            vec![PythonMoshi, Docker]
        }
        (Kind::Moshi, ..) if bitsandbytes => Vec::new(),
        (Kind::Moshi, Format::Safetensors, Names::Pytorch | Names::PytorchSplit)
            if weights != Weights::Q8 =>
        {
            vec![PythonMoshi, Docker, MycaHost]
        }
        (Kind::Moshi, Format::Gguf, Names::Rust) if weights == Weights::Q4 => vec![MycaHost],
        (Kind::Moshi, _, Names::Rust) => vec![MycaHost, MoshiBackend],
        (Kind::Moshi, ..) => Vec::new(),
    }
}

/// How many codebooks are predicted: `linears.7.weight` or `depformer.7.linear_out.weight` is the eighth's.
fn slices(tensors: &Tensors) -> u64 {
    let index = |name: &String| {
        let pytorch = name.strip_prefix("linears.").and_then(|rest| rest.strip_suffix(".weight"));
        let rust =
            || name.strip_prefix("depformer.").and_then(|rest| rest.strip_suffix(".linear_out.weight"));
        pytorch.or_else(rust)?.parse::<u64>().ok()
    };
    tensors.names.iter().filter_map(index).max().map_or(0, |last| last.saturating_add(1))
}
