//! Probes find what is there. The programs that they ask are made up where the real ones cannot be here, and print what
//! those were seen to print.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests may stop at the first surprise")]

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use doctor::{
    Api, ComputeCapability, Container, DockerState, Flavour, OsFamily, Vendor, Verdict, World, judge,
    probe::{self, MeasureSettings, Progress, ReadSettings, Surroundings},
};
use tempfile::TempDir;
use tokio::sync::watch;

/// A machine in a folder: programs, a home and a system of its own.
struct Machine {
    folder: TempDir,
    variables: BTreeMap<String, String>,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for part in ["bin", "home", "root"] {
            fs::create_dir(folder.path().join(part)).unwrap();
        }
        Self { folder, variables: BTreeMap::new() }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// A program on PATH: the body of a shell script that finds no other program there.
    fn program(&self, name: &str, body: &str) -> PathBuf {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn settings(&self) -> ReadSettings {
        let mut settings = ReadSettings::new(self.path("home/models"));
        settings.surroundings = self.surroundings();
        settings.ports = Vec::new();
        settings.limit = Duration::from_secs(30);
        settings
    }

    fn surroundings(&self) -> Surroundings {
        let mut variables: BTreeMap<_, _> =
            self.variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        variables.insert("PATH".into(), self.path("bin").into());
        Surroundings { variables, home: Some(self.path("home")), root: self.path("root"), drivers: false }
    }

    async fn read(&self) -> World {
        read(&self.settings()).await
    }
}

async fn read(settings: &ReadSettings) -> World {
    let (progress, seen) = watch::channel(Progress::default());
    let world = probe::read(settings, &progress).await;
    let last = seen.borrow().clone();
    assert_eq!(last.done, last.of, "the last progress says that all is done");
    world
}

#[tokio::test]
async fn this_machine_is_read_and_judged() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = ReadSettings::new(folder.path().join("not/yet/there"));
    settings.limit = Duration::from_secs(30);
    let world = read(&settings).await;
    assert!(world.os.family.is_some(), "the system is known");
    assert!(world.cpu.physical_cores.is_some_and(|cores| cores > 0));
    let (total, available) = (world.ram.total_bytes.unwrap(), world.ram.available_bytes.unwrap());
    assert!(available > 0 && available <= total, "{available} of {total}");
    assert!(world.disk.free_bytes.is_some_and(|free| free > 0), "of a folder that is still to be made");
    let report = judge(&world);
    assert!(report.findings.iter().all(|finding| finding.verdict != Verdict::Works), "nothing was timed");
    assert_eq!(World::from_json(&world.to_json().unwrap()).unwrap(), world, "it can be sent to somebody");
}

#[tokio::test]
async fn a_machine_with_nothing_is_described_as_such() {
    let machine = Machine::new();
    let world = machine.read().await;
    assert_eq!(world.gpus, Some(Vec::new()), "somebody looked, and there is none");
    assert_eq!(world.docker.unwrap().state, DockerState::Absent);
    assert_eq!(world.pythons, Some(Vec::new()));
    assert_eq!(world.moshi_backend, Some(false));
    assert_eq!(world.hugging_face.as_ref().map(|account| account.token), Some(false));
    assert_eq!(world.environment.no_cuda_graph, None);
    assert_eq!(world.unread, [], "nothing stood in the way");
}

const SMI: &str = r#"case "$1" in
  --query-gpu=*) echo "NVIDIA GeForce GTX 1080 Ti, 11264, 1024, 6.1, 570.195.03, 00000000:01:00.0"
                 echo "NVIDIA GeForce RTX 3060, 12288, 12000, 8.6, 570.195.03, 00000000:41:00.0" ;;
  --query-compute-apps=*) echo "00000000:01:00.0, /usr/lib/ollama/ollama, 9800"
                          echo "00000000:01:00.0, C:\Windows\dwm.exe, [N/A]" ;;
esac"#;

