//! The layers, held: who may import whom, which crate stands where, and how long things may get.
//!
//! `docs/architecture.md` says why; the tables here say what.

#![allow(clippy::expect_used, reason = "a helper that fails is a failed test")]

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use source::{NamedPath, Source};

/// A layer, and what it may use beside the layers before it.
struct Layer {
    name: &'static str,
    crates: &'static [&'static str],
    /// What it uses beyond its own trade, each with its reason.
    deviations: &'static [(&'static str, &'static str)],
    /// Whether it may open files, start threads and processes, and look at the environment.
    touches_system: bool,
}

const ERRORS: &str = "derives Display and From for error types, and nothing at run time";
const SMALL: &str = "the common case of one piece needs no allocation";

/// Where locks, atomics and threads come from, so that tests can decide who runs when.
const SYNC: &str = "sync";

/// In their order: imports point upwards only.
const LAYERS: [Layer; 19] = [
    Layer {
        name: SYNC,
        crates: &["dashmap", "parking_lot", "rayon"],
        deviations: &[
            ("shuttle", "decides in unit tests who runs when"),
            ("shuttle_dashmap", "the same, for dashmap"),
            ("shuttle_parking_lot", "the same, for parking_lot"),
        ],
        touches_system: true,
    },
    Layer {
        name: "framing",
        crates: &["crc_fast", "simd_adler32"],
        deviations: &[("thiserror", ERRORS), ("itoa", "the offsets in an index")],
        touches_system: false,
    },
    Layer {
        name: "raid",
        crates: &[],
        deviations: &[("thiserror", ERRORS)],
        touches_system: false,
    },
    Layer {
        name: "numa",
        crates: &["rayon"],
        deviations: &[
            ("thiserror", ERRORS),
            ("libc", "on which NUMA node a page lies"),
            ("nix", "on which processors a thread may run"),
        ],
        touches_system: true,
    },
    Layer {
        name: "dataset",
        crates: &["serde"],
        deviations: &[
            ("thiserror", ERRORS),
            ("blake3", "the key of what is drawn by lot, from the seed"),
            ("itoa", "numbers in names, a million a second for each listing"),
            ("parse_size", "the arithmetic of sizes; the grammar is ours"),
            ("bytesize", "writes sizes for people"),
        ],
        touches_system: false,
    },
    Layer {
        name: "content",
        crates: &["aes", "blake3", "rayon", "smallvec"],
        deviations: &[],
        touches_system: false,
    },
    Layer { name: "manifest", crates: &["hex"], deviations: &[], touches_system: false },
    Layer {
        name: "disk",
        crates: &["nix"],
        deviations: &[
            ("libc", "the bits of a file's mode"),
            ("io_uring", "the kernel's ring of requests: many are under way at a time"),
        ],
        touches_system: true,
    },
    Layer {
        name: "overlay",
        crates: &[],
        deviations: &[
            ("thiserror", ERRORS),
            ("smallvec", SMALL),
            ("libc", "tells a full disk from a broken one"),
        ],
        touches_system: false,
    },
    Layer {
        name: "verdict",
        crates: &[],
        deviations: &[("smallvec", SMALL)],
        touches_system: false,
    },
    Layer {
        name: "report",
        crates: &["serde", "serde_json"],
        deviations: &[
            ("blake3", "the digest that names a dataset"),
            ("hex", "the first bytes of a wrong range"),
        ],
        touches_system: false,
    },
    Layer {
        name: "status",
        crates: &["serde"],
        deviations: &[("roaring", "sets of many files, a bit for each")],
        touches_system: false,
    },
    Layer {
        name: "fs",
        crates: &[],
        deviations: &[
            ("thiserror", ERRORS),
            ("serde_json", "the value of the extended attribute user.seedfs.address"),
            ("hex", "the value of the extended attribute user.seedfs.openssl"),
        ],
        touches_system: false,
    },
    Layer {
        name: "fuse",
        crates: &["fuser", "libc"],
        deviations: &[
            ("thiserror", ERRORS),
            ("tracing", "the log of the mount: what the kernel offers, failures, signals"),
            ("rustix", "the system calls of mounting, by descriptors and without unsafe"),
            ("procfs", "whether the caller of a long request is being killed"),
            ("signal_hook", "signals end the mount cleanly"),
        ],
        touches_system: true,
    },
    Layer {
        name: "storage",
        crates: &["libc"],
        deviations: &[
            ("serde", "the node status, and the state of a verification"),
            ("blake3", "chooses the files of a sample"),
            ("rayon", "parts of a long buffer are judged at the same time"),
            ("serde_json", "the same"),
            ("thiserror", ERRORS),
            ("nix", "posix_fadvise and statvfs, without unsafe"),
            ("sysinfo", "processors and memory, for the node status"),
            ("hex", "digests in manifests"),
            ("sha2", "manifests"),
            ("md5", "manifests"),
            ("twox_hash", "manifests"),
            ("crc_fast", "manifests"),
        ],
        touches_system: true,
    },
    Layer {
        name: "watch",
        crates: &["serde", "serde_json"],
        deviations: &[("thiserror", ERRORS)],
        touches_system: true,
    },
    Layer {
        name: "top",
        crates: &["ratatui"],
        deviations: &[
            ("rustix", "whether the terminal is still there"),
            ("signal_hook", "a shell suspends the view, and brings it back"),
        ],
        touches_system: true,
    },
    Layer {
        name: "dashboard",
        crates: &["axum", "tokio", "tokio_stream", "serde", "serde_json"],
        deviations: &[
            ("thiserror", ERRORS),
            ("subtle", "a token is compared in a time that tells nothing"),
            ("hex", "a token that is made"),
        ],
        touches_system: true,
    },
    Layer {
        name: "cli",
        crates: &["clap", "tracing_subscriber"],
        deviations: &[
            ("clap_complete", "`seedfs completions`"),
            ("clap_mangen", "`seedfs man`"),
            ("serde_json", "`--config`, `locate --json` and reading the status"),
            ("indicatif", "the progress bar"),
            ("signal_hook", "Ctrl-C ends a command cleanly"),
            ("procfs", "which signals were ignored before the command began"),
            ("rayon", "`sums --threads`"),
            ("toml", "`--config`"),
            ("nix", "the daemon leaves its terminal; the owner of the mount"),
            ("tracing", "the daemon's last word, where it cannot mount"),
        ],
        touches_system: true,
    },
];

