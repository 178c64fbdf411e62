use std::fs;

use super::*;
use crate::{Conversation, Delivery, History, Source, Speaker, set_aside::beside};

struct Kept {
    _folder: tempfile::TempDir,
    path: PathBuf,
    history: History,
    archive: Archive,
}

fn kept() -> Kept {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/history.sqlite3");
    let (history, _) = History::open(&path).unwrap();
    let archive = Archive::at(&path);
    Kept { _folder: folder, path, history, archive }
}

fn turn(number: u64, speaker: Speaker, text: &str) -> Turn {
    Turn {
        number,
        speaker,
        source: if speaker == Speaker::Moshi { Source::Spoken } else { Source::Typed },
        text: text.into(),
        at_ms: 1_000 + i64::try_from(number).unwrap(),
        open: false,
        delivery: None,
        note: None,
    }
}

impl Kept {
    /// Keeps a conversation of turns that Moshi and the person speak in turn, and begins at `at` seconds.
    fn conversation(&mut self, id: &str, at: i64, texts: &[&str]) {
        let conversation = Conversation { id: id.into(), started_ms: at * 1_000 };
        let turns: Vec<Turn> = (0..)
            .zip(texts)
            .map(|(number, text)| {
                let speaker = if number % 2 == 0 { Speaker::Moshi } else { Speaker::Person };
                let at_ms = at * 1_000 + i64::try_from(number).unwrap();
                Turn { at_ms, ..turn(number, speaker, text) }
            })
            .collect();
        self.history.put(&conversation, &turns).unwrap();
    }

    fn ids(&self, query: &str) -> Vec<String> {
        let page = self.archive.find(query, 0, 50).unwrap();
        assert_eq!(page.total, page.conversations.len() as u64);
        page.conversations.into_iter().map(|summary| summary.id).collect()
    }

    /// Whether any file of the database has a word in it, also without its first letter: an index may keep that apart.
    fn has_trace_of(&self, word: &str) -> bool {
        [self.path.clone(), beside(&self.path, "-wal")].iter().any(|file| {
            let bytes = fs::read(file).unwrap();
            bytes.windows(word.len() - 1).any(|part| part.eq_ignore_ascii_case(&word.as_bytes()[1..]))
        })
    }
}

fn snippet(summary: &Summary) -> String {
    summary
        .snippet
        .iter()
        .map(|piece| if piece.hit { format!("[{}]", piece.text) } else { piece.text.clone() })
        .collect()
}

#[test]
fn conversations_are_listed_by_when_something_was_last_said() {
    let mut kept = kept();
    assert_eq!(kept.archive.find("", 0, 9).unwrap(), Page::default());
    kept.conversation("a", 10, &["Hello, I am Moshi.", "What is\nthe weather like?"]);
    kept.conversation("b", 20, &["Good morning."]);
    kept.conversation("c", 30, &[" ", ""]);
    assert_eq!(kept.ids(""), ["c", "b", "a"]);
    let first = Conversation { id: "a".into(), started_ms: 10_000 };
    kept.history.put(&first, &[Turn { at_ms: 40_000, ..turn(2, Speaker::Moshi, "Sunny.") }]).unwrap();
    let page = kept.archive.find("", 0, 2).unwrap();
    assert_eq!(page.total, 3);
    assert_eq!(
        page.conversations[0],
        Summary {
            id: "a".into(),
            title: "What is the weather like?".into(),
            named: false,
            started_ms: 10_000,
            last_ms: 40_000,
            turns: 3,
            snippet: Vec::new(),
        }
    );
    let titles: Vec<String> =
        kept.archive.find("", 1, 9).unwrap().conversations.into_iter().map(|summary| summary.title).collect();
    assert_eq!(titles, ["", "Good morning."], "whoever speaks, if the person does not");
}

#[test]
fn words_are_found_where_they_were_said() {
    let mut kept = kept();
    kept.conversation("weather", 10, &["Hello.", "Will it rain in Kraków tomorrow?", "It may rain."]);
    kept.conversation(
        "cats",
        20,
        &["Hello.", "My cat Miso hates the rain, and so do all the other cats of this town, I think."],
    );
    assert_eq!(kept.ids("krakow RAIN"), ["weather"]);
    assert_eq!(kept.ids("mis"), ["cats"]);
    assert_eq!(kept.ids("rain").len(), 2);
    assert_eq!(kept.ids("hello miso"), Vec::<String>::new(), "not in one turn");
    assert_eq!(kept.ids("dog"), Vec::<String>::new());
    for syntax in ["\"", "(", "rain AND", "NOT", "text:rain", "^", "*"] {
        kept.archive.find(syntax, 0, 9).unwrap();
        kept.archive.find_turns(syntax, 9).unwrap();
    }
    let page = kept.archive.find("miso", 0, 9).unwrap();
    let found = &page.conversations[0];
    assert!(snippet(found).starts_with("My cat [Miso] hates the rain, and so do"), "{}", snippet(found));
    assert!(snippet(found).ends_with('…'), "{}", snippet(found));
}

