//! `myca host`, with Moshi, with a recogniser, or with both.

use std::path::{Path, PathBuf};

use super::{CHATS_AT, Surroundings};
use crate::{Description, Program, Run, RuntimeKind, Scheme};

/// Where a recogniser is asked; see the recognition protocol of Kyutai's `moshi-server`.
const HEARS_AT: &str = "/api/asr-streaming";

pub(super) fn describe(
    model: Option<&Path>,
    hear: Option<&Path>,
    port: u16,
    here: &Surroundings,
    folder: PathBuf,
) -> Description {
    let arguments =
        ["host", "--address", "127.0.0.1", "--port", &port.to_string(), "--json", "--end-with-parent"];
    let mut arguments: Vec<_> = arguments.map(Into::into).into();
    for (option, folder) in [("--model", model), ("--hear", hear)] {
        arguments.extend(folder.into_iter().flat_map(|folder| [option.into(), folder.into()]));
    }
    let kind = if model.is_some() { RuntimeKind::MycaHost } else { RuntimeKind::Recogniser };
    Description {
        kind,
        run: Run::Program(Program {
            program: here.myca.clone(),
            arguments,
            set: Vec::new(),
            removed: Vec::new(),
            token: None,
            folder: folder.clone(),
        }),
        scheme: Scheme::Ws,
        path: if model.is_some() { CHATS_AT } else { HEARS_AT },
        folders: vec![folder],
        emptied: Vec::new(),
        files: Vec::new(),
        certificate: None,
        cache: None,
        warnings: Vec::new(),
    }
}
