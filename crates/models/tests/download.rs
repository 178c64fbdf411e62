//! Downloads over real sockets: how they come whole, and how they go on after whatever stopped them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod hub;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use hub::{Answer, PIECE, Server, WEIGHTS, catalogue, fails, get, is_whole, model, options, repo, shelf};
use models::{DownloadError, Origin, Phase, Progress, State, download};
use tempfile::tempdir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Several pieces and a bit.
const LEN: u64 = 20 * PIECE + 123;

#[tokio::test]
async fn a_model_comes_whole_in_pieces_over_several_connections() {
    let (folder, repo) = (tempdir().unwrap(), repo(LEN));
    let server = Server::of(repo.clone()).await;
    let kept = get(folder.path(), &server.hub()).await.unwrap();
    is_whole(folder.path(), &repo);
    assert_eq!((kept.origin, &kept.state), (Origin::Downloaded, &State::Whole));
    assert_eq!(kept.weights, folder.path().join("m").join(WEIGHTS));
    assert_eq!(shelf(folder.path()).list(&catalogue()), std::slice::from_ref(&kept));
    let mut ranges = server.ranges();
    assert!(ranges.len() > 3, "{ranges:?}");
    ranges.sort_by_key(|range| range.start);
    assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start), "nothing comes twice: {ranges:?}");
    assert_eq!(get(folder.path(), &server.hub()).await.unwrap(), kept);
    assert!(server.take().is_empty(), "what is whole is not asked for");
}

#[tokio::test]
async fn files_of_every_length_come_whole() {
    for len in [0, 1, PIECE - 1, PIECE, PIECE + 1, 4 * PIECE, 12 * PIECE, 12 * PIECE + 1] {
        let (folder, repo) = (tempdir().unwrap(), repo(len));
        let server = Server::of(repo.clone()).await;
        get(folder.path(), &server.hub()).await.unwrap_or_else(|error| panic!("{len}: {error}"));
        is_whole(folder.path(), &repo);
    }
}

#[tokio::test]
async fn a_line_that_is_cut_at_any_byte_is_taken_up_behind_it() {
    let piece = usize::try_from(PIECE).unwrap();
    for (behind_head, cut) in [
        (false, 0),
        (false, 1),
        (false, 40),
        (true, 0),
        (true, 1),
        (true, piece - 1),
        (true, piece),
        (true, piece + 1),
        (true, 3 * piece - 1),
        (true, 3 * piece),
    ] {
        let (folder, repo, cuts) = (tempdir().unwrap(), repo(LEN), AtomicUsize::new(0));
        let served = repo.clone();
        let server = Server::start(move |request| {
            let answer = served.answer(request);
            let first = request.is_of(WEIGHTS) && cuts.fetch_add(1, SeqCst) == 0;
            let after = if behind_head { answer.head_len() + cut } else { cut };
            if first { answer.cut_after(after) } else { answer }
        })
        .await;
        get(folder.path(), &server.hub()).await.unwrap_or_else(|error| panic!("cut after {cut}: {error}"));
        is_whole(folder.path(), &repo);
        if behind_head {
            let begins = cut as u64;
            assert!(server.ranges().iter().any(|range| range.start == begins), "it goes on at byte {begins}");
        }
    }
}

#[tokio::test]
async fn lists_and_last_bytes_may_be_cut_too() {
    for of_list in [true, false] {
        for before_end in [1, 0] {
            let (folder, repo, cuts) = (tempdir().unwrap(), repo(LEN), AtomicUsize::new(0));
            let served = repo.clone();
            let server = Server::start(move |request| {
                let answer = served.answer(request);
                let last = request.range().is_some_and(|range| range.end == LEN);
                let meant = if of_list { request.target.starts_with("/api/") } else { last };
                let all = answer.head_len() + answer.body.len();
                if meant && cuts.fetch_add(1, SeqCst) == 0 {
                    answer.cut_after(all - before_end)
                } else {
                    answer
                }
            })
            .await;
            get(folder.path(), &server.hub()).await.unwrap();
            is_whole(folder.path(), &repo);
        }
    }
}