#[test]
fn pages_go_on_where_the_last_one_ended() {
    let mut kept = kept();
    for n in 0..25 {
        kept.conversation(&format!("{n:02}"), n, &["A word about tea.", "And one about coffee."]);
    }
    let mut all = Vec::new();
    for offset in [0, 10, 20, 30] {
        let page = kept.archive.find("tea", offset, 10).unwrap();
        assert_eq!(page.total, 25);
        all.extend(page.conversations.into_iter().map(|summary| summary.id));
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 25);
}

#[test]
fn a_turn_is_found_when_it_is_complete_and_by_its_last_words_only() {
    let mut kept = kept();
    let conversation = Conversation::begin(0);
    for text in ["The wea", "The weather", "The weather is nice"] {
        kept.history.put(&conversation, &[Turn { open: true, ..turn(0, Speaker::Moshi, text) }]).unwrap();
        assert_eq!(kept.ids("weather").len(), 0);
    }
    kept.history.put(&conversation, &[turn(0, Speaker::Moshi, "The weather is nice")]).unwrap();
    assert_eq!(kept.ids("nice weather").len(), 1);
    kept.history.put(&conversation, &[turn(0, Speaker::Moshi, "The wind is nice")]).unwrap();
    assert_eq!((kept.ids("weather").len(), kept.ids("wind").len()), (0, 1));
    // One that grew when the program was killed.
    kept.history.put(&conversation, &[Turn { open: true, ..turn(1, Speaker::Moshi, "Unfinished") }]).unwrap();
    assert_eq!(kept.ids("unfinished").len(), 0);
    let (_history, _) = History::open(&kept.path).unwrap();
    assert_eq!(kept.ids("unfinished").len(), 1);
}

#[test]
fn a_title_is_found_shown_and_taken_back() {
    let mut kept = kept();
    kept.conversation("a", 10, &["Hello.", "Tell me about mushrooms."]);
    kept.conversation("b", 20, &["Hello.", "And about mushrooms in autumn."]);
    kept.archive.rename("a", "  A walk\nin the autumn \u{7}wood ").unwrap();
    let page = kept.archive.find("autumn", 0, 9).unwrap();
    assert_eq!(page.conversations.iter().map(|found| found.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(
        (page.conversations[0].title.as_str(), page.conversations[0].named),
        ("A walk in the autumn wood", true)
    );
    assert_eq!(page.conversations[0].snippet, []);
    kept.archive.rename("a", "Something else").unwrap();
    assert_eq!(kept.ids("autumn"), ["b"]);
    kept.archive.rename("a", " ").unwrap();
    let (summary, _) = kept.archive.conversation("a").unwrap().unwrap();
    assert_eq!((summary.title.as_str(), summary.named), ("Tell me about mushrooms.", false));
    assert_eq!(kept.ids("something"), Vec::<String>::new());
    assert!(matches!(kept.archive.rename("nothing", "x"), Err(ArchiveError::NotThere)));
}

#[test]
fn turns_are_found_with_their_conversation() {
    let mut kept = kept();
    kept.conversation("a", 10, &["Hello.", "My sister lives in Lyon.", "Nice."]);
    kept.conversation("b", 20, &["Hello.", "What time is it?"]);
    let found = kept.archive.find_turns("sister", 5).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].conversation.as_str(), found[0].title.as_str()), ("a", "My sister lives in Lyon."));
    assert_eq!((found[0].turn.number, found[0].turn.speaker), (1, Speaker::Person));
    let any = kept.archive.find_turns("where does my sister live", 5).unwrap();
    assert_eq!(any[0].turn.text, "My sister lives in Lyon.", "some of the words are better than nothing");
    let latest = kept.archive.find_turns("", 2).unwrap();
    assert_eq!(
        latest.iter().map(|found| found.turn.text.as_str()).collect::<Vec<_>>(),
        ["What time is it?", "Hello."]
    );
    assert_eq!(kept.archive.find_turns("bicycle", 5).unwrap(), []);
}

#[test]
fn a_conversation_comes_back_whole() {
    let mut kept = kept();
    let conversation = Conversation { id: "a".into(), started_ms: 5 };
    let turns = [
        turn(0, Speaker::Moshi, "Hello."),
        Turn {
            delivery: Some(Delivery::Failed),
            note: Some("MAS is away".into()),
            ..turn(3, Speaker::Person, "Hi")
        },
        Turn { source: Source::Written, note: Some("gemini".into()), ..turn(4, Speaker::Brain, "Hi there") },
    ];
    kept.history.put(&conversation, &turns).unwrap();
    kept.conversation("b", 20, &["Something else."]);
    let (summary, back) = kept.archive.conversation("a").unwrap().unwrap();
    assert_eq!(back, turns);
    assert_eq!((summary.turns, summary.started_ms, summary.last_ms), (3, 5, 1_004));
    assert_eq!(kept.archive.conversation("nothing").unwrap(), None);
}

