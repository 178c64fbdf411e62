use super::*;
use crate::view;

fn draft(place: view::HostPlace) -> HostDraft {
    HostDraft { name: String::new(), place, plain: false }
}

fn moshi(address: &str) -> HostDraft {
    draft(view::HostPlace::Moshi { address: address.into() })
}

fn ssh(target: &str) -> HostDraft {
    draft(view::HostPlace::Ssh { target: target.into(), port: None, remote_port: 8998 })
}

fn add(settings: &Settings, draft: HostDraft) -> Settings {
    change(settings, HostChange::Add(draft)).unwrap().settings
}

fn refused(draft: HostDraft) -> &'static str {
    change(&Settings::default(), HostChange::Add(draft)).unwrap_err().code
}

fn names(settings: &Settings) -> Vec<&str> {
    settings.hosts.iter().map(|host| host.name.as_str()).collect()
}

#[test]
fn the_first_host_is_the_one_that_is_called_and_others_come_behind_it() {
    let one = add(&Settings::default(), moshi(" wss://gpu.example "));
    let two = add(&one, ssh("me@far"));
    assert_eq!(names(&two), ["gpu.example", "me@far, by ssh"], "an address stands for a name");
    assert_eq!(chosen(&two).unwrap().name, "gpu.example");
}

#[test]
fn what_no_host_could_be_called_by_is_refused() {
    assert_eq!(refused(moshi("ftp://h")), "host.bad_address");
    assert_eq!(refused(moshi("")), "host.none");
    let secret = "wss://me:hush@h"; // secret-scan:allow a made-up one that has to be refused
    assert_eq!(refused(moshi(secret)), "host.secret_in_address");
    for target in ["", "-oProxyCommand=x", "a b", "a;b", "$(x)", "a\nb"] {
        assert_eq!(refused(ssh(target)), "host.bad_ssh", "{target:?}");
    }
}

#[test]
fn unencrypted_is_this_computer_or_on_purpose() {
    for here in ["127.0.0.1:8998", "ws://localhost", "ws://[::1]:8998", "wss://192.168.0.9"] {
        assert!(change(&Settings::default(), HostChange::Add(moshi(here))).is_ok(), "{here}");
    }
    for there in ["192.168.0.9:8998", "ws://gpu", "http://gpu.example"] {
        assert_eq!(refused(moshi(there)), "host.plain", "{there}");
        let meant = HostDraft { plain: true, ..moshi(there) };
        assert!(change(&Settings::default(), HostChange::Add(meant)).is_ok(), "{there}");
    }
}

#[test]
fn another_address_takes_along_what_was_known_of_the_old_one() {
    let settings = add(&Settings::default(), moshi("wss://gpu.example"));
    let id = settings.hosts[0].id.clone();
    let pinned = change(&settings, HostChange::Pin(id.clone(), Some("ab".repeat(32)))).unwrap().settings;
    assert_eq!(pinned.hosts[0].pin.as_deref().map(str::len), Some(32 * 3 - 1));
    let renamed = HostDraft { name: "big one".into(), ..moshi("wss://gpu.example") };
    let same = change(&pinned, HostChange::Edit(id.clone(), renamed)).unwrap();
    assert!(!same.elsewhere && same.settings.hosts[0].pin.is_some(), "a name is no other host");
    let moved = change(&pinned, HostChange::Edit(id, moshi("wss://other.example"))).unwrap();
    assert!(moved.elsewhere, "its token must not go there");
    assert_eq!(moved.settings.hosts[0].pin, None);
}

#[test]
fn a_deleted_host_hands_over_to_the_first_of_the_others() {
    let settings =
        ["wss://a", "wss://b", "wss://c"].into_iter().map(moshi).fold(Settings::default(), |s, d| add(&s, d));
    let [a, _, c] = [0, 1, 2].map(|place| settings.hosts[place].id.clone());
    let ordered = change(&settings, HostChange::Order(vec![c, a.clone()])).unwrap().settings;
    assert_eq!(names(&ordered), ["c", "a", "b"], "who is left out goes to the end");
    let deleted = change(&ordered, HostChange::Delete(a)).unwrap().settings;
    assert_eq!((names(&deleted), chosen(&deleted).unwrap().name.as_str()), (vec!["c", "b"], "c"));
    assert_eq!(change(&deleted, HostChange::Choose("nobody".into())).unwrap_err().code, "host.unknown");
}

#[test]
fn a_host_for_this_run_is_called_and_not_kept() {
    let before = add(&Settings::default(), moshi("wss://a"));
    let shown = with_host_for_this_run(before.clone(), "ws://127.0.0.1:9".into());
    assert_eq!(chosen(&shown).unwrap().id, FOR_THIS_RUN);
    assert_eq!(kept(&shown, &before), before);
    let b = add(&shown, moshi("wss://b"));
    assert_eq!(names(&kept(&b, &before)), ["a", "b"]);
}

#[test]
fn a_fingerprint_is_told_from_anything_else() {
    assert!(fingerprint(&"ab:".repeat(32)).is_ok());
    assert!(fingerprint(&"zz".repeat(32)).is_err());
    assert!(fingerprint("ab:cd").is_err());
}
