//! An answer, as it comes.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    body::Incoming,
    header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER},
};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use crate::{HttpError, Limits};

/// What an answer says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Server-sent events.
    Events,
    /// JSON.
    Json,
    /// A page for people.
    Page,
    /// Something else, or it does not say.
    Unsaid,
}

/// An answer whose head is there. Dropping it lets go of the server.
#[derive(Debug)]
pub struct Response {
    status: u16,
    head: HeaderMap,
    body: Incoming,
    limits: Limits,
    deadline: Instant,
    /// Moves the bytes. The connection ends with it.
    _driver: AbortOnDropHandle<()>,
}

impl Response {
    pub(crate) fn new(
        answer: hyper::Response<Incoming>,
        limits: Limits,
        deadline: Instant,
        driver: AbortOnDropHandle<()>,
    ) -> Self {
        let (head, body) = answer.into_parts();
        Self { status: head.status.as_u16(), head: head.headers, body, limits, deadline, _driver: driver }
    }

    /// Of HTTP.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// What it says that it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        kind(&self.head)
    }

    /// A field of its head, if it is there once and made of text.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        let mut all = self.head.get_all(name).iter();
        let first = all.next()?.to_str().ok()?;
        if all.next().is_none() { Some(first.trim()) } else { None }
    }

    /// How long to wait before asking again, if it says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.head, SystemTime::now())
    }

    /// The next piece of the answer; none after its end.
    ///
    /// # Errors
    /// [`HttpError::Slow`] or [`HttpError::Broken`].
    pub async fn piece(&mut self) -> Result<Option<Bytes>, HttpError> {
        let (until, limit) = self.limits.next(self.deadline);
        loop {
            let frame = timeout_at(until, self.body.frame()).await;
            match frame.map_err(|_| HttpError::Slow(limit))? {
                None => return Ok(None),
                Some(Err(error)) => {
                    tracing::debug!(%error, "an answer broke off");
                    return Err(HttpError::Broken);
                }
                // What is not data are trailers.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Ok(Some(data)),
                    _ => {}
                },
            }
        }
    }

    /// The whole answer, of at most so many bytes.
    ///
    /// # Errors
    /// The same, and [`HttpError::TooLong`].
    pub async fn document(&mut self, limit: usize) -> Result<Vec<u8>, HttpError> {
        let mut document = Vec::new();
        while let Some(piece) = self.piece().await? {
            if document.len() + piece.len() > limit {
                return Err(HttpError::TooLong);
            }
            document.extend_from_slice(&piece);
        }
        Ok(document)
    }

    /// As much of the answer as comes, and is not too long.
    pub async fn beginning(&mut self, limit: usize) -> Vec<u8> {
        let mut document = Vec::new();
        while let Ok(Some(piece)) = self.piece().await {
            document.extend_from_slice(&piece[..piece.len().min(limit - document.len())]);
            if document.len() == limit {
                break;
            }
        }
        document
    }
}

fn text<'a>(head: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    head.get(name)?.to_str().ok().map(str::trim)
}

fn kind(head: &HeaderMap) -> Kind {
    let said = text(head, &CONTENT_TYPE).unwrap_or_default();
    match said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "text/event-stream" => Kind::Events,
        "text/html" | "application/xhtml+xml" => Kind::Page,
        kind if kind == "application/json" || kind.ends_with("+json") => Kind::Json,
        _ => Kind::Unsaid,
    }
}

/// A number of seconds, or a moment by the server's clock: where it says what that shows now, ours does not count.
fn retry_after(head: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let said = text(head, &RETRY_AFTER)?;
    if let Ok(seconds) = said.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let moment = httpdate::parse_http_date(said).ok()?;
    let now = text(head, &DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
    Some(moment.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn head(fields: &[(HeaderName, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn an_answer_says_what_it_is() {
        let kind = |said| kind(&head(&[(CONTENT_TYPE, said)]));
        assert_eq!(kind("text/event-stream; charset=utf-8"), Kind::Events);
        assert_eq!(kind("Application/JSON"), Kind::Json);
        assert_eq!(kind("application/problem+json"), Kind::Json);
        assert_eq!(kind("text/html;charset=utf-8"), Kind::Page);
        assert_eq!(kind("text/plain"), Kind::Unsaid);
        assert_eq!(super::kind(&HeaderMap::new()), Kind::Unsaid);
    }

    #[test]
    fn a_wait_is_a_number_of_seconds_or_a_moment() {
        let wait = |said| retry_after(&head(&[(RETRY_AFTER, said)]), SystemTime::UNIX_EPOCH);
        assert_eq!(wait("60"), Some(Duration::from_secs(60)));
        assert_eq!(wait(" 0.5 "), Some(Duration::from_millis(500)));
        assert_eq!(wait("Thu, 01 Jan 1970 00:01:30 GMT"), Some(Duration::from_secs(90)));
        for senseless in ["-1", "soon", "NaN", "1e99", "Thu, 01 Jan 1970"] {
            assert_eq!(wait(senseless), None, "{senseless}");
        }
    }

    #[test]
    fn a_moment_is_one_of_the_servers_clock() {
        let until = |date| {
            let fields = [(RETRY_AFTER, "Wed, 21 Oct 2026 07:28:00 GMT"), (DATE, date)];
            retry_after(&head(&fields), SystemTime::UNIX_EPOCH)
        };
        assert_eq!(until("Wed, 21 Oct 2026 07:27:00 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(until("Wed, 21 Oct 2026 07:29:00 GMT"), Some(Duration::ZERO), "it is over");
    }
}
