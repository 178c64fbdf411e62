//! Whatever goes wrong is told in one sentence, with one more that says what to do.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::collections::HashSet;

use audio::{DeviceError, Direction};
use conversation::{
    Problem,
    problem::{Action, LinkError},
};
use store::DatabaseError;
use wire::ChatUrlError;

fn link_errors() -> Vec<LinkError> {
    use LinkError::*;
    vec![
        UnknownName("gpu".into()),
        Refused,
        Unreachable("no answer".into()),
        Certificate("it has expired".into()),
        CertificateChanged("AB:CD".into()),
        Plain,
        Tls("it answers something else".into()),
        WantsTls,
        NotFound,
        Unavailable(503),
        Unauthorised(401),
        WrongToken(403),
        NotMoshi("HTTP 500".into()),
        Busy(None),
        Busy(Some("This host is in another conversation.".into())),
        Closed(None),
        Closed(Some((1011, "The model failed.".into()))),
        Silent(10),
        Protocol("text without end".into()),
    ]
}

fn device_errors() -> Vec<DeviceError> {
    use DeviceError::*;
    let mut errors = vec![NoSystem("connection refused".into())];
    for direction in [Direction::Input, Direction::Output] {
        errors.extend([NotFound(direction), Refused(direction), Busy(direction), Lost(direction)]);
        errors.push(Failed { direction, reason: "unknown format".into() });
    }
    errors
}

fn address_errors() -> Vec<ChatUrlError> {
    use ChatUrlError::*;
    vec![
        Empty,
        Invalid { address: "two words".into(), reason: "invalid domain character".into() },
        Scheme("ftp".into()),
        Userinfo,
        TooLong { len: 9_000 },
        UnknownVoice("nobody".into()),
    ]
}

fn history_errors() -> Vec<DatabaseError> {
    let refused = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    vec![
        DatabaseError::DiskFull,
        DatabaseError::Busy,
        DatabaseError::TooNew { path: "/data/history.sqlite3".into() },
        DatabaseError::Folder(refused()),
    ]
}

fn all() -> Vec<Problem> {
    let mut all: Vec<Problem> = link_errors().iter().map(|error| error.problem("gpu:8998")).collect();
    all.extend(device_errors().iter().map(Problem::device));
    all.extend(address_errors().iter().map(Problem::address));
    all.extend(history_errors().iter().map(Problem::not_saved));
    all
}

/// Ends of sentences in a text.
fn sentences(text: &str) -> usize {
    text.trim_end_matches('.').matches(". ").count() + usize::from(text.ends_with('.'))
}

#[test]
fn every_problem_is_one_sentence_and_what_to_do() {
    for problem in all() {
        assert_eq!(sentences(&problem.what), 1, "{problem:?}");
        assert!(!problem.what.contains(".."), "{problem:?}");
        assert!(problem.next.ends_with('.') && problem.next.len() > 10, "{problem:?}");
        assert!(
            problem.what.chars().next().unwrap().is_uppercase() || problem.what.starts_with("gpu"),
            "{problem:?}"
        );
    }
}

#[test]
fn codes_are_stable_names() {
    for problem in all() {
        let (area, name) = problem.code.split_once('.').unwrap();
        for part in [area, name] {
            assert!(
                part.chars().all(|c| c.is_ascii_lowercase() || c == '_') && !part.is_empty(),
                "{problem:?}"
            );
        }
    }
    let codes: HashSet<_> = link_errors().iter().map(|error| error.problem("h").code).collect();
    assert_eq!(codes.len(), 17, "each kind of link error has a code of its own: {codes:?}");
}

#[test]
fn what_is_wrong_with_a_host_can_be_tried_again_or_changed() {
    for error in link_errors() {
        let actions = error.problem("gpu").actions;
        assert!(actions.contains(&Action::OpenHostSettings), "{error:?}");
        assert!(actions.contains(&Action::Talk) || actions.contains(&Action::Stop), "{error:?}");
    }
}
