//! What holds for every stream of server-sent events, however it is cut.

use brain::sse::{SseEvent, SseReader};
use proptest::prelude::*;

/// The same by other means: whole lines at once, and no limits.
fn plainly(stream: &str) -> Vec<SseEvent> {
    let stream = stream.strip_prefix('\u{feff}').unwrap_or(stream).replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<&str> = stream.split('\n').collect();
    if lines.last() == Some(&"") {
        lines.pop();
    }
    lines.push("");
    let mut events = Vec::new();
    let mut data: Vec<&str> = Vec::new();
    let mut name = "";
    for line in lines {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => data.push(value),
            "event" => name = value,
            "" if line.is_empty() => {
                if !data.is_empty() {
                    events.push(SseEvent { name: name.into(), data: data.join("\n"), cut: false });
                }
                data.clear();
                name = "";
            }
            _ => {}
        }
    }
    events
}

/// Streams that are made of what streams are made of, and of anything.
fn stream() -> impl Strategy<Value = String> {
    let end = prop_oneof![Just("\n"), Just("\r\n"), Just("\r")];
    let line = prop_oneof![
        4 => "\\PC{0,12}".prop_map(|text| format!("data: {text}")),
        1 => "\\PC{0,6}".prop_map(|text| format!("data:{text}")),
        1 => "[a-z]{0,6}".prop_map(|text| format!("event: {text}")),
        1 => "\\PC{0,8}".prop_map(|text| format!(": {text}")),
        1 => "\\PC{0,8}",
        4 => Just(String::new()),
    ];
    prop::collection::vec((line, end), 0..30)
        .prop_map(|lines| lines.into_iter().map(|(line, end)| line + end).collect())
}

fn in_pieces(bytes: &[u8], cuts: &[usize]) -> Vec<SseEvent> {
    let mut reader = SseReader::new();
    let mut events = Vec::new();
    let mut rest = bytes;
    for cut in cuts.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*cut).min(rest.len()));
        events.extend(reader.push(piece));
        rest = after;
    }
    events.extend(reader.finish());
    events
}

proptest! {
    #[test]
    fn any_cutting_gives_the_same_events(stream in stream(), cuts in prop::collection::vec(1usize..7, 1..40)) {
        prop_assert_eq!(in_pieces(stream.as_bytes(), &cuts), plainly(&stream));
    }

    #[test]
    fn any_bytes_give_the_same_events_in_one_piece_and_in_many(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'\r'), Just(b':')], 0..200),
        cuts in prop::collection::vec(1usize..7, 1..40),
    ) {
        prop_assert_eq!(in_pieces(&bytes, &cuts), in_pieces(&bytes, &[usize::MAX]));
    }
}
