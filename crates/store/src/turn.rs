//! What was said: a turn, and the conversation that it belongs to.

use rusqlite::{
    Row, ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};
use uuid::Uuid;

/// Gives the values of an enum the names under which they are kept and exported.
macro_rules! named {
    ($kind:ident { $($value:ident => $name:literal),+ $(,)? }) => {
        impl $kind {
            /// Its name, in the database and in exports.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$value => $name),+ }
            }
        }

        impl ToSql for $kind {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.name().into())
            }
        }

        impl FromSql for $kind {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                match value.as_str()? {
                    $($name => Ok(Self::$value),)+
                    other => Err(FromSqlError::Other(format!("\"{other}\" is not known").into())),
                }
            }
        }
    };
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The person at this computer.
    Person,
    /// Moshi.
    Moshi,
    /// The agent system behind it.
    Brain,
}

named!(Speaker { Person => "person", Moshi => "moshi", Brain => "brain" });

/// How a turn came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// By keyboard.
    Typed,
    /// From the person's voice.
    Heard,
    /// In Moshi's voice.
    Spoken,
    /// As text from the brain.
    Written,
}

named!(Source { Typed => "typed", Heard => "heard", Spoken => "spoken", Written => "written" });

/// What became of a turn on its way to the brain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It waits to be sent.
    Waiting,
    /// It was sent. Whether it arrived is not known yet.
    Sent,
    /// The brain has answered it.
    Delivered,
    /// It could not be delivered; [`Turn::note`] says why.
    Failed,
}

named!(Delivery { Waiting => "waiting", Sent => "sent", Delivered => "delivered", Failed => "failed" });

/// One turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Its place in the conversation, and its identity there.
    pub number: u64,
    /// Who speaks.
    pub speaker: Speaker,
    /// How it came.
    pub source: Source,
    /// What was said, so far.
    pub text: String,
    /// When it began, in milliseconds since 1970.
    pub at_ms: i64,
    /// Whether it still grows.
    pub open: bool,
    /// What became of it on its way to the brain; none for turns that are not meant for it.
    pub delivery: Option<Delivery>,
    /// Why it could not be delivered; for a turn of the brain's, who wrote it as the brain says.
    pub note: Option<String>,
}

impl Turn {
    /// What [`Self::read`] reads, in its order.
    pub(crate) const COLUMNS: &str = "place, speaker, source, text, at_ms, delivery, note";

    /// Reads a row of the database. Nobody there grows any more.
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: number_of(row.get(0)?),
            speaker: row.get(1)?,
            source: row.get(2)?,
            text: row.get(3)?,
            at_ms: row.get(4)?,
            open: false,
            delivery: row.get(5)?,
            note: row.get(6)?,
        })
    }
}

/// A conversation without its turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its identity.
    pub id: String,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
}

impl Conversation {
    /// A new one that begins at `now_ms`, in milliseconds since 1970. It is kept with its first turn.
    #[must_use]
    pub fn begin(now_ms: i64) -> Self {
        Self { id: Uuid::now_v7().to_string(), started_ms: now_ms }
    }
}

/// Bits of a place that are the turn's number.
const NUMBER_BITS: u32 = 32;

/// Where a turn stands among all turns: by its conversation's key, then by its number. One number instead of two lets
/// the full-text index say which conversation a hit is in, without a look at the turn.
pub(crate) fn place(key: i64, number: u64) -> i64 {
    (key << NUMBER_BITS) | i64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// The first and the last place that turns of a conversation can have.
pub(crate) fn places(key: i64) -> (i64, i64) {
    (place(key, 0), place(key, u64::MAX))
}

/// The key of the conversation that a place is in.
pub(crate) fn key_of(place: i64) -> i64 {
    place >> NUMBER_BITS
}

fn number_of(place: i64) -> u64 {
    place.unsigned_abs() & u64::from(u32::MAX)
}
