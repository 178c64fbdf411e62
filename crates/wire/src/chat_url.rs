//! The address of a Moshi conversation, with everything in its query that some server insists on.
//!
//! NVIDIA's server fails after the upgrade when `voice_prompt` or `text_prompt` is missing or empty, and whenever a
//! `seed` is given; Kyutai's servers ignore all three. So both prompts always go out, and a seed never does.

use thiserror::Error;
use url::{Host, Url};

/// Longest path and query that are sent, in bytes. Python servers refuse a request line of 8,190 bytes or more.
pub const MAX_REQUEST_TARGET: usize = 7_900;

/// The voices that ship with PersonaPlex. Its server joins the name to a folder without looking at it, so nothing
/// else is ever sent.
pub const VOICES: [&str; 18] = [
    "NATF0.pt", "NATF1.pt", "NATF2.pt", "NATF3.pt", "NATM0.pt", "NATM1.pt", "NATM2.pt", "NATM3.pt",
    "VARF0.pt", "VARF1.pt", "VARF2.pt", "VARF3.pt", "VARF4.pt", "VARM0.pt", "VARM1.pt", "VARM2.pt",
    "VARM3.pt", "VARM4.pt",
];

const DEFAULT_VOICE: &str = "NATF2.pt";
const DEFAULT_PERSONA: &str = "You are MYCA, a friendly and attentive voice assistant. You listen well, answer \
                               briefly, and say so when you do not know something.";
const CHAT_PATH: &str = "/api/chat";
/// Of the query: that texts of this client are to be said. Not to be had by writing it into an address, as whoever asks
/// for it has to keep to the protocol.
const SPEAK: &str = "speak";
/// The same, of the person's words as text.
const HEAR: &str = "hear";

/// What a conversation asks of the host: who Moshi is to be, in which voice, and whether it is to say texts that it is
/// given. Neither of the first two is ever empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatQuery {
    text_prompt: String,
    voice_prompt: &'static str,
    speaks: bool,
}

impl Default for ChatQuery {
    fn default() -> Self {
        Self { text_prompt: DEFAULT_PERSONA.to_owned(), voice_prompt: DEFAULT_VOICE, speaks: false }
    }
}

impl ChatQuery {
    /// A query with this persona and voice; an empty string stands for the default.
    ///
    /// # Errors
    /// [`ChatUrlError::UnknownVoice`] for a voice that is not one of [`VOICES`].
    pub fn new(persona: &str, voice: &str) -> Result<Self, ChatUrlError> {
        let mut query = Self::default();
        if !persona.trim().is_empty() {
            persona.trim().clone_into(&mut query.text_prompt);
        }
        if !voice.trim().is_empty() {
            let known = VOICES.iter().find(|known| **known == voice.trim());
            query.voice_prompt = known.ok_or_else(|| ChatUrlError::UnknownVoice(shorten(voice)))?;
        }
        Ok(query)
    }

    /// The same query, asking the host also to say the texts that this client sends; see
    /// [`SpeechNews`](crate::SpeechNews). It goes out as `speak=1`, which stock servers ignore.
    #[must_use]
    pub fn speaking(mut self) -> Self {
        self.speaks = true;
        self
    }

    /// The persona, as it is sent.
    #[must_use]
    pub fn persona(&self) -> &str {
        &self.text_prompt
    }

    /// The voice, as it is sent.
    #[must_use]
    pub fn voice(&self) -> &str {
        self.voice_prompt
    }
}

/// Why an address cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChatUrlError {
    /// Nothing was given.
    #[error("no address was given")]
    Empty,
    /// Not an address at all.
    #[error("\"{address}\" is not an address: {reason}")]
    Invalid {
        /// What was given, shortened.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A scheme other than ws, wss, http or https.
    #[error("\"{0}\" is not a way to reach a Moshi server; ws:// and wss:// are")]
    Scheme(String),
    /// A user name or password inside the address, where logs and histories would keep it.
    #[error("an address must not hold a user name or password")]
    Userinfo,
    /// Persona and address together are longer than servers accept.
    #[error("the persona makes the request {len} bytes long; servers accept {MAX_REQUEST_TARGET}")]
    TooLong {
        /// Bytes of path and query.
        len: usize,
    },
    /// A voice that PersonaPlex does not ship.
    #[error("there is no voice called \"{0}\"")]
    UnknownVoice(String),
}

