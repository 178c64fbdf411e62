//! Described machines: what may be left out, what is refused, and what README.md promises.

use doctor::{World, judge};

#[test]
fn the_example_of_the_readme_is_read_and_judged() {
    let readme = include_str!("../README.md");
    let example = readme.split("```json").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let world = World::from_json(example).unwrap();
    assert_eq!(world.gpus.as_ref().unwrap()[0].name, "NVIDIA GeForce RTX 4080");
    assert!(judge(&world).summary.contains("RTX 4080"));
}

#[test]
fn every_field_is_in_the_table_of_the_readme() {
    let readme = include_str!("../README.md");
    let world = World::from_json(include_str!("worlds/rtx-4080.json")).unwrap();
    let serde_json::Value::Object(fields) = serde_json::to_value(&world).unwrap() else {
        panic!("a world is an object")
    };
    for name in fields.keys() {
        assert!(readme.contains(&format!("| `{name}")), "{name} is not in README.md");
    }
}

#[test]
fn a_description_survives_being_written_and_read() {
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/worlds")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let world = World::from_json(&text).unwrap();
        assert_eq!(World::from_json(&world.to_json().unwrap()).unwrap(), world);
    }
    assert_eq!(World::from_json("{}").unwrap(), World::default(), "everything may be left out");
}

#[test]
fn a_broken_description_says_where_and_what() {
    for (text, code, part) in [
        ("{\"ram\": {\"total_bytes\": 1", "world.unreadable", "line 1"),
        ("{\n  \"grams\": 5\n}", "world.unreadable", "unknown field `grams`"),
        ("{\"gpus\": [{\"compute_capability\": \"new\"}]}", "world.unreadable", "looks like \"8.9\""),
        ("{\"measured\": {\"runs\": [{\"runtime\": \"magic\"}]}}", "world.unreadable", "magic"),
        ("", "world.unreadable", "EOF"),
    ] {
        let error = World::from_json(text).unwrap_err();
        assert_eq!(error.code(), code, "{text}");
        assert!(error.to_string().contains(part), "{text}: {error}");
    }
    let long = World::from_json(&" ".repeat(2 << 20)).unwrap_err();
    assert_eq!(long.code(), "world.too-long", "it is refused before it is looked at");
}

#[test]
fn the_text_fits_a_terminal_of_100_columns_and_obeys_nobody() {
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/worlds")).unwrap() {
        let path = file.unwrap().path();
        let world = World::from_json(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let report = judge(&world);
        let text = report.to_text();
        let copied: Vec<&str> = report
            .findings
            .iter()
            .flat_map(|finding| finding.reasons.iter().filter_map(|reason| reason.next.as_ref()))
            .filter_map(|next| next.line.as_deref())
            .collect();
        for line in text.lines() {
            let fits = line.chars().count() <= 100 || copied.contains(&line.trim());
            assert!(fits, "{}: {line}", path.display());
            assert_eq!(line.trim_end(), line, "{}", path.display());
        }
    }
    let mut hostile = World::from_json(include_str!("worlds/taken.json")).unwrap();
    hostile.gpus.as_mut().unwrap()[0].held_by[1].program = "\u{1b}[2Jollama\n".repeat(40);
    hostile.gpus.as_mut().unwrap()[0].name = "RTX\u{7}\u{1b}]0;x".to_owned();
    let text = judge(&hostile).to_text();
    let obeyed = text.chars().find(|letter| letter.is_control() && *letter != '\n');
    assert_eq!(obeyed, None, "names come from other programs");
}
