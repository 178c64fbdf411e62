//! The test of a host.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use net::{Fingerprint, Token};
use serde::{Serialize, Serializer};
use store::{HostPlace, HostProfile, Measured};
use tokio::sync::watch;

use crate::{
    Answer, FrameTime, Kind, Observations, Obstacle, Opened, PaceSource, Server, Step, StepReport, Verdict,
    Ways,
    answer::{ask_bridge, ask_moshi},
    call::Call,
    judge, open,
    steps::{Steps, ms},
    target::Target,
};

/// How long a tunnel may take.
const TUNNEL: Duration = Duration::from_secs(20);
/// How long a host may take to answer what it is.
const ASK: Duration = Duration::from_secs(10);
/// How long a host may take to begin. PersonaPlex reads its prompts first; one that somebody else holds never begins.
const HANDSHAKE: Duration = Duration::from_secs(30);

/// A test of a host, when it is over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HostCheck {
    /// When it began, in milliseconds since 1970.
    pub at_ms: i64,
    /// Its steps, in their order.
    pub steps: Vec<StepReport>,
    /// What it ended with.
    pub verdict: Verdict,
    /// The end in a sentence, with its figures.
    pub found: String,
    /// What stands in the way: code, and what to do.
    #[serde(serialize_with = "code")]
    pub obstacle: Option<Obstacle>,
    /// A certificate that nobody here trusts yet, to be compared and accepted.
    #[serde(serialize_with = "text")]
    pub offered: Option<Fingerprint>,
    /// What the server says that it is.
    pub server: Option<String>,
    /// How long it works on a frame.
    pub frame: Option<FrameTime>,
}

impl HostCheck {
    /// What is kept of it.
    #[must_use]
    pub fn measured(&self) -> Measured {
        let took = |step| self.steps.iter().find(|report| report.step == step)?.ms;
        Measured {
            at_ms: self.at_ms,
            verdict: self.verdict.code().to_owned(),
            reach_ms: took(Step::Reach),
            handshake_ms: took(Step::Handshake),
            round_trip_ms: took(Step::RoundTrip),
            frame_ms: self.frame.map(|frame| frame.ms),
            server: self.server.clone(),
        }
    }
}

/// Tests a host: whether it is reached, is what it should be, takes a call, and keeps up with speech. `token`: what is kept
/// for it. The steps are told as they go on. A host that says that somebody holds it is not called; one that does not say
/// so is, and PersonaPlex may then lose what it was told about the other conversation's persona.
///
/// Dropping the future ends the test, with a goodbye to the host.
pub async fn check(
    profile: &HostProfile,
    token: Option<Token>,
    ways: &Ways,
    steps: &watch::Sender<Vec<StepReport>>,
) -> HostCheck {
    let at_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let (tunnel, bridge) =
        (matches!(profile.place, HostPlace::Ssh { .. }), matches!(profile.place, HostPlace::Bridge { .. }));
    let all = [
        (Step::Tunnel, tunnel),
        (Step::Reach, true),
        (Step::Encryption, true),
        (Step::Ask, true),
        (Step::Handshake, !bridge),
        (Step::RoundTrip, true),
        (Step::FrameTime, !bridge),
    ];
    let wanted: Vec<Step> = all.into_iter().filter_map(|(step, wanted)| wanted.then_some(step)).collect();
    let mut test = Test {
        steps: Steps::new(&wanted, steps),
        seen: Observations { bridge, ..Observations::default() },
        server: None,
        shown: profile.name.clone(),
    };
    if let Err(obstacle) = test.run(profile, token, ways).await {
        test.steps.fail(&obstacle.what(&test.shown));
        test.seen.obstacle = Some(obstacle);
    }
    let (verdict, found) = judge(&test.seen, &test.shown);
    let Observations { obstacle, frame, .. } = test.seen;
    HostCheck {
        at_ms: i64::try_from(at_ms).unwrap_or_default(),
        steps: test.steps.finish(),
        verdict,
        found,
        offered: obstacle.as_ref().and_then(Obstacle::offered),
        obstacle,
        server: test.server,
        frame,
    }
}

struct Test<'a> {
    steps: Steps<'a>,
    seen: Observations,
    server: Option<String>,
    /// The address, as it is shown.
    shown: String,
}

