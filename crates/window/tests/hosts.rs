//! Hosts, the local Moshi, the doctor and models behind the window: real hosts on real sockets, and nothing that is not
//! there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod shown;
#[cfg(unix)]
#[allow(dead_code, reason = "one thing that can be wrong is enough here")]
#[path = "../../hosts/tests/sshd/mod.rs"]
mod sshd;

use std::net::TcpListener;

use shown::{Host, Shown};
use store::{Paths, SettingsFile};
use window::view::{
    DoctorPhase, HostCheck, HostDraft, HostPlace, HostVerdict, LocalPhase, ModelState, Phase, Snapshot,
    StepState,
};

fn moshi(name: &str, address: &str) -> HostDraft {
    HostDraft { name: name.into(), place: HostPlace::Moshi { address: address.into() }, plain: false }
}

/// An address at which nothing listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn check<'a>(now: &'a Snapshot, id: &str) -> Option<&'a HostCheck> {
    now.hosts.profiles.iter().find(|host| host.id == id)?.check.as_ref()
}

fn is_tested(now: &Snapshot, id: &str) -> bool {
    check(now, id).is_some_and(|check| !check.running)
}

#[tokio::test]
async fn a_test_of_a_host_is_shown_step_by_step_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start();
    let mut shown = Shown::open(folder.path(), None).await;
    let id = shown.window.add_host(moshi("mine", &host.address.to_string())).await.unwrap();
    shown.window.check_host(id.clone()).await.unwrap();
    let tested = shown.shows(|now| is_tested(now, &id)).await;
    let found = check(&tested, &id).unwrap();
    assert_eq!(found.verdict, Some(HostVerdict::Works), "{found:?}");
    let took = |state| found.steps.iter().filter(|step| step.state == state).count();
    assert!(took(StepState::Done) >= 4 && took(StepState::Failed) == 0, "{:?}", found.steps);
    assert!(found.server.is_some() && found.problem.is_none());
    let unknown = shown.window.check_host("nobody".into()).await.unwrap_err();
    assert_eq!(unknown.code, "host.unknown");
    shown.close().await;

    let (settings, _) = SettingsFile::open(&Paths::below(folder.path()).settings());
    let measured = settings.get().hosts[0].measured.clone().unwrap();
    assert!(measured.verdict == "works" && measured.round_trip_ms.is_some(), "{measured:?}");
    let mut again = Shown::open(folder.path(), None).await;
    let kept = again.shows(|now| !now.hosts.profiles.is_empty()).await;
    assert_eq!(check(&kept, &id).unwrap().verdict, Some(HostVerdict::Works));
    again.close().await;
}

#[tokio::test]
async fn the_host_of_the_call_is_not_tested_as_it_is_busy_with_the_person() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start();
    let mut shown = Shown::open(folder.path(), None).await;
    let id = shown.window.add_host(moshi("mine", &host.address.to_string())).await.unwrap();
    shown.window.talk().await.unwrap();
    shown.shows(|now| now.call.phase == Phase::Live).await;
    let refused = shown.window.check_host(id.clone()).await.unwrap_err();
    assert_eq!(refused.code, "host.in_call");
    shown.window.stop().await.unwrap();
    shown.shows(|now| now.call.phase == Phase::Idle).await;
    shown.window.check_host(id.clone()).await.unwrap();
    shown.shows(|now| is_tested(now, &id)).await;
    shown.close().await;
}

#[tokio::test]
async fn a_host_that_does_not_answer_says_why_and_another_address_forgets_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut shown = Shown::open(folder.path(), None).await;
    let id = shown.window.add_host(moshi("gone", &nobody())).await.unwrap();
    shown.window.check_host(id.clone()).await.unwrap();
    let tested = shown.shows(|now| is_tested(now, &id)).await;
    let found = check(&tested, &id).unwrap();
    assert_eq!(found.verdict, Some(HostVerdict::Unreachable));
    assert_eq!(found.problem.as_ref().unwrap().code, "host.refused");
    shown.window.edit_host(id.clone(), moshi("moved", &nobody())).await.unwrap();
    shown.shows(|now| now.hosts.profiles[0].name == "moved" && check(now, &id).is_none()).await;
    shown.window.delete_host(id.clone()).await.unwrap();
    let none = shown.shows(|now| now.hosts.profiles.is_empty()).await;
    assert_eq!(none.hosts.chosen, None);
    shown.close().await;
}

