//! Tokens: in the system's keyring, in memory while they are used, and nowhere else.

use brain::mas::ServiceToken;
use conversation::{Action, Problem};
use store::{SecretError, SecretName, Secrets};

/// The token that is kept, if there is one.
pub(crate) async fn kept(secrets: Secrets) -> Result<Option<ServiceToken>, Problem> {
    let secret = beside(move || secrets.get(&SecretName::Mas)).await.map_err(|error| unread(&error))?;
    let token = secret.map(|secret| ServiceToken::new(secret.expose())).transpose();
    token.map_err(|error| Problem::new(error.code(), "The kept service token cannot be used.", ENTER, OPEN))
}

/// What a person entered, as a token; none takes it away.
pub(crate) fn entered(token: Option<&str>) -> Result<Option<ServiceToken>, Problem> {
    token.map(ServiceToken::new).transpose().map_err(|error| {
        Problem::new(error.code(), format!("This is no service token: {error}."), "Copy it again.", OPEN)
    })
}

/// Keeps a token, or deletes the one that is kept.
pub(crate) async fn keep(secrets: Option<Secrets>, token: Option<String>) -> Result<(), Problem> {
    let Some(secrets) = secrets else { return Err(held(&SecretError::NoKeyring, OPEN)) };
    let done = beside(move || match token {
        Some(token) => secrets.set(&SecretName::Mas, token.trim()),
        None => secrets.delete(&SecretName::Mas),
    });
    done.await.map_err(|error| held(&error, OPEN))
}

/// The key that is kept for the server that recognises, if there is one.
pub(crate) async fn kept_for_ear(secrets: Secrets) -> Result<Option<net::Token>, Problem> {
    let secret = beside(move || secrets.get(&SecretName::Ear)).await.map_err(|error| {
        let what = format!("The recogniser's key could not be read: {error}.");
        let next = "Unlock the keyring and start MYCA Voice again, or enter the key once more in Settings.";
        Problem::new(error.code(), what, next, HEARING)
    })?;
    let key = secret.map(|secret| net::Token::new(secret.expose())).transpose();
    key.map_err(|_| Problem::new("secret.no_token", "The kept key cannot be used.", ENTER, HEARING))
}

/// What a person entered, as a key; none takes it away.
pub(crate) fn entered_for_ear(key: Option<&str>) -> Result<Option<net::Token>, Problem> {
    key.map(net::Token::new).transpose().map_err(|error| {
        Problem::new("secret.no_token", format!("This is no key: {error}."), "Copy it again.", HEARING)
    })
}

/// Keeps the key of the server that recognises, or deletes the one that is kept.
pub(crate) async fn keep_for_ear(secrets: Option<Secrets>, key: Option<String>) -> Result<(), Problem> {
    let Some(secrets) = secrets else { return Err(held(&SecretError::NoKeyring, HEARING)) };
    let done = beside(move || match key {
        Some(key) => secrets.set(&SecretName::Ear, key.trim()),
        None => secrets.delete(&SecretName::Ear),
    });
    done.await.map_err(|error| held(&error, HEARING))
}

/// Keeps the token of a host, or deletes it. It must be one that can be sent.
pub(crate) async fn keep_for_host(
    secrets: Option<Secrets>,
    id: String,
    token: Option<String>,
) -> Result<(), Problem> {
    keep_as(secrets, SecretName::Host(id), token, &[Action::OpenHostSettings]).await
}

/// The same for the token of Hugging Face.
pub(crate) async fn keep_for_hub(secrets: Option<Secrets>, token: Option<String>) -> Result<(), Problem> {
    keep_as(secrets, SecretName::HuggingFace, token, &[Action::OpenModels]).await
}

async fn keep_as(
    secrets: Option<Secrets>,
    name: SecretName,
    token: Option<String>,
    actions: &[Action],
) -> Result<(), Problem> {
    let token = token.map(|token| token.trim().to_owned());
    if token.as_deref().is_some_and(|token| token.is_empty() || net::Token::new(token).is_err()) {
        let what = "This is no token: it is empty, or has signs in it that cannot be sent.";
        return Err(Problem::new("secret.no_token", what, "Copy it again.", actions));
    }
    let Some(secrets) = secrets else { return Err(unkept(&SecretError::NoKeyring, actions)) };
    let done = beside(move || match token {
        Some(token) => secrets.set(&name, &token),
        None => secrets.delete(&name),
    });
    done.await.map_err(|error| unkept(&error, actions))
}

async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SecretError> + Send + 'static,
) -> Result<T, SecretError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(SecretError::Failed(error.to_string())))
}

const OPEN: &[Action] = &[Action::OpenBrainSettings];
const HEARING: &[Action] = &[Action::OpenHearingSettings];
const ENTER: &str = "Enter it again in Settings.";

fn unread(error: &SecretError) -> Problem {
    let next = match error {
        SecretError::Locked => {
            "Unlock it and start MYCA Voice again, or enter the token once more in Settings."
        }
        _ => "Enter the token once more in Settings, if your agent system wants one.",
    };
    Problem::new(error.code(), format!("The service token could not be read: {error}."), next, OPEN)
}

/// What is used until the program ends, but not after it.
fn held(error: &SecretError, actions: &[Action]) -> Problem {
    let what = format!("The change holds until MYCA Voice ends, but is not in the keyring: {error}.");
    Problem::new(error.code(), what, what_to_do(error), actions)
}

/// A token that is used from the keyring alone.
fn unkept(error: &SecretError, actions: &[Action]) -> Problem {
    Problem::new(error.code(), format!("The token cannot be kept: {error}."), what_to_do(error), actions)
}

fn what_to_do(error: &SecretError) -> &'static str {
    match error {
        SecretError::NoKeyring => "Start a keyring such as GNOME Keyring or KWallet, then enter it again.",
        SecretError::TooLong { .. } => "Enter a shorter one.",
        _ => "Unlock the keyring, then enter it again.",
    }
}