/// Makes the address of a conversation from what a person typed.
///
/// A missing scheme means `ws`, a missing path `/api/chat`; `http` and `https` are taken for their WebSocket
/// counterparts. Other query parameters of the address are kept, except seeds.
///
/// # Errors
/// [`ChatUrlError`], if the address cannot be used as it is.
///
/// ```
/// let url = wire::chat_url("127.0.0.1:8998", &wire::ChatQuery::default())?;
/// assert!(url.as_str().starts_with("ws://127.0.0.1:8998/api/chat?text_prompt=You"));
/// # Ok::<(), wire::ChatUrlError>(())
/// ```
pub fn chat_url(address: &str, query: &ChatQuery) -> Result<Url, ChatUrlError> {
    let mut url = service_url(address, CHAT_PATH)?;
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(key, _)| {
            !key.ends_with("seed") && !["text_prompt", "voice_prompt", SPEAK, HEAR].contains(&&**key)
        })
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    url.query_pairs_mut()
        .clear()
        .append_pair("text_prompt", &query.text_prompt)
        .append_pair("voice_prompt", query.voice_prompt)
        .extend_pairs(kept)
        .extend_pairs(query.speaks.then_some((SPEAK, "1")));
    let len = url.path().len() + url.query().map_or(0, |q| q.len() + 1);
    if len > MAX_REQUEST_TARGET {
        return Err(ChatUrlError::TooLong { len });
    }
    Ok(url)
}

/// Makes the address of a WebSocket service from what a person typed: a missing scheme means `ws`, a missing path `path`,
/// and `http` and `https` are taken for their WebSocket counterparts.
///
/// # Errors
/// [`ChatUrlError`], if the address cannot be used as it is.
pub fn service_url(address: &str, path: &str) -> Result<Url, ChatUrlError> {
    let address = address.trim();
    if address.is_empty() {
        return Err(ChatUrlError::Empty);
    }
    let invalid = |reason: String| ChatUrlError::Invalid { address: shorten(address), reason };
    let (scheme, rest) = address.split_once("://").unwrap_or(("ws", address));
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "ws" | "http" => "ws",
        "wss" | "https" => "wss",
        other => return Err(ChatUrlError::Scheme(shorten(other))),
    };
    let mut url = Url::parse(&format!("{scheme}://{rest}")).map_err(|e| invalid(e.to_string()))?;
    match url.host() {
        None => return Err(invalid("it names no host".to_owned())),
        Some(Host::Domain("")) => return Err(invalid("it names no host".to_owned())),
        Some(_) => {}
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ChatUrlError::Userinfo);
    }
    url.set_fragment(None);
    if url.path().is_empty() || url.path() == "/" {
        url.set_path(path);
    }
    Ok(url)
}

/// Has the host of a conversation asked also to tell what the person says; see [`Utterance`](crate::Utterance). It goes
/// out as `hear=1`, which stock servers ignore.
pub fn ask_to_hear(url: &mut Url) {
    let asked = url.query_pairs().any(|(key, _)| key == HEAR);
    if !asked {
        url.query_pairs_mut().append_pair(HEAR, "1");
    }
}

