//! Servers that listen beside a call, or to dictation.

use tokio::sync::{mpsc, watch};

use super::{Conversation, Happening, INPUTS, MIC_FRAMES, OpenEar};
use crate::{
    ear::{EarServer, server},
    handle::locked,
};

impl Conversation {
    /// Lets a server listen to the microphone from now on, and none before it.
    pub(super) fn open_ear(&mut self, number: u64, server: EarServer) {
        let (to_ear, mic) = mpsc::channel(MIC_FRAMES);
        let (stop, stopped) = watch::channel(false);
        let (events, mut reported) = mpsc::channel(INPUTS);
        let epoch = locked(&self.shared.sound).as_ref().map_or(self.start, audio::Sound::epoch);
        locked(&self.shared.mic).ear = Some(to_ear);
        let inputs = self.inputs.clone();
        let setup = server::Setup { server, mic, events, stop: stopped, epoch };
        tokio::spawn(async move {
            let pass_on = async move {
                while let Some(event) = reported.recv().await {
                    if inputs.send(Happening::Ear(number, event)).await.is_err() {
                        return;
                    }
                }
            };
            tokio::join!(server::run(setup), pass_on);
        });
        self.ear = Some(OpenEar { number, stop });
    }

    pub(super) fn close_ear(&mut self, number: u64) {
        if let Some(ear) = self.ear.take_if(|ear| ear.number == number) {
            locked(&self.shared.mic).ear = None;
            let _ = ear.stop.send(true);
        }
    }
}
