//! What is asked of MAS beside turns. All of it is optional: a MAS without it works as well. No model is called here.

use std::{
    collections::{HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use net::Response;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Mas, answer, error::MasError, fields::Fields, found::Found};
use crate::{
    What,
    bounded::{DOCUMENT, ENTRIES, ERROR_DOCUMENT, NAME, cut},
};

/// How many emotions are taken, the strongest first.
const EMOTIONS: usize = 20;
/// How far behind the last look the next one begins. MAS stamps entries by its own clock, which may differ from ours.
const OVERLAP: Duration = Duration::from_mins(2);
/// Entries that are known.
const SEEN: usize = 2_048;

/// What became of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// It was done.
    Done,
    /// This MAS does not know such wishes. That is normal for the end of a session.
    Unknown,
}

/// What MAS says of itself. Whatever it does not say is none.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Consciousness {
    /// dormant, awakening, conscious, focused, dreaming or hibernating; or a word that a later MAS has.
    pub state: Option<String>,
    /// Whether it is awake.
    pub is_conscious: Option<bool>,
    /// Since when, in its own words.
    pub awake_since: Option<String>,
    /// Counted since then.
    pub thoughts_processed: Option<u64>,
    /// Counted since then.
    pub memories_recalled: Option<u64>,
    /// Counted since then.
    pub agents_coordinated: Option<u64>,
    /// Counted since then.
    pub world_updates: Option<u64>,
    /// The emotion that leads.
    pub dominant_emotion: Option<String>,
    /// Emotions and how strong they are, 0 to 1, the strongest first.
    pub emotions: Vec<(String, f64)>,
    /// What it calls itself.
    pub name: Option<String>,
}

/// What has happened in MAS, look by look.
#[derive(Debug)]
pub struct Feed {
    since: SystemTime,
    found: Found,
    /// Hashes of the entries that are known, and their order.
    seen: HashSet<u64>,
    order: VecDeque<u64>,
    /// The paths that this MAS does not have.
    missing: Vec<&'static str>,
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
            since: SystemTime::now(),
            found: Found::default(),
            seen: HashSet::new(),
            order: VecDeque::new(),
            missing: Vec::new(),
        }
    }

    /// Entries that were left out, over all looks.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.found.left_out()
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
        let id = Fields::of(entry).and_then(|fields| fields.name(&["id", "event_id"]));
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
    /// Tells MAS that a conversation begins.
    ///
    /// # Errors
    /// When MAS cannot be asked, or fails.
    pub async fn begin_session(&self, conversation: &str, who: &str) -> Result<Wish, MasError> {
        let body = json!({
            "session_id": self.session(), "conversation_id": cut(conversation, NAME), "mode": "personaplex",
            "persona": "myca", "user_id": cut(who, NAME),
        });
        self.wish("/api/voice/session/create", &body).await
    }

    /// Tells MAS that the conversation is over. No known build listens to that.
    ///
    /// # Errors
    /// When MAS cannot be asked, or fails.
    pub async fn end_session(&self) -> Result<Wish, MasError> {
        self.wish(&format!("/api/voice/session/{}/end", self.session()), &json!({})).await
    }

    /// What MAS says of itself; none where it has no such thing.
    ///
    /// # Errors
    /// When MAS cannot be asked, or fails.
    pub async fn consciousness(&self) -> Result<Option<Consciousness>, MasError> {
        let value = self.look_at("/api/myca/status").await?;
        Ok(value.as_ref().and_then(Fields::of).map(|fields| consciousness(&fields)))
    }

    /// What has happened since the last look: tools, agents, memory and notices, also of others than this conversation.
    /// Asks `/events/stream`, which is no stream, and `/agents/activity`, which only newer builds have.
    ///
    /// # Errors
    /// When MAS cannot be asked, or fails. The next look begins where this one began.
    pub async fn look(&self, feed: &mut Feed) -> Result<Vec<What>, MasError> {
        let began = SystemTime::now();
        let since = feed.since.checked_sub(OVERLAP).unwrap_or(UNIX_EPOCH);
        let since = since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let session = self.session();
        let asks = [
            ("/events/stream", format!("/events/stream?session_id={session}&since={since:.3}")),
            ("/agents/activity", format!("/agents/activity?limit={ENTRIES}&since={since:.3}")),
        ];
        let mut told = Vec::new();
        for (path, target) in asks {
            if feed.missing.contains(&path) {
                continue;
            }
            match self.look_at(&target).await? {
                Some(value) => told.extend(feed.read(&value, Instant::now())),
                None => feed.missing.push(path),
            }
        }
        feed.since = began;
        Ok(told)
    }

    async fn wish(&self, path: &str, body: &Value) -> Result<Wish, MasError> {
        let response = self.inner.http.ask(path, Some(body)).await?;
        match response.status() {
            200..=299 => Ok(Wish::Done),
            404 | 405 | 410 | 501 => Ok(Wish::Unknown),
            _ => Err(self.refused(response).await),
        }
    }

    async fn look_at(&self, target: &str) -> Result<Option<Value>, MasError> {
        let mut response = self.inner.http.ask(target, None).await?;
        match response.status() {
            200..=299 => {}
            404 | 405 | 410 | 501 => return Ok(None),
            _ => return Err(self.refused(response).await),
        }
        let document = response.document(DOCUMENT).await?;
        let value = serde_json::from_slice(&document);
        value.map(Some).map_err(|_| MasError::NotMas("what it answers is not JSON".into()))
    }

    async fn refused(&self, mut response: Response) -> MasError {
        let status = response.status();
        match status {
            401 | 403 | 407 => MasError::Unauthorised(status),
            300..=399 => MasError::Redirected(status),
            429 => MasError::Limited(response.retry_after().unwrap_or(self.inner.limits.unsaid_wait)),
            _ => {
                let said = answer::said(&response.beginning(ERROR_DOCUMENT).await);
                MasError::Failed { status, said: said.map(|said| self.inner.http.without_token(said)) }
            }
        }
    }
}

