//! What the window may wish of whoever hears the person.

use super::{Window, Wish};
use crate::{token, view};

impl Window {
    /// Begins to write what the person says into the text box, with the ear that is set. What stands in the way of hearing
    /// comes as an event.
    ///
    /// # Errors
    /// While a call or the echo test is under way.
    pub async fn start_dictation(&self) -> Result<(), view::Problem> {
        self.ask(Wish::StartDictation).await?.map_err(Into::into)
    }

    /// Ends it. What was said last still comes.
    pub async fn stop_dictation(&self) -> Result<(), view::Problem> {
        self.wish(Wish::StopDictation).await
    }

    /// Keeps the key of the server that recognises in the system's keyring, or takes it away.
    ///
    /// # Errors
    /// What is no key; or that the change holds but cannot be kept.
    pub async fn set_ear_key(&self, key: Option<String>) -> Result<(), view::Problem> {
        let entered = token::entered_for_ear(key.as_deref())?;
        let kept = token::keep_for_ear(self.secrets.clone(), key).await;
        let is_kept = entered.is_some() && kept.is_ok();
        self.wish(Wish::EarKey(entered, is_kept)).await?;
        kept.map_err(Into::into)
    }
}
