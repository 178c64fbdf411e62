//! The local Moshi: the handle to it, and the task behind the handle.

use std::{future::pending, pin::Pin, sync::Arc, time::Instant};

use process::Line;
use tokio::{
    select,
    sync::{broadcast, mpsc, oneshot, watch},
    time::sleep_until,
};

use crate::{
    Chosen, Failure, Scheme, Secret, State, Status, Surroundings,
    lines::Lines,
    machine::{Effect, Input, Machine},
    probe,
    run::{Described, Event, Order, run},
};

/// How many wishes wait.
const WISHES: usize = 16;
/// How many events of a run wait; then the run does.
const EVENTS: usize = 64;

/// Moshi as a process of this computer, of which there is one at a time. It is started again when it crashes. Whoever
/// drops the handle ends it.
#[derive(Debug)]
pub struct LocalMoshi {
    wishes: mpsc::Sender<Wish>,
    status: watch::Receiver<Status>,
    lines: Arc<Lines>,
}

#[derive(Debug)]
enum Wish {
    Start { chosen: Box<Chosen>, token: Option<Secret> },
    Stop { done: oneshot::Sender<()> },
}

impl LocalMoshi {
    /// A local Moshi that is off. Needs a Tokio runtime.
    #[must_use]
    pub fn new(here: Surroundings) -> Self {
        let (wishes, wished) = mpsc::channel(WISHES);
        let lines = Arc::new(Lines::new());
        let off = Status { kind: None, state: State::Off, restarts: 0, moved: None, warnings: Vec::new() };
        let (tell, status) = watch::channel(off);
        let keeper = Keeper {
            here,
            lines: Arc::clone(&lines),
            machine: Machine::new(),
            chosen: None,
            run: None,
            described: None,
            asking: None,
            waiting: Vec::new(),
            tell,
        };
        tokio::spawn(keeper.keep(wished));
        Self { wishes, status, lines }
    }

    /// Starts what was chosen. What runs already is ended first. How it goes is in the status.
    ///
    /// `token`: for models at Hugging Face that are not free to all. It goes to the runtime and nowhere else.
    pub async fn start(&self, chosen: Chosen, token: Option<Secret>) {
        // The task ends only after the handle.
        let _ = self.wishes.send(Wish::Start { chosen: Box::new(chosen), token }).await;
    }

    /// Ends it, with all that it started, and waits for that. Dropping this future takes nothing back.
    pub async fn stop(&self) {
        let (done, over) = oneshot::channel();
        if self.wishes.send(Wish::Stop { done }).await.is_ok() {
            let _ = over.await;
        }
    }

    /// How it is, now and from now on.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// The last 200 lines that it printed, and every one that comes after them. Who follows too slowly is told how many
    /// lines it missed.
    #[must_use]
    pub fn lines(&self) -> (Vec<Line>, broadcast::Receiver<Line>) {
        self.lines.follow()
    }
}

/// What is at a port.
type Asked = Pin<Box<dyn Future<Output = Input> + Send>>;

/// The task behind the handle.
struct Keeper {
    here: Surroundings,
    lines: Arc<Lines>,
    machine: Machine,
    chosen: Option<(Chosen, Option<Secret>)>,
    run: Option<Running>,
    described: Option<Described>,
    asking: Option<Asked>,
    /// Whoever waits until it is off.
    waiting: Vec<oneshot::Sender<()>>,
    tell: watch::Sender<Status>,
}

struct Running {
    events: mpsc::Receiver<Event>,
    /// Dropping it ends the run.
    stop: Option<oneshot::Sender<()>>,
}

impl Keeper {
    async fn keep(mut self, mut wished: mpsc::Receiver<Wish>) {
        let mut wanted = true;
        while wanted || self.run.is_some() {
            let deadline = self.machine.deadline();
            let input = select! {
                wish = wished.recv(), if wanted => match wish {
                    Some(wish) => self.take(wish),
                    None => {
                        wanted = false;
                        Some(Input::Stop)
                    }
                },
                event = next(&mut self.run) => self.learn(event),
                input = answer(&mut self.asking) => {
                    self.asking = None;
                    Some(input)
                }
                () = until(deadline) => Some(Input::Tick),
            };
            if let Some(input) = input
                && let Some(effect) = self.machine.step(input, Instant::now())
            {
                self.act(effect);
            }
            self.publish();
        }
    }

