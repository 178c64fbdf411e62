//! A host without a model: it says what it hears.

use tokio::sync::mpsc;
use wire::capability;

use super::{About, Event, Session, SessionOptions, Source};
use crate::Error;
use crate::codec::FRAME;

/// Says what it hears, frame by frame, as fast as it hears it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Echo;

impl Source for Echo {
    fn about(&self) -> About {
        let capabilities = [capability::ECHO, capability::REFUSES_WHEN_BUSY, capability::UNLIMITED];
        About {
            server: "myca echo".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            model: None,
            capabilities: capabilities.map(Into::into).into(),
        }
    }

    fn open(&self, _: &SessionOptions, events: mpsc::Sender<Event>) -> Result<Box<dyn Session>, Error> {
        Ok(Box::new(EchoSession { _events: events }))
    }
}

#[derive(Debug)]
struct EchoSession {
    /// Never used, but kept: the conversation would be over without it.
    _events: mpsc::Sender<Event>,
}

impl Session for EchoSession {
    fn hear(&mut self, frame: &[f32; FRAME]) -> Option<Event> {
        Some(Event::Sound(frame.to_vec()))
    }
}