/// For error messages: what somebody typed, at most 80 characters of it.
fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(address: &str) -> Result<Url, ChatUrlError> {
        chat_url(address, &ChatQuery::default())
    }

    #[test]
    fn addresses_are_taken_as_people_type_them() {
        for (typed, meant) in [
            ("localhost:8998", "ws://localhost:8998/api/chat"),
            ("  ws://127.0.0.1:8998/api/chat ", "ws://127.0.0.1:8998/api/chat"),
            ("https://gpu.example/", "wss://gpu.example/api/chat"),
            ("WSS://gpu.example/moshi/api/chat", "wss://gpu.example/moshi/api/chat"),
            ("[::1]:8998", "ws://[::1]:8998/api/chat"),
            ("http://host#part", "ws://host/api/chat"),
        ] {
            let url = url(typed).unwrap();
            assert_eq!(url.as_str().split('?').next(), Some(meant), "{typed}");
        }
    }

    #[test]
    fn both_prompts_are_always_there_and_a_seed_never_is() {
        let query = ChatQuery::new("  ", "").unwrap();
        let url = chat_url("h:1?seed=3&text_seed=4&text_prompt=&text_temperature=0.7", &query).unwrap();
        let pairs: Vec<_> = url.query_pairs().collect();
        assert!(pairs.iter().all(|(k, _)| !k.ends_with("seed")));
        for key in ["text_prompt", "voice_prompt"] {
            let values: Vec<_> = pairs.iter().filter(|(k, _)| k == key).collect();
            assert_eq!(values.len(), 1, "{key} exactly once");
            assert!(!values[0].1.is_empty(), "{key} is not empty");
        }
        assert!(pairs.contains(&("text_temperature".into(), "0.7".into())), "other parameters are kept");
    }

    #[test]
    fn texts_are_to_be_said_and_words_to_be_told_only_where_that_was_asked_for() {
        let asked = |url: &Url| {
            ["speak", "hear"].map(|asked| url.query_pairs().filter(|(key, _)| key == asked).count())
        };
        let url = |query| chat_url("h:1?speak=1&hear=1&audio_topk=9", &query).unwrap();
        assert_eq!(asked(&url(ChatQuery::default())), [0, 0]);
        let mut speaking = url(ChatQuery::default().speaking());
        assert_eq!(asked(&speaking), [1, 0]);
        ask_to_hear(&mut speaking);
        ask_to_hear(&mut speaking);
        assert_eq!(asked(&speaking), [1, 1]);
    }

    #[test]
    fn a_service_has_its_own_path_where_none_is_typed() {
        let path = |typed| service_url(typed, "/api/asr-streaming").map(String::from);
        assert_eq!(path("gpu:8080").unwrap(), "ws://gpu:8080/api/asr-streaming");
        assert_eq!(path("https://gpu/else").unwrap(), "wss://gpu/else");
        assert_eq!(path(""), Err(ChatUrlError::Empty));
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_reason() {
        assert_eq!(url("  "), Err(ChatUrlError::Empty));
        assert_eq!(url("ftp://host"), Err(ChatUrlError::Scheme("ftp".into())));
        assert_eq!(url("ws://me:secret@host"), Err(ChatUrlError::Userinfo));
        assert!(matches!(url("ws://"), Err(ChatUrlError::Invalid { .. })));
        assert!(matches!(url("host:99999"), Err(ChatUrlError::Invalid { .. })));
        assert!(matches!(url("two words"), Err(ChatUrlError::Invalid { .. })));
        assert_eq!(
            ChatQuery::new("", "../../etc/passwd"),
            Err(ChatUrlError::UnknownVoice("../../etc/passwd".into()))
        );
    }

    #[test]
    fn a_request_is_never_longer_than_servers_accept() {
        let fits = ChatQuery::new(&"a".repeat(7_000), "").unwrap();
        let request_line =
            |url: &Url| url.path().len() + url.query().unwrap().len() + "GET ? HTTP/1.1\r\n".len();
        assert!(request_line(&chat_url("h", &fits).unwrap()) < 8_000);
        let too_long = ChatQuery::new(&"ä".repeat(2_000), "").unwrap();
        assert!(matches!(chat_url("h", &too_long), Err(ChatUrlError::TooLong { len }) if len > 8_000));
    }
}