/// Modules of the standard library through which a layer would reach the system.
const SYSTEM_MODULES: [&str; 6] = ["env", "fs", "net", "os", "process", "thread"];

/// What the standard library has of `sync`. Layers that do not touch the system take it from there.
const UNSCHEDULED: [&str; 6] = ["atomic", "Barrier", "Condvar", "Mutex", "RwLock", "mpsc"];

/// Those of them that all layers take from there: no lock of this crate can be poisoned.
const LOCKS: [&str; 3] = ["Condvar", "Mutex", "RwLock"];

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_COLUMNS_MAX: usize = 100;
const MAIN_LINES_MAX: usize = 25;

/// Files that may be longer, each with its reason.
const LONG_FILES: [(&str, &str); 1] = [(
    "src/fuse/adapter.rs",
    "one `impl` of a trait of 35 operations, each argument of which has a line of its own",
)];

/// A source file: its path from the crate's root, its text, and what is in it.
struct File {
    path: String,
    text: String,
    source: Source,
}

impl File {
    fn new(path: String, text: String) -> Self {
        let source = Source::read(&text);
        Self { path, text, source }
    }

    /// Whether all of it is tests.
    fn is_tests(&self) -> bool {
        self.path.ends_with("tests.rs")
    }

    /// The paths that it names outside its tests.
    fn paths(&self) -> impl Iterator<Item = &NamedPath> {
        self.source.paths.iter().filter(|path| !path.in_tests && !self.is_tests())
    }

