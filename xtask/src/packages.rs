//! System packages: which are needed, which are missing, and how to install them.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;
use crate::command::{answer, run_quietly};

const TABLE: &str = include_str!("packages.txt");

/// What the packages are wanted for. Testing needs all that running does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    Run,
    Test,
}

/// The package managers whose names for things we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PackageManager {
    Apt,
    Dnf,
    Pacman,
}

/// One thing that is needed, under all the names that it may have here.
type Need = Vec<&'static str>;

/// The needs that no installed package meets.
#[derive(Debug)]
pub(crate) struct Missing {
    manager: Option<PackageManager>,
    needs: Vec<Need>,
}

impl Missing {
    pub(crate) fn find(checkout: &Checkout, purpose: Purpose) -> Result<Self> {
        let os_release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        if cfg!(windows) {
            return Ok(Self { manager: None, needs: missing_on_windows(checkout) });
        }
        let Some(manager) = PackageManager::detect(&os_release, |program| checkout.which(program).is_some())
        else {
            // Nobody can tell what is installed here, so the list is shown by Debian's names, and only that.
            return Ok(Self { manager: None, needs: needs(TABLE, purpose, PackageManager::Apt)? });
        };
        let needs = without_installed(needs(TABLE, purpose, manager)?, |name| manager.has_installed(name));
        Ok(Self { manager: Some(manager), needs })
    }

    /// What is going to be installed, for the eye; nothing if nothing is missing.
    pub(crate) fn shown(&self) -> Option<String> {
        if self.needs.is_empty() {
            return None;
        }
        let names: Vec<String> = self.needs.iter().map(|names| names.join(" or ")).collect();
        let names = names.join(", ");
        Some(match self.manager {
            Some(manager) => format!("system packages ({}): {names}", manager.program()),
            None if cfg!(windows) => format!("programs, which you have to install yourself: {names}"),
            None => {
                format!("system packages, which you have to see to yourself here; Debian calls them: {names}")
            }
        })
    }

    pub(crate) fn install(&self, checkout: &Checkout) -> Result<()> {
        let Some(manager) = self.manager else { return Ok(()) };
        if self.needs.is_empty() {
            return Ok(());
        }
        let root = answer(Command::new("id").arg("-u")).as_deref() == Some("0");
        let sudo = checkout.which("sudo").is_some();
        if !root && !sudo {
            let names: Vec<&str> = self.needs.iter().filter_map(|names| names.first().copied()).collect();
            bail!(
                "only the administrator can install packages, and sudo is not there; run as administrator: {} {}",
                manager.install().join(" "),
                names.join(" ")
            );
        }
        let privileged = |arguments: &[&str]| {
            let mut command = checkout.command(if root { "env" } else { "sudo" });
            if !root {
                command.arg("env");
            }
            command.arg("DEBIAN_FRONTEND=noninteractive").args(arguments);
            command
        };
        if let Some(refresh) = manager.refresh() {
            run_quietly(&mut privileged(refresh)).context("the lists of packages could not be fetched")?;
        }
        let names = chosen(&self.needs, |name| manager.offers(name));
        run_quietly(privileged(manager.install()).args(&names)).context(
            "the packages could not be installed (nothing is removed to make room for them: where PipeWire keeps \
             pulseaudio out, install the others and go on with --skip packages)",
        )
    }
}

impl PackageManager {
    const ALL: [Self; 3] = [Self::Apt, Self::Dnf, Self::Pacman];

    /// The manager that the distribution is made with, or else whichever is there.
    fn detect(os_release: &str, is_there: impl Fn(&str) -> bool) -> Option<Self> {
        let families: Vec<&str> = os_release
            .lines()
            .filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")))
            .flat_map(|value| value.trim_matches('"').split_whitespace())
            .collect();
        let native = families.iter().find_map(|family| match *family {
            "debian" | "ubuntu" => Some(Self::Apt),
            "fedora" | "rhel" | "centos" => Some(Self::Dnf),
            "arch" => Some(Self::Pacman),
            _ => None,
        });
        native.into_iter().chain(Self::ALL).find(|manager| is_there(manager.program()))
    }