#[tokio::test]
async fn cards_are_known_by_nvidia_smi_where_the_library_fails() {
    let machine = Machine::new();
    machine.program("nvidia-smi", SMI);
    let gpus = machine.read().await.gpus.unwrap();
    assert_eq!(gpus.len(), 2);
    let gpu = &gpus[0];
    assert_eq!((gpu.name.as_str(), gpu.vendor), ("NVIDIA GeForce GTX 1080 Ti", Some(Vendor::Nvidia)));
    assert_eq!(gpu.memory_total_bytes, Some(11264 << 20));
    assert_eq!(gpu.memory_free_bytes, Some(1024 << 20), "what is free, not what there is");
    assert_eq!(gpu.compute_capability, Some(ComputeCapability::new(6, 1)));
    assert_eq!(gpu.driver.as_deref(), Some("570.195.03"));
    let holders: Vec<_> = gpu.held_by.iter().map(|holder| (holder.program.as_str(), holder.bytes)).collect();
    assert_eq!(holders, [("ollama", Some(9800 << 20)), ("dwm.exe", None)]);
    assert_eq!(gpus[1].held_by, [], "programs belong to the card that they use");
    assert_eq!(gpu.apis, Some(vec![Api::Cuda]), "nothing else was found");
}

#[tokio::test]
async fn an_nvidia_smi_that_fails_is_told_in_its_own_words() {
    let machine = Machine::new();
    machine.program(
        "nvidia-smi",
        "echo \"NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\" >&2; exit 9",
    );
    let world = machine.read().await;
    assert_eq!(world.unread[0].probe, "NVIDIA cards");
    assert!(world.unread[0].why.contains("couldn't communicate"), "{:?}", world.unread);
    let text = judge(&world).to_text();
    assert!(text.contains("Not read: NVIDIA cards"), "{text}");
}

#[tokio::test]
async fn a_card_that_is_plugged_in_and_has_no_driver_is_seen() {
    let machine = Machine::new();
    for (device, class, vendor) in [
        ("0000:01:00.0", "0x030000", "0x10de"),
        ("0000:01:00.1", "0x040300", "0x10de"),
        ("0000:02:00.0", "0x030000", "0x1a03"),
    ] {
        machine.file(&format!("root/sys/bus/pci/devices/{device}/class"), class);
        machine.file(&format!("root/sys/bus/pci/devices/{device}/vendor"), vendor);
        machine.file(&format!("root/sys/bus/pci/devices/{device}/device"), "0x2684\n");
    }
    let world = machine.read().await;
    let gpus = world.gpus.as_ref().unwrap();
    assert_eq!(gpus.len(), 1, "its sound and the board's own adapter are none: {gpus:?}");
    assert_eq!(gpus[0].name, "NVIDIA card (10de:2684)");
    let report = judge(&world);
    let stopped = report.findings.iter().filter(|finding| {
        finding.reasons.iter().any(|reason| ["gpu.no-driver", "gpu.no-api"].contains(&reason.code))
    });
    assert!(stopped.count() >= 5, "{}", report.to_text());
}

#[tokio::test]
async fn docker_is_known_with_what_it_has_of_moshi() {
    let machine = Machine::new();
    let info = r#"{"ServerVersion":"28.5.2","Runtimes":{"io.containerd.runc.v2":{},"nvidia":{"path":"x"}}}"#;
    let mounts = r#"[{"Type":"volume","Name":"moshi-model-cache","Destination":"/root/.cache"}]"#;
    machine.program(
        "docker",
        &format!(
            r#"case "$1 $2" in
  "info "*) echo '{info}' ;;
  "image ls") echo mycosoft/moshi-voice:latest; echo postgres:17 ;;
  "volume ls") echo moshi-model-cache; echo pgdata ;;
  "ps --all") echo "mycosoft/moshi-voice:latest moshi-voice"; echo "postgres:17 db" ;;
  "inspect "*) printf '/moshi-voice\t7\t%s\n' '{mounts}' ;;
