//! `myca model` as the program that it is, with a server of models on this machine.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

#[path = "../../models/tests/hub/mod.rs"]
mod hub;
mod program;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use hub::{Answer, Repo, Server, WEIGHTS, is_whole, repo};
use program::{Home, printed};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

/// Bytes of a piece, as downloads are done for everybody.
const PIECE: u64 = 4 << 20;

/// A catalogue with the model that the servers have.
fn catalogue(home: &Home, gated: bool) -> PathBuf {
    let path = home.path().join("catalogue.json");
    let catalogue = json!({
        "version": 1,
        "licences": { "l": { "name": "L\u{1b}", "page": "https://l.example", "credit": "C" } },
        "models": [{
            "id": "m", "name": "M", "what": "It is.", "repo": "o/m", "revision": "main", "licence": "l",
            "gated": gated, "purpose": "conversation", "runtimes": ["mycaHost"], "weights": "q8",
            "memory": 10_200_000_000_u64, "about": 8_600_000_000_u64,
            "files": [{ "name": WEIGHTS }, { "name": "tokenizer.model" }, { "name": "config.json", "optional": true }],
        }],
    });
    fs::write(&path, catalogue.to_string()).unwrap();
    path
}

/// A home with that catalogue.
struct Setup {
    home: Home,
    catalogue: PathBuf,
}

impl Setup {
    fn new(gated: bool) -> Self {
        let home = Home::new();
        let catalogue = catalogue(&home, gated);
        Self { home, catalogue }
    }

    /// A command of `myca model`, and where it looks.
    fn arguments<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        [&["model"], arguments, &["--catalogue", self.catalogue.to_str().unwrap()]].concat()
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        self.home.command(&self.arguments(arguments))
    }

    fn list(&self) -> Value {
        self.home.json(&self.arguments(&["list", "--json"]))
    }
}