impl Test<'_> {
    async fn run(
        &mut self,
        profile: &HostProfile,
        token: Option<Token>,
        ways: &Ways,
    ) -> Result<(), Obstacle> {
        let begin = Instant::now();
        self.steps.begin(Step::Tunnel);
        // The tunnel stays open until the end.
        let opened = open(profile, token, ways, TUNNEL).await?;
        self.shown.clone_from(&opened.shown);
        self.steps.done(Step::Tunnel, begin.elapsed(), "ssh has opened it.");
        let Opened { kind, address, access, .. } = &opened;
        let target = match kind {
            Kind::Moshi => Target::moshi(address, access)?,
            Kind::Bridge => Target::bridge(address, access)?,
        };
        if opened.keeps.is_none() {
            target.shown().clone_into(&mut self.shown);
        }
        self.reach(&target).await?;
        match kind {
            Kind::Moshi => self.moshi(&target).await,
            Kind::Bridge => self.bridge(&target).await,
        }
    }

    async fn reach(&mut self, target: &Target) -> Result<(), Obstacle> {
        self.steps.begin(Step::Reach);
        let begin = Instant::now();
        let reached = target.client.reach().await?;
        self.steps.done(Step::Reach, begin.elapsed(), "It takes connections.");
        if !target.client.origin().is_secure() {
            self.steps.skip(Step::Encryption, "It is not encrypted by itself.");
            return Ok(());
        }
        self.steps.begin(Step::Encryption);
        let begin = Instant::now();
        reached.secure().await?;
        self.steps.done(Step::Encryption, begin.elapsed(), "Its certificate is trusted.");
        Ok(())
    }

    async fn bridge(&mut self, target: &Target) -> Result<(), Obstacle> {
        self.steps.begin(Step::Ask);
        let (reaches, answer) = ask_bridge(target, ASK).await?;
        self.answered(&answer);
        self.steps.begin(Step::RoundTrip);
        let (_, again) = ask_bridge(target, ASK).await?;
        self.seen.round_trip_ms = Some(ms(again.took));
        self.steps.done(Step::RoundTrip, again.took, "A question to it takes that long.");
        if reaches { Ok(()) } else { Err(Obstacle::BridgeAlone) }
    }

    async fn moshi(&mut self, target: &Target) -> Result<(), Obstacle> {
        self.steps.begin(Step::Ask);
        let answer = ask_moshi(target, ASK).await?;
        self.answered(&answer);
        self.steps.begin(Step::Handshake);
        if answer.busy == Some(true) {
            return Err(Obstacle::Busy);
        }
        let mut call = Call::open(target).await?;
        let began = call.handshake(HANDSHAKE).await?;
        self.steps.done(Step::Handshake, began, "It takes a call.");
        if answer.server != Server::Ours {
            // Those of moshi-backend come with the call.
            self.server = call.about.server.clone().or(self.server.take());
        }
        self.steps.begin(Step::RoundTrip);
        let round_trip = call.round_trip().await?;
        match round_trip {
            Some(took) => self.steps.done(Step::RoundTrip, took, "There and back."),
            None => self.steps.skip(Step::RoundTrip, "It does not answer pings."),
        }
        self.seen.round_trip_ms = round_trip.map(ms);
        self.steps.begin(Step::FrameTime);
        self.seen.frame = call.frame_time(round_trip.unwrap_or_default()).await?;
        match self.seen.frame {
            Some(FrameTime { ms, source: PaceSource::Told, .. }) => {
                self.steps.measured(Step::FrameTime, ms, "The host says so; it has 80 ms for each frame.");
            }
            Some(FrameTime { ms, source: PaceSource::Measured, .. }) => {
                self.steps.measured(
                    Step::FrameTime,
                    ms,
                    "Measured with silence; it has 80 ms for each frame.",
                );
            }
            None => self.steps.skip(Step::FrameTime, "There is no model behind it."),
        }
        call.close().await;
        Ok(())
    }

    fn answered(&mut self, answer: &Answer) {
        self.server = Some(answer.name.clone());
        self.steps.done(Step::Ask, answer.took, format!("It is {}.", answer.name));
    }
}

fn code<S: Serializer>(obstacle: &Option<Obstacle>, serializer: S) -> Result<S::Ok, S::Error> {
    obstacle.as_ref().map(Obstacle::code).serialize(serializer)
}

fn text<S: Serializer>(fingerprint: &Option<Fingerprint>, serializer: S) -> Result<S::Ok, S::Error> {
    fingerprint.map(|fingerprint| fingerprint.to_string()).serialize(serializer)
}
