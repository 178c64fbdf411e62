//! What the person says, as a host is to hear it.

use std::{future::pending, time::Duration};

use audio::{MicFrame, PACKET};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// A microphone that gives nothing for this long is not there, and the host hears silence in its place: a model goes on
/// only while it hears something, so that without a microphone Moshi would fall silent too. It is as much as can wait
/// between a microphone and a link, so that what it gives late does not come on top of the silence.
const NO_MICROPHONE: Duration = Duration::from_secs(1);
/// The duration of a [`MicFrame`].
const FRAME: Duration = Duration::from_millis(20);

/// The microphone, and silence where there is none.
pub(crate) struct Voice {
    mic: mpsc::Receiver<MicFrame>,
    /// The clock of [`MicFrame::captured`].
    epoch: std::time::Instant,
    /// When silence comes if the microphone gives nothing before; none before somebody listens.
    silence_at: Option<Instant>,
}

impl Voice {
    pub(crate) fn new(mic: mpsc::Receiver<MicFrame>, epoch: std::time::Instant) -> Self {
        Self { mic, epoch, silence_at: None }
    }

    /// Somebody listens from now on. What was said before would only make everything late.
    pub(crate) fn begin(&mut self) {
        while self.mic.try_recv().is_ok() {}
        self.silence_at = Some(Instant::now() + NO_MICROPHONE);
    }

    /// The next frame of the microphone, or of silence. Nothing is lost when it is not waited for to the end.
    pub(crate) async fn next(&mut self) -> MicFrame {
        let silence_at = self.silence_at;
        let silence = async {
            match silence_at {
                Some(at) => sleep_until(at).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(frame) = self.mic.recv() => {
                self.silence_at = silence_at.map(|_| Instant::now() + NO_MICROPHONE);
                frame
            }
            () = silence => {
                // At the pace of a microphone, without catching up on what could not be sent in time.
                self.silence_at = silence_at.map(|at| (at + FRAME).max(Instant::now()));
                let since = self.epoch.elapsed();
                MicFrame { pcm: [0.0; PACKET], captured: since, ready: since }
            }
        }
    }

    /// Takes what the microphone gives while nobody listens, so that nothing piles up.
    pub(crate) async fn passed_over(&mut self) {
        while self.mic.recv().await.is_some() {}
        pending::<()>().await;
    }
}
