//! Two at the same folder, and what is left when one is killed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod hub;

use std::{env, path::Path, process::Command, time::Duration};

use hub::{PIECE, Server, WEIGHTS, catalogue, get, is_whole, repo, shelf};
use models::{Hub, State};
use tempfile::tempdir;
use tokio::time::timeout;

const LEN: u64 = 40 * PIECE + 5;

/// Tells a child process of this test program what to download and where to.
const CHILD: &str = "MYCA_TEST_DOWNLOAD";

const PATIENCE: Duration = Duration::from_secs(60);

/// This program again, with only the test of this name, which sees the variable and downloads.
fn child(test: &str, url: &str, folder: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]);
    command.env(CHILD, format!("{url}\n{}", folder.display()));
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    command
}

/// In the child: downloads, and says whether this was one.
async fn downloads_as_a_child() -> bool {
    let Ok(said) = env::var(CHILD) else { return false };
    let (url, folder) = said.split_once('\n').unwrap();
    let _ = get(Path::new(folder), &Hub::new(url, None).unwrap()).await;
    true
}

/// One that sends nothing of the weights beyond a byte, and keeps the line open.
async fn stalls_after(bytes: u64) -> Server {
    let served = repo(LEN);
    Server::start(move |request| {
        let answer = served.answer(request);
        match request.range().filter(|range| request.is_of(WEIGHTS) && range.end > bytes) {
            Some(range) => {
                let sent = usize::try_from(bytes.saturating_sub(range.start)).unwrap();
                let after = answer.head_len() + sent;
                answer.stalled_after(after)
            }
            None => answer,
        }
    })
    .await
}

#[tokio::test]
async fn a_killed_download_goes_on_behind_what_had_reached_the_disk() {
    if downloads_as_a_child().await {
        return;
    }
    for bytes in [1, PIECE - 1, PIECE, 17 * PIECE + 1, LEN - 1] {
        let folder = tempdir().unwrap();
        let server = stalls_after(bytes).await;
        let name = "a_killed_download_goes_on_behind_what_had_reached_the_disk";
        let mut killed = child(name, &server.url(), folder.path()).spawn().unwrap();
        let shelf = shelf(folder.path());
        let kept = || match shelf.list(&catalogue()).first().map(|kept| kept.state.clone()) {
            Some(State::Paused { done, .. }) => done,
            Some(other) => panic!("{other:?} though not all was sent"),
            None => 0,
        };
        // Until all that can be whole has reached the disk, or for a moment where that is nothing.
        timeout(PATIENCE, async {
            server.asked().await;
            server.asked().await;
            while kept() < bytes / PIECE * PIECE / 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .expect("pieces reach the disk");
        killed.kill().unwrap();
        killed.wait().unwrap();
        let done = kept();
        assert!(shelf.find(&catalogue(), "m").is_none());
        let good = Server::of(repo(LEN)).await;
        get(folder.path(), &good.hub()).await.unwrap();
        is_whole(folder.path(), &repo(LEN));
        let asked: u64 = good.ranges().iter().map(|range| range.end - range.start).sum();
        assert_eq!(asked, LEN - done, "killed after {bytes} bytes");
    }
}

#[tokio::test]
async fn two_processes_do_not_download_the_same_model_at_once() {
    if downloads_as_a_child().await {
        return;
    }
    let folder = tempdir().unwrap();
    let server = stalls_after(PIECE).await;
    let name = "two_processes_do_not_download_the_same_model_at_once";
    let mut other = child(name, &server.url(), folder.path()).spawn().unwrap();
    server.asked().await;
    server.asked().await;
    let good = Server::of(repo(LEN)).await;
    assert_eq!(hub::fails(folder.path(), &good.hub()).await, "models.download.busy");
    let shelf = shelf(folder.path());
    assert_eq!(shelf.delete(&catalogue(), "m").unwrap_err().code(), "models.in_use");
    other.kill().unwrap();
    other.wait().unwrap();
    get(folder.path(), &good.hub()).await.unwrap();
    is_whole(folder.path(), &repo(LEN));
}

#[tokio::test]
async fn a_model_in_use_is_neither_deleted_nor_downloaded_again() {
    let folder = tempdir().unwrap();
    let server = Server::of(repo(LEN)).await;
    let shelf = shelf(folder.path());
    assert_eq!(shelf.take(&catalogue(), "m").unwrap_err().code(), "models.unknown");
    get(folder.path(), &server.hub()).await.unwrap();
    let used = shelf.take(&catalogue(), "m").unwrap();
    let beside = shelf.take(&catalogue(), "m").unwrap();
    assert_eq!(used.folder, folder.path().join("m"));
    drop(beside);
    assert_eq!(shelf.delete(&catalogue(), "m").unwrap_err().code(), "models.in_use");
    assert_eq!(hub::fails(folder.path(), &server.hub()).await, "models.download.busy");
    drop(used);
    assert!(shelf.delete(&catalogue(), "m").unwrap() >= LEN);
    assert!(shelf.list(&catalogue()).is_empty());
}
