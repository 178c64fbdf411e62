//! `moshi-backend`, which reads a file instead of options.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{CHATS_AT, text};
use crate::{Description, Program, Run, RuntimeKind, Scheme, StartError, Warning};

/// What lies beside the weights, in each of Kyutai's repositories for candle.
pub(crate) const BESIDE: [&str; 2] =
    ["tokenizer-e351c8d8-checkpoint125.safetensors", "tokenizer_spm_32k_3.model"];

pub(super) fn describe(
    program: &Path,
    model: &Path,
    cpu: bool,
    mimi_on_cpu: bool,
    port: u16,
    folder: PathBuf,
) -> Result<Description, StartError> {
    let config = folder.join("config.json");
    let page = folder.join("page");
    let sessions = folder.join("sessions");
    let [mimi, tokenizer] = BESIDE.map(|name| model.with_file_name(name));
    let content = json!({
        "instance_name": "myca",
        // It asks nobody for files that are there.
        "hf_repo": "",
        "lm_model_file": plain(model)?,
        "mimi_model_file": plain(&mimi)?,
        "text_tokenizer_file": plain(&tokenizer)?,
        "mimi_num_codebooks": 8,
        "use_cpu_for_mimi": mimi_on_cpu,
        "log_dir": plain(&sessions)?,
        // An empty folder; without one it downloads a web page.
        "static_dir": plain(&page)?,
        "cert_dir": plain(&folder)?,
        "addr": "127.0.0.1",
        "port": port,
    });
    let mut arguments = vec!["--config".into(), config.clone().into(), "standalone".into()];
    if cpu {
        arguments.push("--cpu".into());
    }
    Ok(Description {
        kind: RuntimeKind::MoshiBackend,
        run: Run::Program(Program {
            program: program.into(),
            arguments,
            set: Vec::new(),
            removed: Vec::new(),
            token: None,
            folder: folder.clone(),
        }),
        scheme: Scheme::Wss,
        path: CHATS_AT,
        certificate: Some(folder.join("cert.pem")),
        folders: vec![folder, page, sessions.clone()],
        emptied: vec![sessions],
        files: vec![(config, format!("{content:#}\n"))],
        cache: None,
        warnings: vec![Warning::WritesTranscripts, Warning::EndsCalls],
    })
}

/// A path that it takes as it stands: what follows a dollar sign is a variable to it.
fn plain(path: &Path) -> Result<&str, StartError> {
    let text = text(path)?;
    if text.contains('$') {
        let why = "moshi-backend takes what follows a dollar sign for a variable";
        return Err(StartError::Unusable { path: path.to_owned(), why });
    }
    Ok(text)
}
