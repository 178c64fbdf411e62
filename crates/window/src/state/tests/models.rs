//! Models, and downloads above them.

use super::*;
use crate::view::{Fits, ModelRow};

fn row(id: &str, state: ModelState) -> ModelRow {
    ModelRow {
        id: id.into(),
        name: id.into(),
        what: String::new(),
        weights: "q8".into(),
        licence: String::new(),
        gated: false,
        page: String::new(),
        bytes: Some(10),
        recognises: false,
        runtimes: Vec::new(),
        fits: Fits::Unknown,
        fits_why: String::new(),
        state,
        download: None,
        folder: None,
        frees: None,
        problem: None,
    }
}

fn found(states: [ModelState; 2]) -> Change {
    let [a, b] = states;
    Change::Models(Models { rows: vec![row("a", a), row("b", b)], ..Models::default() })
}

fn at(done: u64) -> Option<Download> {
    Some(Download { done, total: 10, bytes_per_s: 1.0, left_s: None, file: String::new() })
}

fn shown(state: &State) -> Vec<(ModelState, Option<u64>, Option<&str>)> {
    let rows = &state.snapshot().models.rows;
    let of = |row: &ModelRow| (row.state, row.download.as_ref().map(|download| download.done));
    rows.iter()
        .map(|row| {
            let (state, done) = of(row);
            (state, done, row.problem.as_ref().map(|problem| problem.code.as_str()))
        })
        .collect()
}

#[test]
fn two_downloads_go_on_beside_each_other_and_a_look_disturbs_neither() {
    use ModelState::{Absent, Checking, Downloading, Here};
    let mut state = with_host();
    step(&mut state, found([Absent, Absent]), 1);
    step(&mut state, Change::Download("a".into(), Downloading, at(1)), 2);
    step(&mut state, Change::Download("b".into(), Downloading, at(5)), 3);
    step(&mut state, found([Absent, Absent]), 4);
    assert_eq!(shown(&state), [(Downloading, Some(1), None), (Downloading, Some(5), None)]);
    step(&mut state, Change::Download("a".into(), Checking, at(10)), 5);
    step(
        &mut state,
        Change::DownloadOver(
            "b".into(),
            Some(Problem::new("models.download.disk_full", "It is full.", "Make room.", &[])),
        ),
        6,
    );
    step(&mut state, Change::DownloadOver("a".into(), None), 7);
    step(&mut state, found([Here, Absent]), 8);
    let failed = Some("models.download.disk_full");
    assert_eq!(shown(&state), [(Here, None, None), (Absent, None, failed)], "why it failed stays to be read");
    step(&mut state, Change::Download("b".into(), Downloading, None), 9);
    assert_eq!(shown(&state)[1], (Downloading, None, None), "trying again takes the reason away");
}
