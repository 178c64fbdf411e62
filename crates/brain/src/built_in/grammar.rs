//! Plain requests, understood without a language model. English; case, politeness and punctuation do not matter.

mod places;
mod settings;

use self::{places::places, settings::settings};
use super::words::Words;

/// What a person wants. What is in it is as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Intent {
    /// Something is to be kept.
    Remember(String),
    /// They ask what is kept about something; with nothing in it, about anything.
    Recall(String),
    /// They ask something about themselves, to which what is kept may be the answer.
    Wonder(String),
    /// Something kept is to be forgotten.
    Forget(String),
    /// Something may be worth keeping, and nobody asked for it.
    Fact(String),
    /// The time, or the date.
    Now,
    /// Something was said in a conversation.
    Search(String),
    /// The settings are to be opened, perhaps a section of them.
    OpenSettings(Option<&'static str>),
    /// A setting is to be changed.
    ChangeSetting { name: &'static str, value: String },
    /// A tool of the app is to be used, about something perhaps: the argument's name, and what was written.
    Use { tool: &'static str, what: Option<(&'static str, String)> },
    /// A call is to begin.
    StartCall,
    /// It is to end.
    EndCall,
    /// The microphone is to be off, or on.
    Mute(bool),
    /// A new conversation is to begin.
    NewConversation,
    /// What can be done here.
    Help,
    /// What this is.
    About,
    /// A greeting.
    Hello,
    /// Thanks.
    Thanks,
    /// Something else.
    Unknown,
}

impl Intent {
    /// Whether it takes a tool, so that a model without tools is of no use.
    pub(super) fn acts(&self) -> bool {
        match self {
            Self::Wonder(_)
            | Self::Fact(_)
            | Self::Help
            | Self::About
            | Self::Hello
            | Self::Thanks
            | Self::Unknown => false,
            Self::Remember(_)
            | Self::Recall(_)
            | Self::Forget(_)
            | Self::Now
            | Self::Search(_)
            | Self::OpenSettings(_)
            | Self::ChangeSetting { .. }
            | Self::Use { .. }
            | Self::StartCall
            | Self::EndCall
            | Self::Mute(_)
            | Self::NewConversation => true,
        }
    }
}

/// Finds out what a person wants.
pub(super) fn understand(text: &str) -> Intent {
    let all = Words::of(text);
    if let Some(intent) = courtesy(&all.plain()) {
        return intent;
    }
    let words = without_politeness(all);
    let plain = words.plain();
    courtesy(&plain)
        .or_else(|| memory(&words, &plain))
        .or_else(|| conversations(&words, &plain))
        .or_else(|| places(&words, &plain))
        .or_else(|| settings(&words, &plain))
        .or_else(|| call(&plain))
        .or_else(|| question(&words, &plain))
        .or_else(|| fact(&words, &plain))
        .unwrap_or(Intent::Unknown)
}

