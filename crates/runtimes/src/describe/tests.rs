use std::ffi::OsStr;

use serde_json::Value;

use super::*;
use crate::{Port, Program, Run, RuntimeKind, Scheme, Torch, Warning};

fn here() -> Surroundings {
    Surroundings {
        myca: "/app/myca".into(),
        guard: None,
        folder: "/data/runtimes".into(),
        logs: "/state/logs".into(),
        cache: Some("/home/me/.cache/huggingface/hub".into()),
        docker: None,
    }
}

fn described(what: What) -> Description {
    let token = Secret::new("hf_hush"); // secret-scan:allow made up, to be looked for
    describe(&Chosen { what, port: Port::default() }, 8999, &here(), Some(&token)).unwrap()
}

fn program(description: &Description) -> &Program {
    match &description.run {
        Run::Program(program) => program,
        Run::Container(container) => panic!("{container:?}"),
    }
}

fn line(program: &Program) -> String {
    let arguments: Vec<&str> = program.arguments.iter().map(|argument| argument.to_str().unwrap()).collect();
    arguments.join(" ")
}

fn refusal(what: What) -> &'static str {
    let chosen = Chosen { what, port: Port::default() };
    describe(&chosen, 1, &here(), None).unwrap_err().code()
}

fn kyutai(torch: Torch, half: bool) -> What {
    let repo = "kyutai/moshika-pytorch-bf16".to_owned();
    What::PythonMoshi { interpreter: "/venv/bin/python3".into(), code: None, repo, half, torch }
}

fn nvidia() -> What {
    What::PersonaPlex {
        interpreter: "/venv/bin/python3".into(),
        code: Some("/src/personaplex/moshi".into()),
        repo: "nvidia/personaplex-7b-v1".into(),
        voices: Some("/voices".into()),
        offload: true,
        torch: Torch::default(),
    }
}

fn backend(model: &str) -> What {
    let (program, model) = ("/opt/moshi-backend".into(), model.into());
    What::MoshiBackend { program, model, cpu: false, mimi_on_cpu: true }
}

fn docker(image: &str) -> What {
    let repo = "kyutai/moshika-pytorch-bf16".to_owned();
    What::Docker {
        image: image.into(),
        repo,
        half: false,
        torch: Torch { no_compile: true, no_graphs: false },
    }
}

#[test]
fn ours_is_told_to_end_with_the_app_and_to_say_when_it_is_ready() {
    let description = described(What::MycaHost { model: "/models/moshika q4".into(), hear: None });
    let program = program(&description);
    assert_eq!(program.program, Path::new("/app/myca"));
    let arguments =
        "host --address 127.0.0.1 --port 8999 --json --end-with-parent --model /models/moshika q4";
    assert_eq!(line(program), arguments);
    assert_eq!((description.scheme, &description.warnings[..]), (Scheme::Ws, [].as_slice()));
    assert_eq!(program.token, None, "it downloads nothing");
}

#[test]
fn ours_can_hear_beside_moshi_and_without_it() {
    let both = described(What::MycaHost { model: "/m".into(), hear: Some("/models/stt".into()) });
    assert!(line(program(&both)).ends_with("--end-with-parent --model /m --hear /models/stt"));
    assert_eq!((both.kind, both.path), (RuntimeKind::MycaHost, "/api/chat"));
    let alone = described(What::Recogniser { model: "/models/stt".into() });
    assert!(line(program(&alone)).ends_with("--end-with-parent --hear /models/stt"));
    assert_eq!((alone.kind, alone.path), (RuntimeKind::Recogniser, "/api/asr-streaming"));
    assert_ne!(program(&alone).folder, program(&both).folder, "each has a folder and a log of its own");
}

#[test]
fn kyutais_server_listens_here_alone_and_inherits_no_switch_of_torch() {
    let description = described(kyutai(Torch::default(), false));
    let plain = program(&description);
    let arguments = "-m moshi.server --host 127.0.0.1 --port 8999 --hf-repo kyutai/moshika-pytorch-bf16 --device cuda \
                     --static none";
    assert_eq!(line(plain), arguments);
    for name in ["NO_TORCH_COMPILE", "NO_CUDA_GRAPH", "TORCHDYNAMO_DISABLE", "PYTHONHOME"] {
        assert!(plain.removed.contains(&name), "{name}");
        assert!(!plain.set.iter().any(|(set, _)| *set == name), "any value of NO_TORCH_COMPILE is a yes");
    }
    assert!(plain.set.contains(&("PYTHONUNBUFFERED", "1".into())), "or its stages come when it ends");
    assert_eq!(plain.folder, Path::new("/data/runtimes/python_moshi"));
    let blobs = "/home/me/.cache/huggingface/hub/models--kyutai--moshika-pytorch-bf16/blobs";
    assert_eq!(description.cache.as_deref(), Some(Path::new(blobs)));
    assert_eq!(description.warnings, []);

    let description = described(kyutai(Torch { no_compile: true, no_graphs: true }, true));
    let changed = program(&description);
    assert!(line(changed).ends_with("--static none --half"));
    for name in ["NO_TORCH_COMPILE", "NO_CUDA_GRAPH"] {
        assert!(changed.set.contains(&(name, "1".into())));
    }
    assert_eq!(description.warnings, [Warning::NoGraphs]);
}

