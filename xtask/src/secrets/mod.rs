//! Keys, tokens and passwords that must not be published: a scan of everything that git tracks or would add.
//!
//! A line that only looks like one says so itself, with its reason: `secret-scan:allow it is the documentation's example`.

mod rules;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;
use crate::command::answer;
use rules::Rule;

const MARKER: &str = "secret-scan:allow";

/// More than this would scroll the first ones away.
const SHOWN: usize = 40;

/// Something that looks like a secret, and where.
#[derive(Debug, PartialEq)]
struct Finding {
    line: usize,
    what: String,
}

pub(crate) fn check(checkout: &Checkout) -> Result<()> {
    let listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let names = answer(checkout.command("git").args(listing))
        .context("git cannot list the files of this checkout, which are what is scanned")?;
    let rules = rules::all()?;
    let (mut files, mut findings) = (0, 0);
    for name in names.split('\0').filter(|name| !name.is_empty()) {
        let path = checkout.root.join(name);
        // Links point elsewhere, and what was deleted but not committed is not there.
        if !fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
            continue;
        }
        let content = fs::read(&path).with_context(|| format!("{name} cannot be read"))?;
        files += 1;
        for finding in scan(&rules, name, &content) {
            findings += 1;
            if findings <= SHOWN {
                println!("{name}:{}: {}", finding.line, finding.what);
            }
        }
    }
    if findings > 0 {
        bail!(
            "{findings} lines in {files} files look like secrets; take them out and replace them where they were valid, \
             or write `{MARKER}` and the reason on the line"
        );
    }
    println!("{files} files, no secrets");
    Ok(())
}

fn scan(rules: &[Rule], name: &str, content: &[u8]) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        secret_by_name(name).into_iter().map(|what| Finding { line: 1, what: what.to_owned() }).collect();
    // As git tells binary files from text.
    if content.iter().take(8000).any(|byte| *byte == 0) {
        return findings;
    }
    let text = String::from_utf8_lossy(content);
    // Most files hold not one of the words that the rules begin with, and are done here.
    let lower = text.to_ascii_lowercase();
    let rules: Vec<&Rule> = rules.iter().filter(|rule| rule.may_match(&lower)).collect();
    for (index, line) in text.lines().enumerate() {
        let mut found = rules.iter().filter_map(|rule| Some((rule, rule.find(line)?)));
        let Some((rule, secret)) = found.next() else { continue };
        let what = match reason(line) {
            Some(reason) if !reason.is_empty() => continue,
            Some(_) => format!("{MARKER} is there without a reason"),
            // The beginning is enough to find it, and not enough to use it.
            None => format!("{} ({}...)", rule.name, secret.chars().take(4).collect::<String>()),
        };
        findings.push(Finding { line: index + 1, what });
    }
    findings
}

/// The reason that follows the marker, if the marker is there.
fn reason(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(MARKER)?;
    Some(rest.trim_matches(|c: char| c.is_whitespace() || c.is_ascii_punctuation()))
}

