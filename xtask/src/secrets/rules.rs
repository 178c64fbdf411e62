//! What secrets look like.

use anyhow::{Context, Result};
use regex_lite::{Captures, Regex};

/// One kind of secret.
pub(super) struct Rule {
    pub(super) name: &'static str,
    /// A line without any of these, in lower case, is not looked at more closely.
    words: &'static [&'static str],
    pattern: Regex,
    is_real: fn(&Captures<'_>) -> bool,
}

impl Rule {
    /// Whether the text, in lower case, is worth a closer look.
    pub(super) fn may_match(&self, lower: &str) -> bool {
        self.words.iter().any(|word| lower.contains(word))
    }

    /// The first secret of this kind in the line.
    pub(super) fn find<'a>(&self, line: &'a str) -> Option<&'a str> {
        if !self.may_match(&line.to_ascii_lowercase()) {
            return None;
        }
        let real = self.pattern.captures_iter(line).find(|captures| (self.is_real)(captures))?;
        Some(real.name("secret").or_else(|| real.get(0))?.as_str())
    }
}

/// Name, words to look for, pattern; the group `secret`, or else the whole match, is the secret.
type Description = (&'static str, &'static [&'static str], &'static str);

/// Tokens that can be told by how they begin.
const TOKENS: [Description; 14] = [
    ("an AWS access key", &["akia", "asia"], r"\b(AKIA|ASIA)[A-Z2-7]{16}\b"),
    ("a GitHub token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], r"\bgh[pousr]_[A-Za-z0-9]{36,}"),
    ("a GitHub token", &["github_pat_"], r"\bgithub_pat_[A-Za-z0-9_]{50,}"),
    ("a GitLab token", &["glpat-"], r"\bglpat-[A-Za-z0-9_-]{20,}"),
    ("a Hugging Face token", &["hf_"], r"\bhf_[A-Za-z0-9]{30,}"),
    ("an API key of a model provider", &["sk-"], r"\bsk-([a-z]+[0-9]*-){0,3}[A-Za-z0-9_]{20,}"),
    ("an NVIDIA API key", &["nvapi-"], r"\bnvapi-[A-Za-z0-9_-]{40,}"),
    ("a RunPod API key", &["rpa_"], r"\brpa_[A-Z0-9]{40,}"),
    ("a Slack token", &["xox", "xapp-"], r"\b(xox[abeprs]|xapp)-[A-Za-z0-9-]{20,}"),
    (
        "a Slack webhook",
        &["hooks.slack.com"],
        r"hooks\.slack\.com/services/[A-Z0-9]+/[A-Z0-9]+/[A-Za-z0-9]{16,}",
    ),
    ("a Google API key", &["aiza"], r"\bAIza[A-Za-z0-9_-]{35}"),
    ("a Stripe key", &["k_live_"], r"\b[rs]k_live_[A-Za-z0-9]{20,}"),
    ("an npm token", &["npm_"], r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("a signed web token", &["eyj"], r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
];

const PRIVATE_KEY: Description = ("a private key", &["private key"], "-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY");

const HEADER: Description = (
    "credentials in a header",
    &["bearer ", "basic "],
    r"(?i)\b(bearer|basic)\s+(?<secret>[a-z0-9._~+/=-]{16,})",
);

const ADDRESS: Description = (
    "a password in an address",
    &["://"],
    r#"[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@"'`<>]*:(?<secret>[^\s/@"'`<>]{3,})@(?<host>[^\s/:"'`<>]+)"#,
);

/// The name, perhaps a type, a sign that says "is", and the value: quoted, or to the end of a line of settings.
const ASSIGNMENT: Description = (
    "the value of a secret",
    &["token", "secret", "passw", "passphrase", "key", "credential"],
    concat!(
        r#"(?i)(token|secret|passwd|password|passphrase|api[_-]?key|access[_-]?key|credential)s?["'`]?\s*"#,
        r#"(:\s*&?[^="'`,;]{0,24})?(=>|:=|=|:|,)\s*"#,
        r#"(["'`](?<secret>[^"'`\s]{16,})["'`]|(?<bare>[a-z0-9+/_=-]{16,})\s*$)"#,
    ),
);

/// All kinds of secrets that are looked for.
pub(super) fn all() -> Result<Vec<Rule>> {
    let tokens = TOKENS.map(|description| (description, is_no_placeholder as fn(&Captures<'_>) -> bool));
    let others = [
        (PRIVATE_KEY, (|_| true) as fn(&Captures<'_>) -> bool),
        (HEADER, |header| looks_drawn_by_lot(&header["secret"])),
        (ADDRESS, |address| is_a_password(&address["secret"]) && !is_reserved(&address["host"])),
        (ASSIGNMENT, |assignment| {
            let value = assignment.name("secret").or_else(|| assignment.name("bare"));
            value.is_some_and(|value| looks_drawn_by_lot(value.as_str()))
        }),
    ];
    let rule = |((name, words, pattern), is_real): (Description, _)| {
        let pattern = Regex::new(pattern).with_context(|| format!("the pattern of {name}"))?;
        Ok(Rule { name, words, pattern, is_real })
    };
    tokens.into_iter().chain(others).map(rule).collect()
}

fn is_no_placeholder(token: &Captures<'_>) -> bool {
    !is_placeholder(&token[0])
}

/// Whether the value stands for a secret that the reader is to put there.
fn is_placeholder(value: &str) -> bool {
    const WORDS: [&str; 11] = [
        "example",
        "changeme",
        "change-me",
        "placeholder",
        "dummy",
        "redacted",
        "your",
        "xxxx",
        "....",
        "****",
        "____",
    ];
    let lower = value.to_ascii_lowercase();
    WORDS.iter().any(|word| lower.contains(word)) || is_template(value) || is_a_run(value)
}

/// Whether something else is to be filled in.
fn is_template(value: &str) -> bool {
    value.contains(['{', '}', '<', '>', '$', '(', ')', '%', '…'])
}

/// Whether the characters mostly follow each other as on a keyboard or not at all: abcdef, 123456, aaaaaa.
fn is_a_run(value: &str) -> bool {
    let steps = value.as_bytes().windows(2);
    let (all, small) = (steps.len(), steps.filter(|pair| pair[0].abs_diff(pair[1]) <= 1).count());
    small * 2 > all
}

/// Whether it is a password and not the word for one. People choose them, so chance is no test here.
fn is_a_password(value: &str) -> bool {
    const WORDS: [&str; 9] = ["pass", "passwd", "password", "pw", "pwd", "secret", "token", "key", "hunter2"];
    !WORDS.contains(&value.to_ascii_lowercase().as_str()) && !is_placeholder(value)
}

/// Whether the name is set aside for examples and tests, or is this machine.
fn is_reserved(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let second_level = ["example.com", "example.net", "example.org", "localhost"];
    let top_level =
        [".example", ".test", ".invalid", ".localhost", ".example.com", ".example.net", ".example.org"];
    second_level.contains(&host.as_str())
        || host.starts_with("127.")
        || top_level.iter().any(|end| host.ends_with(end))
}

/// Whether the characters look chosen by chance and not by a person, who would write words.
fn looks_drawn_by_lot(value: &str) -> bool {
    if is_placeholder(value) || bits_per_character(value) < 3.2 {
        return false;
    }
    let count = |is: fn(&u8) -> bool| value.bytes().filter(is).count();
    let (letters, digits) = (count(u8::is_ascii_alphabetic), count(u8::is_ascii_digit));
    letters >= 2 && (digits >= 2 || changes(value) * 10 >= value.len() * 3)
}

/// Shannon's entropy of the characters.
fn bits_per_character(value: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let length = value.len() as f64;
    let share = |count: u32| f64::from(count) / length;
    counts.into_iter().filter(|count| *count > 0).map(|count| -share(count) * share(count).log2()).sum()
}

/// How often one kind of character follows another, not counting the capital that begins a word.
fn changes(value: &str) -> usize {
    let kind = |byte: u8| (byte.is_ascii_uppercase(), byte.is_ascii_lowercase(), byte.is_ascii_digit());
    let begins_a_word = |pair: &[u8]| pair[0].is_ascii_uppercase() && pair[1].is_ascii_lowercase();
    value.as_bytes().windows(2).filter(|pair| kind(pair[0]) != kind(pair[1]) && !begins_a_word(pair)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_runs_are_not_drawn_by_lot() {
        for value in
            ["readTokenFromSettings", "the_secret_of_the_host", "0123456789abcdef", "aaaaaaaaaaaaaaaaaaaa1b2"]
        {
            assert!(!looks_drawn_by_lot(value), "{value} was written by a person");
        }
    }

    #[test]
    fn entropy_is_shannons() {
        assert!(bits_per_character("aaaa").abs() < 1e-9, "no surprise at all");
        assert!((bits_per_character("abcd") - 2.0).abs() < 1e-9, "one of four");
    }

    #[test]
    fn names_for_examples_are_reserved() {
        for host in ["localhost", "127.0.0.1", "example.org", "gpu.example.com", "host.test"] {
            assert!(is_reserved(host), "{host} belongs to nobody");
        }
        assert!(!is_reserved("notexample.org"), "this one does");
    }
}
