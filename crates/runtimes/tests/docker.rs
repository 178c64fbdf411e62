//! Moshi in a container, with a daemon that is played.
#![cfg(target_os = "linux")]

mod common;

use runtimes::{DockerError, Exit, Progress, Secret, Stage, State, Torch, USUAL_IMAGE, What};
use serde_json::json;

use crate::common::{
    Place, anywhere, at,
    daemon::{Daemon, Plan},
    stage, taken, until, until_failed, until_ready, until_waiting,
};

fn image() -> What {
    let repo = "kyutai/moshika-pytorch-bf16".to_owned();
    What::Docker { image: USUAL_IMAGE.into(), repo, half: false, torch: Torch::default() }
}

fn plan() -> Plan {
    let prints = ["[Info] retrieving checkpoint", "[Info] loading moshi", "[Info] warming up the model"];
    Plan {
        images: vec![USUAL_IMAGE.into()],
        prints: prints.map(str::to_owned).into(),
        info: json!({ "Runtimes": { "runc": {}, "nvidia": { "path": "nvidia-container-runtime" } } }),
        ..Plan::default()
    }
}

fn place(plan: Plan) -> (Place, Daemon) {
    let place = Place::new("");
    let daemon = Daemon::at(&place.path("docker.sock"), plan);
    (place, daemon)
}

#[tokio::test]
async fn a_container_is_made_for_this_computer_alone_and_removed_when_it_is_stopped() {
    let (place, daemon) = place(plan());
    let moshi = place.moshi();
    let mut status = moshi.status();
    let token = Secret::new("hf_hush_hush"); // secret-scan:allow made up, to be looked for
    moshi.start(anywhere(image()), Some(token)).await;
    let ready = until_ready(&mut status).await;
    let State::Ready { local, .. } = &ready.state else { unreachable!() };

    let created = daemon.created();
    let [container] = &created[..] else { panic!("{created:?}") };
    let host = &container["HostConfig"];
    let port = host["PortBindings"]["8998/tcp"][0]["HostPort"].as_str().unwrap();
    assert_eq!(local.address, format!("ws://127.0.0.1:{port}/api/chat"));
    let gpu = json!([{ "Driver": "", "Count": -1, "Capabilities": [["gpu"]] }]);
    assert_eq!(host["DeviceRequests"], gpu);
    let volume = json!([{ "Type": "volume", "Source": "moshi-model-cache", "Target": "/root/.cache" }]);
    assert_eq!(host["Mounts"], volume);
    assert_eq!((&host["RestartPolicy"]["Name"], &host["Init"]), (&json!("no"), &json!(true)));
    assert_eq!((&container["OpenStdin"], &container["StdinOnce"]), (&json!(true), &json!(true)));
    assert!(container["Labels"]["ai.mycosoft.myca-voice"].is_string());
    assert!(container["Cmd"].as_array().unwrap().contains(&json!("moshi.server")));
    assert!(!container.to_string().contains("hush"), "Docker writes the environment of a container down");
    assert_eq!(daemon.first_lines(), ["hf_hush_hush"], "so the token goes in by standard input");

    moshi.stop().await;
    assert_eq!(daemon.removed(), ["container1"]);
    let printed: Vec<String> = moshi.lines().0.into_iter().map(|line| line.text).collect();
    assert_eq!(printed.len(), 3);
    assert!(printed.contains(&"[Info] warming up the model".to_owned()), "{printed:?}");
    assert!(place.log("docker.log").contains("[Info] loading moshi"));
}

#[tokio::test]
async fn an_image_that_is_not_here_is_downloaded_with_progress() {
    let (place, _daemon) = place(Plan { images: Vec::new(), pulls: true, ..plan() });
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(image()), None).await;
    let is = |state: &State| stage(state) == Some(Stage::Pulling) || matches!(state, State::Failed { .. });
    let pulling = until(&mut status, is).await;
    let State::Starting { progress, .. } = pulling.state else { panic!("{pulling:?}") };
    assert!(matches!(progress, Some(Progress { bytes: 5 | 100, of: Some(100) })), "{progress:?}");
    until_ready(&mut status).await;
    moshi.stop().await;
}

#[tokio::test]
async fn an_image_that_is_nowhere_is_said() {
    let (place, daemon) = place(Plan { images: Vec::new(), ..plan() });
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(image()), None).await;
    let why = until_failed(&mut status).await;
    assert_eq!(why.code, "docker.no-image", "{why:?}");
    assert!(daemon.created().is_empty());
}

