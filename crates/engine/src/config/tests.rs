use super::*;

fn parse(json: &str) -> Result<LmConfig, Error> {
    LmConfig::parse(json.as_bytes(), Path::new("config.json")).map(|(config, _)| config)
}

#[test]
fn a_missing_key_is_that_of_moshi_7b() {
    let config = parse("{}").unwrap();
    let theirs = moshi::lm::Config::v0_1_streaming(8);
    let ours = &config.transformer;
    assert_eq!((ours.d_model, ours.num_layers, ours.context), (4096, 32, 3000));
    // The crate's own description of that model leads to the same hidden width on another way.
    assert_eq!(2 * ours.dim_feedforward / 3, 11 * theirs.transformer.d_model / 4);
    assert_eq!(config.depformer.transformer.context, 8);
    assert_eq!((config.generated_codebooks(), config.heard_codebooks()), (8, 8));
    assert_eq!((config.initial_text(), config.initial_audio()), (32_000, 2048));
}

#[test]
fn the_hidden_layer_is_that_of_python() {
    let reader = Reader { path: Path::new("") };
    let built = |dim, feedforward: usize| {
        let of_crate = reader.gated_feedforward(dim, feedforward).ok()?;
        Some(if of_crate == 4 * dim { 11 * dim / 4 } else { 2 * of_crate / 3 })
    };
    assert_eq!(built(4096, 16_896), Some(11_264));
    assert_eq!(built(1024, 4224), Some(2816));
    assert_eq!(built(1024, 4096), Some(2688), "Python's exception is not that of the crate");
    assert_eq!(built(64, 288), Some(192));
    assert_eq!(built(16, 16), Some(10));
    for feedforward in 3..600 {
        let hidden = if feedforward == 256 { 168 } else { 2 * feedforward / 3 };
        assert!(built(64, feedforward).is_none_or(|built| built == hidden), "{feedforward}");
    }
}

#[test]
fn nonsense_is_refused_with_its_reason() {
    for (json, code) in [
        ("", "engine.config"),
        ("[]", "engine.config"),
        (r#"{"dim":"large"}"#, "engine.config"),
        (r#"{"dim":0}"#, "engine.config"),
        (r#"{"dim":18446744073709551615}"#, "engine.config"),
        (r#"{"dim":100}"#, "engine.config"),
        (r#"{"n_q":3}"#, "engine.config"),
        (r#"{"dep_q":17}"#, "engine.config"),
        (r#"{"delays":[0,99]}"#, "engine.config"),
        (r#"{"hidden_scale":1e300}"#, "engine.config"),
        (r#"{"hidden_scale":-1}"#, "engine.config"),
        (r#"{"max_period":0}"#, "engine.config"),
        (r#"{"existing_text_padding_id":32000}"#, "engine.config"),
        (r#"{"depformer_weights_per_step_schedule":[0,1]}"#, "engine.config"),
        (r#"{"lm_gen_config":{"temp":-1}}"#, "engine.config"),
        (r#"{"quantize":true}"#, "engine.unsupported"),
        (r#"{"lora_name":"x"}"#, "engine.unsupported"),
        (r#"{"norm":"batch"}"#, "engine.unsupported"),
        (r#"{"gating":"relu"}"#, "engine.unsupported"),
        (r#"{"positional_embedding":"alibi"}"#, "engine.unsupported"),
        (r#"{"causal":false}"#, "engine.unsupported"),
        (r#"{"conditioners":{"description":{}}}"#, "engine.unsupported"),
        (r#"{"context":null}"#, "engine.unsupported"),
        (r#"{"model_type":"stt"}"#, "engine.unsupported"),
        (r#"{"model_type":"stt","dep_q":0}"#, "engine.unsupported"),
        (
            r#"{"model_type":"stt","dep_q":0,"n_q":1,"delays":[0,0],"stt_config":{"audio_delay_seconds":-1}}"#,
            "engine.config",
        ),
        (
            r#"{"dep_q":0,"n_q":1,"delays":[0,0],"stt_config":{"audio_silence_prefix_seconds":1e9}}"#,
            "engine.config",
        ),
    ] {
        let error = parse(json).map(|_| ()).unwrap_err();
        assert_eq!(error.code(), code, "{json}: {error}");
    }
}

#[test]
fn a_recogniser_tells_words_by_whole_steps() {
    let of = |keys: &str| parse(&format!(r#"{{"n_q":1,"delays":[0,0],{keys}}}"#)).unwrap().recogniser;
    let stt = |delay: f64, prefix: f64| {
        of(&format!(
            r#""dep_q":0,"model_type":"stt","stt_config":{{"audio_delay_seconds":{delay},
            "audio_silence_prefix_seconds":{prefix}}}"#
        ))
    };
    assert_eq!(stt(0.5, 0.0), Some(RecogniserConfig { delay: 6, prefix: 0 }));
    assert_eq!(stt(2.5, 1.0), Some(RecogniserConfig { delay: 31, prefix: 13 }));
    let of_nothing = Some(RecogniserConfig { delay: 0, prefix: 0 });
    assert_eq!(
        (of(r#""dep_q":0,"model_type":"stt""#), of(r#""dep_q":0,"stt_config":{}"#)),
        (of_nothing, of_nothing)
    );
    assert_eq!((of(r#""dep_q":0"#), of(r#""dep_q":1,"stt_config":{}"#)), (None, None));
}

#[test]
fn names_and_sampling_are_taken_from_the_description() {
    let json = br#"{"moshi_name":"a","mimi_name":"b","tokenizer_name":"c","mimi_config_name":"d",
        "lm_gen_config":{"temp":0.5,"top_k_text":7},"depformer_causal":true,"stt_config":{}}"#;
    let (config, names) = LmConfig::parse(json, Path::new("config.json")).unwrap();
    let name = |name: &str| Some(name.to_owned());
    let expected =
        FileNames { moshi: name("a"), mimi: name("b"), tokenizer: name("c"), mimi_config: name("d") };
    assert_eq!(names, expected);
    assert_eq!(config.sampling.audio, TokenSampling { temperature: 0.5, top_k: 250 });
    assert_eq!(config.sampling.text, TokenSampling { temperature: 0.7, top_k: 7 });
}
