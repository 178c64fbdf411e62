//! What MAS says of itself.

use serde::Serialize;
use wire::Fields;

use super::{Mas, error::MasError};
use crate::bounded::{NAME, cut};

/// How many emotions are taken, the strongest first.
const EMOTIONS: usize = 20;

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

impl Mas {
    /// What MAS says of itself; none where it has no such thing.
    ///
    /// # Errors
    /// When MAS cannot be asked, or fails.
    pub async fn consciousness(&self) -> Result<Option<Consciousness>, MasError> {
        let value = self.look_at("/api/myca/status", None).await?;
        Ok(value.as_ref().and_then(Fields::of).map(|fields| consciousness(&fields)))
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
    use serde_json::{Value, json};

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
}
