//! The loops that ask.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use tokio::{
    select,
    sync::{mpsc, watch},
    time::sleep,
};

use super::{News, Pace, Shared, There};
use crate::mas::{
    Mas, MasError,
    feed::{Feed, Source},
    reach::Doors,
};

/// How long MAS may take to say that it is there.
const THERE_LIMIT: Duration = Duration::from_secs(10);
/// The most that failures in a row make a loop slower.
const SLOWEST: u32 = 8;

/// Somebody who looks.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) mas: Mas,
    pub(super) pace: Pace,
    pub(super) shared: Arc<Shared>,
    pub(super) tell: mpsc::Sender<News>,
    pub(super) busy: watch::Receiver<bool>,
}

/// What a loop of questions has come to.
#[derive(Debug, Default)]
struct Course {
    /// Failures in a row.
    failures: u32,
    /// The return of MAS that it knows of.
    returns: u64,
}

impl Look {
    pub(super) async fn whether_it_is_there(self) {
        let mut doors = Doors::default();
        let mut lost: Option<(SystemTime, &'static str)> = None;
        let mut gone = self.pace.gone;
        loop {
            let wait = match doors.knock(&self.mas, THERE_LIMIT).await {
                Ok(after) => {
                    let back = lost.take().is_some();
                    self.shared.there.send_if_modified(|there| {
                        let changed = !there.now;
                        there.now = true;
                        there.returns += u64::from(back);
                        changed
                    });
                    gone = self.pace.gone;
                    self.tell(News::Reached { after }).await;
                    self.pace.there
                }
                Err(error) => {
                    self.shared.there.send_if_modified(|there| std::mem::take(&mut there.now));
                    let why = error.failure(&self.mas.address().to_string());
                    let (since, told) = lost.unwrap_or_else(|| (SystemTime::now(), ""));
                    lost = Some((since, why.code));
                    if told != why.code {
                        self.tell(News::Lost { why, since }).await;
                    }
                    let wait = gone;
                    gone = (gone * 2).min(self.pace.there);
                    wait
                }
            };
            sleep(wait).await;
        }
    }

    pub(super) async fn at_its_consciousness(self) {
        let (mut course, mut told) = (Course::default(), None);
        loop {
            self.permission(&mut course).await;
            let every = match self.mas.consciousness().await {
                Ok(consciousness) => {
                    course.failures = 0;
                    let missing = consciousness.is_none();
                    if told.as_ref() != Some(&consciousness) {
                        told = Some(consciousness.clone());
                        self.tell(News::Consciousness(consciousness)).await;
                    }
                    if missing { self.pace.missing } else { self.consciousness_pace() }
                }
                Err(error) => self.failed(&mut course, &error, self.consciousness_pace()),
            };
            self.pause(every, &course).await;
        }
    }

    fn consciousness_pace(&self) -> Duration {
        if *self.busy.borrow() { self.pace.consciousness } else { self.pace.quiet_consciousness }
    }

    pub(super) async fn at_its_memory(self) {
        let mut course = Course::default();
        loop {
            self.permission(&mut course).await;
            let every = match self.mas.memory_health().await {
                Ok(health) => {
                    course.failures = 0;
                    let missing = health.is_none();
                    self.tell(News::MemoryHealth(health)).await;
                    if missing { self.pace.missing } else { self.pace.memory }
                }
                Err(error) => self.failed(&mut course, &error, self.pace.memory),
            };
            self.pause(every, &course).await;
        }
    }

    pub(super) async fn at_what_happens(mut self) {
        let (mut course, mut feed) = (Course::default(), Feed::from_now());
        let (mut activity_at, mut lively_until) = (Instant::now(), Instant::now());
        loop {
            let left_out = feed.left_out();
            let returns = course.returns;
            let mut every = self.events_pace(lively_until);
            let activity_is_due = Instant::now() >= activity_at;
            for source in [Source::Events, Source::Activity] {
                if feed.lacks(source) || source == Source::Activity && !activity_is_due {
                    continue;
                }
                self.permission(&mut course).await;
                if returns != course.returns {
                    feed.forget_missing();
                }
                match self.mas.look_into(source, &mut feed).await {
                    Ok(told) if told.is_empty() => course.failures = 0,
                    Ok(told) => {
                        course.failures = 0;
                        lively_until = Instant::now() + self.pace.lively;
                        self.tell(News::Happened(told)).await;
                    }
                    Err(error) => every = self.failed(&mut course, &error, self.pace.quiet_events),
                }
            }
            if activity_is_due {
                let now = Instant::now();
                let pushed = self.shared.is_pushed(now);
                activity_at = now + if pushed { self.pace.pushed_activity } else { self.pace.activity };
            }
            if let left_out @ 1.. = feed.left_out() - left_out {
                self.tell(News::LeftOut(left_out)).await;
            }
            if course.failures == 0 {
                every = self.events_pace(lively_until);
            }
            self.pause_unless_busy(every, &course).await;
        }
    }

    fn events_pace(&self, lively_until: Instant) -> Duration {
        let now = Instant::now();
        let lively = *self.busy.borrow() || now < lively_until;
        if lively && self.shared.budget(|budget| budget.is_ample(now)) {
            self.pace.events
        } else {
            self.pace.quiet_events
        }
    }

    /// Hands over what was pushed.
    pub(super) async fn hand_over(self) {
        loop {
            self.shared.gathered.something().await;
            sleep(self.pace.gather).await;
            let (told, left_out) = self.shared.gathered.take();
            if !told.is_empty() {
                self.tell(News::Happened(told)).await;
            }
            if left_out > 0 {
                self.tell(News::LeftOut(left_out)).await;
            }
        }
    }

    /// Waits until MAS is there and may be asked.
    async fn permission(&self, course: &mut Course) {
        loop {
            course.returns = self.there().await.returns;
            match self.shared.budget(|budget| budget.take(Instant::now())) {
                Ok(()) => return,
                Err(wait) => sleep(wait).await,
            }
        }
    }

    /// Waits until MAS is there.
    pub(super) async fn there(&self) -> There {
        let mut there = self.shared.there.subscribe();
        match there.wait_for(|there| there.now).await {
            Ok(there) => *there,
            // `shared` holds the sender.
            Err(_) => There::default(),
        }
    }

    /// Notes that a question failed, and returns how long to wait before the next. That MAS is gone is not told here.
    fn failed(&self, course: &mut Course, error: &MasError, every: Duration) -> Duration {
        tracing::debug!(code = error.code(), "a look at MAS failed");
        if let MasError::Limited(wait) = error {
            self.shared.budget(|budget| budget.hold(Instant::now() + *wait));
        }
        course.failures += 1;
        every * 2_u32.saturating_pow(course.failures).min(SLOWEST)
    }

    /// Waits, but not longer than until MAS has come back from somewhere.
    async fn pause(&self, wait: Duration, course: &Course) {
        let mut there = self.shared.there.subscribe();
        select! {
            () = sleep(wait) => {}
            _ = there.wait_for(|there| there.returns != course.returns) => {}
        }
    }

    /// The same, but not longer than until a turn begins.
    async fn pause_unless_busy(&mut self, wait: Duration, course: &Course) {
        let mut busy = self.busy.clone();
        let becomes_busy = async {
            while busy.changed().await.is_ok() {
                if *busy.borrow() {
                    return;
                }
            }
            std::future::pending::<()>().await;
        };
        select! {
            () = self.pause(wait, course) => {}
            () = becomes_busy => {}
        }
        self.busy.mark_unchanged();
    }

    pub(super) async fn tell(&self, news: News) {
        // Where nobody takes them any more, this ends at the same moment.
        let _ = self.tell.send(news).await;
    }
}
