//! How the memory of MAS is.

use std::time::{Duration, Instant};

use serde::Serialize;
use wire::Fields;

use super::{Mas, error::MasError};
use crate::bounded::NAME;

/// How the memory of MAS is, in its own words. Whatever it does not say is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MemoryHealth {
    /// healthy or degraded; or a word that a later MAS has.
    pub status: Option<String>,
    /// What it says of its quick store: connected or disconnected.
    pub redis: Option<String>,
    /// Entries in the log of what was done with it.
    pub audit_entries: Option<u64>,
}

impl Mas {
    /// How its memory is and after how long it said so; none where it has no such thing.
    ///
    /// # Errors
    /// When MAS cannot be asked, or fails.
    pub async fn memory_health(&self) -> Result<Option<(MemoryHealth, Duration)>, MasError> {
        let asked = Instant::now();
        let value = self.look_at("/api/memory/health", None).await?;
        let after = asked.elapsed();
        Ok(value.as_ref().and_then(Fields::of).map(|fields| (read(&fields), after)))
    }
}

fn read(fields: &Fields<'_>) -> MemoryHealth {
    MemoryHealth {
        status: fields.text(&["status"], NAME),
        redis: fields.text(&["redis"], NAME),
        audit_entries: fields.count("audit_entries"),
    }
}
