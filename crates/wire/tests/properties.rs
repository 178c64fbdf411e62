//! What holds for every input.

use bytes::Bytes;
use proptest::prelude::*;
use wire::{Frame, Utf8Stream};

proptest! {
    /// Decoding never panics, and what was decoded encodes to a frame that decodes to the same.
    #[test]
    fn any_message_decodes_or_fails_and_survives_a_round_trip(message in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(frame) = Frame::decode(&Bytes::from(message)) {
            prop_assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
        }
    }

    /// The same with metadata of which everything is right but what stands in it.
    #[test]
    fn any_metadata_is_read_or_refused(
        field in prop::sample::select(vec!["speech", "server", "timing", "capabilities", "sample_rate"]),
        part in prop::sample::select(vec!["id", "state", "said", "unsaid", "reason", "frame_ms_p50"]),
        value in prop::sample::select(vec![
            "null", "1e999", "-1", "\"\"", "\"cut\"", "\"word\"", "\"\\u0000\"", "[[]]", "{\"id\":1}", "true", "7",
        ]),
        state in prop::sample::select(vec!["queued", "started", "word", "finished", "cut", "refused", "odd"]),
    ) {
        for json in [
            format!("\x04{{\"{field}\":{value}}}"),
            format!("\x04{{\"{field}\":{{\"id\":3,\"state\":\"{state}\",\"{part}\":{value}}}}}"),
        ] {
            wire::fuzzing::frame(json.as_bytes());
        }
    }

    /// However text is cut into pieces, the same text comes out, and never more than a character is held back.
    #[test]
    fn text_survives_any_cutting(text in "\\PC{0,60}", cuts in prop::collection::vec(1usize..9, 1..80)) {
        let mut stream = Utf8Stream::new();
        let mut joined = String::new();
        let mut rest = text.as_bytes();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            joined.push_str(&stream.push(piece));
            prop_assert!(text.len() - after.len() - joined.len() < 4, "at most three bytes wait");
            rest = after;
        }
        prop_assert_eq!(stream.finish(), None);
        prop_assert_eq!(joined, text);
    }

    /// Bytes of any kind become text whose replacement characters agree with the standard library's.
    #[test]
    fn any_bytes_become_text(bytes in prop::collection::vec(any::<u8>(), 0..60), at in 0usize..60) {
        let at = at.min(bytes.len());
        let mut stream = Utf8Stream::new();
        let mut joined = stream.push(&bytes[..at]);
        joined.push_str(&stream.push(&bytes[at..]));
        joined.extend(stream.finish());
        prop_assert_eq!(joined, String::from_utf8_lossy(&bytes));
    }

    /// Whatever a bridge sends is a message or refused, and reading it never panics.
    #[test]
    fn any_bridge_message_is_read_or_refused(message in prop::collection::vec(any::<u8>(), 0..300)) {
        wire::fuzzing::bridge(&message);
    }

    /// The same with JSON of which everything is right but what stands in it.
    #[test]
    fn any_json_is_read_or_refused(
        kind in prop::sample::select(vec![
            "text", "mas_event", "history_loaded", "barge_in", "error", "bridge_ready", "moshi_ready",
            "tts_stream_start", "user_transcript", "user_speech", "inject_feedback", "local_stt_status",
        ]),
        field in prop::sample::select(vec!["text", "event", "turns", "message", "injection", "packets", "phase"]),
        value in prop::sample::select(vec!["null", "1e999", "-1", "\"\"", "\"\\u0000\"", "[[]]", "{\"type\":1}", "true"]),
    ) {
        wire::fuzzing::bridge(format!("{{\"type\":\"{kind}\",\"{field}\":{value}}}").as_bytes());
    }
}
