//! The link through a PersonaPlex Bridge: the same sound and the same reports as over a link to Moshi, and beside them
//! what happens in the agent system behind it.
//!
//! Each link has a [`Bridge`] of its own. It would connect again by itself, and is closed at its first loss instead: so
//! the conversation's machine decides about the next try, shows when it comes and gives up in the end, as with every other
//! host, and there are no two clocks for one thing. A new connection is a new session to a bridge either way.
//!
//! A bridge gives no sign of Moshi's own liveness: some builds keep the microphone from it, so that it says nothing. Only
//! the bridge itself is watched.

mod speech;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use audio::{MicFrame, Speaker};
use brain::{
    What,
    bridge::{AudioForm, Bridge, BridgeEvent, BridgeEvents, NotSent, Who},
};
use ogg_opus::{EncoderSettings, StreamReader, StreamWriter};
use tokio::{
    sync::mpsc,
    task::yield_now,
    time::{Instant as TokioInstant, sleep_until},
};
use wire::HostMetadata;

use self::speech::{Due, Speech};
use super::{
    DECODED_AT_ONCE, EVERYTHING, MESSAGE, Setup, TEXT, allowance::Allowance, figures::Measure, stopped,
    voice::Voice,
};
use crate::{
    machine::LinkEvent,
    problem::{LinkError, Problem},
};

/// What a bridge calls itself, which is no more than its kind: all builds have the same version.
const SERVER: &str = "PersonaPlex Bridge";

/// What a bridge tells beside the call.
#[derive(Debug, Clone, PartialEq)]
pub enum BridgeNews {
    /// It is being reached.
    Calls,
    /// It is there.
    Reached,
    /// It has answered a ping, and took so long.
    RoundTrip(Duration),
    /// The connection is over by itself.
    Ended {
        /// Whether the bridge is there all the same, and only its Moshi is not.
        there: bool,
        /// Why.
        problem: Problem,
    },
    /// What is typed is answered through it from now on, or no longer.
    Answers(bool),
    /// Something happened in the agent system that belongs to no turn of ours.
    Told(What),
    /// The agent system's reply to something that was not typed here, or its beginning.
    Replied(String),
    /// What the bridge understood of what the person said.
    Heard(String),
    /// The bridge begins to speak in a voice of its own, and what it says waits to be heard.
    Speaks,
    /// That was heard whole.
    Spoke,
    /// So many things that it told were too many and left out.
    LeftOut(u64),
}

/// Runs a link to its end. The last event is [`LinkEvent::Ended`], unless the link was stopped.
pub(crate) async fn run(bridge: Bridge, told: BridgeEvents, news: mpsc::Sender<BridgeNews>, setup: Setup) {
    let Setup { mic, speaker, events, mut stop, figures, epoch, .. } = setup;
    let now = Instant::now();
    let link = Speech::new(now).map(|speech| Link {
        bridge: bridge.clone(),
        told,
        voice: Voice::new(mic, epoch),
        speaker,
        events: events.clone(),
        news,
        call: None,
        speech,
        measure: Measure::new(epoch, Arc::clone(&figures)),
        text_allowance: Allowance::new(TEXT, now),
        allowance: Allowance::new(EVERYTHING, now),
        pcm: Vec::new(),
    });
    let end = match link {
        Ok(mut link) => tokio::select! {
            biased;
            // Also while somebody waits to be told.
            () = stopped(&mut stop) => None,
            error = link.serve() => Some(error),
        },
        Err(error) => Some(codec(&error)),
    };
    // So that it frees its Moshi.
    bridge.close().await;
    if let Some(error) = end {
        let _ = events.send(LinkEvent::Ended(error)).await;
    }
}

fn codec(error: &ogg_opus::Error) -> LinkError {
    LinkError::Protocol(error.to_string())
}

/// There since Moshi's handshake.
struct Call {
    number: u64,
    writer: StreamWriter,
    reader: StreamReader,
}

struct Link {
    bridge: Bridge,
    told: BridgeEvents,
    voice: Voice,
    speaker: Option<Speaker>,
    events: mpsc::Sender<LinkEvent>,
    news: mpsc::Sender<BridgeNews>,
    call: Option<Call>,
    speech: Speech,
    measure: Measure,
    text_allowance: Allowance,
    allowance: Allowance,
    pcm: Vec<f32>,
}

impl Link {
    /// Serves the link until it ends by itself.
    async fn serve(&mut self) -> LinkError {
        loop {
            let due = self.speech.due();
            let step = tokio::select! {
                biased;
                event = self.told.next() => match event {
                    Some(event) => self.event(event).await,
                    None => Err(LinkError::Closed(None)),
                },
                () = at(due) => self.speak().await,
                frame = self.voice.next() => {
                    self.send(&frame);
                    Ok(())
                }
            };
            if let Err(error) = step {
                return error;
            }
        }
    }

