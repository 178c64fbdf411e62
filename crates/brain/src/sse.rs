//! Server-sent events, as they arrive.
//!
//! After the [HTML standard](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation),
//! with two differences: what is too long is cut instead of kept, and [`SseReader::finish`] still hands out an event
//! that lacks its empty line, as servers that end in a hurry leave it out.

use std::str;

/// The longest line that is kept, in bytes.
pub const LINE: usize = 64 << 10;
/// The most data of one event that is kept, in bytes.
pub const DATA: usize = 256 << 10;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// The `event` field; empty where there was none.
    pub name: String,
    /// The `data` fields, joined by line feeds.
    pub data: String,
    /// Whether there was more of it.
    pub cut: bool,
}

/// Takes bytes in any pieces and gives events. Holds at most [`LINE`] and [`DATA`] bytes and a name.
#[derive(Debug, Default)]
pub struct SseReader {
    line: Vec<u8>,
    line_cut: bool,
    /// The last byte was a carriage return: a line feed right after it belongs to the same end of line.
    after_return: bool,
    past_first_line: bool,
    has_data: bool,
    event: SseEvent,
}

impl SseReader {
    /// A reader at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece and returns the events that are complete by now.
    pub fn push(&mut self, piece: &[u8]) -> Vec<SseEvent> {
        let mut events = Vec::new();
        let mut rest = piece;
        loop {
            if self.after_return && !rest.is_empty() {
                self.after_return = false;
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.extend_line(rest);
                return events;
            };
            self.extend_line(&rest[..end]);
            self.after_return = rest[end] == b'\r';
            rest = &rest[end + 1..];
            events.extend(self.end_line());
        }
    }

    /// Ends the stream and returns what was left of an event.
    pub fn finish(&mut self) -> Option<SseEvent> {
        if !self.line.is_empty() {
            self.end_line();
        }
        self.end_event()
    }

    fn extend_line(&mut self, bytes: &[u8]) {
        let room = LINE - self.line.len();
        self.line_cut |= bytes.len() > room;
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end_line(&mut self) -> Option<SseEvent> {
        let bytes = std::mem::take(&mut self.line);
        let was_cut = std::mem::take(&mut self.line_cut);
        let bytes = match bytes.strip_prefix(BOM) {
            Some(rest) if !self.past_first_line => rest,
            _ => &bytes,
        };
        self.past_first_line = true;
        if bytes.is_empty() {
            return self.end_event();
        }
        let line =
            if was_cut { whole_characters(bytes) } else { String::from_utf8_lossy(bytes).into_owned() };
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.has_data {
                    self.append("\n");
                }
                self.has_data = true;
                self.append(value);
                self.event.cut |= was_cut;
            }
            "event" => self.event.name = crate::bounded::cut(value, crate::bounded::NAME),
            // Comments, ids, times to wait, and whatever else there may be.
            _ => {}
        }
        None
    }

    fn append(&mut self, value: &str) {
        let room = value.floor_char_boundary(DATA - self.event.data.len());
        self.event.cut |= room < value.len();
        self.event.data.push_str(&value[..room]);
    }

    fn end_event(&mut self) -> Option<SseEvent> {
        let event = std::mem::take(&mut self.event);
        std::mem::take(&mut self.has_data).then_some(event)
    }
}

/// Text whose end was cut off, without a part of a character there.
fn whole_characters(bytes: &[u8]) -> String {
    // A character has at most four bytes, so only the last three can be the beginning of one.
    let from = bytes.len().saturating_sub(3);
    let end = (from..bytes.len()).find(|&at| {
        str::from_utf8(&bytes[at..]).is_err_and(|e| e.valid_up_to() == 0 && e.error_len().is_none())
    });
    String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(bytes: &[u8]) -> Vec<String> {
        let mut reader = SseReader::new();
        let mut events = reader.push(bytes);
        events.extend(reader.finish());
        events.into_iter().map(|event| event.data).collect()
    }

    #[test]
    fn events_end_at_an_empty_line_of_any_kind() {
        assert_eq!(data(b"data: a\n\ndata: b\r\n\r\ndata: c\r\rdata: d\n\n"), ["a", "b", "c", "d"]);
    }

    #[test]
    fn lines_of_data_are_joined_and_one_space_is_not_part_of_them() {
        assert_eq!(data(b"data: one\ndata:  two\ndata\ndata:four\n\n"), ["one\n two\n\nfour"]);
    }

    #[test]
    fn comments_other_fields_and_events_without_data_are_nothing() {
        assert_eq!(data(b": ping\n\nid: 7\nretry: 10\nfoo: bar\nbaz\n\ndata: x\n\n\n\n"), ["x"]);
        let mut reader = SseReader::new();
        assert_eq!(reader.push(b"event: lost\n\ndata: x\n\n")[0].name, "", "a name belongs to its own event");
        assert_eq!(reader.push(b"event: done\ndata: x\n\n")[0].name, "done");
    }

    #[test]
    fn a_byte_order_mark_is_only_one_at_the_beginning() {
        assert_eq!(data(b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n"), ["a"]);
    }

    #[test]
    fn a_stream_that_ends_in_a_hurry_still_says_its_last() {
        assert_eq!(data(b"data: a\n\ndata: {\"done\":true}"), ["a", "{\"done\":true}"]);
        assert_eq!(data(b"data: a\n"), ["a"]);
    }

    #[test]
    fn an_end_of_line_that_is_cut_in_two_is_one() {
        let mut reader = SseReader::new();
        assert_eq!(reader.push(b"data: a\r"), []);
        assert_eq!(reader.push(b""), []);
        assert_eq!(reader.push(b"\ndata: b\r"), []);
        let events = reader.push(b"\n\r\n");
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].data, "a\nb");
    }

    #[test]
    fn what_has_no_end_is_cut_after_a_whole_character_and_does_not_spoil_what_follows() {
        let mut reader = SseReader::new();
        assert!(reader.push(b"data: a").is_empty());
        for _ in 0..LINE {
            assert!(reader.push("ï".as_bytes()).is_empty());
        }
        let events = reader.push(b"\n\ndata: next\n\n");
        assert_eq!(events.len(), 2);
        assert!(events[0].cut);
        assert!(events[0].data.len() < LINE);
        assert!(events[0].data.ends_with('ï'), "no half of a character is left");
        assert_eq!(events[1], SseEvent { data: "next".into(), ..SseEvent::default() });
    }

    #[test]
    fn an_event_of_endless_lines_is_cut() {
        let mut reader = SseReader::new();
        for _ in 0..DATA {
            assert!(reader.push("data: ï\n".as_bytes()).is_empty());
        }
        let events = reader.push(b"\n");
        assert!(events[0].cut);
        assert!(events[0].data.len() <= DATA);
    }
}
