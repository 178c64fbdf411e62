//! A report as lines for a terminal.

use crate::{Effect, Finding, Reason, Report, Step};

/// How long a line gets, in characters.
const WIDTH: usize = 100;

impl Report {
    /// The report as plain text, in lines of at most 100 characters unless a line to copy is longer.
    pub fn to_text(&self) -> String {
        let mut page = Page::default();
        page.wrapped("", &self.summary);
        page.blank();
        page.line("What to do");
        for (number, recommendation) in self.recommendations.iter().enumerate() {
            page.wrapped(&format!("  {}. ", number + 1), &recommendation.says);
        }
        page.blank();
        page.line(&format!("{:<24}{:<9}{:<30}{:<16}by", "Runtime", "Weights", "Device", "Verdict"));
        for finding in &self.findings {
            page.line(row(finding).trim_end());
        }
        for finding in &self.findings {
            page.blank();
            page.line(&heading(finding));
            for reason in &finding.reasons {
                page.reason(reason);
            }
            if finding.reasons.iter().all(|reason| reason.effect >= Effect::Doubts || reason.next.is_none()) {
                page.step(&finding.next);
            }
        }
        if !self.notices.is_empty() {
            page.blank();
            page.line("Also");
            for notice in &self.notices {
                page.reason(notice);
            }
        }
        page.blank();
        page.wrapped("", "A GB is 10^9 bytes: a card that is sold with 24 GB has 25.8 of them.");
        page.text
    }
}

fn row(finding: &Finding) -> String {
    let device = device(finding);
    format!(
        "{:<24}{:<9}{:<30}{:<16}{}",
        finding.runtime,
        finding.weights,
        cut(&device, 28),
        finding.verdict,
        finding.basis
    )
}

fn heading(finding: &Finding) -> String {
    let device = device(finding);
    let device = finding.device.as_ref().map(|_| format!(" on {device}")).unwrap_or_default();
    let name = cut(&format!("{}, {}{device}", finding.runtime, finding.weights), 80);
    format!("{name}: {}", finding.verdict)
}

fn device(finding: &Finding) -> String {
    let processor = finding.runtime == crate::Runtime::HostCpu;
    let fallback = if processor { "processor" } else { "-" };
    plain(finding.device.as_deref().unwrap_or(fallback))
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn blank(&mut self) {
        self.text.push('\n');
    }

    fn reason(&mut self, reason: &Reason) {
        let mark = match reason.effect {
            Effect::Stops | Effect::Slows => "  - ",
            Effect::Unknown | Effect::Doubts => "  ? ",
            Effect::Proves | Effect::Notes => "  + ",
        };
        let mark = if reason.effect == Effect::Notes { "    " } else { mark };
        self.wrapped(mark, &reason.says);
        if let Some(next) = &reason.next {
            self.step(next);
        }
    }

    fn step(&mut self, step: &Step) {
        self.wrapped("      > ", &step.says);
        if let Some(line) = &step.line {
            // Whole, whatever its length: it is there to be copied.
            self.line(&format!("        {}", plain(line)));
        }
    }

    /// Text in lines, the first one after a mark and all others as far to the right.
    fn wrapped(&mut self, mark: &str, text: &str) {
        let indent = mark.chars().count();
        let mut line = mark.to_owned();
        let mut length = indent;
        for word in plain(text).split_whitespace() {
            let word_length = word.chars().count();
            if length > indent && length + 1 + word_length > WIDTH {
                self.line(&line);
                line = " ".repeat(indent);
                length = indent;
            }
            if length > indent {
                line.push(' ');
                length += 1;
            }
            line.push_str(word);
            length += word_length;
        }
        self.line(line.trim_end());
    }
}

/// Without anything that a terminal obeys: names come from drivers, files and other programs.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}
