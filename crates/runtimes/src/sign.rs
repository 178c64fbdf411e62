//! What a runtime's lines mean. The words are those of moshi 0.2.13, PersonaPlex 3428dfd and moshi-backend 0.6.4.

use serde::Deserialize;

use crate::{Progress, RuntimeKind, Stage};

/// What a line tells of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It is this far.
    Stage(Stage),
    /// It takes callers, at this port if it says so.
    Listens(Option<u16>),
    /// A download is this far.
    Progress(Progress),
}

/// What the line of this runtime tells, if anything.
pub(crate) fn of(kind: RuntimeKind, line: &str) -> Option<Sign> {
    match kind {
        RuntimeKind::MycaHost | RuntimeKind::Recogniser => of_myca(line),
        RuntimeKind::PythonMoshi | RuntimeKind::PersonaPlex | RuntimeKind::Docker => of_python(line),
        RuntimeKind::MoshiBackend => of_backend(line),
    }
}

/// The line of JSON that `myca host` prints when it takes callers.
#[derive(Deserialize)]
struct Event {
    event: String,
    port: u16,
}

fn of_myca(line: &str) -> Option<Sign> {
    let event: Event = serde_json::from_str(line).ok()?;
    (event.event == "ready").then_some(Sign::Listens(Some(event.port)))
}

fn of_python(line: &str) -> Option<Sign> {
    let stages = [
        ("retrieving checkpoint", Stage::Fetching),
        ("retrieving voice prompts", Stage::Fetching),
        ("loading mimi", Stage::Loading),
        ("loading moshi", Stage::Loading),
        ("moshi loaded", Stage::Loading),
        ("warming up the model", Stage::WarmingUp),
    ];
    let line = line.trim_end();
    // What aiohttp prints once the port is open.
    if line.starts_with("======== Running on http") {
        return Some(Sign::Listens(None));
    }
    let stage = stages.iter().find(|(words, _)| line.ends_with(words)).map(|(_, stage)| Sign::Stage(*stage));
    stage.or_else(|| bar(line).map(Sign::Progress))
}

fn of_backend(line: &str) -> Option<Sign> {
    if line.contains("standalone worker listening on https://") {
        Some(Sign::Listens(None))
    } else if line.contains("warming up the model") {
        Some(Sign::Stage(Stage::WarmingUp))
    } else if line.contains("starting process with pid") {
        // The model's files are there, or it would not have been started: next it reads them.
        Some(Sign::Stage(Stage::Loading))
    } else {
        None
    }
}

/// The bar of a download, as tqdm draws it: `model.safetensors:  12%|█▏  | 1.85G/15.4G [00:21<02:30, 89.9MB/s]`.
fn bar(line: &str) -> Option<Progress> {
    let (_, rest) = line.split_once("%|")?;
    let (_, rest) = rest.split_once('|')?;
    let (counts, rest) = rest.split_once('[')?;
    // Bars of anything else but bytes have other units, `it/s` for one.
    if !rest.contains("B/s") && !rest.contains("?B") {
        return None;
    }
    let (bytes, of) = counts.trim().split_once('/')?;
    Some(Progress { bytes: size(bytes)?, of: Some(size(of)?) })
}

/// A number of bytes with a decimal unit behind it.
fn size(text: &str) -> Option<u64> {
    let units = [('k', 1e3), ('M', 1e6), ('G', 1e9), ('T', 1e12)];
    let text = text.trim();
    let unit = units.iter().find(|(unit, _)| text.ends_with(*unit));
    let (digits, factor) = unit.map_or((text, 1.0), |(unit, factor)| (text.trim_end_matches(*unit), *factor));
    let number: f64 = digits.parse().ok()?;
    // The cast saturates, and what is not a number becomes 0.
    Some((number * factor).max(0.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_runtime_tells_its_stages_in_its_own_words() {
        use RuntimeKind::{Docker, MoshiBackend, MycaHost, PersonaPlex, PythonMoshi};
        use Stage::{Fetching, Loading, WarmingUp};
        let kyutai = [
            ("[Info] retrieving checkpoint", Some(Sign::Stage(Fetching))),
            ("[Info] loading mimi", Some(Sign::Stage(Loading))),
            ("[Info] mimi loaded", None),
            ("[Info] loading moshi", Some(Sign::Stage(Loading))),
            ("[Info] warming up the model", Some(Sign::Stage(WarmingUp))),
            ("[Info] Access the Web UI directly at http://127.0.0.1:8998", None),
            ("======== Running on http://127.0.0.1:8998 ========", Some(Sign::Listens(None))),
            ("(Press CTRL+C to quit)", None),
        ];
        for (line, sign) in kyutai {
            assert_eq!(of(PythonMoshi, line), sign, "{line}");
            assert_eq!(of(Docker, line), sign, "{line}");
        }
        let nvidia = "2026-11-25 18:03:11,204 - __main__ - INFO - ";
        for (words, sign) in [("retrieving voice prompts", Fetching), ("loading moshi", Loading)] {
            assert_eq!(of(PersonaPlex, &format!("{nvidia}{words}")), Some(Sign::Stage(sign)));
        }
        let backend = "2026-11-25T18:03:11.204Z  INFO moshi_backend: ";
        let lines = [
            ("starting process with pid 4711", Sign::Stage(Loading)),
            ("warming up the model dtype=BF16 device=Cuda(0)", Sign::Stage(WarmingUp)),
            ("standalone worker listening on https://127.0.0.1:8998", Sign::Listens(None)),
        ];
        for (words, sign) in lines {
            assert_eq!(of(MoshiBackend, &format!("{backend}{words}")), Some(sign));
        }
        let ready =
            r#"{"address":"127.0.0.1","event":"ready","port":41327,"url":"ws://127.0.0.1:41327/api/chat"}"#;
        assert_eq!(of(MycaHost, ready), Some(Sign::Listens(Some(41327))));
        for line in ["", "{", "[1]", r#"{"event":"ready"}"#, r#"{"event":"busy","port":1}"#] {
            assert_eq!(of(MycaHost, line), None, "{line}");
        }
    }

    #[test]
    fn a_bar_of_bytes_is_progress_and_no_other_bar_is() {
        let line = "model.safetensors:  12%|█▏        | 1.85G/15.4G [00:21<02:30, 89.9MB/s]";
        let progress = Progress { bytes: 1_850_000_000, of: Some(15_400_000_000) };
        assert_eq!(of(RuntimeKind::PersonaPlex, line), Some(Sign::Progress(progress)));
        let first = "config.json:   0%|          | 0.00/1.20k [00:00<?, ?B/s]";
        let progress = Progress { bytes: 0, of: Some(1200) };
        assert_eq!(of(RuntimeKind::PythonMoshi, first), Some(Sign::Progress(progress)));
        let steps = "Fetching 12 files:  33%|███▎      | 4/12 [00:01<00:02,  3.06it/s]";
        for other in [steps, "12%|", "12%|x|y", "1%|x| a/b [1MB/s]", "100%|x| -1/nan [1MB/s]"] {
            let sign = of(RuntimeKind::PythonMoshi, other);
            assert!(!matches!(sign, Some(Sign::Progress(Progress { bytes: 1.., .. }))), "{other}: {sign:?}");
        }
    }
}