fn consciousness(fields: &Fields<'_>) -> Consciousness {
    let emotional = fields.object("emotional_state");
    let mut emotions: Vec<(String, f64)> = emotional
        .and_then(|state| state.object("emotions"))
        .into_iter()
        .flat_map(|emotions| emotions.iter())
        .filter_map(|(name, strength)| Some((name, strength.as_f64()?)))
        .map(|(name, strength)| (cut(name, NAME), strength.clamp(0.0, 1.0)))
        .collect();
    emotions.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    emotions.truncate(EMOTIONS);
    Consciousness {
        state: fields.text(&["state"], NAME),
        is_conscious: fields.flag("is_conscious"),
        awake_since: fields.text(&["awake_since"], NAME),
        thoughts_processed: fields.count("thoughts_processed"),
        memories_recalled: fields.count("memories_recalled"),
        agents_coordinated: fields.count("agents_coordinated"),
        world_updates: fields.count("world_updates"),
        dominant_emotion: emotional.and_then(|state| state.text(&["dominant_emotion"], NAME)),
        emotions,
        name: fields.object("identity").and_then(|identity| identity.text(&["name"], NAME)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_in_both_cases() {
        let snake = json!({
            "state": "focused", "is_conscious": true, "awake_since": "2026-02-12T08:00:00", "thoughts_processed": 7,
            "memories_recalled": 3, "agents_coordinated": 2, "world_updates": 1,
            "emotional_state": { "dominant_emotion": "joy", "emotions": { "calm": 0.5, "joy": 0.9, "bad": "x", "over": 7 } },
            "identity": { "name": "MYCA" },
        });
        let camel = json!({
            "state": "focused", "isConscious": true, "awakeSince": "2026-02-12T08:00:00", "thoughtsProcessed": 7,
            "memoriesRecalled": 3, "agentsCoordinated": 2, "worldUpdates": 1,
            "emotionalState": { "dominantEmotion": "joy", "emotions": { "calm": 0.5, "joy": 0.9, "bad": "x", "over": 7 } },
            "identity": { "name": "MYCA" },
        });
        let read = |value: &Value| consciousness(&Fields::of(value).unwrap());
        assert_eq!(read(&snake), read(&camel));
        let state = read(&snake);
        assert_eq!(state.state.as_deref(), Some("focused"));
        assert_eq!(state.emotions, [("over".into(), 1.0), ("joy".into(), 0.9), ("calm".into(), 0.5)]);
        assert_eq!((state.thoughts_processed, state.name.as_deref()), (Some(7), Some("MYCA")));
        assert_eq!(read(&json!({ "state": 7, "emotional_state": [] })), Consciousness::default());
    }

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
