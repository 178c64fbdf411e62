//! What downloads refuse, and what they say then. Nothing half-done is ever used.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod hub;

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use hub::{
    Answer, PIECE, Repo, Server, WEIGHTS, catalogue, catalogue_with, fails, get, get_with, is_whole, model,
    options, repo, sha256, shelf,
};
use models::{Hub, Options};
use net::Token;
use tempfile::tempdir;
use test_tls::trusting;

const LEN: u64 = 9 * PIECE + 7;

fn token() -> Token {
    Token::new("hush-hush").unwrap() // secret-scan:allow made up for this test
}

/// One that answers what is asked of the weights in another way.
async fn weights_are(
    repo: &Repo,
    answer: impl Fn(&Repo, &hub::Request) -> Answer + Send + Sync + 'static,
) -> Server {
    let served = repo.clone();
    Server::start(
        move |request| if request.is_of(WEIGHTS) { answer(&served, request) } else { served.answer(request) },
    )
    .await
}

#[tokio::test]
async fn the_token_goes_to_the_server_and_not_to_where_it_sends_us() {
    let (folder, repo) = (tempdir().unwrap(), repo(LEN));
    let store = Server::of(repo.clone()).await;
    let away = store.url();
    let server = weights_are(&repo, move |_, request| match request.target.strip_prefix("/moved") {
        Some(target) => Answer::to(&format!("{away}{target}?signature=x")),
        None => Answer::to(&format!("/moved{}", request.target)),
    })
    .await;
    let hub = Hub::new(&server.url(), Some(token())).unwrap();
    get(folder.path(), &hub).await.unwrap();
    is_whole(folder.path(), &repo);
    let bearers = |server: &Server| {
        let asked = server.take();
        assert!(asked.len() >= 3, "{asked:?}");
        asked.iter().map(|request| request.headers.get("authorization").cloned()).collect::<Vec<_>>()
    };
    assert!(bearers(&server).iter().all(|bearer| bearer.as_deref() == Some("Bearer hush-hush")));
    assert!(bearers(&store).iter().all(Option::is_none), "the store is somebody else");
    for file in walk(folder.path()) {
        let text = String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned();
        assert!(!text.contains("hush"), "no token lies on the disk");
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn nobody_is_followed_from_tls_to_a_place_without() {
    trusting("nobody_is_followed_from_tls_to_a_place_without", |authority| async move {
        let (folder, repo) = (tempdir().unwrap(), repo(LEN));
        let plain = Server::of(repo.clone()).await;
        let away = plain.url();
        let server =
            weights_are(&repo, move |_, request| Answer::to(&format!("{away}{}", request.target))).await;
        let front = authority.certificate("127.0.0.1").in_front_of(server.address).await;
        let hub = Hub::new(&format!("https://{front}"), Some(token())).unwrap();
        assert_eq!(fails(folder.path(), &hub).await, "models.download.answer");
        assert!(plain.take().is_empty());
        let good = authority.certificate("127.0.0.1").in_front_of(plain.address).await;
        get(folder.path(), &Hub::new(&format!("https://{good}"), None).unwrap()).await.unwrap();
        is_whole(folder.path(), &repo);
        let wrong = test_tls::Certificate::self_signed("127.0.0.1").in_front_of(plain.address).await;
        let other = tempdir().unwrap();
        let hub = Hub::new(&format!("https://{wrong}"), None).unwrap();
        assert_eq!(fails(other.path(), &hub).await, "models.download.unreachable");
    });
}

#[tokio::test]
async fn what_stands_in_the_way_is_said() {
    let gated: &[(&str, &str)] = &[("x-error-code", "GatedRepo")];
    let hidden: &[(&str, &str)] = &[("x-error-code", "RepoNotFound")];
    for (status, fields, bearer, code) in [
        ("401 Unauthorized", gated, None, "models.download.gated"),
        ("403 Forbidden", gated, Some(token()), "models.download.gated"),
        ("401 Unauthorized", &[], Some(token()), "models.download.token"),
        ("401 Unauthorized", hidden, None, "models.download.not_found"),
        ("404 Not Found", &[], None, "models.download.not_found"),
        ("418 I'm a teapot", &[], None, "models.download.status"),
        ("500 Internal Server Error", &[], None, "models.download.status"),
        ("429 Too Many Requests", &[("retry-after", "0")], None, "models.download.too_many"),
        ("429 Too Many Requests", &[("retry-after", "100000")], None, "models.download.too_many"),
        ("302 Found", &[], None, "models.download.answer"),
        ("302 Found", &[("location", "file:///etc/passwd")], None, "models.download.answer"),
        ("302 Found", &[("location", "/o/m/resolve/main/model.q8.gguf")], None, "models.download.answer"),
        ("206 Partial Content", &[], None, "models.download.answer"),
        ("206 Partial Content", &[("content-range", "bytes 5-9/10")], None, "models.download.answer"),
        ("200 OK", &[("content-encoding", "gzip")], None, "models.download.answer"),
    ] {
        let (folder, fields) = (tempdir().unwrap(), fields.to_vec());
        let server = weights_are(&repo(LEN), move |_, _| Answer::new(status, &fields, "")).await;
        let hub = Hub::new(&server.url(), bearer).unwrap();
        assert_eq!(fails(folder.path(), &hub).await, code, "{status}");
        assert!(shelf(folder.path()).find(&catalogue(), "m").is_none());
    }
}

#[tokio::test]
async fn a_gated_model_comes_with_the_steps_to_get_it() {
    let folder = tempdir().unwrap();
    let server = weights_are(&repo(LEN), |_, _| Answer::status("401 Unauthorized")).await;
    let gated = catalogue_with(&format!(r#"{{"name":"{WEIGHTS}"}}"#), true).models()[0].clone();
    let steps = get_with(folder.path(), &server.hub(), &gated, &options()).await.unwrap_err().to_string();
    for step in ["https://huggingface.co/o/m", "accept", "https://huggingface.co/settings/tokens"] {
        assert!(steps.contains(step), "{steps}");
    }
    let hub = Hub::new(&server.url(), Some(token())).unwrap();
    let steps = get_with(folder.path(), &hub, &gated, &options()).await.unwrap_err().to_string();
    assert!(steps.contains("accept") && !steps.contains("settings/tokens"), "{steps}");
}

#[tokio::test]
async fn who_asks_for_a_moment_gets_it() {
    let (folder, repo, count) = (tempdir().unwrap(), repo(LEN), AtomicUsize::new(0));
    let server = weights_are(&repo, move |repo, request| {
        let first = count.fetch_add(1, SeqCst) < 2;
        if first {
            Answer::new("429 Too Many Requests", &[("retry-after", "0")], "")
        } else {
            repo.answer(request)
        }
    })
    .await;
    let slow = Options { first_wait: Duration::from_secs(3_600), ..options() };
    get_with(folder.path(), &server.hub(), &model(), &slow).await.unwrap();
    is_whole(folder.path(), &repo);
}

#[tokio::test]
async fn nobody_listens_and_nobody_knows_the_name() {
    let folder = tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    drop(taken);
    let hub = Hub::new(&format!("http://127.0.0.1:{port}"), None).unwrap();
    assert_eq!(fails(folder.path(), &hub).await, "models.download.unreachable");
}

#[tokio::test]
async fn a_wrong_hash_throws_the_file_away() {
    let (folder, repo) = (tempdir().unwrap(), repo(LEN));
    let server = weights_are(&repo, |repo, request| {
        let mut wrong = repo.clone();
        wrong.files.get_mut(WEIGHTS).unwrap()[5_000] ^= 1;
        wrong.answer(request)
    })
    .await;
    assert_eq!(fails(folder.path(), &server.hub()).await, "models.download.mismatch");
    let left: Vec<_> =
        walk(folder.path()).into_iter().filter(|path| path.to_string_lossy().contains(WEIGHTS)).collect();
    assert!(left.is_empty(), "{left:?}");
    let good = Server::of(repo.clone()).await;
    get(folder.path(), &good.hub()).await.unwrap();
    is_whole(folder.path(), &repo);
}

#[tokio::test]
async fn what_the_catalogue_knows_is_held_against_the_server() {
    let repo = repo(LEN);
    let server = Server::of(repo.clone()).await;
    let right = sha256(&repo.files[WEIGHTS]);
    let wrong = sha256(b"else");
    for (known, code) in [
        (format!(r#"{{"name":"{WEIGHTS}","size":{LEN},"sha256":"{right}"}}"#), None),
        (format!(r#"{{"name":"{WEIGHTS}","sha256":"{wrong}"}}"#), Some("models.download.not_as_published")),
        (format!(r#"{{"name":"{WEIGHTS}","size":5}}"#), Some("models.download.not_as_published")),
        (r#"{"name":"else.gguf"}"#.to_owned(), Some("models.download.missing")),
    ] {
        let folder = tempdir().unwrap();
        let model = catalogue_with(&known, false).models()[0].clone();
        let ended = get_with(folder.path(), &server.hub(), &model, &options()).await;
        assert_eq!(ended.err().map(|error| error.code()), code, "{known}");
    }
}

#[tokio::test]
async fn a_server_that_lies_about_lengths_is_not_believed() {
    let repo = repo(LEN);
    // The list says more than there is; a part is announced longer than it is.
    let shorter = weights_are(&repo, |repo, request| {
        let mut shorter = repo.clone();
        shorter.files.get_mut(WEIGHTS).unwrap().truncate(5_000);
        shorter.answer(request)
    })
    .await;
    assert_eq!(fails(tempdir().unwrap().path(), &shorter.hub()).await, "models.download.changed");
    let announces = weights_are(&repo, |repo, request| {
        let mut answer = repo.answer(request);
        let len = answer.body.len();
        answer.head =
            answer.head.replace(&format!("content-length: {len}"), &format!("content-length: {}", len + 9));
        answer.body.truncate(10);
        answer
    })
    .await;
    assert_eq!(fails(tempdir().unwrap().path(), &announces.hub()).await, "models.download.broken");
    // More than was asked for is not taken.
    let folder = tempdir().unwrap();
    let generous = weights_are(&repo, |repo, request| {
        let mut answer = repo.answer(request);
        let len = answer.body.len();
        answer.head =
            answer.head.replace(&format!("content-length: {len}"), &format!("content-length: {}", len + 9));
        answer.body.extend_from_slice(b"more more");
        answer
    })
    .await;
    get(folder.path(), &generous.hub()).await.unwrap();
    is_whole(folder.path(), &repo);
}

#[tokio::test]
async fn a_list_that_leads_out_of_the_repository_is_refused() {
    for list in [
        r#"[{"type":"file","path":"../../etc/cron.d/x","size":1}]"#,
        r#"[{"type":"file","path":"/etc/passwd","size":1}]"#,
        r#"[{"type":"file","path":"a\\..\\b","size":1}]"#,
        r#"[{"type":"file","path":"model.q8.gguf"},{"type":"file","path":"tokenizer.model","size":1}]"#,
        r#"[{"type":"file","path":"model.q8.gguf","size":18446744073709551615}]"#,
        r#"{"error":"no"}"#,
        "<html>",
    ] {
        let folder = tempdir().unwrap();
        let server = Server::start(move |_| Answer::new("200 OK", &[], list)).await;
        assert_eq!(fails(folder.path(), &server.hub()).await, "models.download.answer", "{list}");
        assert!(walk(folder.path()).iter().all(|path| path.ends_with(".m.lock")), "{list}");
    }
}

#[tokio::test]
async fn the_disk_is_looked_at_first() {
    let (folder, server) = (tempdir().unwrap(), Server::of(repo(LEN)).await);
    let greedy = Options { reserve: u64::MAX / 2, ..options() };
    let error = get_with(folder.path(), &server.hub(), &model(), &greedy).await.unwrap_err();
    assert_eq!(error.code(), "models.download.space");
    assert!(error.to_string().contains("GB"), "{error}");
    assert_eq!(server.take().len(), 1, "nothing but the list is asked for");
}
