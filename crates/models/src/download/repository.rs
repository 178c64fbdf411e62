//! What is asked of a repository: which files it has, and parts of them.

use std::ops::Range;

use net::{HeaderName, HeaderValue, Response};
use serde::Deserialize;

use super::{DownloadError, Hub, error::Trouble};
use crate::{Model, catalogue::is_sha256};

/// Longest list of files that is read, in bytes.
const LIST: usize = 4 << 20;

const ACCEPT: HeaderName = HeaderName::from_static("accept");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("accept-encoding");
const CONTENT_ENCODING: HeaderName = HeaderName::from_static("content-encoding");
const CONTENT_LENGTH: HeaderName = HeaderName::from_static("content-length");
const CONTENT_RANGE: HeaderName = HeaderName::from_static("content-range");
const ETAG: HeaderName = HeaderName::from_static("etag");
const RANGE: HeaderName = HeaderName::from_static("range");

/// A file of a repository, as its list says.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) path: String,
    pub(super) size: Option<u64>,
    /// Git's name for what is in it.
    pub(super) oid: Option<String>,
    /// Large files have a SHA-256.
    pub(super) lfs: Option<Lfs>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Lfs {
    pub(super) oid: String,
    pub(super) size: u64,
}

/// A file on its way.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) response: Response,
    /// Whether it is the part that was asked for; else it is the file from its beginning.
    pub(super) part: bool,
    /// The server's name for what is in the file.
    pub(super) etag: Option<String>,
}

impl Hub {
    /// The files of a model's repository.
    pub(super) async fn files(&self, model: &Model) -> Result<Vec<Listed>, Trouble> {
        let mut url = self.below(&["api/models", &model.repo, "tree", &model.revision]);
        url.set_query(Some("recursive=true"));
        let json = [(ACCEPT, HeaderValue::from_static("application/json"))];
        let mut response = self.get(model, url, &json).await?;
        let list = response.document(LIST).await?;
        let listed: Vec<Listed> = serde_json::from_slice(&list).map_err(|error| {
            tracing::debug!(%error, "a list of files cannot be read");
            DownloadError::Answer("its list of files is none".into())
        })?;
        let astray = |file: &&Listed| {
            file.path.contains('\\') || file.path.split('/').any(|part| matches!(part, "" | ".."))
        };
        match listed.iter().find(astray) {
            Some(_) => {
                Err(DownloadError::Answer("it lists a file that lies outside of the repository".into())
                    .into())
            }
            None => Ok(listed),
        }
    }

    /// Begins to get some bytes of a file of `size` bytes.
    pub(super) async fn open(
        &self,
        model: &Model,
        file: &str,
        size: u64,
        bytes: Range<u64>,
    ) -> Result<Body, Trouble> {
        let url = self.below(&[&model.repo, "resolve", &model.revision, file]);
        let range = format!("bytes={}-{}", bytes.start, bytes.end.saturating_sub(1));
        let mut headers = vec![
            (ACCEPT, HeaderValue::from_static("*/*")),
            (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
        ];
        if let Ok(range) = HeaderValue::from_str(&range) {
            headers.push((RANGE, range));
        }
        let response = self.get(model, url, &headers).await?;
        if response.header(&CONTENT_ENCODING).is_some_and(|how| !how.eq_ignore_ascii_case("identity")) {
            return Err(DownloadError::Answer("it packs a file though it was asked not to".into()).into());
        }
        let part = response.status() == 206;
        let said = if part {
            let told = response.header(&CONTENT_RANGE).and_then(parse_range);
            let (from, total) = told.ok_or_else(|| {
                DownloadError::Answer("it does not say which part of a file it sends".into())
            })?;
            if from != bytes.start {
                return Err(DownloadError::Answer(
                    "it sends another part of a file than it was asked for".into(),
                )
                .into());
            }
            total
        } else {
            response.header(&CONTENT_LENGTH).and_then(|said| said.parse().ok())
        };
        if let Some(said) = said.filter(|said| *said != size) {
            return Err(Trouble::Changed(format!("it has {said} bytes where the list says {size}")));
        }
        let etag = response.header(&ETAG).map(|etag| etag.strip_prefix("W/").unwrap_or(etag).to_owned());
        Ok(Body { response, part, etag: etag.filter(|etag| etag.len() <= 256) })
    }
}

impl Listed {
    /// Bytes of the file itself, and not of what stands for it in git.
    pub(super) fn bytes(&self) -> Option<u64> {
        self.lfs.as_ref().map(|lfs| lfs.size).or(self.size)
    }

    /// The hash of what is in it, where the list says it.
    pub(super) fn sha256(&self) -> Option<String> {
        let oid = self.lfs.as_ref()?.oid.to_ascii_lowercase();
        is_sha256(&oid).then_some(oid)
    }
}

/// Reads `bytes 0-9/100`: where it begins, and how many there are in all, if it says.
fn parse_range(said: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = said.strip_prefix("bytes ")?.split_once('/')?;
    let (from, to) = range.split_once('-')?;
    let (from, to): (u64, u64) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
    let total = if total == "*" { None } else { Some(total.trim().parse().ok()?) };
    let fits = from <= to && total.is_none_or(|total| to < total);
    fits.then_some((from, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_says_where_it_begins_and_how_much_there_is() {
        assert_eq!(parse_range("bytes 0-9/100"), Some((0, Some(100))));
        assert_eq!(parse_range("bytes 5-5/*"), Some((5, None)));
        for bad in
            ["bytes */100", "bytes 9-0/100", "bytes 0-100/100", "items 0-9/100", "bytes 0-9", "bytes -9/10"]
        {
            assert_eq!(parse_range(bad), None, "{bad}");
        }
    }
}
