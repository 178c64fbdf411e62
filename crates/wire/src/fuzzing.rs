//! Bodies of the fuzz targets. They live here so that the test command can run them on stable Rust over the stored
//! seeds; `cargo fuzz` runs the same functions with made-up input.

use bytes::Bytes;

use crate::{
    AsrReply, AsrRequest, ChatQuery, Frame, HostMetadata, MAX_REQUEST_TARGET, SpeechWish, Utf8Stream,
    Utterances,
    bridge::{FromBridge, Health, History, Session, ToBridge},
    chat_url,
};

/// A message from the network: decoding never panics, and what is decoded survives a round trip.
#[allow(clippy::panic, reason = "a fuzz target reports by panicking")]
pub fn frame(data: &[u8]) {
    let Ok(frame) = Frame::decode(&Bytes::copy_from_slice(data)) else { return };
    assert_eq!(Frame::decode(&frame.encode()).as_ref(), Ok(&frame), "a frame survives a round trip");
    if let Frame::Metadata(payload) = frame {
        if let Some(metadata) = HostMetadata::parse(&payload) {
            let HostMetadata { speech, heard, .. } = metadata;
            let news = HostMetadata { speech, heard, ..HostMetadata::default() };
            assert_eq!(
                HostMetadata::parse(&news.to_json()).as_ref(),
                Some(&news),
                "news survive a round trip"
            );
        }
        if let Some(wish) = SpeechWish::parse(&payload) {
            assert_eq!(SpeechWish::parse(&wish.to_json()), Some(wish), "a wish survives a round trip");
        }
    }
}

/// Text in two pieces, cut where the first byte says: the same as the whole at once.
pub fn text(data: &[u8]) {
    let Some((&at, bytes)) = data.split_first() else { return };
    let (left, right) = bytes.split_at(usize::from(at).min(bytes.len()));
    let mut stream = Utf8Stream::new();
    let mut joined = stream.push(left);
    joined.push_str(&stream.push(right));
    joined.extend(stream.finish());
    assert_eq!(joined, String::from_utf8_lossy(bytes), "pieces make the same text as the whole");
}

/// An address as somebody types it: refused, or made into one that keeps the promises of [`chat_url`].
pub fn address(data: &[u8]) {
    let typed = String::from_utf8_lossy(data);
    let Ok(url) = chat_url(&typed, &ChatQuery::default()) else { return };
    assert!(matches!(url.scheme(), "ws" | "wss"), "only WebSocket schemes come out");
    assert!(url.username().is_empty() && url.password().is_none(), "no secret in an address");
    assert!(url.path().len() + url.query().unwrap_or_default().len() <= MAX_REQUEST_TARGET, "short enough");
    for key in ["text_prompt", "voice_prompt"] {
        assert!(url.query_pairs().any(|(k, v)| k == key && !v.is_empty()), "{key} is there");
    }
    assert!(!url.query_pairs().any(|(k, _)| k.ends_with("seed")), "no seed");
}

/// A message of the bridge's protocol, binary or text, in either direction, or a document: reading never panics, and
/// what a client may send survives a round trip.
#[allow(clippy::panic, reason = "a fuzz target reports by panicking")]
pub fn bridge(data: &[u8]) {
    let _ = FromBridge::decode_binary(&Bytes::copy_from_slice(data));
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = FromBridge::decode_text(text);
    let _ = (Health::decode(text), Session::decode(text), History::decode(text));
    if let Ok(Some(message)) = ToBridge::decode(text) {
        assert_eq!(ToBridge::decode(&message.encode()), Ok(Some(message)), "a message survives a round trip");
    }
}

/// Messages of the recognition protocol, each as long as the byte before it says: reading never panics, what is read
/// survives a round trip, and utterances made of any words are in order and bounded.
#[allow(clippy::panic, reason = "a fuzz target reports by panicking")]
pub fn asr(data: &[u8]) {
    let mut utterances = Utterances::new(0.5);
    let (mut rest, mut last) = (data, 0);
    while let Some((&length, more)) = rest.split_first() {
        let (message, after) = more.split_at(usize::from(length).min(more.len()));
        rest = after;
        if let Ok(request) = AsrRequest::decode(message) {
            let again = AsrRequest::decode(&request.encode());
            assert!(again.is_ok_and(|again| again.encode() == request.encode()), "a request survives");
        }
        let Ok(reply) = AsrReply::decode(message) else { continue };
        assert!(AsrReply::decode(&reply.encode()).is_ok(), "a reply survives");
        for utterance in reply.recognised().into_iter().flat_map(|told| utterances.take(told)) {
            assert!(utterance.text.len() <= crate::LONGEST_UTTERANCE && !utterance.text.is_empty());
            assert!(utterance.id >= last && utterance.start.is_finite() && utterance.end.is_finite());
            last = utterance.id;
        }
    }
}