    fn take(&mut self, wish: Wish) -> Option<Input> {
        match wish {
            Wish::Start { chosen, token } => {
                let fixed = chosen.port.fixed;
                self.chosen = Some((*chosen, token));
                Some(Input::Start { fixed })
            }
            Wish::Stop { done } => {
                self.waiting.push(done);
                Some(Input::Stop)
            }
        }
    }

    /// What an event of the run means to the machine. None: the run is gone without a last word, which only the end of the
    /// Tokio runtime does.
    fn learn(&mut self, event: Option<Event>) -> Option<Input> {
        let Some(event) = event else {
            self.run = None;
            return Some(Input::Refused(Failure::new("runtime.ended", "It was ended.", "Start it again.")));
        };
        Some(match event {
            Event::Described(described) => {
                self.described = Some(described);
                return None;
            }
            Event::Pulling(progress) => Input::Pulling(progress),
            Event::Launched { port } => Input::Launched { port },
            Event::Sign(sign) => Input::Sign(sign),
            Event::Known(known) => Input::Known(known),
            Event::Grown(bytes) => Input::Grown(bytes),
            Event::Refused(error) => {
                self.run = None;
                Input::Refused(Failure::from(&error))
            }
            Event::Ended(ended) => {
                self.run = None;
                Input::Ended(ended)
            }
        })
    }

    fn act(&mut self, effect: Effect) {
        self.asking = None;
        match effect {
            Effect::Launch { elsewhere } => {
                let Some((chosen, token)) = self.chosen.clone() else { return };
                self.is_over();
                let lines = Arc::clone(&self.lines);
                let order = Order { chosen, here: self.here.clone(), token, elsewhere, lines };
                let (tell, events) = mpsc::channel(EVENTS);
                let (stop, stopped) = oneshot::channel();
                tokio::spawn(run(order, tell, stopped));
                (self.run, self.described) = (Some(Running { events, stop: Some(stop) }), None);
            }
            Effect::End => {
                if let Some(run) = &mut self.run {
                    run.stop = None;
                }
            }
            Effect::Ask { port } => {
                let described = self.described.as_ref();
                let scheme = described.map_or(Scheme::Ws, |described| described.scheme);
                let path = described.map_or("/", |described| described.path);
                let certificate = described.and_then(|described| described.certificate.clone());
                self.asking = Some(Box::pin(async move {
                    let answer = probe::ask(scheme, port, path, certificate.as_deref()).await;
                    answer.map_or_else(Input::NoMoshi, Input::Moshi)
                }));
            }
        }
    }

    /// What somebody wanted to end has.
    fn is_over(&mut self) {
        for done in self.waiting.drain(..) {
            let _ = done.send(());
        }
    }

    fn publish(&mut self) {
        let state = self.machine.state();
        if state == State::Off {
            self.is_over();
        }
        let described = self.described.as_ref();
        let status = Status {
            kind: self.chosen.as_ref().map(|(chosen, _)| chosen.what.kind()),
            state,
            restarts: self.machine.restarts(),
            moved: described.and_then(|described| described.moved.clone()),
            warnings: described.map(|described| described.warnings.clone()).unwrap_or_default(),
        };
        self.tell.send_if_modified(|told| {
            let changed = *told != status;
            *told = status;
            changed
        });
    }
}

async fn next(run: &mut Option<Running>) -> Option<Event> {
    match run {
        Some(run) => run.events.recv().await,
        None => pending().await,
    }
}

async fn answer(asking: &mut Option<Asked>) -> Input {
    match asking {
        Some(asking) => asking.await,
        None => pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => pending().await,
    }
}