esac"#
        ),
    );
    let docker = machine.read().await.docker.unwrap();
    assert_eq!((docker.state, docker.version.as_deref()), (DockerState::Running, Some("28.5.2")));
    assert_eq!(docker.nvidia_runtime, Some(true));
    let images: Vec<String> = docker.images.unwrap().into_iter().map(|image| image.name).collect();
    assert_eq!(images, ["mycosoft/moshi-voice:latest"], "other people's images are not told of");
    assert_eq!(docker.volumes.unwrap(), ["moshi-model-cache"]);
    let container = Container { name: "moshi-voice".to_owned(), restarts: 7, keeps_its_cache: true };
    assert_eq!(docker.containers.unwrap(), [container]);
}

#[tokio::test]
async fn a_docker_that_does_not_serve_is_told_apart() {
    for (says, state) in [
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", DockerState::Stopped),
        ("permission denied while trying to connect to the Docker daemon socket", DockerState::Refused),
    ] {
        let machine = Machine::new();
        machine.program(
            "docker",
            &format!(
                "echo '{{\"ServerVersion\":\"\",\"ServerErrors\":[\"{says}\"]}}'; echo '{says}' >&2; exit 1"
            ),
        );
        assert_eq!(machine.read().await.docker.unwrap().state, state, "{says}");
    }
}

