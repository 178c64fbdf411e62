//! A PulseAudio of the test's own, with one virtual sound card.
//!
//! The card is a sink of two channels: the microphone `vmic` is its left one, the loudspeaker `vspk` its right one. So one recording
//! of it holds both sides on one clock, and no test needs to bring two clocks together.

use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::patiently;
use super::process::Process;
use super::program::output;

/// Samples a second, of the card and of all that is recorded and played.
pub const RATE: u32 = 48_000;

/// The loudspeaker's id, as the programs name it.
pub const LOUDSPEAKER: &str = "pulse:vspk";
/// The microphone's id.
pub const MICROPHONE: &str = "pulse:vmic";
/// The loudspeaker of [`Pulse::add_others`].
pub const OTHER_LOUDSPEAKER: &str = "pulse:other_speaker";
/// The microphone of [`Pulse::add_others`].
pub const OTHER_MICROPHONE: &str = "pulse:other_mic";
/// What is played into the microphone is played here.
pub(super) const VOICE: &str = "vvoice";
/// What is recorded.
pub(super) const CARD: &str = "card.monitor";

/// What names another server, or other devices of it.
const NAMES: [&str; 4] = ["PULSE_SERVER", "PULSE_RUNTIME_PATH", "PULSE_SINK", "PULSE_SOURCE"];

/// A device that can be pulled out and plugged in.
#[derive(Clone, Copy)]
pub enum Device {
    Microphone,
    Loudspeaker,
}

impl Device {
    fn module(self) -> [&'static str; 2] {
        match self {
            Self::Microphone => [
                "module-remap-source",
                "source_name=vmic master=card.monitor channels=1 channel_map=mono master_channel_map=front-left \
                 remix=no source_properties=device.description=VirtualMicrophone",
            ],
            Self::Loudspeaker => [
                "module-remap-sink",
                "sink_name=vspk master=card channels=1 channel_map=mono master_channel_map=front-right remix=no \
                 sink_properties=device.description=VirtualLoudspeaker",
            ],
        }
    }
}

/// The sound server.
pub struct Pulse {
    server: Process,
    folder: TempDir,
}

impl Pulse {
    /// Starts it, with microphone and loudspeaker as the defaults.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rate = RATE.to_string();
        let [device, voice] =
            [Device::Loudspeaker, Device::Microphone].map(|device| device.module().join(" "));
        let modules = [
            "module-native-protocol-unix".to_owned(),
            format!(
                "module-null-sink sink_name=card rate={rate} format=float32le channels=2 \
                 channel_map=front-left,front-right"
            ),
            format!(
                "module-remap-sink sink_name={VOICE} master=card channels=1 channel_map=mono \
                 master_channel_map=front-left remix=no"
            ),
            device,
            voice,
        ];
        let mut command = Command::new("pulseaudio");
        command.args(["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--realtime=no"]);
        command.args(["--high-priority=no", "--log-level=error"]);
        for module in &modules {
            command.args(["-L", module]);
        }
        // No settings of the person who runs the tests.
        command.env("HOME", folder.path()).env("XDG_RUNTIME_DIR", folder.path());
        for name in ["PULSE_STATE_PATH", "XDG_CONFIG_HOME", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY"]
            .iter()
            .chain(&NAMES)
        {
            command.env_remove(name);
        }
        let mut pulse = Self { server: Process::start(command.stdin(Stdio::null())), folder };
        patiently("the sound server answers", || {
            assert!(pulse.server.runs(), "the sound server has ended");
            let asked = pulse.tool("pactl").arg("info").stdout(Stdio::null()).stderr(Stdio::null()).status();
            asked.unwrap().success().then_some(())
        });
        pulse.make_default(Device::Loudspeaker);
        pulse.make_default(Device::Microphone);
        pulse
    }

    /// Lets a program use this sound server.
    pub fn give_to(&self, command: &mut Command) {
        for name in NAMES {
            command.env_remove(name);
        }
        command.env("XDG_RUNTIME_DIR", self.folder.path());
        // What the server asks of those who want to use it. It lies in the home of its owner.
        command.env("PULSE_COOKIE", self.folder.path().join(".config/pulse/cookie"));
    }

    /// One of PulseAudio's own programs, to be used with this server.
    pub(super) fn tool(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        self.give_to(&mut command);
        command
    }

    fn pactl(&self, arguments: &[&str]) -> String {
        output(self.tool("pactl").args(arguments))
    }

    /// Makes a device the one that is used when nobody chooses.
    pub fn make_default(&self, device: Device) {
        self.pactl(match device {
            Device::Microphone => &["set-default-source", "vmic"],
            Device::Loudspeaker => &["set-default-sink", "vspk"],
        });
    }

    /// Adds a microphone that hears nothing and a loudspeaker that nobody hears, and makes them the defaults.
    pub fn add_others(&self) {
        let rate = format!("rate={RATE}");
        self.pactl(&["load-module", "module-null-sink", "sink_name=other_speaker", &rate]);
        self.pactl(&["load-module", "module-null-source", "source_name=other_mic", &rate]);
        self.pactl(&["set-default-sink", "other_speaker"]);
        self.pactl(&["set-default-source", "other_mic"]);
    }

    /// Pulls a device out.
    pub fn unplug(&self, device: Device) {
        let [module, arguments] = device.module();
        let name = arguments.split(' ').next().unwrap();
        let modules = self.pactl(&["list", "short", "modules"]);
        let line = modules.lines().find(|line| line.contains(module) && line.contains(name));
        let number = line.expect("it is plugged in").split('\t').next().unwrap();
        self.pactl(&["unload-module", number]);
    }

    /// Plugs it in again. It does not become the default.
    pub fn plug(&self, device: Device) {
        let [module, arguments] = device.module();
        self.pactl(&["load-module", module, arguments]);
    }
}
