use std::path::Path;

use super::*;
use crate::File;

/// The depformer of a description, with weights of nothing.
fn depformer(json: &str) -> Result<Depformer, String> {
    described(json, "")
}

fn described(json: &str, names: &str) -> Result<Depformer, String> {
    let entry = r#"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#;
    let entries: Vec<_> = names.split_whitespace().map(|name| format!(r#""{name}":{entry}"#)).collect();
    let head = format!("{{{}}}", entries.join(","));
    let bytes = [&(head.len() as u64).to_le_bytes(), head.as_bytes()].concat();
    Depformer::described(json.as_bytes(), &File::of_bytes(Path::new(""), bytes.into()).unwrap())
}

fn second(name: &str, depformer: &Depformer) -> Vec<(String, Option<usize>)> {
    let mut places = places(name, depformer);
    assert_eq!(places.remove(0), Place::whole(name.into()));
    places.into_iter().map(|place| (place.tensor, place.part)).collect()
}

#[test]
fn tensors_are_found_under_their_names_in_pytorch() {
    let whole = |name: &str| vec![(name.to_owned(), None)];
    let seven_billion = depformer(r#"{"dep_q":8}"#).unwrap();
    let seven = |name: &str| second(name, &seven_billion);
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

const SHARED: &str = r#"{"dep_q":3,"depformer_weights_per_step_schedule":[0,1,1]}"#;
const ONE: &str = r#"{"dep_q":3,"depformer_weights_per_step":false,"depformer_multi_linear":false}"#;

#[test]
fn codebooks_can_share_weights() {
    let shared = depformer(SHARED).unwrap();
    let places = |name| second(name, &shared);
    assert_eq!(places("depformer.2.linear_in.weight"), [("depformer_in.1.weight".into(), None)]);
    assert_eq!(places("depformer.2.linear_out.weight"), [("linears.2.weight".into(), None)]);
    let one = depformer(ONE).unwrap();
    assert_eq!(second("depformer.2.linear_in.weight", &one), [("depformer_in.0.weight".into(), None)]);
    assert_eq!(
        second("depformer.2.transformer.layers.0.gating.linear_in.weight", &one),
        [("depformer.layers.0.gating.linear_in.weight".into(), None)]
    );
}

fn named(tensor: &str, depformer: &Depformer) -> Vec<(String, Option<usize>)> {
    names(tensor, depformer).into_iter().map(|named| (named.name, named.part)).collect()
}

#[test]
fn tensors_of_pytorch_have_names_in_rust() {
    let shared = depformer(SHARED).unwrap();
    let names = |tensor: &str| named(tensor, &shared);
    let all = |part: Option<[usize; 3]>, rest: &str| -> Vec<_> {
        let name = |codebook| format!("depformer.{codebook}.transformer.{rest}");
        (0..3).map(|codebook| (name(codebook), part.map(|parts| parts[codebook]))).collect()
    };
    assert_eq!(names("text_emb.weight"), [("text_emb.weight".into(), None)]);
    assert_eq!(
        names("depformer_in.1.weight"),
        [("depformer.1.linear_in.weight".into(), None), ("depformer.2.linear_in.weight".into(), None)]
    );
    assert_eq!(names("linears.2.weight"), [("depformer.2.linear_out.weight".into(), None)]);
    assert_eq!(names("depformer_text_emb.weight"), [("depformer.0.emb.weight".into(), None)]);
    assert_eq!(names("depformer_emb.1.low_rank.weight"), [("depformer.2.emb.low_rank.weight".into(), None)]);
    let projection = "layers.0.self_attn.in_proj_weight";
    assert_eq!(names(&format!("depformer.{projection}")), all(Some([0, 1, 1]), projection));
    assert_eq!(
        names("depformer.layers.0.self_attn.out_projs.0.weight"),
        all(None, "layers.0.self_attn.out_proj.weight")[..1]
    );
    assert_eq!(
        names("depformer.layers.0.gating.1.linear_in.weight"),
        all(None, "layers.0.gating.linear_in.weight")[1..]
    );
    assert_eq!(names("depformer.layers.0.norm1.alpha"), all(None, "layers.0.norm1.alpha"));
    assert_eq!(
        names("transformer.layers.0.self_attn.in_projs.0.weight"),
        [("transformer.layers.0.self_attn.in_proj_weight".into(), None)]
    );
    // What has its name already keeps it; what is of no codebook is left out.
    let rust = "depformer.2.transformer.layers.0.norm1.alpha";
    assert_eq!(names(rust), [(rust.into(), None)]);
    for gone in
        ["depformer.3.emb.weight", "linears.3.weight", "depformer_emb.2.weight", "depformer_in.2.weight"]
    {
        assert_eq!(names(gone), [], "{gone}");
    }
}

#[test]
fn both_directions_agree() {
    let tensors = [
        "text_emb.weight",
        "transformer.layers.1.self_attn.in_proj_weight",
        "transformer.layers.1.self_attn.in_projs.0.weight",
        "transformer.layers.1.self_attn.out_projs.0.weight",
        "depformer_in.0.weight",
        "depformer_in.1.weight",
        "linears.1.weight",
        "depformer_text_emb.weight",
        "depformer_emb.0.weight",
        "depformer.layers.1.self_attn.in_proj_weight",
        "depformer.layers.1.self_attn.out_proj.weight",
        "depformer.layers.1.self_attn.in_projs.0.weight",
        "depformer.layers.1.gating.1.linear_out.weight",
        "depformer.layers.1.norm2.alpha",
        "depformer.1.linear_in.weight",
    ];
    for description in [r#"{"dep_q":8}"#, SHARED, ONE] {
        let depformer = depformer(description).unwrap();
        for tensor in tensors {
            for Named { name, part } in names(tensor, &depformer) {
                let place = Place { tensor: tensor.into(), part };
                assert!(places(&name, &depformer).contains(&place), "{description} {tensor} {name}");
            }
        }
    }
}

#[test]
fn a_description_is_read_or_refused() {
    let sixteen: String = (0..16).map(|i| format!("linears.{i}.weight ")).collect();
    assert_eq!(described("{}", &sixteen).unwrap().schedule.len(), 16, "counted");
    assert_eq!(described("{}", "depformer.7.linear_out.weight").unwrap().schedule.len(), 8);
    assert_eq!(described(r#"{"dep_q":8}"#, &sixteen).unwrap().schedule.len(), 8);
    let first = described("{}", &sixteen).unwrap().first(8);
    assert_eq!(named("linears.8.weight", &first), []);
    assert_eq!(named("depformer.layers.0.gating.8.linear_in.weight", &first), []);
    assert!(depformer("{}").unwrap().schedule.is_empty());
    for wrong in [
        "[]",
        "7",
        r#"{"dep_q":-1}"#,
        r#"{"dep_q":65}"#,
        r#"{"dep_q":2,"depformer_weights_per_step_schedule":[0,2]}"#,
        r#"{"dep_q":3,"depformer_weights_per_step_schedule":[0,0]}"#,
    ] {
        assert!(depformer(wrong).is_err(), "{wrong}");
    }
    assert!(described("{}", "linears.18446744073709551615.weight").is_err());
}
