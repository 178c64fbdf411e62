//! Where the tensors of a language model are in a checkpoint. Kyutai publishes the same model with two sets of names.
//!
//! Kyutai's Rust crate has all of a codebook together: `depformer.{codebook}.linear_in.weight`. Checkpoints for PyTorch
//! keep what belongs to a codebook apart by kind (`depformer_in.{i}`, `linears.{i}`, `depformer_emb.{i}`), keep the
//! attention of all codebooks stacked in one tensor, and share norms between them. Current versions of the Python code
//! split the stacked tensors (`in_projs.{i}`) when they save. All three are known here, in both directions.

mod depformer;

pub use depformer::Depformer;

/// A tensor of a checkpoint, or one of the parts of equal size that are stacked in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The tensor, as the checkpoint names it.
    pub tensor: String,
    /// Which part of it, where it is a stack.
    pub part: Option<usize>,
}

/// What a tensor of a checkpoint, or a part of it, is called in Kyutai's Rust crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The name in the Rust crate.
    pub name: String,
    /// Which part of the tensor has this name, where it is a stack.
    pub part: Option<usize>,
}

impl Place {
    fn whole(tensor: String) -> Self {
        Self { tensor, part: None }
    }
}

impl Named {
    fn whole(name: String) -> Self {
        Self { name, part: None }
    }
}

/// All places where the tensor that has this name in the Rust crate can be, the most likely one first.
#[must_use]
pub fn places(name: &str, depformer: &Depformer) -> Vec<Place> {
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

fn of_codebook(name: &str, depformer: &Depformer) -> Option<Vec<Place>> {
    let (codebook, rest) = name.strip_prefix("depformer.")?.split_once('.')?;
    let codebook: usize = codebook.parse().ok()?;
    let weights = *depformer.schedule.get(codebook)?;
    let own = depformer.weights_per_step.then_some(weights);
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

/// All names that a tensor of a checkpoint has in the Rust crate; none where it belongs only to codebooks that the
/// depformer does not have.
#[must_use]
pub fn names(tensor: &str, depformer: &Depformer) -> Vec<Named> {
    if let Some(rest) = tensor.strip_prefix("depformer.") {
        return match rest.split_once('.') {
            Some((codebook, _)) if codebook.parse::<usize>().is_ok() => {
                let has = codebook.parse().is_ok_and(|codebook: usize| codebook < depformer.schedule.len());
                if has { vec![Named::whole(tensor.into())] } else { Vec::new() }
            }
            _ => in_depformer(rest, depformer),
        };
    }
    let every = |uses: &dyn Fn(usize, usize) -> bool, part: &str, rest: &str| {
        let codebooks = depformer.schedule.iter().enumerate();
        let users = codebooks.filter(|&(codebook, &weights)| uses(codebook, weights));
        users.map(|(codebook, _)| Named::whole(format!("depformer.{codebook}.{part}.{rest}"))).collect()
    };
    if let Some((index, rest)) = indexed(tensor, "depformer_in.") {
        let projection = |weights| if depformer.multi_linear { weights } else { 0 };
        return every(&|_, weights| projection(weights) == index, "linear_in", rest);
    }
    if let Some((index, rest)) = indexed(tensor, "linears.") {
        return every(&|codebook, _| codebook == index, "linear_out", rest);
    }
    if let Some(rest) = tensor.strip_prefix("depformer_text_emb.") {
        return every(&|codebook, _| codebook == 0, "emb", rest);
    }
    if let Some((index, rest)) = indexed(tensor, "depformer_emb.") {
        return every(&|codebook, _| codebook.checked_sub(1) == Some(index), "emb", rest);
    }
    vec![Named::whole(match split(tensor) {
        Some((joined, 0)) => joined,
        _ => tensor.into(),
    })]
}

/// `rest` is the name of a tensor of PyTorch's depformer, behind `depformer.`.
fn in_depformer(rest: &str, depformer: &Depformer) -> Vec<Named> {
    let mut named = Vec::new();
    for (codebook, &weights) in depformer.schedule.iter().enumerate() {
        let own = depformer.weights_per_step.then_some(weights);
        let name = |rest: &str| format!("depformer.{codebook}.transformer.{rest}");
        if let Some((joined, index)) = split(rest) {
            if index == own.unwrap_or(0) {
                named.push(Named::whole(name(&joined)));
            }
        } else if attention(rest).is_some() {
            named.push(Named { name: name(rest), part: own });
        } else if let (Some(own), Some((layer, gating))) = (own, rest.split_once(".gating.")) {
            if let Some((index, rest)) = indexed(gating, "")
                && index == own
            {
                named.push(Named::whole(name(&format!("{layer}.gating.{rest}"))));
            }
        } else {
            named.push(Named::whole(name(rest)));
        }
    }
    named
}

/// Takes `LAYER.self_attn.in_projs.{i}.weight` apart into the name of the tensor that is not split, and `i`.
fn split(name: &str) -> Option<(String, usize)> {
    let rest = name.strip_suffix(".weight")?;
    let (rest, index) = rest.rsplit_once('.')?;
    let joined = match rest.strip_suffix(".in_projs") {
        Some(layer) => format!("{layer}.in_proj_weight"),
        None => format!("{}.out_proj.weight", rest.strip_suffix(".out_projs")?),
    };
    Some((joined, index.parse().ok()?))
}

/// Takes `PREFIX{i}.REST` apart.
fn indexed<'a>(name: &'a str, prefix: &str) -> Option<(usize, &'a str)> {
    let (index, rest) = name.strip_prefix(prefix)?.split_once('.')?;
    Some((index.parse().ok()?, rest))
}

#[cfg(test)]
mod tests;
