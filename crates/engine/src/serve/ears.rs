//! A host that recognises speech and does not talk.

use tokio::sync::mpsc;
use wire::capability;

use super::{About, Event, Session, SessionOptions, Source};
use crate::Error;
use crate::hear::Ears;

/// Tells words, one caller after the other. There are no conversations.
#[derive(Debug)]
pub struct EarsSource {
    ears: Ears,
}

impl EarsSource {
    /// Tells what this recogniser hears.
    #[must_use]
    pub fn new(ears: Ears) -> Self {
        Self { ears }
    }
}

impl Source for EarsSource {
    fn about(&self) -> About {
        About {
            server: "myca host".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            model: None,
            capabilities: vec![capability::HEARS.into()],
        }
    }

    fn talks(&self) -> bool {
        false
    }

    fn ears(&self) -> Option<&Ears> {
        Some(&self.ears)
    }

    fn works(&self) -> bool {
        self.ears.works()
    }

    fn open(&self, _: &SessionOptions, _: mpsc::Sender<Event>) -> Result<Box<dyn Session>, Error> {
        Err(Error::Input { what: "a conversation, and it does not talk".into() })
    }
}
