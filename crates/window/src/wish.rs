//! The handle to everything behind the window, and what can be wished of it.

mod hearing;
mod places;

use std::sync::Arc;

use brain::{Decision, mas::ServiceToken};
use conversation::{EarServer, Problem};
use net::Token;
use store::Secrets;
use tokio::sync::{mpsc, oneshot};

use crate::{
    host_list::HostChange,
    past::Past,
    places::Shelf,
    report,
    settings::SettingsPatch,
    token,
    tools::Refusal,
    view::{self, ExportFormat, HistoryPage, MemoryPage, Section, Snapshot, UiEvent},
};

/// The longest text that can be typed at once, in characters.
const LONGEST_TEXT: usize = 4_000;

/// Takes batches of events. Returns `false` when there is nobody to take them any more.
pub type Sink = Box<dyn Fn(Vec<UiEvent>) -> bool + Send>;

pub(crate) type Answer<T> = oneshot::Sender<T>;

pub(crate) enum Wish {
    Snapshot(Answer<Snapshot>),
    Subscribe(Sink),
    Talk(Answer<Result<(), Problem>>),
    Stop,
    Mute(bool),
    Text(String, Answer<Result<(), Problem>>),
    Change(Box<SettingsPatch>, Answer<Result<(), Problem>>),
    /// The answer is the id of the host that it is about.
    Host(HostChange, Answer<Result<String, Problem>>),
    Place(PlaceWish),
    NewConversation,
    /// Once the answer that is under way has ended.
    NewConversationNext,
    Resume(store::Conversation, Vec<store::Turn>),
    Delete(String, Answer<Result<(), Problem>>),
    Retry(u64),
    CancelAnswer,
    StopSpeaking,
    Decide(Decision),
    OpenSettings(Section),
    /// The agent system's token from now on, or why the kept one cannot be read.
    Token(Result<Option<ServiceToken>, Problem>),
    /// The key of the server that recognises from now on, and whether it is kept.
    EarKey(Option<Token>, bool),
    /// What the keyring has of it, or why it cannot be read.
    KeptEarKey(Result<Option<Token>, Problem>),
    StartDictation(Answer<Result<(), Problem>>),
    /// Where the recogniser of the host is that was looked for, or why there is none.
    Dictate(Result<EarServer, Problem>),
    StopDictation,
    StartEchoTest(Answer<Result<(), Problem>>),
    StopEchoTest,
    Dismiss(String),
    End,
}

/// What is wished of hosts, the local Moshi, the doctor and models.
pub(crate) enum PlaceWish {
    Check(String, Answer<Result<(), Problem>>),
    /// The same; the answer is what it found, when it is over.
    CheckToTheEnd(String, Answer<String>),
    CancelCheck(String),
    StartLocal,
    StopLocal,
    LocalLog(Answer<Vec<String>>),
    RunDoctor,
    /// The same; the answer is what it says, when it is over.
    Diagnose(Answer<String>),
    CancelDoctor,
    RefreshModels,
    /// Whether a token of Hugging Face is kept.
    HubToken(bool),
    Download(String),
    PauseDownload(String),
}

/// The handle to everything behind the window. Cheap to clone; it all ends with [`Window::end`], or when the last one is
/// gone.
#[derive(Clone)]
pub struct Window {
    pub(crate) wishes: mpsc::Sender<Wish>,
    pub(crate) past: Arc<Past>,
    pub(crate) secrets: Option<Secrets>,
    pub(crate) shelf: Shelf,
}

impl Window {
    /// Everything that is to be shown, now.
    ///
    /// # Errors
    /// When the program is ending, as everywhere here.
    pub async fn snapshot(&self) -> Result<Snapshot, view::Problem> {
        self.ask(Wish::Snapshot).await
    }

    /// Sends events to `sink` from now on, in batches, at most 15 a second, and no longer to the one before.
    pub async fn subscribe(&self, sink: Sink) -> Result<(), view::Problem> {
        self.wish(Wish::Subscribe(sink)).await
    }

    /// Begins a call with the host that is set; ends the echo test.
    pub async fn talk(&self) -> Result<(), view::Problem> {
        self.ask(Wish::Talk).await?.map_err(Into::into)
    }

    /// Ends the call.
    pub async fn stop(&self) -> Result<(), view::Problem> {
        self.wish(Wish::Stop).await
    }

    /// Mutes or unmutes the microphone.
    pub async fn set_muted(&self, muted: bool) -> Result<(), view::Problem> {
        self.wish(Wish::Mute(muted)).await
    }

    /// Adds a typed turn.
    ///
    /// # Errors
    /// A text that is too long.
    pub async fn send_text(&self, text: String) -> Result<(), view::Problem> {
        self.ask(|answer| Wish::Text(text, answer)).await?.map_err(Into::into)
    }

