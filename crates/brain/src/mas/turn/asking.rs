//! Getting an answer out of MAS: which interface, and when.

use std::time::{Duration, Instant};

use net::Response;
use serde_json::Value;
use tokio::time::sleep;

use super::Stop;
use crate::{
    Memory, MemoryUse, Notice, Outcome, Turn, What,
    bounded::ERROR_DOCUMENT,
    interface::Teller,
    mas::{
        Inner, answer,
        endpoint::{Endpoint, Verdict},
        error::MasError,
        question,
    },
};

/// How often a turn waits until it may ask again.
const WAITS: u32 = 3;
/// Where words are kept that ask for no answer.
const FEEDBACK: &str = "/voice/feedback";

/// An answer, of which only the head is there.
pub(super) struct Asked {
    pub(super) endpoint: Endpoint,
    pub(super) response: Response,
    /// When the request went out that is answered.
    pub(super) at: Instant,
}

/// Asks one interface after the other until one answers.
pub(super) async fn answer(mas: &Inner, turn: &Turn, teller: &mut Teller) -> Result<Asked, Stop> {
    let mut asking = Asking::new(mas, teller);
    let mut why = MasError::Unsupported;
    for endpoint in mas.known(|known| known.order(Instant::now())) {
        asking.teller.tell(What::Thinking { asks: endpoint.path().to_owned() }).await?;
        let (mut response, at) =
            asking.ask(endpoint.path(), &question::to(endpoint, turn, mas.session)).await?;
        match endpoint.judge(response.status()) {
            Verdict::Answer => return Ok(Asked { endpoint, response, at }),
            Verdict::Next { lasting } => {
                let (status, path) = (response.status(), endpoint.path());
                tracing::debug!(status, path, "the next one is asked");
                if lasting {
                    mas.known(|known| known.missing(endpoint, Instant::now()));
                } else {
                    why = refusal(mas, &mut response, endpoint == Endpoint::Stream).await;
                }
            }
            Verdict::Wait | Verdict::End => {
                return Err(refusal(mas, &mut response, endpoint == Endpoint::Stream).await.into());
            }
        }
    }
    Err(why.into())
}

/// Gives words to MAS that are not a question: they go into its memory, and no model is called.
pub(super) async fn remember(mas: &Inner, turn: &Turn, teller: &mut Teller) -> Result<Outcome, Stop> {
    let mut asking = Asking::new(mas, teller);
    let (mut response, _) = asking.ask(FEEDBACK, &question::words(turn, mas.session)).await?;
    match response.status() {
        200..=299 => {
            let memory = Memory { used: MemoryUse::Write, kind: "turn".to_owned(), count: 1, said: None };
            teller.tell(What::Memory(memory)).await?;
            Ok(Outcome::Remembered)
        }
        404 | 405 | 410 | 501 => Err(MasError::Unsupported.into()),
        _ => Err(refusal(mas, &mut response, false).await.into()),
    }
}

/// A turn's requests, and what they have waited.
struct Asking<'a> {
    mas: &'a Inner,
    teller: &'a mut Teller,
    waits: u32,
    waited: Duration,
}

impl<'a> Asking<'a> {
    fn new(mas: &'a Inner, teller: &'a mut Teller) -> Self {
        Self { mas, teller, waits: 0, waited: Duration::ZERO }
    }

    /// Sends a request; as long as MAS has had too many, waits and sends it again. Those were not looked at. Also says
    /// when the one went out that is answered.
    async fn ask(&mut self, path: &str, body: &Value) -> Result<(Response, Instant), Stop> {
        loop {
            let at = Instant::now();
            let response = self.mas.http.ask(path, Some(body)).await.inspect_err(|error| {
                if error.is_unreached() {
                    self.mas.forget();
                }
            })?;
            if response.status() != 429 {
                return Ok((response, at));
            }
            let wait = response.retry_after().unwrap_or(self.mas.limits.unsaid_wait);
            drop(response);
            if self.waits == WAITS || self.waited.saturating_add(wait) > self.mas.limits.wait {
                return Err(MasError::Limited(wait).into());
            }
            self.waits += 1;
            self.waited += wait;
            let seconds = wait.as_secs_f64().ceil();
            let what = format!("MAS takes 60 requests a minute. Asking again in {seconds} s.");
            let notice = Notice { wait: Some(wait), ..Notice::new("mas.waits", what) };
            self.teller.tell(What::Notice(notice)).await?;
            sleep(wait).await;
        }
    }
}

/// What a status means that is no answer. `before_model`: a failure of this interface comes before it calls a model;
/// see `endpoint`.
async fn refusal(mas: &Inner, response: &mut Response, before_model: bool) -> MasError {
    let status = response.status();
    match status {
        401 | 403 | 407 => return MasError::Unauthorised(status),
        300..=399 => return MasError::Redirected(status),
        _ => {}
    }
    let said = answer::said(&response.beginning(ERROR_DOCUMENT).await);
    let said = said.map(|said| mas.http.without_token(said));
    let refused = match status {
        // A request that timed out, or came too early, was not refused.
        408 | 425 => false,
        400..=499 => true,
        500 | 503 => before_model,
        501 => true,
        _ => false,
    };
    if refused { MasError::Rejected { status, said } } else { MasError::Failed { status, said } }
}