#[tokio::test]
async fn a_docker_without_nvidias_runtime_is_told_apart() {
    let machine = Machine::new();
    machine
        .program("docker", r#"[ "$1" = info ] && echo '{"ServerVersion":"28.5.2","Runtimes":{"runc":{}}}'"#);
    assert_eq!(machine.read().await.docker.unwrap().nvidia_runtime, Some(false));
    machine.program(
        "docker",
        r#"[ "$1" = info ] && echo '{"ServerVersion":"28.5.2","Runtimes":{},"DiscoveredDevices":[{"Source":"cdi","ID":"nvidia.com/gpu=all"}]}'"#,
    );
    assert_eq!(machine.read().await.docker.unwrap().nvidia_runtime, Some(true), "devices serve as well");
}

#[tokio::test]
async fn who_is_late_is_left_out_by_name_and_ended() {
    let machine = Machine::new();
    let pid = machine.path("pid");
    machine.program("docker", &format!("echo $$ > {}; exec /bin/sleep 600", pid.display()));
    machine.program("nvidia-smi", SMI);
    let mut settings = machine.settings();
    settings.limit = Duration::from_secs(2);
    let world = read(&settings).await;
    assert_eq!(world.docker, None, "nothing is claimed of it");
    assert_eq!(world.unread.len(), 1);
    assert_eq!(world.unread[0].probe, "Docker");
    assert!(world.unread[0].why.contains("no answer within"), "{:?}", world.unread);
    assert_eq!(world.gpus.unwrap().len(), 2, "the others have answered");
    let pid = fs::read_to_string(pid).unwrap();
    ends(pid.trim()).await;
}

/// Returns when the process is no more, or only waits to be buried.
async fn ends(pid: &str) {
    let status = Path::new("/proc").join(pid).join("stat");
    while fs::read_to_string(&status).is_ok_and(|text| !text.contains(") Z ")) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn whoever_stops_waiting_ends_the_programs() {
    let machine = Machine::new();
    let pid = machine.path("pid");
    machine.program("docker", &format!("echo $$ > {}; exec /bin/sleep 600", pid.display()));
    let settings = machine.settings();
    let (progress, _) = watch::channel(Progress::default());
    let reading = probe::read(&settings, &progress);
    let started = async {
        while fs::read_to_string(&pid).unwrap_or_default().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = reading => panic!("Docker does not answer"),
        () = started => {}
    }
    ends(fs::read_to_string(&pid).unwrap().trim()).await;
}

#[tokio::test]
async fn no_program_gets_a_secret() {
    let mut machine = Machine::new();
    machine.variables.insert("HF_TOKEN".to_owned(), "hf_made_up".to_owned()); // secret-scan:allow made up for this test
    machine.program("nvidia-smi", r#"echo "card <$HF_TOKEN>, 1, 1, 8.9, 1, 00000000:01:00.0""#);
    let world = machine.read().await;
    assert_eq!(world.gpus.as_ref().unwrap()[0].name, "card <>");
    assert!(world.hugging_face.as_ref().unwrap().token, "that there is one is known");
    assert!(!world.to_json().unwrap().contains("hf_made_up"), "and nothing else"); // secret-scan:allow made up
}

/// What the script in the probe asks of a real interpreter.
fn fake_python(architectures: &str) -> String {
    format!(
        r#"case "$2" in
  *_cuda_getArchFlags*) echo 'Welcome!'; echo '{architectures}' ;;
  *) echo '{{"version":"3.12.7","torch":{{"version":"2.5.1+cu124","cuda":"12.4"}},"triton":null,"moshi":{{"nvidia":true,"version":"0.1.0"}},"bitsandbytes":null}}' ;;
esac"#
    )
}

#[tokio::test]
async fn an_interpreter_is_asked_what_is_installed_and_later_what_its_torch_is_built_for() {
    let machine = Machine::new();
    let python = machine.program("mine", &fake_python(r#"["sm_80", "sm_90"]"#));
    let mut settings = machine.settings();
    settings.pythons = vec![python.clone()];
    let world = read(&settings).await;
    let pythons = world.pythons.as_ref().unwrap();
    assert_eq!(pythons.len(), 1);
    assert_eq!(pythons[0].path, python.display().to_string(), "as it was given");
    assert_eq!(pythons[0].moshi.as_ref().map(|moshi| moshi.flavour), Some(Flavour::Nvidia));
    assert_eq!(pythons[0].torch.as_ref().unwrap().arch_list, None, "that takes an import");

    let measured = measure(&machine, &world).await;
    let torch = measured.pythons.as_ref().unwrap()[0].torch.as_ref().unwrap();
    assert_eq!(torch.arch_list.as_deref(), Some(&["sm_80".to_owned(), "sm_90".to_owned()][..]));
    assert!(measured.measured.cpu_gb_per_s.is_some_and(|speed| speed > 0.0));
    assert_eq!(measured.unread, []);
}

async fn measure(machine: &Machine, world: &World) -> World {
    let settings = MeasureSettings {
        surroundings: machine.surroundings(),
        buffer_bytes: Some(8 << 20),
        limit: Duration::from_secs(60),
    };
    let (progress, seen) = watch::channel(Progress::default());
    let measured = probe::measure(world, &settings, &progress).await;
    let last = seen.borrow().clone();
    assert_eq!(last.done, last.of);
    measured
}

#[tokio::test]
async fn an_interpreter_that_fails_is_named_if_the_person_pointed_to_it() {
    let machine = Machine::new();
    let mine = machine.program("mine", "echo 'mine: broken' >&2; exit 1");
    machine.program("python", "exit 9");
    let mut settings = machine.settings();
    settings.pythons = vec![mine.clone(), machine.path("home/no-environment")];
    let world = read(&settings).await;
    assert_eq!(world.pythons, Some(Vec::new()));
    assert_eq!(world.unread.len(), 2, "one that is only on PATH may be anything: {:?}", world.unread);
    assert!(world.unread[0].probe.contains(&mine.display().to_string()));
    assert_eq!(world.unread[0].why, "mine: broken");

    machine.program("mine", "echo 'I am no Python'");
    let world = read(&settings).await;
    assert!(world.unread[0].why.contains("none that a Python gives"), "{:?}", world.unread);
}

#[tokio::test]
async fn a_real_interpreter_imports_nothing_to_say_what_is_installed() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let Some(python) =
        std::env::split_paths(&path).map(|folder| folder.join("python3")).find(|path| path.is_file())
    else {
        println!("there is no Python here");
        return;
    };
    let mut machine = Machine::new();
    let packages = "home/packages";
    machine.file(&format!("{packages}/torch/__init__.py"), "raise SystemExit('torch is imported')");
    machine.file(
        &format!("{packages}/torch/version.py"),
        "__version__ = '2.7.1+cu128'\ndebug = False\ncuda: Optional[str] = '12.8'\nhip: Optional[str] = None\n",
    );
    machine.file(&format!("{packages}/moshi/__init__.py"), "raise SystemExit('moshi is imported')");
    machine.file(&format!("{packages}/moshi/server.py"), "import sys\n");
    machine.file(
        &format!("{packages}/triton-3.3.1.dist-info/METADATA"),
        "Metadata-Version: 2.1\nName: triton\nVersion: 3.3.1\n",
    );
    machine.variables.insert("PYTHONPATH".to_owned(), machine.path(packages).display().to_string());
    let mut settings = machine.settings();
    settings.surroundings.variables.insert("PATH".into(), path);
    settings.pythons = vec![python.clone()];
    let world = read(&settings).await;
    let found = world.pythons.unwrap();
    let found = found.iter().find(|found| found.path == python.display().to_string()).expect("it answers");
    let torch = found.torch.as_ref().unwrap();
    assert_eq!((torch.version.as_str(), torch.cuda.as_deref()), ("2.7.1+cu128", Some("12.8")));
    assert_eq!(found.triton.as_deref(), Some("3.3.1"));
    assert_eq!(found.moshi.as_ref().map(|moshi| moshi.flavour), Some(Flavour::Kyutai));
    assert!(found.version.as_ref().is_some_and(|version| version.starts_with("3.")));
}

#[tokio::test]
async fn a_port_is_taken_while_somebody_listens() {
    let machine = Machine::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let everywhere = TcpListener::bind("0.0.0.0:0").unwrap();
    let ports = [&listener, &everywhere].map(|listener| listener.local_addr().unwrap().port());
    let mut settings = machine.settings();
    settings.ports = ports.to_vec();
    assert_eq!(read(&settings).await.taken_ports.unwrap(), ports);
    drop(listener);
    assert_eq!(read(&settings).await.taken_ports.unwrap(), ports[1..]);
}

#[tokio::test]
async fn the_cache_of_hugging_face_counts_what_is_there_in_full() {
    let mut machine = Machine::new();
    let hub = "home/.cache/huggingface/hub";
    machine.file(&format!("{hub}/models--kyutai--moshika-pytorch-bf16/snapshots/a1/model.safetensors"), "x");
    machine.file(&format!("{hub}/models--kyutai--moshiko-candle-q8/snapshots/b2/config.json"), "{}");
    machine.file(&format!("{hub}/models--kyutai--moshiko-candle-q8/blobs/c3.incomplete"), "x");
    machine.file(&format!("{hub}/version.txt"), "1");
    machine.file("home/.cache/huggingface/token", "");
    let account = machine.read().await.hugging_face.unwrap();
    assert_eq!(account.repos, ["kyutai/moshika-pytorch-bf16"]);
    assert!(!account.token, "a file with nothing in it is none");
    assert_eq!(account.cache, Some(machine.path(hub).display().to_string()));

    machine.file("home/.cache/huggingface/token", "made up");
    assert!(machine.read().await.hugging_face.unwrap().token);
    machine.variables.insert("HF_HOME".to_owned(), machine.path("home/elsewhere").display().to_string());
    let account = machine.read().await.hugging_face.unwrap();
    assert_eq!((account.token, account.repos.len()), (false, 0), "HF_HOME moves both");
    machine.variables.insert("HF_HUB_CACHE".to_owned(), machine.path(hub).display().to_string());
    assert_eq!(machine.read().await.hugging_face.unwrap().repos.len(), 1, "and HF_HUB_CACHE the cache alone");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn linux_inside_windows_is_known_by_its_kernel() {
    let machine = Machine::new();
    assert!(!machine.read().await.os.wsl);
    machine.file("root/proc/sys/kernel/osrelease", "5.15.167.4-microsoft-standard-WSL2\n");
    let os = machine.read().await.os;
    assert_eq!((os.family, os.wsl), (Some(OsFamily::Linux), true));
}

#[tokio::test]
async fn variables_are_told_as_they_are_set() {
    let mut machine = Machine::new();
    machine.variables.insert("NO_TORCH_COMPILE".to_owned(), "0".to_owned());
    machine.variables.insert("NO_CUDA_GRAPH".to_owned(), String::new());
    let environment = machine.read().await.environment;
    assert_eq!(environment.no_torch_compile.as_deref(), Some("0"));
    assert_eq!(environment.no_cuda_graph.as_deref(), Some(""), "set, and to nothing");
}