    fn program(self) -> &'static str {
        match self {
            Self::Apt => "apt-get",
            Self::Dnf => "dnf",
            Self::Pacman => "pacman",
        }
    }

    fn column(self) -> usize {
        match self {
            Self::Apt => 1,
            Self::Dnf => 2,
            Self::Pacman => 3,
        }
    }

    /// Fetches the lists of what can be installed, where that is not part of installing.
    fn refresh(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Apt => Some(&["apt-get", "-o", "DPkg::Lock::Timeout=120", "update"]),
            Self::Dnf => None,
            // Fresh lists over old packages are how Arch breaks, so only where there are no lists at all.
            Self::Pacman => {
                let lists = std::fs::read_dir("/var/lib/pacman/sync").map(Iterator::count).unwrap_or(0);
                (lists == 0).then_some(&["pacman", "-Sy", "--noconfirm"])
            }
        }
    }

    /// Installs, and takes nothing away: PulseAudio for one would push a desktop's PipeWire off the machine.
    fn install(self) -> &'static [&'static str] {
        match self {
            Self::Apt => &[
                "apt-get",
                "-o",
                "DPkg::Lock::Timeout=120",
                "install",
                "--yes",
                "--no-install-recommends",
                "--no-remove",
            ],
            Self::Dnf => &["dnf", "install", "--assumeyes", "--setopt=install_weak_deps=False"],
            Self::Pacman => &["pacman", "-S", "--needed", "--noconfirm"],
        }
    }

    fn has_installed(self, name: &str) -> bool {
        match self {
            Self::Apt => {
                let status = answer(Command::new("dpkg-query").args(["-W", "-f=${db:Status-Status} ", name]));
                status.is_some_and(|status| status.split_whitespace().any(|word| word == "installed"))
            }
            Self::Dnf => answer(Command::new("rpm").args(["-q", "--whatprovides", name])).is_some(),
            // Counts what another package provides under this name, which -Q does not.
            Self::Pacman => answer(Command::new("pacman").args(["-T", name])).is_some(),
        }
    }

    fn offers(self, name: &str) -> bool {
        match self {
            Self::Apt => answer(Command::new("apt-cache").args(["policy", name]))
                .is_some_and(|policy| policy.contains("Candidate:") && !policy.contains("Candidate: (none)")),
            Self::Dnf => answer(Command::new("dnf").args(["--quiet", "repoquery", "--whatprovides", name]))
                .is_some_and(|found| !found.is_empty()),
            Self::Pacman => answer(Command::new("pacman").args(["-Si", name])).is_some(),
        }
    }
}

/// The table's lines for the purpose, in this manager's words.
fn needs(table: &'static str, purpose: Purpose, manager: PackageManager) -> Result<Vec<Need>> {
    let mut needs = Vec::new();
    for line in table.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let columns: Vec<&'static str> = line.split_whitespace().collect();
        let of = match columns.first() {
            Some(&"run") => Purpose::Run,
            Some(&"test") => Purpose::Test,
            _ => bail!("packages.txt: who needs this? {line:?}"),
        };
        if columns.len() != 4 {
            bail!("packages.txt: a purpose and three names are due in {line:?}");
        }
        let names = columns[manager.column()];
        if of <= purpose && names != "-" {
            needs.push(names.split('|').collect());
        }
    }
    Ok(needs)
}

/// Windows has no package manager to ask. The linker is there, or this would not run.
fn missing_on_windows(checkout: &Checkout) -> Vec<Need> {
    let mut needs = vec![
        ("CMake", checkout.which("cmake").is_some()),
        ("Microsoft Edge WebView2 Runtime", has_webview2()),
    ];
    if cfg!(target_env = "gnu") {
        needs.push(("the C and C++ compilers of mingw-w64", checkout.which("gcc").is_some()));
    }
    needs.into_iter().filter(|(_, is_there)| !is_there).map(|(name, _)| vec![name]).collect()
}

/// By the version that its installer leaves in the registry, for everybody or for this user.
fn has_webview2() -> bool {
    let product = r"Microsoft\EdgeUpdate\Clients\{F3017226-FE2A-4295-8BDF-00C3A9A7E4C5}";
    let keys = [r"HKLM\SOFTWARE\WOW6432Node", r"HKLM\SOFTWARE", r"HKCU\SOFTWARE"];
    let version = |key| answer(Command::new("reg").args(["query", &format!(r"{key}\{product}"), "/v", "pv"]));
    keys.into_iter().any(|key| version(key).is_some())
}

