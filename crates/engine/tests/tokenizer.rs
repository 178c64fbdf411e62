//! Tokens of texts, against SentencePiece's own; see `golden/README.md`.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use engine::Tokenizer;
use serde_json::Value;

#[test]
fn texts_become_the_tokens_that_sentencepiece_makes_of_them() {
    let runs: Value = serde_json::from_slice(&std::fs::read(common::path("spm_runs.json")).unwrap()).unwrap();
    for (model, least) in [("unigram", 19), ("bpe", 17)] {
        let tokenizer = Tokenizer::load(&common::path(&format!("spm_{model}.model"))).unwrap();
        assert!(tokenizer.encodes());
        let runs = runs[model].as_array().unwrap();
        assert!(runs.len() >= least, "{}", runs.len());
        for run in runs {
            let text = run["text"].as_str().unwrap();
            let expected: Vec<u64> =
                run["ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect();
            let words = tokenizer.encode(text).unwrap();
            let found: Vec<u64> =
                words.iter().flat_map(|word| &word.tokens).map(|id| u64::from(*id)).collect();
            assert_eq!(found, expected, "{model}: {text:?}");
            let shown: String = words.iter().map(|word| word.text.as_str()).collect();
            assert_eq!(
                shown.split_whitespace().collect::<Vec<_>>(),
                text.split_whitespace().collect::<Vec<_>>()
            );
        }
    }
}

#[test]
fn what_was_written_means_itself() {
    let tokenizer = Tokenizer::load(&common::path("spm_bpe.model")).unwrap();
    let text = "Good morning, Zürich 🙂 — 日本 12 times.";
    let words = tokenizer.encode(text).unwrap();
    let tokens = words.iter().flat_map(|word| &word.tokens);
    let bytes: Vec<u8> = tokens.flat_map(|token| tokenizer.piece(*token).iter().copied()).collect();
    assert_eq!(String::from_utf8(bytes).unwrap(), format!(" {text}"));
}