    /// Changes settings.
    ///
    /// # Errors
    /// What is wrong with the change, which is not made then; or that it holds but cannot be kept.
    pub async fn change_settings(&self, patch: SettingsPatch) -> Result<(), view::Problem> {
        self.ask(|answer| Wish::Change(Box::new(patch), answer)).await?.map_err(Into::into)
    }

    /// Leaves the conversation and begins a new one.
    pub async fn new_conversation(&self) -> Result<(), view::Problem> {
        self.wish(Wish::NewConversation).await
    }

    /// Starts the echo test.
    ///
    /// # Errors
    /// While a call is under way.
    pub async fn start_echo_test(&self) -> Result<(), view::Problem> {
        self.ask(Wish::StartEchoTest).await?.map_err(Into::into)
    }

    /// Ends the echo test.
    pub async fn stop_echo_test(&self) -> Result<(), view::Problem> {
        self.wish(Wish::StopEchoTest).await
    }

    /// Takes a notice away.
    pub async fn dismiss_notice(&self, id: String) -> Result<(), view::Problem> {
        self.wish(Wish::Dismiss(id)).await
    }

    /// Sends a turn again that could not be delivered.
    ///
    /// # Errors
    /// An id that is none.
    pub async fn retry_turn(&self, id: &str) -> Result<(), view::Problem> {
        let number = id.parse().map_err(|_| no_such_turn())?;
        self.wish(Wish::Retry(number)).await
    }

    /// Ends the answer that is under way.
    pub async fn cancel_answer(&self) -> Result<(), view::Problem> {
        self.wish(Wish::CancelAnswer).await
    }

    /// Lets Moshi say no further of the replies that it says or is to say.
    pub async fn stop_speaking(&self) -> Result<(), view::Problem> {
        self.wish(Wish::StopSpeaking).await
    }

    /// Allows or refuses a call that the brain wants to make. Nothing comes of an id that nobody waits for.
    pub async fn decide(&self, call: &str, allowed: bool) -> Result<(), view::Problem> {
        match call.parse() {
            Ok(call) => self.wish(Wish::Decide(Decision { call, allowed })).await,
            Err(_) => Ok(()),
        }
    }

    /// Conversations in the history that have these words, 50 at a time; without words all, the latest first.
    ///
    /// # Errors
    /// When the history cannot be read, as in all that looks back.
    pub async fn find_conversations(&self, query: String, offset: u32) -> Result<HistoryPage, view::Problem> {
        self.past.find(query, offset).await.map_err(Into::into)
    }

    /// Leaves the conversation and goes on with another one.
    ///
    /// # Errors
    /// One that is not there.
    pub async fn resume_conversation(&self, id: String) -> Result<(), view::Problem> {
        let (conversation, turns) = self.past.conversation(id).await?;
        self.wish(Wish::Resume(conversation, turns)).await
    }

    /// Gives a conversation a title; an empty one takes it away.
    ///
    /// # Errors
    /// One that is not there.
    pub async fn rename_conversation(&self, id: String, title: String) -> Result<(), view::Problem> {
        self.past.rename(id, title).await.map_err(Into::into)
    }

    /// Deletes a conversation. Where it goes on, a new one begins.
    ///
    /// # Errors
    /// When it could not be deleted.
    pub async fn delete_conversation(&self, id: String) -> Result<(), view::Problem> {
        self.ask(|answer| Wish::Delete(id, answer)).await?.map_err(Into::into)
    }

    /// Writes a conversation into a file and says into which.
    ///
    /// # Errors
    /// One that is not there, or a file that cannot be written.
    pub async fn export_conversation(
        &self,
        id: String,
        format: ExportFormat,
    ) -> Result<String, view::Problem> {
        self.past.export(id, format).await.map_err(Into::into)
    }

    /// What the built-in brain remembers, 50 at a time: what fits these words, or the latest.
    ///
    /// # Errors
    /// When its memory cannot be used, as in all that is about it.
    pub async fn find_memories(&self, query: String, offset: u32) -> Result<MemoryPage, view::Problem> {
        self.past.memories(query, offset).await.map_err(Into::into)
    }

    /// Puts other words in the place of something that is remembered.
    ///
    /// # Errors
    /// One that is not there, or words that cannot be remembered.
    pub async fn edit_memory(&self, id: String, text: String) -> Result<(), view::Problem> {
        self.past.edit_memory(id, text).await.map_err(Into::into)
    }

    /// Forgets something.
    ///
    /// # Errors
    /// When its memory cannot be used.
    pub async fn forget_memory(&self, id: String) -> Result<(), view::Problem> {
        self.past.forget_memory(id).await.map_err(Into::into)
    }

    /// Keeps the agent system's service token in the system's keyring, or takes it away.
    ///
    /// # Errors
    /// What is no token; or that the change holds but cannot be kept.
    pub async fn set_mas_token(&self, token: Option<String>) -> Result<(), view::Problem> {
        let entered = token::entered(token.as_deref())?;
        let kept = token::keep(self.secrets.clone(), token).await;
        self.wish(Wish::Token(Ok(entered))).await?;
        kept.map_err(Into::into)
    }

