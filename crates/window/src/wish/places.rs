//! What the window may wish of hosts, the local Moshi, the doctor and models.

use super::{PlaceWish, Window, Wish};
use crate::{
    host_list::HostChange,
    token,
    view::{self, HostDraft},
};

impl Window {
    /// Adds a host to the list and says its id.
    ///
    /// # Errors
    /// What is wrong with it; or, as in all that changes the list, that the change holds but cannot be kept.
    pub async fn add_host(&self, draft: HostDraft) -> Result<String, view::Problem> {
        self.host(HostChange::Add(draft)).await
    }

    /// Writes a host down anew. Where its address changes, its token, its pinned certificate and its last test go.
    ///
    /// # Errors
    /// What is wrong with it, or one that is not there.
    pub async fn edit_host(&self, id: String, draft: HostDraft) -> Result<(), view::Problem> {
        self.host(HostChange::Edit(id, draft)).await.map(drop)
    }

    /// Takes a host out of the list, and its token out of the keyring.
    ///
    /// # Errors
    /// One that is not there.
    pub async fn delete_host(&self, id: String) -> Result<(), view::Problem> {
        self.host(HostChange::Delete(id)).await.map(drop)
    }

    /// Puts the hosts in another order of preference. Those that are left out go to the end.
    pub async fn order_hosts(&self, ids: Vec<String>) -> Result<(), view::Problem> {
        self.host(HostChange::Order(ids)).await.map(drop)
    }

    /// Makes a host the one that Talk calls. A call that is under way goes on.
    ///
    /// # Errors
    /// One that is not there.
    pub async fn choose_host(&self, id: String) -> Result<(), view::Problem> {
        self.host(HostChange::Choose(id)).await.map(drop)
    }

    /// Trusts the one certificate with this SHA-256 fingerprint, or again those that the system trusts.
    ///
    /// # Errors
    /// One that is not there, or what is no fingerprint.
    pub async fn pin_host(&self, id: String, fingerprint: Option<String>) -> Result<(), view::Problem> {
        self.host(HostChange::Pin(id, fingerprint)).await.map(drop)
    }

    /// Keeps a host's token in the system's keyring, or takes it away.
    ///
    /// # Errors
    /// What is no token, or that it cannot be kept.
    pub async fn set_host_token(&self, id: String, token: Option<String>) -> Result<(), view::Problem> {
        let is_kept = token.is_some();
        token::keep_for_host(self.secrets.clone(), id.clone(), token).await?;
        self.host(HostChange::Token(id, is_kept)).await.map(drop)
    }

    /// Tests a host. What it finds comes as events.
    ///
    /// # Errors
    /// One that is not there.
    pub async fn check_host(&self, id: String) -> Result<(), view::Problem> {
        let checked = self.ask(|answer| Wish::Place(PlaceWish::Check(id, answer))).await?;
        checked.map_err(Into::into)
    }

    /// Ends a test.
    pub async fn cancel_check(&self, id: String) -> Result<(), view::Problem> {
        self.place(PlaceWish::CancelCheck(id)).await
    }

    /// Starts Moshi on this computer, as the settings say.
    pub async fn start_local(&self) -> Result<(), view::Problem> {
        self.place(PlaceWish::StartLocal).await
    }

    /// Ends it.
    pub async fn stop_local(&self) -> Result<(), view::Problem> {
        self.place(PlaceWish::StopLocal).await
    }

    /// The last lines that it printed.
    pub async fn local_log(&self) -> Result<Vec<String>, view::Problem> {
        self.ask(|answer| Wish::Place(PlaceWish::LocalLog(answer))).await
    }

    /// Lets the doctor look at this computer. What it finds comes as events.
    pub async fn run_doctor(&self) -> Result<(), view::Problem> {
        self.place(PlaceWish::RunDoctor).await
    }

    /// Ends that.
    pub async fn cancel_doctor(&self) -> Result<(), view::Problem> {
        self.place(PlaceWish::CancelDoctor).await
    }

    /// Looks anew at which models are here.
    pub async fn refresh_models(&self) -> Result<(), view::Problem> {
        self.place(PlaceWish::RefreshModels).await
    }

    /// Downloads a model, or goes on where that stopped. How it goes comes as events.
    pub async fn download_model(&self, id: String) -> Result<(), view::Problem> {
        self.place(PlaceWish::Download(id)).await
    }

    /// Ends a download. What is here stays.
    pub async fn pause_download(&self, id: String) -> Result<(), view::Problem> {
        self.place(PlaceWish::PauseDownload(id)).await
    }

    /// Deletes a model.
    ///
    /// # Errors
    /// One that is not ours, or that is in use.
    pub async fn delete_model(&self, id: String) -> Result<(), view::Problem> {
        let deleted = self.shelf.delete(id).await;
        self.refresh_models().await?;
        deleted.map(drop).map_err(Into::into)
    }

    /// Uses a folder with a model where it lies, and says its id.
    ///
    /// # Errors
    /// When it holds no model that anything here can run.
    pub async fn import_model(&self, folder: String) -> Result<String, view::Problem> {
        let id = self.shelf.import(folder).await?;
        self.refresh_models().await?;
        Ok(id)
    }

    /// Keeps a token of Hugging Face in the system's keyring, or takes it away.
    ///
    /// # Errors
    /// What is no token, or that it cannot be kept.
    pub async fn set_hub_token(&self, token: Option<String>) -> Result<(), view::Problem> {
        let is_kept = token.is_some();
        token::keep_for_hub(self.secrets.clone(), token).await?;
        self.place(PlaceWish::HubToken(is_kept)).await
    }

    async fn place(&self, wish: PlaceWish) -> Result<(), view::Problem> {
        self.wish(Wish::Place(wish)).await
    }

    async fn host(&self, change: HostChange) -> Result<String, view::Problem> {
        self.ask(|answer| Wish::Host(change, answer)).await?.map_err(Into::into)
    }
}
