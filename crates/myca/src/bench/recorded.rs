//! How the comparison with recordings is printed.

use engine::golden::{GoldenReport, Line};
use serde::Serialize;

use crate::print::line;

/// The report as programs read it.
#[derive(Serialize)]
struct Printed<'a> {
    ok: bool,
    #[serde(flatten)]
    report: &'a GoldenReport,
}

/// One line of JSON.
pub(super) fn json(report: &GoldenReport) -> String {
    let printed = serde_json::to_string(&Printed { ok: report.ok(), report });
    // There is nothing in it that JSON does not have.
    format!("{}\n", printed.unwrap_or_default())
}

/// For people: the lines of each file under its name, and a sentence.
pub(super) fn table(report: &GoldenReport) -> String {
    let width = report.lines.iter().map(|line| line.what.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    let mut file = None;
    for of_file in &report.lines {
        if file != Some(&of_file.file) {
            file = Some(&of_file.file);
            text += &format!("{}\n", line(&of_file.file));
        }
        text += &row(of_file, width);
    }
    if !report.others.is_empty() {
        let others: Vec<String> = report.others.iter().map(|name| line(name)).collect();
        text += &format!("Not a case: {}\n", others.join(", "));
    }
    let judged = |wanted: bool| report.lines.iter().filter(|line| line.ok == Some(wanted)).count();
    text += &match (judged(true), judged(false)) {
        (0, 0) => "There are no recordings in this folder.\n".to_owned(),
        (agree, 0) => format!("All {agree} agree.\n"),
        (agree, differ) => format!("{differ} of {} do not agree.\n", agree + differ),
    };
    text
}

/// What, agreed, largest difference and what is allowed, verdict, and a sentence where something is to be said.
fn row(of_file: &Line, width: usize) -> String {
    let Line { what, agreed, count, largest_difference, tolerance, relative_error, ok, reason, .. } = of_file;
    let verdict = match ok {
        Some(true) => "ok",
        Some(false) => "NO",
        None => "-",
    };
    let agreed = if *count > 0 { format!("{agreed} of {count}") } else { String::new() };
    let difference = match (largest_difference, tolerance) {
        (Some(difference), Some(tolerance)) => format!("{difference:.1e} (up to {tolerance:.0e})"),
        (Some(difference), None) => format!("{difference:.1e}"),
        _ => String::new(),
    };
    let near = relative_error.map(|error| format!("relative error {error:.1e}"));
    let sentences: Vec<String> = near.into_iter().chain(reason.iter().map(|reason| line(reason))).collect();
    let row = format!(
        "  {:<width$}  {agreed:>10}  {difference:<22}  {verdict:<2}  {}",
        line(what),
        sentences.join("; ")
    );
    format!("{}\n", row.trim_end())
}
