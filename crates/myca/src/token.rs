//! The token of Hugging Face: from the environment, or from the system's keyring. Never an argument, as others on this
//! machine can read those.
#![allow(clippy::print_stderr, reason = "sentences are for whoever started it")]

use std::env;

use models::Model;
use net::Token;
use store::{Secret, SecretError, SecretName, Secrets};

/// Where it is taken from first, as Hugging Face's own programs do.
pub(crate) const VARIABLE: &str = "HF_TOKEN";

/// What to show for a model: what the environment has, else for a gated one what the keyring has. Nobody else needs to
/// be told who asks.
pub(crate) async fn for_model(model: &Model) -> Result<Option<Token>, String> {
    let named = env::var_os(VARIABLE).filter(|token| !token.is_empty());
    if let Some(token) = named {
        let token = Token::new(&token.to_string_lossy());
        return token.map(Some).map_err(|error| format!("{VARIABLE} cannot be used: {error}."));
    }
    if !model.gated {
        return Ok(None);
    }
    match kept().await {
        Ok(None) | Err(SecretError::NoKeyring) => Ok(None),
        Ok(Some(secret)) => Token::new(secret.expose())
            .map(Some)
            .map_err(|error| format!("The kept token of Hugging Face cannot be used: {error}.")),
        Err(error) => {
            eprintln!("[The token of Hugging Face could not be read: {error}. {VARIABLE} can hold it, too.]");
            Ok(None)
        }
    }
}

/// Whether the keyring has one. A keyring that does not say so has none.
pub(crate) async fn is_kept() -> bool {
    kept().await.is_ok_and(|secret| secret.is_some())
}

async fn kept() -> Result<Option<Secret>, SecretError> {
    tokio::task::spawn_blocking(|| Secrets::of_user().get(&SecretName::HuggingFace))
        .await
        .unwrap_or_else(|error| Err(SecretError::Failed(error.to_string())))
}
