//! What is on the shelf: what was downloaded, what Hugging Face's cache has, and what was imported.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod files;
mod hub;

use std::{fs, path::Path};

use files::{moshi, put_model};
use hub::{Server, WEIGHTS, catalogue, get, repo, shelf};
use models::{HubCache, Kind, Origin, Shelf, State};
use tempfile::tempdir;

const COMMIT: &str = "4b4a873fc1d3b92ce32b3ae91ff8e95bbb62193f";

/// What Hugging Face's programs leave after they fetched files of the model.
fn cache(folder: &Path, files: &[&str]) -> HubCache {
    let repository = folder.join("models--o--m");
    let snapshot = repository.join("snapshots").join(COMMIT);
    for folder in [repository.join("refs"), repository.join("blobs"), snapshot.clone()] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(repository.join("refs/main"), COMMIT).unwrap();
    fs::write(repository.join("blobs/half.incomplete"), "half").unwrap();
    for (number, file) in files.iter().enumerate() {
        let blob = repository.join("blobs").join(number.to_string());
        fs::write(&blob, vec![7; 100]).unwrap();
        link(&blob, &snapshot.join(file));
    }
    HubCache::at(folder.to_owned())
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) {
    std::os::unix::fs::symlink(to, at).unwrap();
}

#[cfg(not(unix))]
fn link(to: &Path, at: &Path) {
    fs::copy(to, at).unwrap();
}

#[test]
fn a_model_in_hugging_faces_cache_is_used_as_it_is_and_not_deleted() {
    let (own, other) = (tempdir().unwrap(), tempdir().unwrap());
    let cache = cache(other.path(), &[WEIGHTS, "tokenizer.model"]);
    let shelf = Shelf::new(own.path().join("models"), Some(cache));
    let list = shelf.list(&catalogue());
    assert_eq!(list.len(), 1);
    assert_eq!((list[0].origin, &list[0].state, list[0].bytes), (Origin::HubCache, &State::Whole, 200));
    assert_eq!(list[0].frees, None);
    assert!(list[0].weights.ends_with(format!("snapshots/{COMMIT}/{WEIGHTS}")));
    assert_eq!(shelf.find(&catalogue(), "m"), Some(list[0].clone()));
    assert_eq!(shelf.delete(&catalogue(), "m").unwrap_err().code(), "models.not_ours");
    assert_eq!(shelf.take(&catalogue(), "m").unwrap().weights, list[0].weights);
}

#[test]
fn a_cache_in_which_a_file_is_missing_has_no_model() {
    let (own, other) = (tempdir().unwrap(), tempdir().unwrap());
    let shelf = Shelf::new(own.path().to_owned(), Some(cache(other.path(), &[WEIGHTS])));
    assert!(shelf.list(&catalogue()).is_empty());
    fs::remove_file(other.path().join("models--o--m/blobs/0")).unwrap();
    assert!(shelf.list(&catalogue()).is_empty(), "nor one whose link leads nowhere");
    let astray = other.path().join("models--o--m/refs/main");
    fs::write(astray, "../../../elsewhere").unwrap();
    assert!(shelf.list(&catalogue()).is_empty());
}

