//! Python interpreters, each asked by a short script what is installed in it. Nothing is imported: torch takes seconds.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, de::DeserializeOwned};
use tokio::{task::JoinSet, time::timeout};

use super::{Surroundings, child::ask};
use crate::{Flavour, Moshi, Python, Torch, Unread};

const INSTALLED: &str = include_str!("pythons/installed.py");
const ARCHITECTURES: &str = include_str!("pythons/architectures.py");

/// How many interpreters are asked.
const MOST: usize = 8;

/// How long one may take.
const EACH: Duration = Duration::from_millis(1500);

/// What was found.
pub(super) struct Found {
    pub(super) pythons: Vec<Python>,
    pub(super) unread: Vec<Unread>,
}

/// The interpreters that the person pointed to, and those on `PATH`.
pub(super) async fn read(place: &Surroundings, given: &[PathBuf], limit: Duration) -> Result<Found, String> {
    let mut paths: Vec<(PathBuf, bool)> = given.iter().map(|path| (path.clone(), true)).collect();
    for name in ["python3", "python"] {
        // In one folder both are the same.
        let is_known =
            |path: &Path| paths.iter().any(|(known, _)| interpreter(known).parent() == path.parent());
        if let Some(path) = place.find(name).filter(|path| !is_known(path)) {
            paths.push((path, false));
        }
    }
    paths.truncate(MOST);
    let each = EACH.min(limit.mul_f64(0.9));
    let answers = in_parallel(paths, |(path, _)| {
        let place = place.clone();
        let program = interpreter(path);
        async move { answer::<Installed>(&place, &program, INSTALLED, each).await }
    })
    .await;
    let mut found = Found { pythons: Vec::new(), unread: Vec::new() };
    for ((path, given), answer) in answers {
        match answer {
            Ok(installed) => found.pythons.push(installed.python(&path)),
            Err(why) if given => {
                found.unread.push(Unread { probe: format!("Python {}", path.display()), why });
            }
            // Windows puts a program of this name on PATH that only sells Python.
            Err(why) => tracing::debug!(path = %path.display(), why, "no Python"),
        }
    }
    Ok(found)
}

/// The same interpreters, with the architectures that their torch is built for.
pub(super) async fn architectures(
    place: &Surroundings,
    pythons: &[Python],
    limit: Duration,
) -> Result<Found, String> {
    let each = limit.mul_f64(0.9);
    let asked: Vec<Python> = pythons.iter().take(MOST).cloned().collect();
    let answers = in_parallel(asked, |python| {
        let place = place.clone();
        let program = python.torch.is_some().then(|| interpreter(Path::new(&python.path)));
        async move {
            match program {
                Some(program) => answer::<Vec<String>>(&place, &program, ARCHITECTURES, each).await.map(Some),
                None => Ok(None),
            }
        }
    })
    .await;
    let mut found = Found { pythons: Vec::new(), unread: Vec::new() };
    for (mut python, answer) in answers {
        match (answer, &mut python.torch) {
            // A torch without CUDA has none, which is known already.
            (Ok(Some(list)), Some(torch)) if !list.is_empty() => torch.arch_list = Some(list),
            (Err(why), _) => {
                found.unread.push(Unread { probe: format!("torch in {}", python.path), why });
            }
            _ => {}
        }
        found.pythons.push(python);
    }
    found.pythons.extend(pythons.iter().skip(MOST).cloned());
    Ok(found)
}

/// Asks all at the same time, and answers in the order of the questions.
async fn in_parallel<Q, A, F>(questions: Vec<Q>, ask: impl Fn(&Q) -> F) -> Vec<(Q, Result<A, String>)>
where
    A: Send + 'static,
    F: Future<Output = Result<A, String>> + Send + 'static,
{
    let mut asked = JoinSet::new();
    for (number, question) in questions.iter().enumerate() {
        let answer = ask(question);
        asked.spawn(async move { (number, answer.await) });
    }
    let mut answers = BTreeMap::new();
    while let Some(answer) = asked.join_next().await {
        answers.extend(answer.ok());
    }
    let mut answer_to = |number| answers.remove(&number).unwrap_or_else(|| Err("the probe broke".to_owned()));
    questions.into_iter().enumerate().map(|(number, question)| (question, answer_to(number))).collect()
}

async fn answer<A: DeserializeOwned>(
    place: &Surroundings,
    program: &Path,
    script: &str,
    limit: Duration,
) -> Result<A, String> {
    let answer = timeout(limit, ask(place, program, ["-c", script])).await;
    let out = answer.map_err(|_| format!("no answer within {:.1} s", limit.as_secs_f64()))??.well()?;
    // Some environments greet first.
    let last = out.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    serde_json::from_str(last).map_err(|_| "its answer is none that a Python gives".to_owned())
}

/// What the script says.
#[derive(Deserialize)]
struct Installed {
    version: String,
    torch: Option<InstalledTorch>,
    triton: Option<String>,
    moshi: Option<InstalledMoshi>,
    bitsandbytes: Option<String>,
}

#[derive(Deserialize)]
struct InstalledTorch {
    version: String,
    cuda: Option<String>,
}

#[derive(Deserialize)]
struct InstalledMoshi {
    nvidia: bool,
    version: Option<String>,
}

impl Installed {
    fn python(self, path: &Path) -> Python {
        Python {
            path: path.display().to_string(),
            version: Some(self.version),
            torch: self.torch.map(|torch| Torch {
                version: torch.version,
                cuda: torch.cuda,
                arch_list: None,
            }),
            triton: self.triton,
            moshi: self.moshi.map(|moshi| Moshi {
                flavour: if moshi.nvidia { Flavour::Nvidia } else { Flavour::Kyutai },
                version: moshi.version,
            }),
            bitsandbytes: self.bitsandbytes,
        }
    }
}

/// The program of a virtual environment, if that is what the path leads to.
fn interpreter(path: &Path) -> PathBuf {
    if !path.is_dir() {
        return path.to_owned();
    }
    path.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
}
