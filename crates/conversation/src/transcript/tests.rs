use super::*;

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn transcript() -> Transcript {
    Transcript::new(Conversation { id: "c".into(), started_ms: 0 }, &[])
}

/// Texts of a batch, with a star where the turn is open.
fn stored(effect: Option<TranscriptEffect>) -> Vec<String> {
    let Some(TranscriptEffect::Store(_, turns)) = effect else { return Vec::new() };
    turns.iter().map(|t| format!("{}{}", t.text, if t.open { "*" } else { "" })).collect()
}

fn shown(effect: Option<TranscriptEffect>) -> Vec<(String, bool)> {
    let Some(TranscriptEffect::Show(turns)) = effect else { return Vec::new() };
    turns.into_iter().map(|t| (t.turn.text, t.saved)).collect()
}

#[test]
fn pieces_become_a_turn_that_a_pause_ends() {
    let mut t = transcript();
    for (i, piece) in [" Hel", "lo", " there", "."].into_iter().enumerate() {
        t.moshi_said(piece, secs(0), i as i64);
    }
    assert_eq!(stored(t.flush(secs(0))), ["Hello there.*"]);
    assert_eq!(t.pause_at(), Some(secs(2)));
    t.stored(true, secs(0));
    t.tick(secs(2));
    assert_eq!(stored(t.flush(secs(2))), ["Hello there."]);
    t.stored(true, secs(2));
    t.moshi_said(" Again", secs(3), 9);
    assert_eq!(stored(t.flush(secs(3))), ["Again*"], "a new turn");
}

#[test]
fn what_is_typed_ends_moshis_turn_and_comes_after_it() {
    let mut t = transcript();
    t.moshi_said("One", secs(0), 0);
    t.typed("  two ", 1, None);
    t.moshi_said(" three", secs(1), 2);
    assert_eq!(stored(t.flush(secs(1))), ["One", "two", "three*"]);
}

#[test]
fn nothing_is_shown_before_it_is_on_disk() {
    let mut t = transcript();
    t.typed("a", 0, None);
    assert_eq!(stored(t.flush(secs(0))), ["a"]);
    t.typed("b", 0, None);
    assert_eq!(t.flush(secs(0)), None, "one batch at a time");
    assert_eq!(shown(t.stored(true, secs(0))), [("a".to_owned(), true)]);
    assert_eq!(stored(t.flush(secs(0))), ["b"]);
}

#[test]
fn what_the_disk_refuses_is_shown_as_unsaved_once_and_tried_again() {
    let mut t = transcript();
    t.typed("a", 0, None);
    t.flush(secs(0));
    assert_eq!(shown(t.stored(false, secs(0))), [("a".to_owned(), false)]);
    assert_eq!(t.flush(secs(1)), None);
    assert_eq!(t.retry_at(), Some(secs(5)));
    assert_eq!(stored(t.flush(secs(5))), ["a"]);
    assert_eq!(t.stored(false, secs(5)), None, "shown like that already");
    t.typed("b", 0, None);
    assert_eq!(stored(t.flush(secs(6))), ["a", "b"], "something new is a reason to try at once");
    assert_eq!(shown(t.stored(true, secs(6))), [("a".to_owned(), true), ("b".to_owned(), true)]);
    assert!(t.is_settled());
}

#[test]
fn a_newer_text_is_not_replaced_by_an_older_one_that_failed() {
    let mut t = transcript();
    t.moshi_said("Hel", secs(0), 0);
    t.flush(secs(0));
    t.moshi_said("lo", secs(0), 0);
    t.stored(false, secs(0));
    assert_eq!(stored(t.flush(secs(0))), ["Hello*"]);
}

#[test]
fn text_without_end_makes_turns_of_bounded_length() {
    let mut t = transcript();
    for _ in 0..300 {
        t.moshi_said(&"é".repeat(50), secs(0), 0);
    }
    let batch = stored(t.flush(secs(0)));
    assert!(batch.len() > 3 && batch.iter().all(|text| text.len() <= LONGEST_TURN + 1), "{}", batch.len());
    t.moshi_said(&"é".repeat(100_000), secs(0), 0);
    t.stored(true, secs(0));
    assert!(stored(t.flush(secs(0))).iter().all(|text| text.len() <= LONGEST_TURN + 1));
}

#[test]
fn blank_pieces_alone_are_no_turn() {
    let mut t = transcript();
    t.moshi_said("  ", secs(0), 0);
    assert_eq!(t.flush(secs(0)), None);
}