    async fn event(&mut self, event: BridgeEvent) -> Result<(), LinkError> {
        match event {
            BridgeEvent::Opened { .. } => {
                let metadata = HostMetadata { server: Some(SERVER.to_owned()), ..HostMetadata::default() };
                self.news(BridgeNews::Reached).await?;
                self.tell(LinkEvent::Connected).await?;
                self.tell(LinkEvent::Metadata(Box::new(metadata))).await
            }
            BridgeEvent::MoshiReady { call, .. } => self.begin(call).await,
            BridgeEvent::Words { who, text } => self.words(who, text).await,
            BridgeEvent::Audio { form, bytes } => {
                if !self.allowance.take(bytes.len() + MESSAGE, Instant::now()) {
                    return Err(LinkError::Protocol("far more than a conversation".into()));
                }
                match form {
                    AudioForm::OggPages => {
                        self.hear(&bytes).await;
                        Ok(())
                    }
                    AudioForm::OpusPacket => self.spoken(&bytes).await,
                }
            }
            BridgeEvent::Speech { .. } => {
                self.speech.starts();
                Ok(())
            }
            BridgeEvent::Injection { text } => self.news(BridgeNews::Replied(text)).await,
            BridgeEvent::Told(what) => self.news(BridgeNews::Told(what)).await,
            BridgeEvent::RoundTrip(after) => {
                self.measure.round_trip(after);
                self.news(BridgeNews::RoundTrip(after)).await
            }
            BridgeEvent::LeftOut(count) => self.news(BridgeNews::LeftOut(count)).await,
            BridgeEvent::Lost { error, failure, .. } => Err(LinkError::Bridge(error, Box::new(failure))),
            // Most builds believe in interruptions that are none. The rest changes nothing here.
            BridgeEvent::BargeIn
            | BridgeEvent::Capable(_)
            | BridgeEvent::Ready { .. }
            | BridgeEvent::History { .. }
            | BridgeEvent::Hears(_) => Ok(()),
        }
    }

    async fn tell(&mut self, event: LinkEvent) -> Result<(), LinkError> {
        // Nobody listens any more: the conversation is over.
        self.events.send(event).await.map_err(|_| LinkError::Closed(None))
    }

    async fn news(&mut self, news: BridgeNews) -> Result<(), LinkError> {
        self.news.send(news).await.map_err(|_| LinkError::Closed(None))
    }

    /// Moshi listens: from here on there is sound in both directions.
    async fn begin(&mut self, number: u64) -> Result<(), LinkError> {
        self.call = Some(Call {
            number,
            writer: StreamWriter::new(&EncoderSettings::default()).map_err(|error| codec(&error))?,
            reader: StreamReader::new().map_err(|error| codec(&error))?,
        });
        self.voice.begin();
        self.measure.began();
        self.tell(LinkEvent::Handshake).await
    }

    async fn words(&mut self, who: Who, text: String) -> Result<(), LinkError> {
        if !self.text_allowance.take(text.len(), Instant::now()) {
            return Err(LinkError::Protocol("text without end".into()));
        }
        match who {
            Who::Moshi => self.tell(LinkEvent::Text(text)).await,
            // A bridge that does without Moshi speaks in its place, a sentence at a time.
            Who::Mas if self.bridge.capabilities().does_without_moshi => {
                self.tell(LinkEvent::Text(format!("{} ", text.trim()))).await
            }
            // The reply that they are part of is told as one.
            Who::Mas => Ok(()),
            Who::Person => self.news(BridgeNews::Heard(text)).await,
        }
    }

    async fn hear(&mut self, bytes: &[u8]) {
        for (i, piece) in bytes.chunks(DECODED_AT_ONCE).enumerate() {
            if i > 0 {
                yield_now().await;
            }
            let Some(call) = &mut self.call else { return };
            self.pcm.clear();
            call.reader.push(piece, &mut self.pcm);
            self.measure.heard(self.pcm.len(), call.reader.stats());
            if !self.pcm.is_empty() {
                self.speech.mix(&mut self.pcm, Instant::now());
                self.play(self.pcm.clone());
            }
        }
    }

    /// A packet of what the bridge says itself.
    async fn spoken(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        let pushed = self.speech.push(bytes);
        if pushed.samples == 0 {
            self.measure.odd_frame();
        }
        self.measure.heard_beside(pushed.samples);
        self.measure.unplayed(pushed.lost);
        if pushed.begins { self.news(BridgeNews::Speaks).await } else { Ok(()) }
    }

    async fn speak(&mut self) -> Result<(), LinkError> {
        match self.speech.take(Instant::now()) {
            Due::Play(pcm) => {
                self.play(pcm);
                Ok(())
            }
            Due::Over => self.news(BridgeNews::Spoke).await,
        }
    }

    fn play(&mut self, pcm: Vec<f32>) {
        let samples = pcm.len();
        if let Some(speaker) = &self.speaker
            && !speaker.play(pcm)
        {
            self.measure.unplayed(samples);
        }
    }

    /// Hands a frame to the bridge's connection, which waits for the network.
    fn send(&mut self, frame: &MicFrame) {
        let Some(call) = &mut self.call else { return };
        let page = match call.writer.push(&frame.pcm) {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(%error, "20 ms of the microphone could not be encoded");
                return;
            }
        };
        let bytes = page.len();
        match self.bridge.send_audio(call.number, page) {
            Ok(()) => self.measure.sent(frame, bytes),
            Err(NotSent::Full) => self.measure.unsent(),
            // The end of the call is on its way.
            Err(NotSent::NoCall) => {}
        }
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(TokioInstant::from_std(moment)).await,
        None => std::future::pending().await,
    }
}