    /// How many lines it has without its tests.
    fn own_lines(&self) -> usize {
        if self.is_tests() { 0 } else { self.text.lines().count() - self.source.test_lines }
    }
}

#[test]
fn imports_point_to_earlier_layers() {
    report(sources().iter().flat_map(wrong_imports));
}

#[test]
fn crates_stand_where_they_belong() {
    report(sources().iter().flat_map(wrong_crates));
}

#[test]
fn the_table_says_no_more_than_the_code() {
    let mut unused = Vec::new();
    for layer in &LAYERS {
        let used: BTreeSet<String> = sources()
            .iter()
            .filter(|file| layer_of(&file.path).is_some_and(|(_, of)| of.name == layer.name))
            .flat_map(File::paths)
            .map(|path| path.segments[0].clone())
            .collect();
        let listed = layer.crates.iter().chain(layer.deviations.iter().map(|(name, _)| name));
        for name in listed.filter(|name| !used.contains(**name)) {
            unused.push(format!("{}: {name} is in the table and not in the code", layer.name));
        }
    }
    report(unused);
}

#[test]
fn a_type_name_means_one_thing() {
    report(with_two_meanings(sources()));
}

#[test]
fn nothing_is_longer_than_a_reader_likes() {
    report(sources().iter().flat_map(too_long));
}

#[test]
fn every_long_file_is_still_long() {
    for (path, _) in LONG_FILES {
        let file = sources().iter().find(|file| file.path == path).expect("it is there");
        assert!(file.own_lines() > FILE_LINES_MAX, "{path} is short again");
    }
}

fn report(violations: impl IntoIterator<Item = String>) {
    let mut text = String::new();
    for violation in violations {
        let _ = writeln!(text, "  {violation}");
    }
    assert!(text.is_empty(), "\n{text}");
}

fn wrong_imports(file: &File) -> Vec<String> {
    let Some((position, layer)) = layer_of(&file.path) else { return Vec::new() };
    let mut wrong = Vec::new();
    for path in &file.source.paths {
        let depth = module_depth(&file.path) + path.depth;
        let Some(target) = name_in_crate(&path.segments, depth) else { continue };
        let known = LAYERS.iter().position(|layer| layer.name == target);
        if known.is_none_or(|target| target > position) {
            let named = path.segments.join("::");
            wrong.push(format!("{}:{}: {} may not name {named}", file.path, path.line, layer.name));
        }
    }
    wrong
}

/// The name directly under the crate's root that a path leads to; empty where it is the root
/// itself.
fn name_in_crate(segments: &[String], depth: usize) -> Option<&str> {
    let first = segments.first()?.as_str();
    let from_self = usize::from(first == "self");
    let ups = segments.iter().skip(from_self).take_while(|segment| *segment == "super").count();
    let behind_root = match first {
        "crate" | "seedfs" => 1,
        _ if ups >= depth => from_self + ups,
        _ => return None,
    };
    Some(segments.get(behind_root).map_or("", String::as_str))
}

fn wrong_crates(file: &File) -> Vec<String> {
    let Some((_, layer)) = layer_of(&file.path) else { return Vec::new() };
    let dependencies = dependencies();
    let mut wrong = Vec::new();
    for path in file.paths() {
        let first = path.segments[0].as_str();
        let second = path.segments.get(1).map_or("", String::as_str);
        let allowed = layer.crates.contains(&first)
            || layer.deviations.iter().any(|(name, _)| *name == first);
        // `OsStr` and what is made of bytes is no system call.
        let pure_os = path.segments.get(2).is_some_and(|third| third == "unix")
            && path.segments.get(3).is_some_and(|fourth| fourth == "ffi");
        let system =
            first == "std" && SYSTEM_MODULES.contains(&second) && !(second == "os" && pure_os);
        let third = path.segments.get(2).map_or("", String::as_str);
        let system = system || first == "crate" && second == SYNC && third == "thread";
        let unscheduled = first == "std" && second == "sync" && UNSCHEDULED.contains(&third);
        let unscheduled = unscheduled && (!layer.touches_system || LOCKS.contains(&third));
        if dependencies.contains(first) && !allowed
            || system && !layer.touches_system
            || unscheduled
        {
            let named = path.segments.join("::");
            wrong.push(format!("{}:{}: {} may not use {named}", file.path, path.line, layer.name));
        }
    }
    wrong
}