/// Files that hold secrets whatever is in them.
fn secret_by_name(name: &str) -> Option<&'static str> {
    let file = Path::new(name).file_name()?.to_str()?.to_ascii_lowercase();
    let extension = Path::new(&file).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match (file.as_str(), extension) {
        ("id_rsa" | "id_dsa" | "id_ecdsa" | "id_ed25519", _) => Some("a private SSH key, by its name"),
        (_, "p12" | "pfx" | "jks" | "keystore" | "kdbx") => Some("a key store, by its name"),
        (".netrc" | "_netrc" | ".pypirc" | ".git-credentials", _) => Some("a file of passwords, by its name"),
        (".env", _) => Some("a file of local settings, by its name"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Characters that look drawn by lot, the same ones in every run, and nowhere in this source.
    fn random(alphabet: &str, length: usize) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        let mut state: u64 = 0x9e37_79b9_7f4a_7c15 ^ length as u64;
        let mut draw = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            alphabet[(state % alphabet.len() as u64) as usize]
        };
        (0..length).map(|_| draw()).collect()
    }

    const ALPHANUMERIC: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const HEX: &str = "0123456789abcdef";
    const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    fn found(line: &str) -> Vec<Finding> {
        scan(&rules::all().unwrap(), "notes.txt", line.as_bytes())
    }

    #[test]
    fn tokens_of_known_services_are_found_anywhere() {
        let body = |length| random(ALPHANUMERIC, length);
        let tokens = [
            format!("AKIA{}", random(BASE32, 16)),
            format!("ASIA{}", random(BASE32, 16)),
            format!("ghp_{}", body(36)),
            format!("gho_{}", body(36)),
            format!("github_pat_{}_{}", body(22), body(59)),
            format!("glpat-{}", body(20)),
            format!("hf_{}", body(34)),
            format!("sk-{}", body(48)),
            format!("sk-proj-{}", body(80)),
            format!("sk-ant-api03-{}", body(90)),
            format!("xoxb-{}-{}", random("0123456789", 12), body(24)),
            format!("xapp-1-{}", body(40)),
            format!("AIza{}", body(35)),
            format!("nvapi-{}", body(64)),
            format!("npm_{}", body(36)),
            format!("rpa_{}", random(BASE32, 44)),
            format!("sk_live_{}", body(24)),
        ];
        for token in tokens {
            for line in
                [format!("let key = \"{token}\";"), format!("curl -H 'X-Key: {token}' host"), token.clone()]
            {
                assert_eq!(found(&line).len(), 1, "not found in {line}");
            }
        }
    }

    #[test]
    fn private_keys_are_found_by_their_first_line() {
        for kind in ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "] {
            let line = format!("-----BEGIN {kind}PRIVATE{}KEY-----", ' ');
            assert_eq!(found(&line).len(), 1, "not found: {line}");
        }
        let public = format!("-----BEGIN {}KEY-----", "PUBLIC ");
        assert_eq!(found(&public), [], "a public key may be published");
    }

    #[test]
    fn headers_and_addresses_give_their_passwords_away() {
        let secret = random(ALPHANUMERIC, 32);
        let jwt = format!(
            "eyJ{}.eyJ{}.{}",
            random(ALPHANUMERIC, 20),
            random(ALPHANUMERIC, 40),
            random(ALPHANUMERIC, 43)
        );
        for line in [
            format!("Authorization: Bearer {secret}"),
            format!("request.header(\"authorization\", \"bearer {secret}\")"),
            format!("Authorization: Basic {secret}"),
            format!("session: {jwt}"),
            format!("postgres://mia:{}@db.internal.net/main", random(ALPHANUMERIC, 9)),
            format!("https://{}@gpu.somewhere.net:8998/api", format_args!("mia:{}", random(HEX, 12))),
        ] {
            assert_eq!(found(&line).len(), 1, "not found: {line}");
        }
    }

    #[test]
    fn random_values_of_things_called_secret_are_found() {
        for value in [random(ALPHANUMERIC, 24), random(ALPHANUMERIC, 40), random(HEX, 32), random(HEX, 64)] {
            for line in [
                format!("MAS_API_TOKEN={value}"),
                format!("\"client_secret\": \"{value}\","),
                format!("const ACCESS_TOKEN: &str = \"{value}\";"),
                format!("db_password = '{value}'"),
                format!("set(\"api_key\", \"{value}\")"),
            ] {
                assert_eq!(found(&line).len(), 1, "not found: {line}");
            }
        }
    }

    #[test]
    fn what_only_looks_like_a_secret_is_left_alone() {
        for line in [
            "let token = self.settings.read_token_of(host);",
            "tokenizer = \"tokenizer_spm_32k_3.model\"",
            "text_padding_token: 3, existing_text_padding_id: 3",
            "Authorization: Bearer <your token>",
            "format!(\"Bearer {token}\")",
            "api_token = \"${MAS_API_TOKEN}\"",
            "password = \"changeme-changeme-1234\"",
            "HF_TOKEN=hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "secret = \"0123456789abcdef0123456789abcdef\"",
            "http://user:password@host:8998/",
            "https://mia:hunter2@example.org/",
            "https://{user}:{password}@{host}/",
            "ssh://git@host:22/path",
            "\"integrity\": \"sha512-9d0Xf8s7a6B5c4D3e2F1g0H9i8J7k6L5m4N3o2P1q0R9s8T7\"",
            "let mask_sk-and-more = 1; // risk-assessment-of-all-the-things-there-are",
        ] {
            assert_eq!(found(line), [], "taken for a secret: {line}");
        }
    }

    #[test]
    fn a_line_may_say_why_it_is_harmless() {
        let secret = format!("ghp_{}", random(ALPHANUMERIC, 36));
        let with_reason = format!("{secret} // {MARKER} revoked, kept to show the format");
        assert_eq!(found(&with_reason), [], "the reason is there");
        let without = found(&format!("{secret} // {MARKER}"));
        assert!(without[0].what.contains("without a reason"), "a marker alone is not enough: {without:?}");
        let html = found(&format!("<!-- {secret} {MARKER} -->"));
        assert!(html[0].what.contains("without a reason"), "the end of a comment is no reason: {html:?}");
    }

    #[test]
    fn findings_name_the_line_and_not_the_secret() {
        let secret = format!("hf_{}", random(ALPHANUMERIC, 34));
        let findings = found(&format!("one\ntwo\n{secret}\n"));
        assert_eq!(findings[0].line, 3, "the line, counted from one");
        assert!(!findings[0].what.contains(&secret), "logs are published too");
    }

    #[test]
    fn binary_files_are_judged_by_name_alone() {
        let mut content = format!("ghp_{}", random(ALPHANUMERIC, 36)).into_bytes();
        content.push(0);
        let rules = rules::all().unwrap();
        assert_eq!(scan(&rules, "sound.wav", &content), [], "not text");
        assert_eq!(scan(&rules, "keys/Signing.PFX", &content).len(), 1, "a key store");
        assert_eq!(scan(&rules, "deploy/.env", b"").len(), 1, "local settings");
        assert_eq!(scan(&rules, "src/environment.rs", b""), [], "an ordinary name");
    }
}
