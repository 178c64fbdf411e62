//! The agent system's service token: in the system's keyring, in memory while the program runs, and nowhere else.

use brain::mas::ServiceToken;
use conversation::{Action, Problem};
use store::{SecretError, Secrets};

/// The token that is kept, if there is one.
pub(crate) async fn kept(secrets: Secrets) -> Result<Option<ServiceToken>, Problem> {
    let secret = beside(move || secrets.get()).await.map_err(|error| unread(&error))?;
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
    let Some(secrets) = secrets else { return Err(not_kept(&SecretError::NoKeyring)) };
    let done = beside(move || match token {
        Some(token) => secrets.set(token.trim()),
        None => secrets.delete(),
    });
    done.await.map_err(|error| not_kept(&error))
}

async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SecretError> + Send + 'static,
) -> Result<T, SecretError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(SecretError::Failed(error.to_string())))
}

const OPEN: &[Action] = &[Action::OpenBrainSettings];
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

fn not_kept(error: &SecretError) -> Problem {
    let what = format!("The change holds until MYCA Voice ends, but is not in the keyring: {error}.");
    let next = match error {
        SecretError::NoKeyring => "Start a keyring such as GNOME Keyring or KWallet, then enter it again.",
        SecretError::TooLong { .. } => "Enter a shorter one.",
        _ => "Unlock the keyring, then enter it again.",
    };
    Problem::new(error.code(), what, next, OPEN)
}