/// Runs it while the server answers.
async fn output(mut command: std::process::Command) -> Output {
    spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn the_list_has_what_there_is_with_size_licence_and_state() {
    let home = Home::new();
    let list = home.json(&["model", "list", "--json"]);
    assert_eq!(list["folder"], json!(home.models()));
    assert_eq!(list["others"], json!([]));
    let models = list["models"].as_array().unwrap();
    let of = |id: &str| models.iter().find(|entry| entry["model"]["id"] == id).unwrap();
    let gated = of("personaplex-7b-v1");
    assert_eq!((&gated["model"]["gated"], &gated["here"]), (&json!(true), &json!([])));
    assert_eq!(gated["page"], "https://huggingface.co/nvidia/personaplex-7b-v1");
    let text = home.prints(&["model", "list"]);
    for words in [
        "\nmoshiko-candle-q8  about 8.6 GB, not here\n",
        "Creative Commons Attribution 4.0, Kyutai; https://huggingface.co/kyutai/moshiko-candle-q8",
        "Runs with myca host, moshi-backend; takes 10.2 GB of memory.",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let gated = text.lines().find(|line| line.starts_with("personaplex-7b-v1  about ")).unwrap();
    assert!(gated.ends_with("not here; its licence has to be accepted first"), "{gated}");
    assert!(!home.models().exists(), "looking makes nothing");
}

#[tokio::test]
async fn a_model_is_downloaded_listed_and_deleted() {
    let (setup, repo) = (Setup::new(false), repo(3 * PIECE + 5));
    let server = Server::of(repo.clone()).await;
    let url = server.url();
    let text = printed(&output(setup.command(&["download", "m", "--endpoint", &url])).await);
    let folder = setup.home.models().join("m");
    assert_eq!(text, format!("m is here: {}\nLicence: L\u{fffd}, https://l.example\n", folder.display()));
    is_whole(&setup.home.models(), &repo);
    assert!(!server.take().is_empty());
    // It is here, so that nobody is asked.
    printed(&output(setup.command(&["download", "m", "--endpoint", &url])).await);
    assert!(server.take().is_empty());

    let here = &setup.list()["models"][0]["here"][0];
    assert_eq!((&here["state"]["is"], &here["origin"]), (&json!("whole"), &json!("downloaded")));
    setup.home.refuses(&setup.arguments(&["delete", "m"]), 1, "Nobody can be asked here");
    let freed = setup.home.json(&setup.arguments(&["delete", "m", "--yes", "--json"]));
    assert!(freed["freed"].as_u64().unwrap() > 3 * PIECE, "{freed}");
    assert!(!folder.exists());
    setup.home.refuses(&setup.arguments(&["delete", "m", "--yes"]), 1, "There is no model m here");
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_keeps_what_has_come_and_the_next_download_goes_on_behind_it() {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
            mpsc,
        },
        time::Duration,
    };

    use program::Running;

    /// Longer than anything takes on any machine.
    const PATIENCE: Duration = Duration::from_secs(60);

    let size = 6 * PIECE;
    let (setup, repo) = (Setup::new(false), repo(size));
    let (answers, slow) = (repo.clone(), Arc::new(AtomicBool::new(true)));
    let (stalls, (tell, asked)) = (Arc::clone(&slow), mpsc::channel());
    let server = Server::start(move |request| {
        let answer = answers.answer(request);
        let start = request.range().map_or(0, |range| range.start);
        if start < 3 * PIECE || !request.is_of(WEIGHTS) || !stalls.load(Ordering::SeqCst) {
            return answer;
        }
        let _ = tell.send(start);
        let head = answer.head_len();
        answer.stalled_after(head)
    })
    .await;
    let url = server.url();
    let command = setup.command(&["download", "m", "--json", "--endpoint", &url]);
    let code = spawn_blocking(move || {
        let mut running = Running::start(command);
        // Three pieces come. Whoever asks for one of the last two has brought another before.
        let mut late = 0;
        while late < 2 {
            late += usize::from(asked.recv_timeout(PATIENCE).unwrap() >= 4 * PIECE);
        }
        running.interrupt();
        let failed = running.until(|event| event["event"] == "failed");
        assert_eq!(failed["code"], "models.download.paused");
        running.code()
    })
    .await
    .unwrap();
    assert_eq!(code, Some(130));
    let state = &setup.list()["models"][0]["here"][0]["state"];
    assert_eq!(state["is"], "paused", "{state}");
    assert!(setup.home.prints(&setup.arguments(&["list"])).contains("of it here; its download can go on"));

    server.take();
    slow.store(false, Ordering::SeqCst);
    let done = output(setup.command(&["download", "m", "--json", "--endpoint", &url])).await;
    let last = printed(&done).lines().last().map(str::to_owned).unwrap();
    let last: Value = serde_json::from_str(&last).unwrap();
    assert_eq!((&last["event"], &last["kept"]["state"]["is"]), (&json!("done"), &json!("whole")));
    let asked: u64 = server.ranges().iter().map(|range| range.end - range.start).sum();
    assert!(asked <= size - 2 * PIECE, "{asked} of {size} bytes came again");
    is_whole(&setup.home.models(), &repo);
}

#[tokio::test]
async fn a_gated_model_takes_a_token_that_is_shown_to_nobody_else() {
    let setup = Setup::new(true);
    let server = Server::start(|request| match request.headers.get("authorization") {
        Some(_) => repo(9).answer(request),
        None => Answer::new("401 Unauthorized", &[("x-error-code", "GatedRepo")], ""),
    })
    .await;
    let url = server.url();
    let refused = output(setup.command(&["download", "m", "--endpoint", &url])).await;
    let said = stderr(&refused);
    assert_eq!(refused.status.code(), Some(1));
    for words in ["https://huggingface.co/o/m, accept the licence", "environment variable HF_TOKEN"] {
        assert!(said.contains(words), "{said}");
    }
    let mut command = setup.command(&["download", "m", "--endpoint", &url]);
    command.env("HF_TOKEN", "hush-7"); // secret-scan:allow made up
    let output = output(command).await;
    assert!(!printed(&output).contains("hush-7"));
    assert!(
        server
            .take()
            .iter()
            .any(|request| request.headers.get("authorization").is_some_and(|sent| sent == "Bearer hush-7"))
    );
    let mut command = setup.command(&["download", "m", "--endpoint", "http://mirror.example"]);
    command.env("HF_TOKEN", "hush-7"); // secret-scan:allow made up
    fs::remove_dir_all(setup.home.models().join("m")).unwrap();
    let refused = spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(
        stderr(&refused).contains("without TLS") && !stderr(&refused).contains("hush-7"),
        "{}",
        stderr(&refused)
    );
}

#[tokio::test]
async fn the_server_of_the_settings_is_asked_unless_another_is_named() {
    let (setup, server) = (Setup::new(false), Server::of(repo(9)).await);
    fs::create_dir_all(setup.home.path().join("config")).unwrap();
    let settings = json!({ "model_endpoint": server.url() });
    fs::write(setup.home.path().join("config").join("settings.json"), settings.to_string()).unwrap();
    let refused = output(setup.command(&["download", "m", "--endpoint", "nowhere"])).await;
    assert!(stderr(&refused).contains("no address of a server of models"), "{}", stderr(&refused));
    printed(&output(setup.command(&["download", "m"])).await);
    setup.home.refuses(&setup.arguments(&["download", "another"]), 1, "There is no model another");
}

#[tokio::test]
async fn what_the_server_does_wrong_is_said_and_nothing_is_left_to_use() {
    let setup = Setup::new(false);
    let server = Server::of(Repo::default().with("config.json", b"{}".to_vec())).await;
    let refused = output(setup.command(&["download", "m", "--endpoint", &server.url()])).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("which the model needs"), "{}", stderr(&refused));
    assert_eq!(setup.list()["models"][0]["here"], json!([]));
}

