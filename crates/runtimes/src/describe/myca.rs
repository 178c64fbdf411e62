//! `myca host`.

use std::path::{Path, PathBuf};

use super::Surroundings;
use crate::{Description, Program, Run, RuntimeKind, Scheme};

pub(super) fn describe(model: &Path, port: u16, here: &Surroundings, folder: PathBuf) -> Description {
    let arguments = [
        "host",
        "--address",
        "127.0.0.1",
        "--port",
        &port.to_string(),
        "--json",
        "--end-with-parent",
        "--model",
    ];
    let mut arguments: Vec<_> = arguments.map(Into::into).into();
    arguments.push(model.into());
    Description {
        kind: RuntimeKind::MycaHost,
        run: Run::Program(Program {
            program: here.myca.clone(),
            arguments,
            set: Vec::new(),
            removed: Vec::new(),
            token: None,
            folder: folder.clone(),
        }),
        scheme: Scheme::Ws,
        folders: vec![folder],
        emptied: Vec::new(),
        files: Vec::new(),
        certificate: None,
        cache: None,
        warnings: Vec::new(),
    }
}