#[tokio::test]
async fn a_docker_without_the_nvidia_runtime_is_explained() {
    let words = "could not select device driver \"\" with capabilities: [[gpu]]".to_owned();
    let info = json!({ "Runtimes": { "runc": {} } });
    let (place, daemon) = place(Plan { refusals: vec![(500, words)], info, ..plan() });
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(image()), None).await;
    let why = until_failed(&mut status).await;
    assert_eq!(why.code, "docker.no-nvidia", "{why:?}");
    assert!(why.next.contains("nvidia-ctk"), "{}", why.next);
    assert_eq!((daemon.created().len(), daemon.removed().len()), (1, 1), "nothing is left of it");
}

#[tokio::test]
async fn gpus_that_docker_knows_by_cdi_alone_are_asked_for_by_it() {
    let devices = json!([{ "Source": "cdi", "ID": "nvidia.com/gpu=0" }, { "Source": "cdi", "ID": "nvidia.com/gpu=all" }]);
    let info = json!({ "Runtimes": { "runc": {} }, "DiscoveredDevices": devices });
    let (place, daemon) = place(Plan { info, ..plan() });
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(image()), None).await;
    until_ready(&mut status).await;
    let asked = json!([{ "Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=all"] }]);
    assert_eq!(daemon.created()[0]["HostConfig"]["DeviceRequests"], asked);
    moshi.stop().await;
}

#[tokio::test]
async fn a_port_that_was_taken_meanwhile_is_left() {
    let words = "driver failed programming external connectivity on endpoint moshi: Bind for 127.0.0.1:8998 failed: port is \
                 already allocated";
    let (place, daemon) = place(Plan { refusals: vec![(500, words.to_owned())], ..plan() });
    let (listener, port) = taken();
    drop(listener);
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(at(image(), port, false), None).await;
    assert_eq!(until_waiting(&mut status).await.code, "port.taken");
    assert_eq!(until_ready(&mut status).await.moved.map(|moved| moved.from), Some(port));
    assert_eq!(daemon.created().len(), 2);
    moshi.stop().await;
}

#[tokio::test]
async fn a_container_that_used_up_its_memory_is_explained() {
    let (place, daemon) = place(Plan { ends: Some((137, true)), ..plan() });
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(image()), None).await;
    let why = until_failed(&mut status).await;
    assert_eq!((why.code, why.exit), ("docker.memory", Some(Exit::Signal(9))), "{why:?}");
    assert_eq!(why.lines.len(), 3);
    assert_eq!(daemon.removed(), ["container1"]);
}

#[tokio::test]
async fn a_container_that_ends_is_followed_by_another_one() {
    let (place, daemon) = place(plan());
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(image()), None).await;
    until_ready(&mut status).await;
    daemon.end("container1", 1, false);
    assert_eq!(until_waiting(&mut status).await.exit, Some(Exit::Code(1)));
    until_ready(&mut status).await;
    assert_eq!(daemon.removed(), ["container1"]);
    moshi.stop().await;
    assert_eq!(daemon.removed(), ["container1", "container2"]);
}

#[tokio::test]
async fn whoever_drops_the_handle_ends_the_container() {
    let (place, daemon) = place(plan());
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(image()), None).await;
    until_ready(&mut status).await;
    drop(moshi);
    while status.changed().await.is_ok() {}
    assert_eq!(daemon.removed(), ["container1"]);
}

#[tokio::test]
async fn what_an_app_that_was_killed_left_behind_is_removed() {
    let left = ["exited", "running", "created"].map(|state| (format!("old-{state}"), state)).into();
    let (place, daemon) = place(Plan { left, ..plan() });
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(image()), None).await;
    until_ready(&mut status).await;
    assert_eq!(daemon.removed(), ["old-exited", "old-created"], "one that runs has an app that lives");
    let list = daemon.requests().into_iter().find(|request| request.contains("/containers/json")).unwrap();
    assert!(list.contains("ai.mycosoft.myca-voice"), "of ours alone: {list}");
    moshi.stop().await;
}

#[tokio::test]
async fn a_docker_that_does_not_run_is_said() {
    let place = Place::new("");
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(image()), None).await;
    let why = until_failed(&mut status).await;
    assert_eq!(why.code, "docker.stopped", "no socket: {why:?}");

    drop(std::os::unix::net::UnixListener::bind(place.path("docker.sock")).unwrap());
    let moshi = place.moshi();
    let mut status = moshi.status();
    moshi.start(anywhere(image()), None).await;
    let why = until_failed(&mut status).await;
    assert_eq!(why.code, "docker.stopped", "nobody at the socket: {why:?}");
}

#[test]
fn the_same_failure_has_one_name_wherever_it_is_found() {
    for (line, error) in [
        ("permission denied while trying to connect to the Docker daemon socket", DockerError::Forbidden),
        ("Cannot connect to the Docker daemon", DockerError::NotRunning),
    ] {
        assert_eq!(doctor::recognise(line).unwrap().code, error.code());
    }
}