fn without_installed(needs: Vec<Need>, is_installed: impl Fn(&str) -> bool) -> Vec<Need> {
    needs.into_iter().filter(|names| !names.iter().any(|name| is_installed(name))).collect()
}

/// One name for each need: the first that can be had.
fn chosen(needs: &[Need], is_offered: impl Fn(&str) -> bool) -> BTreeSet<&'static str> {
    let choose = |names: &Need| match names.as_slice() {
        [only] => Some(*only),
        // If none can be had, the manager is to say so about the usual one.
        several => several.iter().find(|name| is_offered(name)).or(several.first()).copied(),
    };
    needs.iter().filter_map(choose).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "\
# who  apt            dnf         pacman
run    g++            gcc-c++     -

test   chromium|cr-b  chromium    chromium
";

    #[test]
    fn the_distribution_decides_and_not_what_lies_about() {
        let everything = |_: &str| true;
        let fedora = "NAME=\"Fedora Linux\"\nID=fedora\n";
        assert_eq!(
            PackageManager::detect(fedora, everything),
            Some(PackageManager::Dnf),
            "Fedora may have apt too"
        );
        let mint = "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n";
        assert_eq!(PackageManager::detect(mint, everything), Some(PackageManager::Apt), "by its relatives");
        let manjaro = "ID=manjaro\nID_LIKE=arch\n";
        assert_eq!(
            PackageManager::detect(manjaro, everything),
            Some(PackageManager::Pacman),
            "by its relatives"
        );
        let unknown = "ID=something\n";
        let dnf_alone = |program: &str| program == "dnf";
        assert_eq!(PackageManager::detect(unknown, dnf_alone), Some(PackageManager::Dnf), "by what is there");
        assert_eq!(PackageManager::detect(fedora, |_| false), None, "a name without its program is no use");
    }

    #[test]
    fn testing_needs_what_running_needs_and_more() {
        let apt = |purpose| needs(SMALL, purpose, PackageManager::Apt).unwrap();
        assert_eq!(apt(Purpose::Run), [vec!["g++"]], "nothing but the compiler");
        assert_eq!(apt(Purpose::Test), [vec!["g++"], vec!["chromium", "cr-b"]], "the browser on top");
        let pacman = needs(SMALL, Purpose::Test, PackageManager::Pacman).unwrap();
        assert_eq!(pacman, [vec!["chromium"]], "a dash is nothing to install");
    }

    #[test]
    fn either_name_will_do_where_two_are_given() {
        let both = || needs(SMALL, Purpose::Test, PackageManager::Apt).unwrap();
        assert_eq!(without_installed(both(), |name| name == "cr-b"), [vec!["g++"]], "the second name counts");
        let second = chosen(&both(), |name| name == "cr-b");
        assert_eq!(second, BTreeSet::from(["cr-b", "g++"]), "the one that can be had");
        let none = chosen(&both(), |_| false);
        assert_eq!(none, BTreeSet::from(["chromium", "g++"]), "the usual one, for the error to name");
    }

    #[test]
    fn the_table_reads_for_every_manager() {
        for manager in PackageManager::ALL {
            let run = needs(TABLE, Purpose::Run, manager).unwrap();
            let test = needs(TABLE, Purpose::Test, manager).unwrap();
            assert!(run.len() >= 8, "{manager:?} has a compiler, WebKit and sound to bring: {run:?}");
            assert!(
                test.starts_with(&[run[0].clone()]) && test.len() > run.len() + 10,
                "{manager:?}: {test:?}"
            );
            let all: Vec<_> = test.iter().flatten().collect();
            let unique: BTreeSet<_> = test.iter().flatten().collect();
            let doubled = all.len() - unique.len();
            // xdotool brings libxdo on Arch, so it stands there twice.
            assert!(
                doubled <= usize::from(manager == PackageManager::Pacman),
                "{manager:?} asks twice: {all:?}"
            );
        }
    }

    #[test]
    fn a_broken_table_says_where() {
        assert!(needs("run gcc gcc\n", Purpose::Run, PackageManager::Apt).is_err(), "a column is missing");
        assert!(needs("walk gcc gcc gcc\n", Purpose::Run, PackageManager::Apt).is_err(), "no such purpose");
    }
}
