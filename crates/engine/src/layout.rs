//! Where a tensor is in a checkpoint. Kyutai publishes the same model with two sets of names.
//!
//! This engine asks in the names of Kyutai's Rust crate: `depformer.{codebook}.linear_in.weight`. Checkpoints for
//! PyTorch keep what belongs to a codebook apart by kind (`depformer_in.{i}`, `linears.{i}`, `depformer_emb.{i}`),
//! keep the attention of all codebooks stacked in one tensor, and share norms between them. Current versions of the
//! Python code split the stacked tensors (`in_projs.{i}`) when they save. All three are found here.

use crate::config::DepformerConfig;

/// A tensor of a checkpoint, or one of the parts of equal size that are stacked in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) tensor: String,
    pub(crate) part: Option<usize>,
}

impl Place {
    fn whole(tensor: String) -> Self {
        Self { tensor, part: None }
    }
}

/// All places where the tensor of this name can be, the most likely one first.
pub(crate) fn places(name: &str, depformer: &DepformerConfig) -> Vec<Place> {
    let mut places = vec![Place::whole(name.into())];
    if let Some(more) = of_codebook(name, depformer) {
        places.extend(more);
    } else if let Some((layer, projection)) = attention(name) {
        places.push(Place::whole(format!("{layer}.{projection}s.0.weight")));
    }
    places
}

/// Splits `LAYER.self_attn.in_proj_weight` or `LAYER.self_attn.out_proj.weight` into layer and projection.
fn attention(name: &str) -> Option<(&str, &str)> {
    let layer = name.strip_suffix(".in_proj_weight").map(|layer| (layer, "in_proj"));
    layer.or_else(|| name.strip_suffix(".out_proj.weight").map(|layer| (layer, "out_proj")))
}

fn of_codebook(name: &str, depformer: &DepformerConfig) -> Option<Vec<Place>> {
    let (codebook, rest) = name.strip_prefix("depformer.")?.split_once('.')?;
    let codebook: usize = codebook.parse().ok()?;
    let weights = *depformer.schedule.get(codebook)?;
    let own = if depformer.weights_per_step { Some(weights) } else { None };
    if let Some(rest) = rest.strip_prefix("transformer.") {
        return Some(of_transformer(rest, own));
    }
    let (part, rest) = rest.split_once('.')?;
    Some(vec![Place::whole(match part {
        "linear_in" => format!("depformer_in.{}.{rest}", if depformer.multi_linear { weights } else { 0 }),
        "linear_out" => format!("linears.{codebook}.{rest}"),
        "emb" if codebook == 0 => format!("depformer_text_emb.{rest}"),
        "emb" => format!("depformer_emb.{}.{rest}", codebook - 1),
        _ => return None,
    })])
}

/// `rest` is the name behind `depformer.{codebook}.transformer.`, `own` the weights that the codebook uses, if not
/// all use the same.
fn of_transformer(rest: &str, own: Option<usize>) -> Vec<Place> {
    let name = format!("depformer.{rest}");
    if let Some((layer, projection)) = attention(&name) {
        let split = format!("{layer}.{projection}s.{}.weight", own.unwrap_or(0));
        return vec![Place { tensor: name.clone(), part: own }, Place::whole(split)];
    }
    let per_step = own.and_then(|own| {
        let (layer, rest) = name.split_once(".gating.")?;
        Some(format!("{layer}.gating.{own}.{rest}"))
    });
    vec![Place::whole(per_step.unwrap_or(name))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LmConfig;
    use std::path::Path;

    fn second(name: &str, config: &str) -> Vec<(String, Option<usize>)> {
        let (config, _) = LmConfig::parse(config.as_bytes(), Path::new("")).unwrap();
        let mut places = places(name, &config.depformer);
        assert_eq!(places.remove(0), Place::whole(name.into()));
        places.into_iter().map(|place| (place.tensor, place.part)).collect()
    }

    #[test]
    fn tensors_are_found_under_their_names_in_pytorch() {
        let whole = |name: &str| vec![(name.to_owned(), None)];
        let seven = |name: &str| second(name, "{}");
        assert_eq!(seven("text_emb.weight"), []);
        assert_eq!(seven("depformer.3.linear_in.weight"), whole("depformer_in.3.weight"));
        assert_eq!(seven("depformer.3.linear_out.weight"), whole("linears.3.weight"));
        assert_eq!(seven("depformer.0.emb.weight"), whole("depformer_text_emb.weight"));
        assert_eq!(seven("depformer.3.emb.weight"), whole("depformer_emb.2.weight"));
        assert_eq!(
            seven("depformer.3.transformer.layers.5.gating.linear_in.weight"),
            whole("depformer.layers.5.gating.3.linear_in.weight")
        );
        assert_eq!(
            seven("depformer.3.transformer.layers.5.norm1.alpha"),
            whole("depformer.layers.5.norm1.alpha")
        );
        assert_eq!(
            seven("depformer.3.transformer.layers.5.self_attn.in_proj_weight"),
            [
                ("depformer.layers.5.self_attn.in_proj_weight".into(), Some(3)),
                ("depformer.layers.5.self_attn.in_projs.3.weight".into(), None),
            ]
        );
        assert_eq!(
            seven("transformer.layers.5.self_attn.out_proj.weight"),
            whole("transformer.layers.5.self_attn.out_projs.0.weight")
        );
    }

    #[test]
    fn codebooks_can_share_weights() {
        let shared =
            r#"{"dep_q":3,"n_q":3,"delays":[0,0,0,0],"depformer_weights_per_step_schedule":[0,1,1]}"#;
        let places = |name| second(name, shared);
        assert_eq!(places("depformer.2.linear_in.weight"), [("depformer_in.1.weight".into(), None)]);
        assert_eq!(places("depformer.2.linear_out.weight"), [("linears.2.weight".into(), None)]);
        let one = r#"{"depformer_weights_per_step":false,"depformer_multi_linear":false}"#;
        assert_eq!(second("depformer.2.linear_in.weight", one), [("depformer_in.0.weight".into(), None)]);
        assert_eq!(
            second("depformer.2.transformer.layers.0.gating.linear_in.weight", one),
            [("depformer.layers.0.gating.linear_in.weight".into(), None)]
        );
    }
}