#[test]
fn a_folder_is_imported_and_stays_where_it_lies() {
    let home = Home::new();
    let folder = home.tiny(false);
    let text = home.prints(&["model", "import", folder.to_str().unwrap()]);
    assert!(text.starts_with("It is on the list as local-tiny. It is a Moshi, safetensors"), "{text}");
    assert!(text.contains("myca host can load it") && text.contains("smaller than Moshi 7B"), "{text}");
    home.refuses(&["model", "import", folder.to_str().unwrap()], 1, "on the list already");
    let list = home.json(&["model", "list", "--json"]);
    assert_eq!(
        (&list["others"][0]["id"], &list["others"][0]["folder"]),
        (&json!("local-tiny"), &json!(folder))
    );
    let text = home.prints(&["model", "list"]);
    assert!(text.contains("\nlocal-tiny  ") && text.contains(", imported\n"), "{text}");
    home.refuses(&["model", "delete", "local-tiny"], 1, "its files stay in");
    let text = home.prints(&["model", "delete", "local-tiny", "--yes"]);
    assert!(text.contains("off the list. Its files are still in"), "{text}");
    assert!(folder.join("model.safetensors").is_file());
}

#[test]
fn a_folder_is_examined_before_anything_is_done_with_it() {
    let home = Home::new();
    let folder = home.tiny(true);
    let at = |path: &Path| path.to_str().unwrap().to_owned();
    let whole = home.json(&["model", "examine", &at(&folder), "--json"]);
    assert_eq!((&whole["examined"]["kind"], &whole["host"]["loads"]), (&json!("moshi"), &json!(true)));
    assert_eq!(whole["host"]["fullSize"], false);

    let quantized = folder.join("model.q8.gguf");
    let all = fs::read(&quantized).unwrap();
    fs::write(&quantized, &all[..all.len() / 2]).unwrap();
    home.refuses(&["model", "examine", &at(&quantized)], 1, "is cut off");
    home.refuses(&["model", "import", &at(&quantized)], 1, "is cut off");
    home.refuses(&["model", "examine", "/nowhere"], 1, "There is nothing at /nowhere");

    // Its tensors are those of a Moshi, and its description asks for what the engine does not do.
    let config = folder.join("config.json");
    let mut keys: Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
    keys["lora"] = true.into();
    fs::write(&config, keys.to_string()).unwrap();
    let text = home.prints(&["model", "examine", &at(&folder)]);
    assert!(text.contains("myca host cannot load it.") && text.contains("a LoRA adapter"), "{text}");
}

