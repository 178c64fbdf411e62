//! Hosts of ours with tiny models, which hear and speak.

use std::sync::Arc;

use engine::{
    CpuOptions, Sampling,
    hear::{Ears, Recogniser},
    serve::{ModelSource, Server, ServerSettings, Source},
    tiny::{self, TinySettings},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Serves until the guard is dropped.
pub fn serve(source: impl Source) -> (String, DropGuard) {
    let settings = ServerSettings { address: ([127, 0, 0, 1], 0).into(), ..ServerSettings::default() };
    let server = Server::bind(settings, Arc::new(source)).unwrap();
    let (address, stop) = (server.address().to_string(), CancellationToken::new());
    tokio::spawn(server.run(stop.clone()));
    (address, stop.drop_guard())
}

pub fn recogniser(model: Option<&engine::Model>) -> (Recogniser, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    tiny::write_hearing(folder.path(), TinySettings::default()).unwrap();
    let options = CpuOptions::default();
    let recogniser = match model {
        Some(model) => Recogniser::load_beside(folder.path(), options, model),
        None => Recogniser::load(folder.path(), options),
    };
    (recogniser.unwrap(), folder)
}

/// A host with a tiny Moshi, which hears where that is wanted.
pub fn host(hears: bool) -> (String, DropGuard, Vec<tempfile::TempDir>) {
    let folder = tempfile::tempdir().unwrap();
    tiny::write(folder.path(), TinySettings::default()).unwrap();
    let model = engine::load(folder.path()).unwrap();
    let ears = hears.then(|| recogniser(Some(&model)));
    let source = ModelSource::new(model, Some(Sampling::GREEDY));
    let (source, kept) = match ears {
        Some((recogniser, kept)) => (source.with_ears(Ears::new(recogniser)), vec![folder, kept]),
        None => (source, vec![folder]),
    };
    let (address, stop) = serve(source);
    (address, stop, kept)
}