#[test]
fn nvidias_server_has_options_of_its_own_and_is_open_to_the_network_whatever_it_is_told() {
    let description = described(nvidia());
    let program = program(&description);
    let end = "--hf-repo nvidia/personaplex-7b-v1 --device cuda --static none --cpu-offload --voice-prompt-dir /voices";
    assert!(line(program).ends_with(end), "{}", line(program));
    assert_eq!(program.folder, Path::new("/src/personaplex/moshi"), "where Python finds the package");
    assert_eq!(description.warnings, [Warning::OpenToTheNetwork]);
}

#[test]
fn moshi_backend_gets_a_file_and_is_spoken_with_over_tls() {
    let description = described(backend("/models/moshika/model.q8.gguf"));
    assert_eq!(line(program(&description)), "--config /data/runtimes/moshi_backend/config.json standalone");
    let (path, content) = &description.files[0];
    assert_eq!(path, Path::new("/data/runtimes/moshi_backend/config.json"));
    let config: Value = serde_json::from_str(content).unwrap();
    for (key, value) in [
        ("lm_model_file", "/models/moshika/model.q8.gguf"),
        ("mimi_model_file", "/models/moshika/tokenizer-e351c8d8-checkpoint125.safetensors"),
        ("text_tokenizer_file", "/models/moshika/tokenizer_spm_32k_3.model"),
        ("addr", "127.0.0.1"),
        ("cert_dir", "/data/runtimes/moshi_backend"),
        ("log_dir", "/data/runtimes/moshi_backend/sessions"),
    ] {
        assert_eq!(config[key], value, "{key}");
    }
    assert_eq!((config["port"].as_u64(), config["use_cpu_for_mimi"].as_bool()), (Some(8999), Some(true)));
    assert_eq!(description.scheme.url(8999, description.path), "wss://127.0.0.1:8999/api/chat");
    assert_eq!(description.certificate.as_deref(), Some(Path::new("/data/runtimes/moshi_backend/cert.pem")));
    let sessions = Path::new("/data/runtimes/moshi_backend/sessions").to_owned();
    assert_eq!(description.emptied, [sessions], "what was talked about does not stay");
    assert_eq!(description.warnings, [Warning::WritesTranscripts, Warning::EndsCalls]);
    assert_eq!(refusal(backend("/models/$HOME/model.q8.gguf")), "runtime.path");
}

#[test]
fn a_container_is_reached_from_here_alone_and_keeps_what_it_downloads() {
    let description = described(docker("mycosoft/moshi-voice:latest"));
    let Run::Container(container) = &description.run else { panic!("{description:?}") };
    let command = "python3 -m moshi.server --host 0.0.0.0 --port 8998 --hf-repo kyutai/moshika-pytorch-bf16 --device cuda \
                   --static none";
    assert_eq!(container.command.join(" "), command);
    assert_eq!((container.inside, container.outside), (8998, 8999));
    assert_eq!((container.volume, container.volume_at), ("moshi-model-cache", "/root/.cache"));
    assert!(container.set.contains(&("NO_TORCH_COMPILE", "1".into())));
    assert!(!container.set.iter().any(|(name, _)| name.contains("TOKEN")));
}

#[test]
fn a_token_is_in_no_argument_no_file_and_no_words() {
    for what in [
        What::MycaHost { model: "/m".into(), hear: None },
        kyutai(Torch::default(), false),
        nvidia(),
        backend("/m/model.q8.gguf"),
        docker("moshi"),
    ] {
        let kind = what.kind();
        let description = described(what);
        assert!(!format!("{description:?}").contains("hush"), "{kind}");
        if let Run::Program(program) = &description.run {
            let wants = matches!(kind, RuntimeKind::PythonMoshi | RuntimeKind::PersonaPlex);
            assert_eq!(program.token.is_some(), wants, "{kind}");
            assert!(program.set.iter().all(|(_, value)| value != OsStr::new("hf_hush")), "{kind}"); // secret-scan:allow made up
        }
    }
}

#[test]
fn a_name_that_could_be_taken_for_something_else_is_refused() {
    for repo in ["", "moshi", "--help/x", "a/-b", "a/b/c", "../..", "a/b c", "a/b\n"] {
        let what =
            What::Docker { image: "moshi".into(), repo: repo.into(), half: false, torch: Torch::default() };
        assert_eq!(refusal(what), "runtime.repository", "{repo:?}");
    }
    for image in ["", "-v", "a b", "a\n", "$(x)"] {
        assert_eq!(refusal(docker(image)), "runtime.image", "{image:?}");
    }
}
