//! What has happened in MAS, look by look.

use std::{
    collections::{HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;
use wire::Fields;

use super::{Mas, error::MasError, found::Found, missing::Missing};
use crate::{
    What,
    bounded::{ENTRIES, NAME},
};

/// How far behind the last look the next one begins. MAS stamps entries by its own clock, which may differ from ours.
const OVERLAP: Duration = Duration::from_mins(2);
/// Entries that are known.
const SEEN: usize = 2_048;

/// Where MAS tells what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// No stream, though it is called one.
    Events,
    /// What agents did. Newer builds have it.
    Activity,
}

/// All of them.
const ALL: [Source; 2] = [Source::Events, Source::Activity];

impl Source {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Events => "/events/stream",
            Self::Activity => "/agents/activity",
        }
    }

    /// The request for what came after a moment.
    fn target(self, mas: &Mas, since: SystemTime) -> String {
        let since = since.checked_sub(OVERLAP).unwrap_or(UNIX_EPOCH);
        let since = since.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (path, session) = (self.path(), mas.session());
        match self {
            Self::Events => format!("{path}?session_id={session}&since={:.3}", since.as_secs_f64()),
            // It takes whole seconds only and refuses the request otherwise.
            Self::Activity => format!("{path}?limit={ENTRIES}&since={}", since.as_secs()),
        }
    }
}

/// What is known of what has happened.
#[derive(Debug)]
pub struct Feed {
    /// When each source was looked at.
    since: [SystemTime; ALL.len()],
    found: Found,
    /// Hashes of the entries that are known, and their order.
    seen: HashSet<u64>,
    order: VecDeque<u64>,
    missing: Missing,
}

impl Default for Feed {
    fn default() -> Self {
        Self::from_now()
    }
}

impl Feed {
    /// Begins now.
    #[must_use]
    pub fn from_now() -> Self {
        Self {
            since: [SystemTime::now(); ALL.len()],
            found: Found::default(),
            seen: HashSet::new(),
            order: VecDeque::new(),
            missing: Missing::default(),
        }
    }

    /// Entries that were left out, over all looks.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.found.left_out()
    }

    /// Whether a source need not be asked.
    pub(super) fn lacks(&self, source: Source) -> bool {
        self.missing.is(source.path(), Instant::now())
    }

    /// MAS went away, and whatever comes back may be another build.
    pub(super) fn forget_missing(&mut self) {
        self.missing.forget();
    }

    fn read(&mut self, value: &Value, now: Instant) -> Vec<What> {
        let mut told = Vec::new();
        let Some(fields) = Fields::of(value) else { return told };
        self.found.begin_look();
        for list in ["events", "ledger"] {
            for entry in fields.list(list).unwrap_or_default() {
                if self.is_new(list, entry) {
                    self.found.happened(entry, now, &mut told);
                }
            }
        }
        told
    }

    /// Looks overlap, so entries come again. One without an id is known by all that it says.
    fn is_new(&mut self, list: &str, entry: &Value) -> bool {
        let id = Fields::of(entry).and_then(|fields| fields.name(&["id", "event_id"], NAME));
        let mut hasher = DefaultHasher::new();
        (list, id.unwrap_or_else(|| entry.to_string())).hash(&mut hasher);
        let hash = hasher.finish();
        if !self.seen.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > SEEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }
}

impl Mas {
    /// What has happened since the last look: tools, agents, memory and notices, also of others than this conversation.
    /// Asks `/events/stream`, which is no stream, and `/agents/activity`, which only newer builds have.
    ///
    /// # Errors
    /// When MAS cannot be asked, or fails, and nothing was told. What was not looked at is in the next look.
    pub async fn look(&self, feed: &mut Feed) -> Result<Vec<What>, MasError> {
        let (mut told, mut why) = (Vec::new(), None);
        for source in ALL {
            match self.look_into(source, feed).await {
                Ok(more) => told.extend(more),
                Err(error) => why = Some(error),
            }
        }
        // What was told once is not told again, so it is not thrown away.
        why.filter(|_| told.is_empty()).map_or(Ok(told), Err)
    }

    /// The same, of one source. A source that is missing is asked again after a while.
    pub(super) async fn look_into(&self, source: Source, feed: &mut Feed) -> Result<Vec<What>, MasError> {
        if feed.lacks(source) {
            return Ok(Vec::new());
        }
        let (began, since) = (SystemTime::now(), &mut feed.since[source as usize]);
        let told = match self.look_at(&source.target(self, *since), None).await? {
            Some(value) => {
                *since = began;
                feed.read(&value, Instant::now())
            }
            None => {
                feed.missing.note(source.path(), Instant::now());
                Vec::new()
            }
        };
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_is_told_once_and_a_feed_forgets_the_oldest_only() {
        let mut feed = Feed::from_now();
        let look = |ids: &[u64]| {
            let events: Vec<_> = ids.iter().map(|id| json!({ "id": id, "type": "notification" })).collect();
            json!({ "events": events })
        };
        assert_eq!(feed.read(&look(&[1, 2, 1]), Instant::now()).len(), 2);
        assert_eq!(feed.read(&look(&[2, 3]), Instant::now()).len(), 1);
        let same = json!({ "events": [{ "type": "notification", "message": "m" }, 7, null] });
        let told = feed.read(&same, Instant::now()).len();
        assert_eq!((told, feed.read(&same, Instant::now()).len()), (1, 0), "what is no object is not told");
        for id in 10..10 + SEEN as u64 {
            feed.read(&look(&[id]), Instant::now());
        }
        assert_eq!(feed.order.len(), SEEN);
        assert_eq!(feed.seen.len(), SEEN);
        assert_eq!(feed.read(&look(&[1]), Instant::now()).len(), 1, "the oldest is forgotten");
    }
}