#[tokio::test]
async fn a_server_that_always_breaks_off_is_given_up_and_what_came_stays() {
    let (folder, repo) = (tempdir().unwrap(), repo(LEN));
    let good = Arc::new(Mutex::new(6));
    let (served, left) = (repo.clone(), Arc::clone(&good));
    let server = Server::start(move |request| {
        let answer = served.answer(request);
        let mut left = left.lock().unwrap();
        if !request.is_of(WEIGHTS) {
            return answer;
        }
        *left -= 1;
        let after = if *left > 0 { answer.head_len() + 5_000 } else { 20 };
        answer.cut_after(after)
    })
    .await;
    assert_eq!(fails(folder.path(), &server.hub()).await, "models.download.broken");
    let list = shelf(folder.path()).list(&catalogue());
    let State::Paused { done, total } = list[0].state else { panic!("{list:?}") };
    assert!(done >= PIECE && done.is_multiple_of(PIECE), "whole pieces stay: {done}");
    assert_eq!(total, LEN + 700 + 22);
    assert!(shelf(folder.path()).find(&catalogue(), "m").is_none(), "what is not whole is not handed out");
    server.take();
    *good.lock().unwrap() = 1_000;
    let kept = Server::of(repo.clone()).await;
    get(folder.path(), &kept.hub()).await.unwrap();
    is_whole(folder.path(), &repo);
    let asked: u64 = kept.ranges().iter().map(|range| range.end - range.start).sum();
    assert_eq!(asked, LEN - done, "only what was missing is asked for");
}

#[tokio::test]
async fn a_cancelled_download_is_paused_and_goes_on() {
    let (folder, repo) = (tempdir().unwrap(), repo(LEN));
    let served = repo.clone();
    let server = Server::start(move |request| {
        let answer = served.answer(request);
        let late = request.is_of(WEIGHTS) && request.range().is_some_and(|range| range.start >= 8 * PIECE);
        let after = answer.head_len() + 10;
        if late { answer.stalled_after(after) } else { answer }
    })
    .await;
    let (cancel, progress) = (CancellationToken::new(), watch::Sender::new(Progress::default()));
    let mut seen = progress.subscribe();
    let until_it_stalls = async {
        seen.wait_for(|progress| progress.done >= 6 * PIECE).await.unwrap();
        cancel.cancel();
    };
    let (shelf, hub, model, options) = (shelf(folder.path()), server.hub(), model(), options());
    let (ended, ()) =
        tokio::join!(download(&shelf, &model, &hub, &options, progress, &cancel), until_it_stalls);
    assert!(matches!(ended, Err(DownloadError::Paused)), "{ended:?}");
    let State::Paused { done, .. } = shelf.list(&catalogue())[0].state else { panic!("it is paused") };
    assert!(done >= 6 * PIECE - 3 * PIECE, "{done}");
    let good = Server::of(repo.clone()).await;
    get(folder.path(), &good.hub()).await.unwrap();
    is_whole(folder.path(), &repo);
    let asked: u64 = good.ranges().iter().map(|range| range.end - range.start).sum();
    assert_eq!(asked, LEN - done);
}

#[tokio::test]
async fn a_server_without_parts_is_asked_for_the_whole_again() {
    let (folder, repo, cuts) = (tempdir().unwrap(), repo(LEN), AtomicUsize::new(0));
    let served = repo.clone();
    let server = Server::start(move |request| {
        let mut whole = request.clone();
        whole.headers.remove("range");
        let answer = served.answer(&whole);
        let cut = answer.head_len() + 7 * 4096 + 5;
        if request.is_of(WEIGHTS) && cuts.fetch_add(1, SeqCst) < 2 { answer.cut_after(cut) } else { answer }
    })
    .await;
    get(folder.path(), &server.hub()).await.unwrap();
    is_whole(folder.path(), &repo);
    assert_eq!(server.ranges().len(), 3, "one connection, tried again twice");
}