fn too_long(file: &File) -> Vec<String> {
    let mut wrong = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        if line.chars().count() > LINE_COLUMNS_MAX {
            wrong.push(format!("{}:{number}: over {LINE_COLUMNS_MAX} columns", file.path));
        }
    }
    let lines = file.own_lines();
    let max = if file.path == "src/main.rs" { MAIN_LINES_MAX - 1 } else { FILE_LINES_MAX };
    let excused = LONG_FILES.iter().any(|(path, _)| *path == file.path);
    if lines > max && !excused {
        wrong.push(format!("{}: {lines} lines without its tests, over {max}", file.path));
    }
    let functions = file.source.functions.iter().filter(|_| !file.is_tests());
    for (line, length) in functions.filter(|(_, length)| *length > FUNCTION_LINES_MAX) {
        wrong.push(format!("{}:{line}: a function of {length} lines", file.path));
    }
    wrong
}

/// The names that stand for more than one type, with the places that declare them.
fn with_two_meanings(files: &[File]) -> Vec<String> {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for file in files.iter().filter(|file| !file.is_tests()) {
        for (line, name) in &file.source.types {
            places.entry(name).or_default().push(format!("{}:{line}", file.path));
        }
    }
    places.retain(|_, places| places.len() > 1);
    places.iter().map(|(name, places)| format!("{name}: {}", places.join(", "))).collect()
}

fn layer_of(path: &str) -> Option<(usize, &'static Layer)> {
    let name = path.strip_prefix("src/")?.split(['/', '.']).next()?;
    LAYERS.iter().enumerate().find(|(_, layer)| layer.name == name)
}

/// How many modules stand between a file's items and the crate's root: 1 for `src/dataset/mod.rs`.
fn module_depth(path: &str) -> usize {
    let module = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    module.split('/').count()
}

/// The crates that `Cargo.toml` names, as the source spells them.
fn dependencies() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("Cargo.toml")).expect("it is there");
    let manifest: toml::Table = text.parse().expect("cargo has read it");
    let dependencies = manifest["dependencies"].as_table().expect("a table");
    dependencies.keys().map(|name| name.replace('-', "_")).collect()
}

/// Read once: all tests ask for them.
fn sources() -> &'static [File] {
    static SOURCES: LazyLock<Vec<File>> = LazyLock::new(|| {
        let mut files = Vec::new();
        collect(&root().join("src"), &mut files);
        assert!(files.len() > 40, "only {} sources found", files.len());
        files
    });
    &SOURCES
}