#[tokio::test]
async fn deleting_frees_what_it_says_and_nothing_that_a_link_leads_to() {
    let (folder, elsewhere) = (tempdir().unwrap(), tempdir().unwrap());
    let server = Server::of(repo(100_000)).await;
    let kept = get(folder.path(), &server.hub()).await.unwrap();
    fs::write(elsewhere.path().join("mine"), "mine").unwrap();
    link(&elsewhere.path().join("mine"), &kept.folder.join("link"));
    #[cfg(unix)]
    link(elsewhere.path(), &kept.folder.join("folder"));
    let shelf = shelf(folder.path());
    let said = shelf.list(&catalogue())[0].frees.unwrap();
    assert!((100_000..200_000).contains(&said), "{said}");
    assert_eq!(shelf.delete(&catalogue(), "m").unwrap(), said);
    assert_eq!(fs::read_to_string(elsewhere.path().join("mine")).unwrap(), "mine");
    assert_eq!(shelf.delete(&catalogue(), "m").unwrap_err().code(), "models.unknown");
    for id in ["..", ".", "", "../m", "/", "M"] {
        assert_eq!(shelf.delete(&catalogue(), id).unwrap_err().code(), "models.unknown", "{id:?}");
        assert!(shelf.find(&catalogue(), id).is_none());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_in_a_models_place_is_not_followed() {
    let (folder, elsewhere) = (tempdir().unwrap(), tempdir().unwrap());
    let server = Server::of(repo(5_000)).await;
    let kept = get(elsewhere.path(), &server.hub()).await.unwrap();
    link(&kept.folder, &folder.path().join("m"));
    let shelf = shelf(folder.path());
    assert!(shelf.list(&catalogue()).is_empty());
    assert_eq!(shelf.delete(&catalogue(), "m").unwrap_err().code(), "models.unknown");
    assert!(kept.weights.exists());
}

#[tokio::test]
async fn a_model_whose_file_is_not_as_it_was_is_shown_and_not_handed_out() {
    let folder = tempdir().unwrap();
    let server = Server::of(repo(5_000)).await;
    let kept = get(folder.path(), &server.hub()).await.unwrap();
    fs::File::options().write(true).open(&kept.weights).unwrap().set_len(4_999).unwrap();
    let shelf = shelf(folder.path());
    assert_eq!(shelf.list(&catalogue())[0].state, State::Damaged { file: WEIGHTS.into() });
    assert!(shelf.find(&catalogue(), "m").is_none());
    assert_eq!(shelf.take(&catalogue(), "m").unwrap_err().code(), "models.not_whole");
    let again = get(folder.path(), &server.hub()).await.unwrap();
    assert_eq!((again.state, fs::read(again.weights).unwrap().len()), (State::Whole, 5_000));
}

#[test]
fn markers_of_others_do_no_harm() {
    let folder = tempdir().unwrap();
    for (id, marker) in [
        ("a", "no JSON"),
        ("b", r#"{"version":2,"files":[]}"#),
        ("c", r#"{"version":1,"files":[]}"#),
        ("d", r#"{"version":1,"files":[{"name":"../../etc/passwd","size":1}]}"#),
    ] {
        fs::create_dir(folder.path().join(id)).unwrap();
        fs::write(folder.path().join(id).join("myca-model.json"), marker).unwrap();
    }
    let list = shelf(folder.path()).list(&catalogue());
    assert_eq!(list.len(), 1, "{list:?}");
    assert_eq!(list[0].state, State::Damaged { file: "../../etc/passwd".into() });
}

#[test]
fn a_folder_is_imported_where_it_lies() {
    let (own, mine) = (tempdir().unwrap(), tempdir().unwrap());
    let folder = mine.path().join("My Moshi (1)");
    put_model(&folder, &moshi());
    let shelf = shelf(own.path());
    let (kept, examined) = shelf.import(&folder).unwrap();
    assert_eq!(examined.kind, Kind::Moshi);
    assert_eq!(
        (kept.id.as_str(), kept.origin, &kept.state),
        ("local-my-moshi--1", Origin::Imported, &State::Whole)
    );
    assert_eq!((&kept.folder, &kept.weights), (&folder, &folder.join("model.safetensors")));
    assert_eq!(shelf.list(&catalogue()), std::slice::from_ref(&kept));
    assert_eq!(shelf.find(&catalogue(), &kept.id), Some(kept.clone()));
    assert_eq!(shelf.import(&folder).unwrap_err().code(), "models.known");
    let other = mine.path().join("other").join("My Moshi (1)");
    put_model(&other, &moshi());
    assert_eq!(shelf.import(&other).unwrap().0.id, "local-my-moshi--1-2", "of two the same name");
    shelf.delete(&catalogue(), &kept.id).unwrap();
    assert!(folder.join("model.safetensors").exists(), "only the entry goes");
    fs::remove_file(other.join("model.safetensors")).unwrap();
    assert_eq!(shelf.list(&catalogue())[0].state, State::Damaged { file: "model.safetensors".into() });
    assert_eq!(shelf.import(&other).unwrap_err().code(), "models.examine.no_weights");
}
