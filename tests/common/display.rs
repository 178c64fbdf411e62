//! A display of the test's own, with a session bus and a window manager: what a desktop app expects to find.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::patiently;
use super::process::Process;
use super::program::{argument, output};

/// The display, in pixels.
pub const SIZE: (u32, u32) = (1280, 800);

/// A running X server, session bus and window manager; fields end in this order.
pub struct Display {
    windows: Process,
    bus: Process,
    server: Process,
    name: OsString,
    bus_address: String,
    home: TempDir,
}

impl Display {
    pub fn start() -> Self {
        let screen = format!("{}x{}x24", SIZE.0, SIZE.1);
        let mut command = Command::new("Xvfb");
        // It looks for a number that is free, and says it when it takes callers.
        command.args(["-displayfd", "1", "-screen", "0", &screen, "-nolisten", "tcp", "-noreset"]);
        let (server, number) = Process::that_says_a_line(command.stdin(Stdio::null()).stderr(Stdio::null()));
        let name = OsString::from(format!(":{number}"));
        let mut command = Command::new("dbus-daemon");
        command.args(["--session", "--nofork", "--nopidfile", "--print-address=1"]).env("DISPLAY", &name);
        let (bus, bus_address) =
            Process::that_says_a_line(command.stdin(Stdio::null()).stderr(Stdio::null()));
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new("openbox");
        command.arg("--sm-disable").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        surround(&mut command, &name, &bus_address, home.path());
        let windows = Process::start(&mut command);
        let display = Self { windows, bus, server, name, bus_address, home };
        patiently("the window manager runs", || {
            // Only a window manager says how many desktops there are.
            let mut asked = Command::new("xdotool");
            display.give_to(asked.arg("get_num_desktops").stdout(Stdio::null()).stderr(Stdio::null()));
            asked.status().unwrap().success().then_some(())
        });
        display
    }

    /// Lets a program open its windows here. It finds a home without anybody's settings in it.
    pub fn give_to(&self, command: &mut Command) {
        surround(command, &self.name, &self.bus_address, self.home.path());
    }

    /// Writes what is to be seen on the whole display to a PNG file.
    pub fn picture(&self, file: &Path) {
        let mut command = Command::new("import");
        command.args(["-window", "root", argument(file)]);
        self.give_to(&mut command);
        output(&mut command);
    }
}

fn surround(command: &mut Command, display: &OsString, bus: &str, home: &Path) {
    command.env("DISPLAY", display).env("DBUS_SESSION_BUS_ADDRESS", bus).env("HOME", home);
    // The same pixels on every machine.
    command.env("LIBGL_ALWAYS_SOFTWARE", "1").env("GDK_BACKEND", "x11").env("NO_AT_BRIDGE", "1");
    // With these, screenshots hang.
    let hanging = ["WEBKIT_DISABLE_DMABUF_RENDERER", "WEBKIT_DISABLE_COMPOSITING_MODE"];
    let of_the_person =
        ["WAYLAND_DISPLAY", "XAUTHORITY", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"];
    for name in hanging.into_iter().chain(of_the_person) {
        command.env_remove(name);
    }
}