fn collect(directory: &Path, files: &mut Vec<File>) {
    for entry in std::fs::read_dir(directory).expect("a directory of sources") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).expect("below the root").to_str().expect("plain");
            let text = std::fs::read_to_string(&path).expect("sources are text");
            files.push(File::new(name.to_owned(), text));
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Each check finds what was planted.
mod planted {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File::new(path.to_owned(), text.to_owned())
    }

    #[test]
    fn an_import_of_a_later_layer() {
        for text in [
            "use crate::fs::Error;",
            "use crate::{dataset::Inode, fs::Error};",
            "fn f() -> crate::cli::Failure {}",
            "use super::super::status::Counters;",
            "use self::super::super::status::Counters;",
            "use crate::*;",
            "use crate as root;",
            "use seedfs::cli;",
            "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    use super::super::super::fuse::x;\n}",
        ] {
            let wrong = wrong_imports(&file("src/overlay/record.rs", text));
            assert_eq!(wrong.len(), 1, "{text}: {wrong:?}");
        }
        assert_eq!(wrong_imports(&file("src/overlay/mod.rs", "use super::fs::Error;")).len(), 1);
    }

    #[test]
    fn an_import_of_an_earlier_layer_is_none() {
        let text = "use crate::{content::Source, overlay::Extent};\nuse super::extent::Piece;\n\
                    \n#[cfg(test)]\nmod tests {\n    use super::super::extent::Piece;\n}";
        assert_eq!(wrong_imports(&file("src/overlay/record.rs", text)), [""; 0]);
        let nested = "use super::super::extent::Piece;";
        assert_eq!(wrong_imports(&file("src/overlay/record/tests.rs", nested)), [""; 0]);
    }

    #[test]
    fn a_crate_in_the_wrong_place() {
        for (path, text) in [
            ("src/fs/io.rs", "use fuser::Errno;"),
            ("src/fs/io.rs", "fn f() { libc::getpid(); }"),
            ("src/verdict/judge.rs", "fn f() { tracing::info!(\"x\"); }"),
            ("src/dataset/config.rs", "use std::{fmt, fs};"),
            ("src/status/mod.rs", "fn f() { std::thread::sleep(x); }"),
            ("src/content/mod.rs", "use std::env;"),
            ("src/overlay/mod.rs", "use dashmap::DashMap;"),
            ("src/overlay/mod.rs", "use std::sync::{Arc, Mutex};"),
            ("src/fs/io.rs", "use std::sync::atomic::Ordering;"),
            ("src/fs/io.rs", "use crate::sync::{Mutex, thread};"),
            ("src/fuse/commands.rs", "use std::sync::{Arc, Condvar};"),
        ] {
            assert_eq!(wrong_crates(&file(path, text)).len(), 1, "{text}");
        }
        let in_tests = "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    use serde_json::json;\n}";
        assert_eq!(wrong_crates(&file("src/dataset/config.rs", in_tests)), [""; 0]);
    }

    #[test]
    fn a_type_name_with_two_meanings() {
        let files = |last: &str| {
            let first = file("src/fs/io.rs", "struct Part;\nimpl T for Part { type Error = E; }");
            [first, file("src/overlay/mod.rs", last)]
        };
        for second in ["pub(crate) enum Part {}", "type Part = u64;", "mod m { trait Part {} }"] {
            assert_eq!(with_two_meanings(&files(second)).len(), 1, "{second}");
        }
        let in_tests = "enum Error {}\n#[cfg(test)]\nmod tests { struct Part; }";
        assert_eq!(with_two_meanings(&files(in_tests)), [""; 0]);
    }

    #[test]
    fn what_is_too_long() {
        let long_line = format!("//{}", "x".repeat(LINE_COLUMNS_MAX));
        let long_function = format!("pub(super) fn f() {{\n{}}}\n", "    a();\n".repeat(69));
        let long_file = "use a;\n".repeat(FILE_LINES_MAX + 1);
        for text in [long_line, long_function, long_file] {
            assert_eq!(too_long(&file("src/fs/io.rs", &text)).len(), 1);
        }
        assert_eq!(too_long(&file("src/main.rs", &"use a;\n".repeat(25))).len(), 1);

        let as_long_as_allowed =
            format!("fn f() {{\n{}}}\n\nfn g() {{}}\n", "    a();\n".repeat(68));
        assert_eq!(too_long(&file("src/fs/io.rs", &as_long_as_allowed)), [""; 0]);
        let in_tests =
            format!("fn f() {{}}\n\n#[cfg(test)]\nmod tests {{\n{}}}", "use a;\n".repeat(500));
        assert_eq!(too_long(&file("src/fs/io.rs", &in_tests)), [""; 0]);
    }
}
