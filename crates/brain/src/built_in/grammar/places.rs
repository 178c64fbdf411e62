//! Requests about where Moshi runs: hosts, this computer, models.

use super::Intent;
use crate::built_in::words::Words;

/// Finds out what a person wants of hosts and models.
pub(super) fn places(words: &Words<'_>, plain: &[&str]) -> Option<Intent> {
    let tool = |tool| Some(Intent::Use { tool, what: None });
    let about = |tool, name, count: usize| {
        let value = words.skip(count).written().to_owned();
        (!value.is_empty()).then_some(Intent::Use { tool, what: Some((name, value)) })
    };
    match plain {
        ["diagnose"]
        | ["diagnose", "this" | "the" | "my", "computer" | "machine"]
        | ["run" | "ask" | "start", "the", "doctor"]
        | ["check" | "examine" | "look", "at" | "this" | "the" | "my", .., "computer" | "machine"]
        | ["what", "can", "this" | "my", "computer" | "machine", "run" | "do"]
        | ["can", "this" | "my", "computer" | "machine", "run", "moshi" | "personaplex" | "it"]
        | ["why", "does", "moshi", "not", "start" | "run" | "work"]
        | ["why", "does", "not", "moshi", "start" | "run" | "work"]
        | ["what", "is", "wrong", "with", "moshi"] => tool("diagnose"),
        ["list" | "show", "hosts"]
        | ["list" | "show", "the" | "my" | "all" | "me", .., "hosts"]
        | ["which" | "what", "hosts", "are", "there"]
        | ["which" | "what", "hosts", "do", "i" | "we" | "you", "have" | "know"] => tool("list_hosts"),
        ["test" | "check", "host"]
        | ["test" | "check", "the" | "my", "host"]
        | ["test" | "check", "the" | "my", "connection"] => tool("test_host"),
        ["test" | "check", "host", _, ..] => about("test_host", "host", 2),
        ["test" | "check", "the" | "my", "host", _, ..] => about("test_host", "host", 3),
        ["use", "host" | "server", _, ..] => about("use_host", "host", 2),
        ["use" | "switch", "the" | "to", "host" | "server", _, ..] => about("use_host", "host", 3),
        ["switch", "to", "the", "host" | "server", _, ..] => about("use_host", "host", 4),
        ["set" | "change", "host" | "server", "to", _, ..] => about("use_host", "host", 3),
        ["set" | "change", "the" | "my", "host" | "server", "to", _, ..] => about("use_host", "host", 4),
        ["set" | "change", "host" | "server", "address", "to", _, ..] => about("use_host", "host", 4),
        ["start" | "run" | "launch", "moshi"]
        | ["start" | "run" | "launch", "the", "local", "moshi"]
        | ["start" | "run" | "launch", "moshi", "on" | "here" | "locally", ..] => tool("start_moshi"),
        ["stop" | "end" | "quit" | "kill", "moshi"]
        | ["stop" | "end" | "quit" | "kill", "the", "local", "moshi"]
        | ["stop" | "end" | "quit" | "kill", "moshi", "on" | "here", ..] => tool("stop_moshi"),
        ["list" | "show", "models"]
        | ["list" | "show", "the" | "my" | "all" | "me", .., "models"]
        | ["which" | "what", "models", "are", "there" | "here"]
        | ["which" | "what", "models", "do", "i" | "we" | "you", "have" | "know"] => tool("list_models"),
        ["download", "model", _, ..] => about("download_model", "model", 2),
        ["download", "the", "model", _, ..] => about("download_model", "model", 3),
        ["download", _, ..] => about("download_model", "model", 1),
        _ => None,
    }
}