#[test]
fn what_is_deleted_leaves_no_trace_in_the_files() {
    let mut kept = kept();
    for n in 0..30 {
        kept.conversation(&format!("{n}"), n, &["Hello, how are you?", "Fine, and what about yourself?"]);
    }
    kept.conversation("secret", 40, &["Hello.", "The word is xylophonist.", "A xylophonist, I see."]);
    kept.archive.rename("secret", "About a zwieback").unwrap();
    assert!(kept.has_trace_of("xylophonist") && kept.has_trace_of("zwieback"));
    kept.archive.delete("secret").unwrap();
    assert!(!kept.has_trace_of("xylophonist"), "what was said");
    assert!(!kept.has_trace_of("zwieback"), "what it was called");
    assert_eq!((kept.ids("xylophonist").len(), kept.ids("zwieback").len(), kept.ids("").len()), (0, 0, 30));
    assert!(matches!(kept.archive.delete("secret"), Err(ArchiveError::NotThere)));
}

#[test]
fn everything_can_be_deleted_and_the_conversation_goes_on() {
    let mut kept = kept();
    let long: Vec<String> = (0..700).map(|n| format!("Turn {n} about a xylophonist")).collect();
    kept.conversation("long", 1, &long.iter().map(String::as_str).collect::<Vec<_>>());
    kept.conversation("other", 2, &["Hello."]);
    kept.archive.rename("long", "zwieback").unwrap();
    kept.archive.delete_all().unwrap();
    assert_eq!(kept.archive.find("", 0, 9).unwrap(), Page::default());
    assert!(!kept.has_trace_of("xylophonist") && !kept.has_trace_of("zwieback"));
    kept.conversation("new", 3, &["A new beginning."]);
    assert_eq!(kept.ids("beginning"), ["new"]);
    kept.archive.delete("new").unwrap();
    assert_eq!(kept.ids("beginning"), Vec::<String>::new(), "the index is still kept in step");
}

#[test]
fn a_long_conversation_is_deleted_to_its_last_turn() {
    let mut kept = kept();
    let long: Vec<String> = (0..700).map(|n| format!("turn {n}")).collect();
    kept.conversation("long", 1, &long.iter().map(String::as_str).collect::<Vec<_>>());
    kept.conversation("other", 2, &["turn of another"]);
    kept.archive.delete("long").unwrap();
    assert_eq!(kept.ids("turn"), ["other"]);
    assert_eq!(kept.ids(""), ["other"]);
}

#[test]
fn a_database_of_the_first_version_is_taken_over_with_all_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite3");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE conversations (id TEXT PRIMARY KEY, started_ms INTEGER NOT NULL) STRICT;
         CREATE TABLE turns (
             conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
             number INTEGER NOT NULL, speaker TEXT NOT NULL, source TEXT NOT NULL, text TEXT NOT NULL,
             at_ms INTEGER NOT NULL, open INTEGER NOT NULL, PRIMARY KEY (conversation, number)
         ) STRICT, WITHOUT ROWID;
         CREATE INDEX conversations_by_start ON conversations (started_ms);
         INSERT INTO conversations VALUES ('later', 2000), ('earlier', 1000), ('empty', 3000);
         INSERT INTO turns VALUES
             ('earlier', 0, 'moshi', 'spoken', 'Hello there', 1100, 0),
             ('earlier', 7, 'person', 'typed', 'Good evening', 1200, 0),
             ('later', 0, 'moshi', 'spoken', 'An unfinished sen', 2100, 1);
         PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(old);
    // Whoever comes first takes it over.
    let archive = Archive::at(&path);
    let (summary, turns) = archive.conversation("earlier").unwrap().unwrap();
    assert_eq!((summary.title.as_str(), summary.started_ms, summary.last_ms), ("Good evening", 1_000, 1_200));
    assert_eq!(
        turns.iter().map(|turn| (turn.number, turn.text.as_str())).collect::<Vec<_>>(),
        [(0, "Hello there"), (7, "Good evening")]
    );
    assert_eq!(
        (turns[1].speaker, turns[1].source, turns[1].delivery),
        (Speaker::Person, Source::Typed, None)
    );
    assert_eq!(archive.find("evening", 0, 9).unwrap().total, 1);
    assert_eq!(archive.find("unfinished", 0, 9).unwrap().total, 1);
    let (history, aside) = History::open(&path).unwrap();
    assert_eq!(aside, None);
    assert_eq!(history.latest().unwrap().unwrap().id, "empty");
    assert_eq!(history.turns("later", 9).unwrap()[0].text, "An unfinished sen");
}

#[test]
fn a_broken_database_is_said_and_left_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite3");
    fs::write(&path, [7; 9_000]).unwrap();
    let error = Archive::at(&path).find("", 0, 9).unwrap_err();
    assert!(matches!(&error, ArchiveError::Database(error) if error.is_broken()), "{error}");
    assert_eq!(fs::read(&path).unwrap(), [7; 9_000]);
}

#[test]
fn one_looks_while_another_writes() {
    let mut kept = kept();
    let archive = kept.archive.clone();
    let looking = std::thread::spawn(move || {
        while archive.find("last", 0, 1).unwrap().total == 0 {
            archive.find("turn", 0, 9).unwrap();
        }
    });
    for n in 0..100 {
        kept.conversation(&format!("{n}"), n, &["one turn", "another turn"]);
    }
    kept.conversation("last", 200, &["the last one"]);
    looking.join().unwrap();
}
