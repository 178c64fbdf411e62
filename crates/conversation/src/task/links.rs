//! From a host to a link: the way there is looked for, the link is begun, and what it reports is passed on.

use std::{any::Any, sync::Arc, time::Duration};

use brain::bridge::{self, Bridge};
use net::Access;
use tokio::sync::{mpsc, watch};

use super::{Conversation, Happening, INPUTS, MIC_FRAMES, OpenLink, SOMEBODY, TO_SAY, Through};
use crate::{
    door::{Behind, Door, Found, NoWay},
    handle::{Event, locked},
    host::{Host, Way},
    link::{self, BridgeNews, ToSay},
    machine::{Input, LinkEvent},
    problem::LinkError,
};

impl Conversation {
    /// Looks for the way to a host, unless the link is stopped before it is found.
    fn find(&mut self, number: u64, door: &Arc<dyn Door>) {
        let (stop, mut stopped) = watch::channel(false);
        let (finding, inputs) = (door.find(), self.inputs.clone());
        let task = tokio::spawn(async move {
            let found = tokio::select! {
                found = finding => found,
                _ = stopped.wait_for(|stop| *stop) => return,
            };
            let _ = inputs.send(Happening::Found(number, found)).await;
        });
        self.keep(number, OpenLink { stop, to_say: None, task });
    }

    pub(super) async fn found(&mut self, number: u64, found: Result<Found, NoWay>) -> Option<Input> {
        let finding = self.links.remove(&number)?;
        if *finding.stop.borrow() {
            return None;
        }
        Some(Input::Link(
            number,
            match found {
                Ok(Found { host, keeps }) => {
                    let shown = host.shown.clone();
                    self.connect(number, host, keeps).await;
                    LinkEvent::Found(shown)
                }
                Err(no_way) => LinkEvent::Ended(LinkError::NoWay(Box::new(no_way))),
            },
        ))
    }

    /// `keeps`: what the way needs for as long as the link lasts.
    pub(super) async fn connect(&mut self, number: u64, host: Host, keeps: Option<Box<dyn Any + Send>>) {
        match host.way {
            Way::Behind(Behind(door)) => self.find(number, &door),
            Way::Moshi { mut url, access } => {
                if self.machine.asks_to_hear() {
                    wire::ask_to_hear(&mut url);
                }
                let (to_say, waiting) = mpsc::channel(TO_SAY);
                let (setup, forward, stop) = self.link(number, waiting);
                let task = tokio::spawn(async move {
                    tokio::join!(link::run(url, access, setup), forward);
                    drop(keeps);
                });
                self.keep(number, OpenLink { stop, to_say: Some(to_say), task });
            }
            Way::Bridge { address, access } => {
                // The bridge decides by itself what it says.
                let (_, nothing) = mpsc::channel(1);
                let (setup, forward, stop) = self.link(number, nothing);
                let (bridge, told) = Bridge::start(self.bridge_setup(address, access, host.handshake_limit));
                self.through =
                    Some(Through { link: number, shown: host.shown, bridge: bridge.clone(), live: false });
                self.tell(Event::Bridge(Box::new(BridgeNews::Calls))).await;
                let (news, mut to_tell) = mpsc::channel(INPUTS);
                let inputs = self.inputs.clone();
                let pass_on = async move {
                    while let Some(news) = to_tell.recv().await {
                        if inputs.send(Happening::Bridge(number, news)).await.is_err() {
                            return;
                        }
                    }
                };
                let task = tokio::spawn(async move {
                    tokio::join!(link::bridge::run(bridge, told, news, setup), forward, pass_on);
                    drop(keeps);
                });
                self.keep(number, OpenLink { stop, to_say: None, task });
            }
        }
    }

    /// What a link works with, what passes on its reports, and what stops it.
    fn link(
        &self,
        number: u64,
        to_say: mpsc::Receiver<ToSay>,
    ) -> (link::Setup, impl Future<Output = ()> + Send + use<>, watch::Sender<bool>) {
        let (to_link, mic) = mpsc::channel(MIC_FRAMES);
        let (stop, stopped) = watch::channel(false);
        let (events, mut reported) = mpsc::channel(INPUTS);
        let (speaker, epoch) = match &*locked(&self.shared.sound) {
            Some(sound) => (sound.speaker(), sound.epoch()),
            None => (None, self.start),
        };
        let figures = Arc::clone(&self.shared.link);
        let setup = link::Setup { mic, speaker, events, to_say, stop: stopped, figures, epoch };
        locked(&self.shared.mic).link = Some(to_link);
        let inputs = self.inputs.clone();
        let forward = async move {
            while let Some(event) = reported.recv().await {
                if inputs.send(Happening::Link(number, event)).await.is_err() {
                    return;
                }
            }
        };
        (setup, forward, stop)
    }

    fn keep(&mut self, number: u64, link: OpenLink) {
        self.links.retain(|_, link| !link.task.is_finished());
        self.links.insert(number, link);
    }

    fn bridge_setup(
        &self,
        address: bridge::BridgeAddress,
        access: Access,
        handshake: Duration,
    ) -> bridge::Setup {
        bridge::Setup {
            address,
            access,
            conversation: self.machine.conversation().id.clone(),
            user: self.thinker.as_ref().map_or_else(|| SOMEBODY.to_owned(), |thinker| thinker.person.clone()),
            voice: bridge::BridgeVoice::default(),
            // Whoever talks hears the answer as well, where the bridge has a voice of its own. What it then does not
            // keep is in the history here.
            speaks_replies: true,
            limits: bridge::Limits { handshake, ..bridge::Limits::default() },
        }
    }
}
