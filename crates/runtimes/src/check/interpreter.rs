//! Whether a Python interpreter works, and whose `moshi` it has.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use process::{Child, Source, Spec};
use serde::Deserialize;
use tokio::time::timeout;

use crate::StartError;

/// How long an interpreter may take to answer. The first start after a boot reads a good deal from the disk.
const LIMIT: Duration = Duration::from_secs(15);

/// Looks for the package without importing it, which takes seconds, and tells the two apart by an option that one has.
const SCRIPT: &str = r#"
import importlib.util, json, os
spec = importlib.util.find_spec("moshi")
places = (spec.submodule_search_locations or []) if spec else []
files = [os.path.join(place, "server.py") for place in places]
files = [file for file in files if os.path.isfile(file)]
moshi = None
if files:
    with open(files[0], encoding="utf-8", errors="replace") as file:
        moshi = "nvidia" if "--voice-prompt-dir" in file.read(1 << 20) else "kyutai"
print(json.dumps({"moshi": moshi}))
"#;

/// Whose `moshi` a Python has. Both packages install under that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flavour {
    /// Kyutai's, for Moshi.
    Kyutai,
    /// NVIDIA's, for PersonaPlex.
    Nvidia,
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kyutai => "Kyutai's moshi",
            Self::Nvidia => "NVIDIA's moshi for PersonaPlex",
        })
    }
}

#[derive(Deserialize)]
struct Found {
    moshi: Option<Flavour>,
}

/// The program that `chosen` means, once it has said that it has what is wanted.
pub(super) async fn check(
    chosen: &Path,
    wanted: Flavour,
    code: Option<&Path>,
    folder: PathBuf,
) -> Result<PathBuf, StartError> {
    let path = program(chosen).ok_or_else(|| StartError::NoInterpreter(chosen.to_owned()))?;
    // As the server itself is started, or it would look in other places.
    let folder = code.map_or(folder, Path::to_owned);
    match ask(&path, folder).await?.moshi {
        Some(found) if found == wanted => Ok(path),
        Some(found) => Err(StartError::OtherMoshi { path, found, wanted }),
        None => Err(StartError::NoMoshi(path)),
    }
}

/// A folder means the virtual environment in it. Links are not followed: by them an environment knows what it is.
fn program(chosen: &Path) -> Option<PathBuf> {
    if !chosen.is_dir() {
        return process::find(chosen);
    }
    let places: &[&str] =
        if cfg!(windows) { &["Scripts/python.exe", "python.exe"] } else { &["bin/python3", "bin/python"] };
    places.iter().map(|place| chosen.join(place)).find(|place| place.is_file())
}

async fn ask(path: &Path, folder: PathBuf) -> Result<Found, StartError> {
    let not_python = |why: String| StartError::NotPython { path: path.to_owned(), why };
    let mut spec = Spec::new(path).arguments(["-c", SCRIPT]).set("PYTHONUTF8", "1").unset("PYTHONHOME");
    if folder.is_dir() {
        spec = spec.folder(folder);
    }
    let child = match Child::start(spec).await {
        Err(process::StartError::NotFound(_)) => return Err(StartError::NoInterpreter(path.to_owned())),
        started => started?,
    };
    let exit = timeout(LIMIT, child.wait()).await;
    let exit = exit.map_err(|_| not_python(format!("it says nothing for {} s", LIMIT.as_secs())))?;
    let lines = child.tail();
    let printed = lines.iter().rev().filter(|line| line.source == Source::Output);
    let found = printed.filter_map(|line| serde_json::from_str(&line.text).ok()).next();
    found.ok_or_else(|| {
        let last = lines.last().map(|line| format!(" and says \"{}\"", line.text)).unwrap_or_default();
        not_python(format!("{exit}{last}"))
    })
}