#[test]
fn a_model_is_quantized_and_what_comes_out_is_whole() {
    let home = Home::new();
    let folder = home.tiny(true);
    let at = |path: &Path| path.to_str().unwrap().to_owned();
    let (model, new) = (at(&folder), folder.join("model.new.gguf"));
    let out = at(&new);
    let quantize = |format| ["model", "quantize", "--model", &model, "--format", format, "--out", &out];
    let text = home.prints(&quantize("q8_0"));
    let all = text.lines().find(|line| line.starts_with("all ")).unwrap();
    assert!(
        text.lines().any(|line| line.starts_with("text_emb.weight  ") && line.contains("  q8_0 ")),
        "{text}"
    );
    let relative: f64 = all.split_whitespace().nth(3).unwrap().parse().unwrap();
    assert!((0.1..5.0).contains(&relative), "{all}");
    assert!(text.lines().last().unwrap().starts_with(&format!("{out} is here, ")), "{text}");

    // The engine's own, which candle makes of the same weights, has the same tensors of the same bytes.
    let (ours, other) =
        (weights::File::open(&new).unwrap(), weights::File::open(&folder.join("model.q8.gguf")).unwrap());
    assert_eq!(ours.names().collect::<Vec<_>>(), other.names().collect::<Vec<_>>());
    for name in other.names() {
        let (ours, other) = (ours.tensor(name).unwrap(), other.tensor(name).unwrap());
        assert_eq!((ours.format(), ours.shape()), (other.format(), other.shape()), "{name}");
        assert!(**ours.bytes() == **other.bytes(), "{name}");
    }
    let whole = home.json(&["model", "examine", &out, "--json"]);
    assert_eq!((&whole["examined"]["weights"], &whole["host"]["loads"]), (&json!("q8"), &json!(true)));

    home.refuses(&quantize("q4_k"), 1, "is there already");
    let json = [&quantize("q4_k")[..], &["--overwrite", "--json"]].concat();
    let events = home.prints(&json);
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["event"], "progress");
    let done = events.last().unwrap();
    assert_eq!(
        (&done["event"], &done["report"]["bytes"]),
        (&json!("done"), &json!(new.metadata().unwrap().len()))
    );
    let tensors = done["report"]["tensors"].as_array().unwrap();
    assert!(tensors.iter().all(|tensor| tensor["relativeRmsError"].as_f64().unwrap() < 0.2));
    let whole = home.json(&["model", "examine", &out, "--json"]);
    assert_eq!(whole["host"]["loads"], true, "{whole}");
    let left = |name: &str| fs::read_dir(&folder).unwrap().any(|entry| entry.unwrap().file_name() == name);
    assert!(left("model.new.gguf") && !left("model.new.gguf.part"));
}

#[test]
fn what_cannot_be_quantized_has_a_reason_and_leaves_nothing() {
    let home = Home::new();
    let folder = home.tiny(false);
    let (model, out) = (folder.to_str().unwrap(), folder.join("new.gguf"));
    let refuses = |model: &str, words: &str| {
        let arguments =
            ["model", "quantize", "--model", model, "--format", "q4_k", "--out", out.to_str().unwrap()];
        home.refuses(&arguments, 1, words);
        assert!(!out.exists() && !folder.join("new.gguf.part").exists());
    };
    refuses("/nowhere", "There is nothing at /nowhere");
    let config = folder.join("config.json");
    let described = fs::read(&config).unwrap();
    fs::write(&config, r#"{"dep_q": 8, "depformer_weights_per_step_schedule": [9]}"#).unwrap();
    refuses(model, "does not describe a model: 8 codebooks use weights [9]");
    fs::write(&config, described).unwrap();
    let weights = folder.join("model.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    let len = bytes.len();
    bytes[len - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&weights, &bytes).unwrap();
    refuses(model, "nothing can be computed with that");
    fs::write(&weights, &bytes[..len - 4]).unwrap();
    refuses(weights.to_str().unwrap(), "4 bytes are missing at its end");
}

#[cfg(unix)]
#[test]
fn ctrl_c_while_a_model_is_quantized_leaves_nothing() {
    use program::Running;

    let home = Home::new();
    let (weights, out) = (home.path().join("model.safetensors"), home.path().join("new.gguf"));
    // Larger than anything that is done before the signal; nearly all of it is a hole and takes no room.
    let head =
        r#"{"text_emb.weight":{"dtype":"BF16","shape":[131072,65536],"data_offsets":[0,17179869184]}}"#;
    let file = fs::File::create(&weights).unwrap();
    fs::write(&weights, [&(head.len() as u64).to_le_bytes(), head.as_bytes()].concat()).unwrap();
    file.set_len(8 + head.len() as u64 + 17_179_869_184).unwrap();
    let arguments =
        ["--model", weights.to_str().unwrap(), "--format", "q4_k", "--out", out.to_str().unwrap()];
    let command = home.command(&[&["model", "quantize", "--json"], &arguments[..]].concat());
    let mut running = Running::start(command);
    let progress = running.until(|event| event["event"] == "progress");
    assert_eq!(progress["tensor"], "text_emb.weight");
    running.interrupt();
    let failed = running.until(|event| event["event"] == "failed");
    assert_eq!(failed["code"], "weights.cancelled");
    assert_eq!(running.code(), Some(130));
    assert!(!out.exists() && !home.path().join("new.gguf.part").exists());
}
