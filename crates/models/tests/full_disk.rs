//! A disk that becomes full in the midst of a download: a small file system of its own, where the system gives one.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod hub;

use std::{env, fs, path::Path, process::Command, sync::Mutex};

use hub::{PIECE, Server, WEIGHTS, catalogue, fails, get, is_whole, repo, shelf};
use models::State;

/// Says in a child process that this is it, and where the small file system is.
const CHILD: &str = "MYCA_TEST_SMALL_DISK";

const LEN: u64 = 300 * PIECE;

#[test]
fn a_disk_that_becomes_full_is_said_and_what_came_stays() {
    if let Some(folder) = env::var_os(CHILD) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(fills_up(Path::new(&folder)));
    }
    let folder = tempfile::tempdir().unwrap();
    let mount = r#"mount -t tmpfs -o size=3m none "$0" && exec "$@""#;
    let this = env::current_exe().unwrap();
    let again = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", mount])
        .arg(folder.path())
        .arg(this)
        .args(["--exact", "a_disk_that_becomes_full_is_said_and_what_came_stays", "--nocapture"])
        .env(CHILD, folder.path())
        .output();
    let Ok(again) = again else { return eprintln!("left out: there is no unshare here") };
    let said = [again.stdout, again.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    if said.contains("unshare:") || said.contains("mount:") {
        return eprintln!("left out: no file system can be mounted here: {said}");
    }
    assert!(again.status.success() && said.contains("1 passed"), "{said}");
}

async fn fills_up(folder: &Path) {
    let (repo, filler) = (repo(LEN), folder.join("filler"));
    let (served, full, first) = (repo.clone(), filler.clone(), Mutex::new(true));
    let server = Server::start(move |request| {
        // There is room when the download begins; then somebody else takes it.
        if request.is_of(WEIGHTS) && std::mem::take(&mut *first.lock().unwrap()) {
            let room = models::free(full.parent().unwrap()).unwrap() - 100 * PIECE;
            fs::write(&full, vec![1; usize::try_from(room).unwrap()]).unwrap();
        }
        served.answer(request)
    })
    .await;
    assert_eq!(fails(folder, &server.hub()).await, "models.download.disk_full");
    assert!(shelf(folder).find(&catalogue(), "m").is_none());
    assert!(matches!(shelf(folder).list(&catalogue())[0].state, State::Paused { .. }));
    assert_eq!(fails(folder, &server.hub()).await, "models.download.space");
    fs::remove_file(filler).unwrap();
    get(folder, &server.hub()).await.unwrap();
    is_whole(folder, &repo);
}