#[tokio::test]
async fn where_the_chosen_host_is_dead_the_next_one_is_called_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start();
    let mut shown = Shown::open(folder.path(), None).await;
    shown.window.add_host(moshi("dead", &nobody())).await.unwrap();
    shown.window.add_host(moshi("alive", &host.address.to_string())).await.unwrap();
    shown.window.talk().await.unwrap();
    let live = shown.shows(|now| now.call.phase == Phase::Live).await;
    assert_eq!(live.call.host, host.address.to_string());
    let said = |now: &Snapshot| now.notices.iter().any(|notice| notice.problem.code == "host.elsewhere");
    shown.shows(said).await;
    shown.window.stop().await.unwrap();
    shown.shows(|now| now.call.phase == Phase::Idle).await;

    let alone = serde_json::from_str(r#"{"useNextHost":false}"#).unwrap();
    shown.window.change_settings(alone).await.unwrap();
    shown.window.talk().await.unwrap();
    let failed = shown.shows(|now| now.call.phase == Phase::Failed).await;
    assert_eq!(failed.call.problem.unwrap().code, "link.refused", "nobody else was called");
    shown.close().await;
}

#[tokio::test]
async fn a_call_goes_on_with_the_next_host_when_its_own_dies() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Host::start(), Host::start());
    let mut shown = Shown::open(folder.path(), None).await;
    shown.window.add_host(moshi("first", &first.address.to_string())).await.unwrap();
    shown.window.add_host(moshi("second", &second.address.to_string())).await.unwrap();
    shown.window.talk().await.unwrap();
    let live = shown.shows(|now| now.call.phase == Phase::Live).await;
    assert_eq!(live.call.host, first.address.to_string());
    drop(first);
    let other = second.address.to_string();
    shown.shows(|now| now.call.phase == Phase::Live && now.call.host == other).await;
    shown.close().await;
}

#[tokio::test]
async fn a_certificate_of_its_own_is_shown_accepted_and_missed_when_it_is_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start();
    let certificate = test_tls::Certificate::self_signed("localhost");
    let front = certificate.in_front_of(host.address).await;
    let mut shown = Shown::open(folder.path(), None).await;
    let id = shown.window.add_host(moshi("secured", &format!("wss://{front}"))).await.unwrap();
    shown.window.check_host(id.clone()).await.unwrap();
    let tested = shown.shows(|now| is_tested(now, &id)).await;
    let found = check(&tested, &id).unwrap();
    assert_eq!(found.verdict, Some(HostVerdict::Refused), "{found:?}");
    let offered = found.offered.clone().unwrap();
    shown.window.talk().await.unwrap();
    let failed = shown.shows(|now| now.call.phase == Phase::Failed).await;
    assert_eq!(failed.call.problem.unwrap().code, "link.certificate");
    shown.window.pin_host(id.clone(), Some(offered)).await.unwrap();
    shown.window.talk().await.unwrap();
    shown.shows(|now| now.call.phase == Phase::Live).await;
    shown.window.stop().await.unwrap();
    shown.shows(|now| now.call.phase == Phase::Idle).await;

    let other = test_tls::Certificate::self_signed("elsewhere");
    let pin = net::Fingerprint::of(other.der()).to_string();
    shown.window.pin_host(id.clone(), Some(pin)).await.unwrap();
    shown.window.talk().await.unwrap();
    let failed = shown.shows(|now| now.call.phase == Phase::Failed).await;
    assert_eq!(failed.call.problem.unwrap().code, "link.certificate_changed");
    shown.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_call_goes_through_a_tunnel_that_ends_with_it() {
    let server = sshd::Sshd::start(sshd::Wrong::Nothing);
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start();
    let mut shown = Shown::open_with(folder.path(), None, server.client()).await;
    let place = HostPlace::Ssh { target: "gpu".into(), port: None, remote_port: host.address.port() };
    let draft = HostDraft { name: String::new(), place, plain: false };
    shown.window.add_host(draft).await.unwrap();
    shown.window.talk().await.unwrap();
    let live = shown.shows(|now| now.call.phase == Phase::Live).await;
    assert_eq!(live.call.host, "gpu, by ssh", "the tunnel's own port says nothing to anybody");
    shown.window.stop().await.unwrap();
    shown.shows(|now| now.call.phase == Phase::Idle).await;
    shown.close().await;
}