#[tokio::test]
async fn a_server_that_takes_fewer_connections_than_we_make_is_enough() {
    let (folder, repo, count) = (tempdir().unwrap(), repo(LEN), AtomicUsize::new(0));
    let served = repo.clone();
    // Enough refusals for two of three to give up.
    let server = Server::start(move |request| {
        let refused = request.is_of(WEIGHTS) && (1..=6).contains(&count.fetch_add(1, SeqCst));
        if refused { Answer::status("503 Service Unavailable") } else { served.answer(request) }
    })
    .await;
    get(folder.path(), &server.hub()).await.unwrap();
    is_whole(folder.path(), &repo);
}

#[tokio::test]
async fn a_file_that_changes_between_two_tries_is_begun_anew() {
    let (folder, old) = (tempdir().unwrap(), repo(LEN));
    let mut new = repo(LEN);
    new.files.get_mut(WEIGHTS).unwrap().reverse();
    let half = Server::start({
        let old = old.clone();
        move |request| {
            let answer = old.answer(request);
            let late =
                request.is_of(WEIGHTS) && request.range().is_some_and(|range| range.start >= 8 * PIECE);
            if late { answer.cut_after(9) } else { answer }
        }
    })
    .await;
    assert_eq!(fails(folder.path(), &half.hub()).await, "models.download.broken");
    let server = Server::of(new.clone()).await;
    get(folder.path(), &server.hub()).await.unwrap();
    is_whole(folder.path(), &new);
    let asked: u64 = server.ranges().iter().map(|range| range.end - range.start).sum();
    assert_eq!(asked, LEN, "nothing of the old one is kept");
}

#[tokio::test]
async fn a_file_that_is_called_differently_in_the_midst_is_begun_anew_and_not_for_ever() {
    for changes in [1, usize::MAX] {
        let (folder, repo, count) = (tempdir().unwrap(), repo(LEN), AtomicUsize::new(0));
        let served = repo.clone();
        let server = Server::start(move |request| {
            let mut served = served.clone();
            let nth = count.fetch_add(usize::from(request.is_of(WEIGHTS)), SeqCst);
            let name = if changes == 1 { nth.min(2) / 2 } else { nth };
            served.etags.insert(WEIGHTS.into(), format!("\"{name}\""));
            served.answer(request)
        })
        .await;
        let ended = get(folder.path(), &server.hub()).await;
        if changes == 1 {
            ended.unwrap();
            is_whole(folder.path(), &repo);
        } else {
            assert_eq!(ended.unwrap_err().code(), "models.download.changed");
        }
    }
}

#[tokio::test]
async fn progress_grows_to_the_whole_and_names_the_file() {
    let (folder, repo) = (tempdir().unwrap(), repo(LEN));
    let server = Server::of(repo.clone()).await;
    let progress = watch::Sender::new(Progress::default());
    let (shelf, hub, seen) = (shelf(folder.path()), server.hub(), progress.subscribe());
    assert_eq!(seen.borrow().phase, Phase::Asking);
    download(&shelf, &model(), &hub, &options(), progress, &CancellationToken::new()).await.unwrap();
    let last = seen.borrow().clone();
    assert_eq!((last.done, last.total), (LEN + 700 + 22, LEN + 700 + 22));
    assert_eq!(last.file, "config.json");
}

#[tokio::test]
async fn dropping_a_download_lets_go_of_the_model() {
    let (folder, repo) = (tempdir().unwrap(), repo(LEN));
    let server = Server::start({
        let repo = repo.clone();
        move |request| {
            let answer = repo.answer(request);
            if request.is_of(WEIGHTS) { answer.stalled_after(400) } else { answer }
        }
    })
    .await;
    let (shelf, hub) = (shelf(folder.path()), server.hub());
    let (model, options, cancel) = (model(), options(), CancellationToken::new());
    let progress = watch::Sender::new(Progress::default());
    {
        let waiting = download(&shelf, &model, &hub, &options, progress, &cancel);
        tokio::select! {
            ended = waiting => panic!("{ended:?}"),
            () = async { server.asked().await; server.asked().await } => {}
        }
    }
    let good = Server::of(repo.clone()).await;
    // What was being written to the disk may still hold the lock for a moment.
    tokio::time::timeout(Duration::from_secs(60), async {
        while let Err(error) = get(folder.path(), &good.hub()).await {
            assert_eq!(error.code(), "models.download.busy");
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    is_whole(folder.path(), &repo);
}
