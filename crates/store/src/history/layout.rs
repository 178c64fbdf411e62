//! The tables of the history, and the full-text index over them.

use crate::database::Layout;

pub(crate) const LAYOUT: Layout = Layout {
    migrations: &[&[FIRST], &[SEARCH, INDEXING, UNINDEXING]],
    probes: &[
        "SELECT key, id, started_ms, last_ms, title FROM conversations",
        "SELECT place, speaker, source, text, at_ms, open, delivery, note FROM turns",
        "SELECT rowid FROM turns_text",
        "SELECT rowid FROM titles_text",
    ],
};

/// What the first version made, without the search.
const FIRST: &str = "
    CREATE TABLE conversations (
        id TEXT PRIMARY KEY,
        started_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE turns (
        conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        speaker TEXT NOT NULL,
        source TEXT NOT NULL,
        text TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        open INTEGER NOT NULL,
        PRIMARY KEY (conversation, number)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX conversations_by_start ON conversations (started_ms);
";

/// Turns have one number for their place (see `turn::place`). Only closed turns are in the full-text index, because an
/// open one is written many times a second. The words of a deleted title leave the index at once; for those of turns,
/// which are many, see `deletion`.
const SEARCH: &str = "
    CREATE TABLE kept_conversations (
        key INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        started_ms INTEGER NOT NULL,
        last_ms INTEGER NOT NULL,
        title TEXT
    ) STRICT;
    INSERT INTO kept_conversations (id, started_ms, last_ms)
        SELECT id, started_ms, max(started_ms, coalesce(
            (SELECT max(at_ms) FROM turns WHERE conversation = conversations.id), started_ms))
        FROM conversations ORDER BY started_ms, id;
    CREATE TABLE kept_turns (
        place INTEGER PRIMARY KEY,
        speaker TEXT NOT NULL,
        source TEXT NOT NULL,
        text TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        open INTEGER NOT NULL,
        delivery TEXT,
        note TEXT
    ) STRICT;
    INSERT INTO kept_turns (place, speaker, source, text, at_ms, open)
        SELECT kept_conversations.key << 32 | number, speaker, source, text, at_ms, 0
        FROM turns JOIN kept_conversations ON kept_conversations.id = turns.conversation;
    DROP TABLE turns;
    DROP TABLE conversations;
    ALTER TABLE kept_conversations RENAME TO conversations;
    ALTER TABLE kept_turns RENAME TO turns;
    CREATE INDEX conversations_by_time ON conversations (last_ms);
    CREATE INDEX open_turns ON turns (place) WHERE open;

    CREATE VIEW closed_turns AS SELECT place, text FROM turns WHERE NOT open;
    CREATE VIRTUAL TABLE turns_text USING fts5 (
        text, content = 'closed_turns', content_rowid = 'place',
        tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3'
    );
    INSERT INTO turns_text (turns_text) VALUES ('rebuild');

    CREATE VIEW titles AS SELECT key, title FROM conversations WHERE title IS NOT NULL;
    CREATE VIRTUAL TABLE titles_text USING fts5 (
        title, content = 'titles', content_rowid = 'key',
        tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3'
    );
    INSERT INTO titles_text (titles_text, rank) VALUES ('secure-delete', 1);
";

/// Put into the index what is new.
const INDEXING: &str = "
    CREATE TRIGGER turn_comes AFTER INSERT ON turns WHEN NOT NEW.open BEGIN
        INSERT INTO turns_text (rowid, text) VALUES (NEW.place, NEW.text);
    END;
    CREATE TRIGGER turn_changes AFTER UPDATE OF text, open ON turns
    WHEN NEW.text IS NOT OLD.text OR NEW.open IS NOT OLD.open BEGIN
        INSERT INTO turns_text (turns_text, rowid, text) SELECT 'delete', OLD.place, OLD.text WHERE NOT OLD.open;
        INSERT INTO turns_text (rowid, text) SELECT NEW.place, NEW.text WHERE NOT NEW.open;
    END;
    CREATE TRIGGER title_changes AFTER UPDATE OF title ON conversations BEGIN
        INSERT INTO titles_text (titles_text, rowid, title)
            SELECT 'delete', OLD.key, OLD.title WHERE OLD.title IS NOT NULL;
        INSERT INTO titles_text (rowid, title) SELECT NEW.key, NEW.title WHERE NEW.title IS NOT NULL;
    END;
";

/// Take out of the index what is deleted.
pub(crate) const UNINDEXING: &str = "
    CREATE TRIGGER turn_goes AFTER DELETE ON turns WHEN NOT OLD.open BEGIN
        INSERT INTO turns_text (turns_text, rowid, text) VALUES ('delete', OLD.place, OLD.text);
    END;
    CREATE TRIGGER title_goes AFTER DELETE ON conversations WHEN OLD.title IS NOT NULL BEGIN
        INSERT INTO titles_text (titles_text, rowid, title) VALUES ('delete', OLD.key, OLD.title);
    END;
";
/// The opposite of [`UNINDEXING`].
pub(crate) const NO_UNINDEXING: &str = "DROP TRIGGER turn_goes; DROP TRIGGER title_goes;";
