//! What the task does about who hears the person: how the conversation is conducted, the recogniser's key, and dictation.

use conversation::{Command, Conduct, EarServer, Problem};
use net::Token;
use store::{EarChoice, Secrets, Settings};
use tokio_util::task::AbortOnDropHandle;

use super::Task;
use crate::{
    echo_test,
    hearing::{self, Key},
    state::{Change, has_sound},
    token,
    view::NoticeLevel,
    wish::WishSender,
};

/// Who hears, beside what the state shows of it.
pub(super) struct Ears {
    key: Key,
    /// How the conversation is conducted.
    conduct: Conduct,
    /// Looks where the host's recogniser is, for a dictation that has not begun.
    finding: Option<AbortOnDropHandle<()>>,
    wishes: WishSender,
    secrets: Option<Secrets>,
}

impl Ears {
    /// Asks the keyring for the key where one is kept. Needs a Tokio runtime.
    pub(super) fn new(settings: &Settings, secrets: Option<Secrets>, wishes: WishSender) -> Self {
        let mut key = Key::Known(None);
        if let Some(secrets) = secrets.clone().filter(|_| settings.ear_key) {
            key = Key::Asked;
            let wishes = wishes.clone();
            tokio::spawn(async move { wishes.kept_ear_key(token::kept_for_ear(secrets).await).await });
        }
        Self { key, conduct: Conduct::default(), finding: None, wishes, secrets }
    }

    /// The key is not meant for the server that is set now.
    fn forget_key(&mut self, was_kept: bool) {
        self.key = Key::Known(None);
        let Some(secrets) = self.secrets.clone().filter(|_| was_kept) else { return };
        tokio::spawn(async move {
            if let Err(problem) = token::keep_for_ear(Some(secrets), None).await {
                tracing::warn!(code = problem.code, "the key of another recogniser could not be deleted");
            }
        });
    }
}

impl Task {
    /// Has the conversation conducted as the settings say.
    pub(super) async fn conduct(&mut self) {
        let settings = self.state.settings();
        self.places.keep_recogniser(settings);
        let local = self.state.snapshot().recogniser.address.as_deref();
        let conduct = hearing::conduct(settings, &self.ears.key, local);
        if conduct != self.ears.conduct {
            self.ears.conduct = conduct.clone();
            self.ask_conversation(Command::Conduct(Box::new(conduct))).await;
        }
    }

    /// A key must not go to another server than the one that it was kept for.
    pub(super) fn bind_ear_key(&mut self, before: &Settings, after: &mut Settings) {
        if hearing::is_elsewhere(before, after) {
            self.ears.forget_key(std::mem::take(&mut after.ear_key));
            self.step(Change::EarKey(false));
        }
    }

    pub(super) async fn ear_key(&mut self, key: Option<Token>, is_kept: bool) {
        let settings = Settings { ear_key: is_kept, ..self.state.settings().clone() };
        if let Err(problem) = self.keep(&settings) {
            tracing::warn!(code = problem.code, "that a key is kept is not kept");
        }
        self.step(Change::Settings(settings));
        self.ear_key_is(key).await;
    }

    pub(super) async fn kept_ear_key(&mut self, key: Result<Option<Token>, Problem>) {
        // One that was entered meanwhile counts.
        if !matches!(self.ears.key, Key::Asked) {
            return;
        }
        let key = key.unwrap_or_else(|problem| {
            self.step(Change::Notice("ear_key", Some((NoticeLevel::Warning, problem))));
            None
        });
        self.ear_key_is(key).await;
    }

    async fn ear_key_is(&mut self, key: Option<Token>) {
        self.step(Change::EarKey(key.is_some()));
        self.ears.key = Key::Known(key);
        self.conduct().await;
    }

    pub(super) async fn start_dictation(&mut self) -> Result<(), Problem> {
        if has_sound(self.state.snapshot().call.phase) {
            return Err(hearing::call_first());
        }
        if self.echo.is_some() {
            return Err(hearing::echo_test_first());
        }
        let settings = self.state.settings();
        match settings.ear {
            EarChoice::Off => self.dictate(Err(hearing::nobody())).await,
            EarChoice::ThisComputer => {
                let local = self.state.snapshot().recogniser.address.as_deref();
                let server = hearing::on_this_computer(local);
                self.dictate(server).await;
            }
            EarChoice::Server => {
                let server = hearing::server(settings, &self.ears.key);
                self.dictate(server).await;
            }
            EarChoice::Host => {
                let (calling, wishes) = (self.places.calling(settings), self.ears.wishes.clone());
                let find = async move { wishes.dictate(calling.ear().await).await };
                self.ears.finding = Some(AbortOnDropHandle::new(tokio::spawn(find)));
            }
        }
        Ok(())
    }

    /// The host's recogniser was looked for.
    pub(super) async fn found_to_dictate(&mut self, server: Result<EarServer, Problem>) {
        // Where nobody waits for it any more it comes too late.
        if self.ears.finding.take().is_some() {
            self.dictate(server).await;
        }
    }

    async fn dictate(&mut self, server: Result<EarServer, Problem>) {
        self.ask_conversation(Command::Dictate(Some(server))).await;
    }

    pub(super) async fn stop_dictation(&mut self) {
        self.ears.finding = None;
        self.ask_conversation(Command::Dictate(None)).await;
    }

    /// The devices are needed for something else.
    pub(super) fn is_dictating(&self) -> Result<(), Problem> {
        if self.ears.finding.is_some() || self.state.snapshot().dictation.on {
            return Err(echo_test::dictation_first());
        }
        Ok(())
    }
}