    /// What is true of this run, for whoever is asked for help: nothing that was said, and no address or name.
    pub async fn report(&self) -> Result<String, view::Problem> {
        Ok(report::report(&self.snapshot().await?))
    }

    /// Ends everything, also while other handles are left: the call, the echo test, and when all is written the task.
    pub async fn end(&self) {
        // Where it cannot be sent it has ended already.
        let _ = self.wish(Wish::End).await;
    }

    async fn wish(&self, wish: Wish) -> Result<(), view::Problem> {
        self.wishes.send(wish).await.map_err(|_| ending())
    }

    async fn ask<T>(&self, wish: impl FnOnce(Answer<T>) -> Wish) -> Result<T, view::Problem> {
        let (answer, answered) = oneshot::channel();
        self.wish(wish(answer)).await?;
        answered.await.map_err(|_| ending())
    }
}

/// What the brain's tools wish. It does not keep the window's task alive.
#[derive(Clone)]
pub(crate) struct WishSender(pub(crate) mpsc::WeakSender<Wish>);

impl WishSender {
    pub(crate) async fn talk(&self) -> Result<(), Refusal> {
        Ok(self.ask(Wish::Talk).await??)
    }

    pub(crate) async fn stop(&self) -> Result<(), Refusal> {
        self.wish(Wish::Stop).await
    }

    pub(crate) async fn mute(&self, muted: bool) -> Result<(), Refusal> {
        self.wish(Wish::Mute(muted)).await
    }

    pub(crate) async fn open(&self, section: Section) -> Result<(), Refusal> {
        self.wish(Wish::OpenSettings(section)).await
    }

    pub(crate) async fn new_conversation_next(&self) -> Result<(), Refusal> {
        self.wish(Wish::NewConversationNext).await
    }

    pub(crate) async fn kept_ear_key(&self, key: Result<Option<Token>, Problem>) {
        let _ = self.wish(Wish::KeptEarKey(key)).await;
    }

    pub(crate) async fn dictate(&self, server: Result<EarServer, Problem>) {
        let _ = self.wish(Wish::Dictate(server)).await;
    }

    pub(crate) async fn token(&self, token: Result<Option<ServiceToken>, Problem>) {
        // Where it cannot be sent nobody wants to know it any more.
        let _ = self.wish(Wish::Token(token)).await;
    }

    pub(crate) async fn change(&self, patch: SettingsPatch) -> Result<(), Refusal> {
        Ok(self.ask(|answer| Wish::Change(Box::new(patch), answer)).await??)
    }

    pub(crate) async fn snapshot(&self) -> Result<Snapshot, Refusal> {
        self.ask(Wish::Snapshot).await
    }

    pub(crate) async fn host(&self, change: HostChange) -> Result<String, Refusal> {
        Ok(self.ask(|answer| Wish::Host(change, answer)).await??)
    }

    pub(crate) async fn diagnose(&self) -> Result<String, Refusal> {
        self.ask(|answer| Wish::Place(PlaceWish::Diagnose(answer))).await
    }

    pub(crate) async fn test(&self, id: String) -> Result<String, Refusal> {
        self.ask(|answer| Wish::Place(PlaceWish::CheckToTheEnd(id, answer))).await
    }

    pub(crate) async fn start_local(&self) -> Result<(), Refusal> {
        self.wish(Wish::Place(PlaceWish::StartLocal)).await
    }

    pub(crate) async fn stop_local(&self) -> Result<(), Refusal> {
        self.wish(Wish::Place(PlaceWish::StopLocal)).await
    }

    pub(crate) async fn download(&self, id: String) -> Result<(), Refusal> {
        self.wish(Wish::Place(PlaceWish::Download(id))).await
    }

    async fn wish(&self, wish: Wish) -> Result<(), Refusal> {
        let wishes = self.0.upgrade().ok_or_else(ending)?;
        wishes.send(wish).await.map_err(|_| ending().into())
    }

    async fn ask<T>(&self, wish: impl FnOnce(Answer<T>) -> Wish) -> Result<T, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.wish(wish(answer)).await?;
        answered.await.map_err(|_| ending().into())
    }
}

pub(crate) fn check_text(text: &str) -> Result<(), Problem> {
    if text.chars().count() > LONGEST_TEXT {
        return Err(Problem::new(
            "conversation.text_too_long",
            format!("The text is longer than {LONGEST_TEXT} characters."),
            "Send it in parts.",
            &[],
        ));
    }
    Ok(())
}

fn no_such_turn() -> view::Problem {
    Problem::new("conversation.no_turn", "There is no such turn.", "Type it again.", &[]).into()
}

fn ending() -> view::Problem {
    Problem::new("window.ending", "MYCA Voice is ending.", "Start it again.", &[]).into()
}
