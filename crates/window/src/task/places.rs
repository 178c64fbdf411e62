//! What the task does about hosts, the local Moshi, the doctor and models.

use conversation::{Problem, unix_ms};
use store::{Measured, Settings};

use super::Task;
use crate::{
    host_list::{self, Changed, HostChange},
    places::{self, News},
    state::{Change, has_sound},
    view::{DoctorPhase, ModelState},
    wish::PlaceWish,
};

impl Task {
    pub(super) fn change_hosts(&mut self, change: HostChange) -> Result<String, Problem> {
        let before = self.state.settings();
        let Changed { settings, id, elsewhere } = host_list::change(before, change)?;
        let had_token = before.hosts.iter().any(|host| host.id == id && host.token);
        let written = self.keep(&settings);
        self.step(Change::Settings(settings));
        if elsewhere {
            self.step(Change::HostMoved(id.clone()));
            self.places.forget_host(id.clone(), had_token);
        }
        written.map(|()| id)
    }

    /// Something that goes on beside this task tells how it goes.
    pub(super) async fn beside(&mut self, news: News) {
        match news {
            News::Check(id, check, kept) => {
                if let Some(kept) = kept {
                    self.keep_measured(&id, kept);
                }
                if !check.running {
                    self.waiting.tell_checked(&id, &check);
                }
                self.step(Change::HostCheck(id, check));
            }
            News::Local(local) => self.step(Change::Local(local)),
            News::Recogniser(recogniser) => {
                self.step(Change::Recogniser(recogniser));
                self.conduct().await;
            }
            News::Doctor(doctor) => {
                self.waiting.tell_diagnosed(&doctor);
                let is_over = matches!(doctor.phase, DoctorPhase::Done | DoctorPhase::Failed);
                self.step(Change::Doctor(doctor));
                if is_over {
                    // Which models fit is known better now.
                    self.places.refresh_models(self.state.settings());
                }
            }
            News::Models(models) => {
                self.step(Change::Models(models));
                // One that was missing may be here now.
                self.places.try_recogniser_again(&self.state.settings().clone());
            }
            News::Download(id, state, download) => self.step(Change::Download(id, state, download)),
            News::DownloadOver(id, problem) => {
                self.step(Change::DownloadOver(id, problem));
                self.places.refresh_models(self.state.settings());
            }
            News::Notice(id, notice) => self.step(Change::Notice(id, notice)),
        }
    }

    fn keep_measured(&mut self, id: &str, measured: Measured) {
        let mut settings = self.state.settings().clone();
        let Some(host) = settings.hosts.iter_mut().find(|host| host.id == id) else { return };
        host.measured = Some(measured);
        if let Err(problem) = self.keep(&settings) {
            tracing::warn!(code = problem.code, "what a test measured is not kept");
        }
        self.step(Change::Settings(settings));
    }

    /// Starts a test of a host, unless it is the one that the person talks with: it would be busy with them.
    fn check(&mut self, id: &str) -> Result<(), Problem> {
        let found = self.state.settings().hosts.iter().find(|host| host.id == id);
        let host = found.cloned().ok_or_else(host_list::unknown)?;
        let call = &self.state.snapshot().call;
        if has_sound(call.phase) && call.host == host_list::shown(&host) {
            return Err(host_list::in_call(&host.name));
        }
        self.places.check(host);
        Ok(())
    }

    pub(super) fn place(&mut self, wish: PlaceWish) {
        let settings = self.state.settings().clone();
        match wish {
            PlaceWish::Check(id, answer) => {
                let _ = answer.send(self.check(&id));
            }
            PlaceWish::CheckToTheEnd(id, answer) => match self.check(&id) {
                Ok(()) => self.waiting.for_checks.entry(id).or_default().push(answer),
                Err(problem) => {
                    let _ = answer.send(format!("{} {}", problem.what, problem.next));
                }
            },
            PlaceWish::CancelCheck(id) => {
                if self.places.cancel_check(&id) {
                    let check = places::check::cancelled();
                    self.waiting.tell_checked(&id, &check);
                    self.step(Change::HostCheck(id, check));
                }
            }
            PlaceWish::StartLocal => self.places.start_local(&settings),
            PlaceWish::StopLocal => self.places.stop_local(),
            PlaceWish::LocalLog(answer) => {
                let _ = answer.send(self.places.local_log());
            }
            PlaceWish::RunDoctor => self.places.run_doctor(&settings),
            PlaceWish::Diagnose(answer) => {
                self.places.run_doctor(&settings);
                self.waiting.for_doctor.push(answer);
            }
            PlaceWish::CancelDoctor => {
                if self.places.cancel_doctor() {
                    // Whoever waits for what it says hears that nothing comes.
                    self.waiting.for_doctor.clear();
                    let mut doctor = self.state.snapshot().doctor.clone();
                    let phase = if doctor.rows.is_empty() { DoctorPhase::Never } else { DoctorPhase::Done };
                    (doctor.phase, doctor.since_ms) = (phase, unix_ms());
                    self.step(Change::Doctor(doctor));
                }
            }
            PlaceWish::HubToken(is_kept) => {
                let settings = Settings { hub_token: is_kept, ..settings };
                if let Err(problem) = self.keep(&settings) {
                    tracing::warn!(code = problem.code, "that a token is kept is not kept");
                }
                self.places.refresh_models(&settings);
                self.step(Change::Settings(settings));
            }
            PlaceWish::RefreshModels => self.places.refresh_models(&settings),
            PlaceWish::Download(id) => {
                if self.places.download(&settings, id.clone()) {
                    self.step(Change::Download(id, ModelState::Downloading, None));
                }
            }
            PlaceWish::PauseDownload(id) => self.places.pause_download(&id),
        }
    }
}