#[tokio::test]
async fn this_computer_without_a_model_says_so_and_typing_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut shown = Shown::open(folder.path(), None).await;
    let here = HostDraft { name: String::new(), place: HostPlace::ThisComputer, plain: false };
    shown.window.add_host(here).await.unwrap();
    shown.window.talk().await.unwrap();
    let failed = shown.shows(|now| now.call.phase == Phase::Failed).await;
    assert_eq!(failed.call.problem.unwrap().code, "local.no_model");
    let local = shown.shows(|now| now.local.phase == LocalPhase::Failed).await.local;
    assert_eq!(local.problem.unwrap().code, "local.no_model");
    shown.window.send_text("what time is it?".into()).await.unwrap();
    shown.shows(|now| now.turns.len() == 2).await;
    assert_eq!(shown.window.local_log().await.unwrap(), Vec::<String>::new());
    shown.close().await;
}

#[tokio::test]
async fn a_model_that_is_pointed_to_is_listed_and_one_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (model, empty) = (folder.path().join("tiny"), folder.path().join("empty"));
    engine::tiny::write(&model, engine::tiny::TinySettings::default()).unwrap();
    std::fs::create_dir(&empty).unwrap();
    let mut shown = Shown::open(folder.path(), None).await;
    let refused = shown.window.import_model(empty.display().to_string()).await.unwrap_err();
    assert!(refused.code.starts_with("models."), "{refused:?}");
    let id = shown.window.import_model(model.display().to_string()).await.unwrap();
    let listed = shown.shows(|now| now.models.rows.iter().any(|row| row.id == id)).await;
    let row = listed.models.rows.iter().find(|row| row.id == id).unwrap();
    assert_eq!(row.state, ModelState::Imported, "{row:?}");
    assert!(listed.models.rows.len() > 5, "the catalogue is listed, too");
    shown.window.delete_model(id.clone()).await.unwrap();
    shown.shows(|now| now.models.rows.iter().all(|row| row.id != id)).await;
    assert!(model.join("config.json").exists() || model.exists(), "what is the person's own stays");
    shown.close().await;
}

#[tokio::test]
async fn a_doctor_that_cannot_be_started_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut shown = Shown::open(folder.path(), None).await;
    shown.window.run_doctor().await.unwrap();
    let failed = shown.shows(|now| now.doctor.phase == DoctorPhase::Failed).await;
    assert_eq!(failed.doctor.problem.unwrap().code, "doctor.failed");
    shown.close().await;
}

#[tokio::test]
async fn the_brain_lists_tests_and_changes_hosts_when_it_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start();
    let mut shown = Shown::open(folder.path(), None).await;
    let address = host.address.to_string();
    shown.window.send_text(format!("use host {address}")).await.unwrap();
    let asked = shown.shows(|now| now.panels.tools.iter().any(|call| call.question.is_some())).await;
    let call = asked.panels.tools.iter().find(|call| call.question.is_some()).unwrap();
    shown.window.decide(&call.id, true).await.unwrap();
    shown.shows(|now| now.hosts.profiles.len() == 1 && now.hosts.chosen.is_some()).await;
    let said =
        |now: &Snapshot, words: &str| now.turns.iter().any(|turn| !turn.open && turn.text.contains(words));
    shown.window.send_text("list the hosts".into()).await.unwrap();
    shown.shows(|now| said(now, "the one that is called")).await;
    shown.window.send_text("test the host".into()).await.unwrap();
    shown.shows(|now| said(now, "works")).await;
    shown.close().await;
}
