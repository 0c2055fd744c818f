//! The committed manual pages and the shells' completions are those of this program.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::common::{run, text};

const SUBCOMMANDS: [&str; 14] = [
    "mount",
    "umount",
    "status",
    "reset",
    "cat",
    "locate",
    "write",
    "verify",
    "repair",
    "sums",
    "top",
    "dashboard",
    "completions",
    "man",
];

/// What `#[arg(hide)]` keeps from users.
const HIDDEN: &str = "--daemon";

fn pages(directory: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(directory).expect("a directory of manual pages");
    entries
        .map(|entry| entry.expect("a readable entry"))
        .map(|entry| {
            let page = fs::read_to_string(entry.path()).expect("pages are text");
            (entry.file_name().into_string().expect("a plain name"), page)
        })
        .collect()
}

fn generated() -> BTreeMap<String, String> {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().to_str().expect("a plain name");
    let output = run(&["man", path]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    pages(directory.path())
}

#[test]
fn the_committed_pages_are_current() {
    let generated = generated();
    let committed = pages(&Path::new(env!("CARGO_MANIFEST_DIR")).join("man"));
    let names = |pages: &BTreeMap<String, String>| pages.keys().cloned().collect::<Vec<_>>();
    let hint = "run 'cargo run -- man man' and commit what it changed";
    assert_eq!(names(&generated), names(&committed), "{hint}");
    for (name, page) in &generated {
        assert!(page == &committed[name], "man/{name} is not what the program says: {hint}");
    }
}

#[test]
fn there_is_a_page_for_each_subcommand() {
    let generated = generated();
    let mut expected: Vec<String> = SUBCOMMANDS.map(|name| format!("seedfs-{name}.1")).into();
    expected.push("seedfs.1".to_owned());
    expected.sort();
    assert_eq!(generated.into_keys().collect::<Vec<_>>(), expected);
}

#[test]
fn completions_know_the_subcommands() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert!(output.status.success(), "{shell}: {}", text(&output.stderr));
        let script = text(&output.stdout);
        for subcommand in SUBCOMMANDS {
            assert!(script.contains(subcommand), "{shell}: {subcommand} is missing");
        }
        assert!(script.contains("on-mismatch"), "{shell}: the options of mount are missing");
    }
}

#[test]
fn what_is_hidden_does_not_appear() {
    for (name, page) in generated() {
        assert!(!page.replace('\\', "").contains(HIDDEN), "{name} shows {HIDDEN}");
    }
    for arguments in [["mount", "--help"], ["mount", "-h"]] {
        assert!(!text(&run(&arguments).stdout).contains(HIDDEN), "{arguments:?}");
    }
}
