//! Asking Hugging Face, or what serves its files the same way, and following it to where it keeps them.

use std::{env, time::Duration};

use net::{Client, HeaderName, HeaderValue, Limits, Origin, Response, Token};
use thiserror::Error;
use url::{Position, Url};

use super::{DownloadError, error::Trouble};
use crate::Model;

/// Where models are unless somebody says otherwise.
const DEFAULT: &str = "https://huggingface.co";

/// How often we are sent on from one place to the next.
const REDIRECTS: usize = 5;

/// How long an answer may take. A run of pieces may take long over a slow line; a line that is silent is dead.
const LIMITS: Limits = Limits { whole: Duration::from_secs(24 * 3600), pause: Duration::from_secs(30) };

const ERROR_CODE: HeaderName = HeaderName::from_static("x-error-code");
const LOCATION: HeaderName = HeaderName::from_static("location");

/// Who is asked for models. The token goes to this place and to none that it sends us to.
#[derive(Debug, Clone)]
pub struct Hub {
    endpoint: Url,
    client: Client,
}

/// Why a place cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HubError {
    /// It is no address.
    #[error(
        "This is no address of a server of models. One begins with https://, such as https://huggingface.co."
    )]
    Address,
    /// It has a password in it.
    #[error("An address of a server of models holds no password. Put the token into its own field.")]
    Password,
    /// A token would go out for everybody to read.
    #[error(
        "A token of Hugging Face does not go to {0} without TLS. Use an address that begins with https://."
    )]
    Plain(String),
}

impl HubError {
    /// A name for this kind of error that stays the same.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Address => "models.hub.address",
            Self::Password => "models.hub.password",
            Self::Plain(_) => "models.hub.plain",
        }
    }
}

impl Hub {
    /// The place at this address, which may have a path.
    ///
    /// # Errors
    /// When it is no address, or a token would go to a computer far away without TLS.
    pub fn new(endpoint: &str, token: Option<Token>) -> Result<Self, HubError> {
        let mut url = Url::parse(endpoint.trim()).map_err(|_| HubError::Address)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(HubError::Password);
        }
        url.set_query(None);
        url.set_fragment(None);
        let origin =
            Origin::of(&url).filter(|_| matches!(url.scheme(), "http" | "https")).ok_or(HubError::Address)?;
        if token.is_some() && !origin.is_secure() && !origin.is_near() {
            return Err(HubError::Plain(origin.authority().into()));
        }
        let client = Client::new(origin);
        Ok(Self {
            endpoint: url,
            client: match token {
                Some(token) => client.with_bearer(token),
                None => client,
            },
        })
    }

    /// The one that the environment names as Hugging Face's own programs have it (`HF_ENDPOINT`), else Hugging Face.
    ///
    /// # Errors
    /// As [`Hub::new`].
    pub fn of_user(token: Option<Token>) -> Result<Self, HubError> {
        let named = env::var("HF_ENDPOINT").ok().filter(|named| !named.trim().is_empty());
        Self::new(named.as_deref().unwrap_or(DEFAULT), token)
    }

    /// Its address.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.endpoint.as_str().trim_end_matches('/')
    }

    /// An address below it.
    pub(super) fn below(&self, parts: &[&str]) -> Url {
        let mut url = self.endpoint.clone();
        // Only addresses that hold no path have no segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty();
            for part in parts {
                segments.extend(part.split('/'));
            }
        }
        url
    }

    /// Asks, and goes where it is sent. An answer that is no success is trouble.
    pub(super) async fn get(
        &self,
        model: &Model,
        url: Url,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<Response, Trouble> {
        let answer = |what: &str| Trouble::Final(DownloadError::Answer(what.into()));
        let mut at = url;
        for _ in 0..=REDIRECTS {
            let origin = Origin::of(&at).ok_or_else(|| answer("it sends us to no address of HTTP"))?;
            let home = origin == *self.client.origin();
            let client = if home { self.client.clone() } else { Client::new(origin) };
            let target = &at[Position::BeforePath..Position::AfterQuery];
            let response = client.get_with(target, headers, LIMITS).await?;
            if !matches!(response.status(), 301 | 302 | 303 | 307 | 308) {
                let fine = matches!(response.status(), 200 | 206);
                return if fine { Ok(response) } else { Err(self.refusal(model, &response, home)) };
            }
            let location =
                response.header(&LOCATION).ok_or_else(|| answer("it sends us away and not where"))?;
            let next = at.join(location).map_err(|_| answer("it sends us to no address"))?;
            if at.scheme() == "https" && next.scheme() != "https" {
                return Err(answer("it sends us from TLS to a place without"));
            }
            at = next;
        }
        Err(answer("it sends us from one place to the next"))
    }

    fn refusal(&self, model: &Model, response: &Response, home: bool) -> Trouble {
        let status = response.status();
        let code = response.header(&ERROR_CODE).unwrap_or_default();
        let token = self.client.has_token();
        let passing = |why| Trouble::Passing { why, wait: response.retry_after() };
        match status {
            429 => passing(DownloadError::TooMany(response.retry_after())),
            416 => Trouble::Changed("a part of it that should be there is not".into()),
            408 | 500..=599 => passing(DownloadError::Status(status)),
            // Addresses of a store hold for a time only; the next try gets a new one.
            _ if !home => passing(DownloadError::Status(status)),
            401 | 403 if code == "GatedRepo" || (model.gated && code != "RepoNotFound") => {
                Trouble::Final(DownloadError::Gated { page: model.page(), token })
            }
            401 | 403 if token && code != "RepoNotFound" => Trouble::Final(DownloadError::Token),
            401 | 403 | 404 => Trouble::Final(DownloadError::NotFound(model.repo.clone())),
            _ => Trouble::Final(DownloadError::Status(status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Option<Token> {
        Token::new("hush").ok()
    }

    #[test]
    fn a_token_goes_nowhere_far_without_tls() {
        assert!(Hub::new("http://mirror.example", None).is_ok());
        assert!(Hub::new("http://127.0.0.1:8000", token()).is_ok());
        assert!(Hub::new("https://mirror.example", token()).is_ok());
        assert_eq!(
            Hub::new("http://mirror.example", token()).unwrap_err(),
            HubError::Plain("mirror.example".into())
        );
        assert_eq!(
            Hub::new("https://me:hush@mirror.example", None).unwrap_err().code(),
            "models.hub.password"
        );
        for bad in ["huggingface.co", "", "file:///etc", "wss://huggingface.co"] {
            assert_eq!(Hub::new(bad, None).unwrap_err().code(), "models.hub.address", "{bad}");
        }
    }

    #[test]
    fn a_mirror_may_lie_below_a_path_and_names_are_escaped() {
        let hub = Hub::new("https://mirror.example/hf/?x#y", None).unwrap();
        assert_eq!(hub.endpoint(), "https://mirror.example/hf");
        assert_eq!(
            hub.below(&["kyutai/moshiko", "resolve", "main", "a b?.model"]).as_str(),
            "https://mirror.example/hf/kyutai/moshiko/resolve/main/a%20b%3F.model"
        );
    }
}