/// Takes away what is only polite, from both ends.
fn without_politeness(mut words: Words<'_>) -> Words<'_> {
    loop {
        let count = match words.plain().as_slice() {
            ["i", "would", "like", "you", "to", _, ..]
            | ["do", "me", "a", "favour" | "favor", "and", _, ..] => 5,
            ["i", "want", "you", "to", _, ..] | ["i", "would", "like", "to", _, ..] => 4,
            ["i", "want" | "need", "to", _, ..] | ["do", "you", "know", _, ..] => 3,
            ["can" | "could" | "would" | "will", "you", _, ..]
            | ["let", "us", _, ..]
            | ["tell", "me", _, ..] => 2,
            [
                "please" | "kindly" | "hey" | "hi" | "hello" | "okay" | "so" | "well" | "now" | "just"
                | "myca",
                _,
                ..,
            ] => 1,
            _ => break,
        };
        words = words.skip(count);
    }
    loop {
        let plain = words.plain();
        let count = match plain.as_slice() {
            [.., _, "please"] => 1,
            // What is kept word by word may end so by itself.
            [
                "remember" | "memorise" | "memorize" | "note" | "make" | "keep" | "do" | "set" | "change",
                ..,
            ] => break,
            [.., _, "if", "you", "can"] => 3,
            [.., _, "for", "me"] | [.., _, "thank", "you"] | [.., _, "right", "now"] => 2,
            [.., _, "thanks" | "myca"] => 1,
            _ => break,
        };
        words = words.leave(count);
    }
    words
}

fn courtesy(plain: &[&str]) -> Option<Intent> {
    Some(match plain {
        ["hello" | "hi" | "hey" | "hiya" | "howdy"]
        | ["hello" | "hi" | "hey", "there" | "myca" | "you" | "moshi"]
        | ["good", "morning" | "afternoon" | "evening" | "day"]
        | ["good", "morning" | "afternoon" | "evening" | "day", "myca"] => Intent::Hello,
        ["thanks" | "thx" | "cheers"]
        | ["thank", "you"]
        | ["thanks", "a", "lot"]
        | ["many", "thanks"]
        | ["thank", "you", "very" | "so", "much"]
        | ["thanks", "myca"]
        | ["thank", "you", "myca"] => Intent::Thanks,
        ["help"]
        | ["help", "me"]
        | ["commands"]
        | ["what", "can", "you", "do"]
        | ["what", "can", "i", "say" | "ask" | "do"]
        | ["how", "can", "you", "help"]
        | ["how", "can", "you", "help", "me"]
        | ["what", "do", "you", "understand"]
        | ["what", "are", "you", "able", "to", "do"] => Intent::Help,
        ["who" | "what", "are", "you"]
        | ["what", "is", "this"]
        | ["what", "is", "your", "name"]
        | ["who", "is", "this"]
        | ["about"]
        | ["about", "you" | "yourself"]
        | ["what", "is", "myca"]
        | ["what", "is", "myca", "voice"]
        | ["which" | "what", "version", "is", "this"]
        | ["what", "version", "are", "you"] => Intent::About,
        _ => return None,
    })
}

fn memory(words: &Words<'_>, plain: &[&str]) -> Option<Intent> {
    let kept = |count: usize| words.skip(count).written().to_owned();
    let about = |count: usize| subject(&words.skip(count));
    Some(match plain {
        ["remember" | "recall"] | ["forget", "it" | "that" | "this"] => return None,
        ["remember", "when" | "what" | "who" | "where" | "how", _, ..] => Intent::Recall(about(2)),
        ["remember" | "note" | "memorise" | "memorize", "that", _, ..] => Intent::Remember(kept(2)),
        ["remember", "this" | "the", "following", _, ..] => Intent::Remember(kept(3)),
        ["keep", "in", "mind", "that", _, ..] => Intent::Remember(kept(4)),
        ["do", "not", "forget", "that" | "to", _, ..] => Intent::Remember(kept(4)),
        ["make", "a", "note", "that" | "to" | "of", _, ..] => Intent::Remember(kept(4)),
        ["note", "down", "that", _, ..] => Intent::Remember(kept(3)),
        ["note", "down", _, ..] => Intent::Remember(kept(2)),
        ["remember", "to", _, ..] => Intent::Remember(kept(2)),
        ["remember" | "memorise" | "memorize", _, ..] => Intent::Remember(kept(1)),
        ["what", "do", "you", "remember" | "know", "about", _, ..] => Intent::Recall(about(5)),
        ["what", "do", "you", "remember"] | ["what", "do", "you", "remember" | "know", "of", _] => {
            Intent::Recall(about(5))
        }
        ["what", "have", "you", "remembered"] => Intent::Recall(String::new()),
        ["what", "did", "i", "tell" | "ask", "you", "about" | "to", _, ..] => Intent::Recall(about(7)),
        ["what", "did", "i", "tell", "you"] => Intent::Recall(String::new()),
        ["do", "you", "remember" | "recall", "anything", "about", _, ..] => Intent::Recall(about(5)),
        ["do", "you", "remember" | "recall", _, ..] => Intent::Recall(about(3)),
        ["recall", _, ..] => Intent::Recall(about(1)),
        ["show", "me", "your" | "my" | "the", "memories" | "memory"]
        | ["show" | "list", "your" | "my" | "the" | "all", "memories" | "memory"]
        | ["list", "memories"] => Intent::Recall(String::new()),
        ["forget", "that" | "about", _, ..] => Intent::Forget(kept(2)),
        ["forget", "what", "i", "said" | "told", "about", _, ..] => Intent::Forget(kept(5)),
        ["forget", "what", "i", "told", "you", "about", _, ..] => Intent::Forget(kept(6)),
        ["forget", _, ..] => Intent::Forget(kept(1)),
        _ => return None,
    })
}

fn conversations(words: &Words<'_>, plain: &[&str]) -> Option<Intent> {
    if let ["new" | "fresh", "conversation" | "chat"]
    | ["start" | "begin" | "open", "a", "new" | "fresh", "conversation" | "chat"]
    | ["start" | "begin", "new" | "fresh", "conversation" | "chat"]
    | ["start", "over"] = plain
    {
        return Some(Intent::NewConversation);
    }
    let all_of_it = |from: usize, end: usize| {
        let text = words.skip(from).leave(end).written().to_owned();
        (!text.is_empty()).then_some(Intent::Search(text))
    };
    let begins = match plain {
        ["find" | "search", "for", _, ..] | ["look", "for" | "up", _, ..] => 2,
        ["find" | "search", _, ..] => 1,
        [
            "when" | "where",
            "did" | "have",
            "we" | "i" | "you",
            "talk" | "talked" | "speak" | "spoken",
            "about",
            _,
            ..,
        ] => 5,
        ["what", "did", "we" | "i" | "you" | "moshi", "say" | "talk", "about", _, ..] => 5,
        ["what", "did", "moshi" | "you" | "we", "say", "of", _, ..] => 5,
        ["did", "we" | "i", "talk" | "speak", "about", _, ..] => 4,
        _ => return None,
    };
    // "Search our conversations for bread", and "find bread in our conversations".
    let rest = &plain[begins..];
    if let [
        "in" | "through",
        "our" | "my" | "the" | "past" | "old",
        "conversations" | "conversation" | "history" | "chats",
        "for",
        _,
        ..,
    ] = rest
    {
        return all_of_it(begins + 4, 0);
    }
    if let [
        "our" | "my" | "the" | "past" | "old",
        "conversations" | "conversation" | "history" | "chats",
        "for",
        _,
        ..,
    ] = rest
    {
        return all_of_it(begins + 3, 0);
    }
    let ends = match rest {
        [
            ..,
            "in" | "from",
            "our" | "my" | "the",
            "past" | "old" | "last" | "earlier",
            "conversations" | "conversation" | "chats" | "history",
        ] => 4,
        [
            ..,
            "in" | "from",
            "our" | "my" | "the" | "past" | "old",
            "conversations" | "conversation" | "chats" | "history",
        ] => 3,
        _ => 0,
    };
    all_of_it(begins, ends)
}

fn call(plain: &[&str]) -> Option<Intent> {
    Some(match plain {
        ["call" | "talk" | "connect" | "dial"]
        | ["call" | "connect", "moshi" | "personaplex" | "now"]
        | ["connect" | "talk" | "speak", "to" | "with", "moshi" | "personaplex"]
        | ["start" | "begin" | "make" | "open" | "place", "a" | "the" | "voice", "call" | "conversation"]
        | ["start" | "begin" | "make", "call" | "talking" | "calling"]
        | ["start"] => Intent::StartCall,
        ["hang", "up"]
        | ["stop" | "disconnect" | "bye" | "goodbye"]
        | ["end" | "stop" | "finish" | "leave", "call" | "talking" | "calling"]
        | ["end" | "stop" | "finish" | "leave", "the" | "this" | "my", "call"]
        | ["good", "bye"] => Intent::EndCall,
        ["mute"]
        | ["be", "deaf"]
        | ["mute", "me" | "microphone" | "mic" | "yourself"]
        | ["mute", "the" | "my", "microphone" | "mic"]
        | ["turn" | "switch", "off", "the" | "my", "microphone" | "mic"]
        | ["turn" | "switch", "the" | "my", "microphone" | "mic", "off"]
        | ["stop", "listening"] => Intent::Mute(true),
        ["unmute"]
        | ["unmute", "me" | "microphone" | "mic" | "yourself"]
        | ["unmute", "the" | "my", "microphone" | "mic"]
        | ["turn" | "switch", "on", "the" | "my", "microphone" | "mic"]
        | ["turn" | "switch", "the" | "my", "microphone" | "mic", "on"]
        | ["start", "listening"] => Intent::Mute(false),
        _ => return None,
    })
}

fn question(words: &Words<'_>, plain: &[&str]) -> Option<Intent> {
    Some(match plain {
        ["time" | "date"]
        | ["what", "time" | "day" | "date" | "year" | "month", "is", "it"]
        | ["what", "time" | "day" | "date" | "year" | "month", "is", "it", "now" | "today"]
        | ["what", "time" | "day" | "date" | "year" | "month", "it", "is"]
        | ["what" | "which", "day" | "date" | "month" | "year", "is", "today" | "it" | "this"]
        | ["what", "day" | "date" | "time"]
        | ["what", "is", "the", "time" | "date" | "day"]
        | ["what", "is", "the", "time" | "date" | "day", "now" | "today"]
        | ["what", "is", "the", "current", "time" | "date" | "day" | "year"]
        | ["what", "is", "today's", "date"]
        | ["what", "is", "the", "time", "and", "date"]
        | ["what", "is", "today"]
        | ["what", "is", "the", "date", "and", "time"]
        | ["the", "time" | "date"]
        | ["how", "late", "is", "it"]
        | ["what", "the", "time" | "date", "is"] => Intent::Now,
        // Only somebody who was told can know what is a person's own.
        ["what" | "who" | "where" | "when" | "which", .., _]
            if plain.iter().any(|word| matches!(*word, "my" | "mine" | "our")) =>
        {
            Intent::Wonder(subject(&words.skip(1)))
        }
        ["my", .., _] if words.written().len() < 40 && !plain.iter().any(|word| is_verb(word)) => {
            Intent::Wonder(subject(words))
        }
        ["about", "my", _, ..] => Intent::Wonder(subject(words)),
        _ => return None,
    })
}

fn fact(words: &Words<'_>, plain: &[&str]) -> Option<Intent> {
    let stated = match plain {
        ["my" | "our", .., _] => plain.iter().any(|word| is_verb(word)),
        ["i", "am" | "live" | "work" | "like" | "love" | "hate" | "prefer" | "have" | "was", _, ..] => true,
        _ => false,
    };
    stated.then(|| Intent::Fact(words.written().to_owned()))
}

fn is_verb(word: &str) -> bool {
    matches!(
        word,
        "is" | "are" | "was" | "were" | "has" | "have" | "lives" | "works" | "likes" | "comes" | "starts"
    )
}

/// What something is about: the words that carry it. With nothing in it where it is about everything.
fn subject(words: &Words<'_>) -> String {
    let mut words = words.clone();
    while let [
        "is" | "are" | "was" | "were" | "do" | "does" | "did" | "have" | "has" | "my" | "mine" | "the" | "a"
        | "an" | "our" | "about" | "that" | "i" | "of" | "when" | "what" | "who" | "where" | "how" | "old"
        | "am",
        ..,
    ] = words.plain().as_slice()
    {
        words = words.skip(1);
    }
    while let [.., _, "is" | "are" | "was" | "were"] = words.plain().as_slice() {
        words = words.leave(1);
    }
    match words.plain().as_slice() {
        ["me" | "us" | "everything" | "anything" | "all"] => String::new(),
        _ => words.written().to_owned(),
    }
}

#[cfg(test)]
mod tests;
