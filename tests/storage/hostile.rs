//! What must never be believed: states of something else, status files of others, planted names.

use std::fs;
use std::io::{Seek, SeekFrom, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use seedfs::dataset::{Coordinates, DatasetConfig};
use serde_json::Value;

use crate::common::storage::{Run, run, seedfs, verify, write};

const DATASET: &str = "--seed 42 -n 8 -s 1000";
const FILE_3: &str = "node_0/process_0/file_3";

/// A directory that is written to, and a place for a state outside it.
struct Case {
    place: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        let case = Self { place: tempfile::tempdir().unwrap() };
        fs::create_dir(case.directory()).unwrap();
        write(DATASET, &["-q"], &case.directory());
        case
    }

    fn directory(&self) -> PathBuf {
        self.place.path().join("a")
    }

    fn state(&self) -> PathBuf {
        self.place.path().join("state")
    }

    fn resume(&self, more: &[&str], directory: &Path) -> Run {
        let state = self.state();
        let words = ["-q", "--resume", state.to_str().unwrap()];
        run("verify", DATASET, &[&words, more].concat(), directory)
    }

    /// Judges everything and keeps the state.
    fn done() -> Self {
        let case = Self::new();
        let done = case.resume(&[], &case.directory());
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        case
    }

    fn assert_refused(&self, more: &[&str], directory: &Path) {
        let refused = self.resume(more, directory);
        assert_eq!(refused.code, Some(2), "{}{}", refused.stdout, refused.stderr);
        let state = self.state();
        let named = format!("--resume '{}'", state.display());
        assert!(refused.stderr.contains(&named), "{}", refused.stderr);
    }
}

#[test]
fn a_state_is_its_own_directorys() {
    let case = Case::done();
    let place = case.place.path();
    let (a, b) = (case.directory(), place.join("b"));
    // Another one, empty.
    fs::create_dir(&b).unwrap();
    case.assert_refused(&[], &b);
    // The same one by another path: what is at that path later need not be the same.
    fs::remove_dir(&b).unwrap();
    fs::rename(&a, &b).unwrap();
    case.assert_refused(&[], &b);
    // Another one under the path of the first.
    write(DATASET, &["-q"], &a);
    case.assert_refused(&[], &a);
    // And the first again, by a path that leads there.
    fs::remove_dir_all(&a).unwrap();
    fs::rename(&b, &a).unwrap();
    let link = place.join("link");
    symlink(&a, &link).unwrap();
    let again = case.resume(&[], &link);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
}

#[test]
fn a_state_of_a_tree_that_has_changed_is_refused() {
    for change in [
        |file: &Path| fs::remove_file(file),
        |file: &Path| fs::write(file, [0; 1000]),
        |file: &Path| {
            fs::copy(file, file.with_extension("x"))
                .map(drop)
                .and_then(|()| fs::rename(file.with_extension("x"), file))
        },
        |file: &Path| fs::remove_dir_all(file.parent().unwrap()),
        // Only when it changed at all cannot be set back.
        |file: &Path| {
            let modified = fs::metadata(file)?.modified()?;
            fs::OpenOptions::new().write(true).open(file).and_then(|mut open| {
                open.write_all(&[0; 1000])?;
                open.set_modified(modified)
            })
        },
    ] {
        let case = Case::done();
        change(&case.directory().join(FILE_3)).unwrap();
        case.assert_refused(&[], &case.directory());
    }
    // Also where it was not done yet.
    let case = Case::new();
    fs::write(case.directory().join("node_0/process_0/file_5"), [0; 1000]).unwrap();
    let stopped = case.resume(&["--stop-after", "1", "-t", "1"], &case.directory());
    assert_eq!(stopped.code, Some(1), "{}", stopped.stderr);
    fs::write(case.directory().join(FILE_3), [0; 1000]).unwrap();
    case.assert_refused(&[], &case.directory());
}

/// What was added since then is found, though all files were judged before.
#[test]
fn a_state_that_is_done_looks_for_unexpected_files_again() {
    let case = Case::done();
    fs::write(case.directory().join("stray"), "?").unwrap();
    let again = case.resume(&[], &case.directory());
    assert_eq!(again.code, Some(1), "{}", again.stderr);
}

#[test]
fn a_state_is_gone_on_with_only_in_the_way_it_was_begun() {
    let case = Case::done();
    for more in [&["--drop-cache"][..], &["--direct-io"], &["--sample", "50"]] {
        case.assert_refused(more, &case.directory());
    }
    let again = case.resume(&["--stop-after", "3", "-t", "2"], &case.directory());
    assert_eq!(again.code, Some(0), "{}", again.stderr);
}

#[test]
fn a_state_that_was_cut_or_edited_is_refused() {
    let case = Case::done();
    let whole = fs::read(case.state()).unwrap();
    for length in 0..whole.len() {
        fs::write(case.state(), &whole[..length]).unwrap();
        // Each costs a process.
        if length % 97 == 0 || length + 3 > whole.len() {
            case.assert_refused(&[], &case.directory());
        }
    }
    let text = String::from_utf8(whole).unwrap();
    for (from, to) in [
        ("\"verified\":8", "\"verified\":9"),
        ("\"next\":8", "\"next\":18446744073709551615"),
        ("\"ranges_listed\":0", "\"ranges_listed\":200000"),
        ("\"total\":0", "\"total\":18446744073709551615"),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        fs::write(case.state(), text.replace(from, to)).unwrap();
        case.assert_refused(&[], &case.directory());
    }
}

/// Also what changes nothing of what it says.
#[test]
fn the_digest_of_a_state_finds_any_change() {
    let case = Case::done();
    let mut text = fs::read_to_string(case.state()).unwrap();
    text.push(' ');
    fs::write(case.state(), &text).unwrap();
    case.assert_refused(&[], &case.directory());
    text.pop();
    fs::write(case.state(), &text).unwrap();
    assert_eq!(case.resume(&[], &case.directory()).code, Some(0));
}

/// Only root can give a file to somebody else: for others there is nothing to see here.
#[test]
fn a_state_of_another_user_is_refused() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let case = Case::done();
    std::os::unix::fs::chown(case.state(), Some(12345), None).unwrap();
    case.assert_refused(&[], &case.directory());
    std::os::unix::fs::chown(case.state(), Some(0), None).unwrap();
    assert_eq!(case.resume(&[], &case.directory()).code, Some(0));
}

#[test]
fn a_state_that_is_no_file_is_refused_at_once() {
    let case = Case::new();
    let fifo = case.state();
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    case.assert_refused(&[], &case.directory());
    fs::remove_file(&fifo).unwrap();
    symlink("/dev/zero", case.state()).unwrap();
    case.assert_refused(&[], &case.directory());
    fs::remove_file(case.state()).unwrap();
    let mut huge = fs::File::create(case.state()).unwrap();
    huge.seek(SeekFrom::Start(1 << 40)).unwrap();
    huge.write_all(b"}").unwrap();
    case.assert_refused(&[], &case.directory());
}

#[test]
fn what_was_not_walked_to_its_end_is_not_verified() {
    let case = Case::new();
    let refused = run("verify", DATASET, &["--stop-after", "0"], &case.directory());
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("--stop-after"), "{}", refused.stderr);
    // A file that cannot be read, and nothing behind it.
    fs::remove_file(case.directory().join(FILE_3)).unwrap();
    fs::create_dir(case.directory().join(FILE_3)).unwrap();
    for more in [&[][..], &["--stop-after", "1"]] {
        let (code, document) = verify(DATASET, more, &case.directory());
        assert_eq!(code, Some(3));
        assert_ne!(document["verdict"], "verified", "{document}");
        let said = run("verify", DATASET, more, &case.directory());
        assert!(!said.stdout.contains("verified\n"), "{}", said.stdout);
    }
}

#[test]
fn a_sample_has_at_least_one_file() {
    let case = Case::new();
    let mut all = Vec::new();
    for percent in ["0.000000001", "1", "5", "20", "100"] {
        let (code, document) = verify(DATASET, &["--sample", percent], &case.directory());
        assert_eq!(code, Some(0), "{percent}: {document}");
        let chosen = document["files"]["total"].as_u64().unwrap();
        assert!(chosen >= 1, "{percent}");
        // One that is damaged shows which files are read: a larger sample has the smaller one's.
        let mut read = Vec::new();
        for file in 0..8 {
            let path = case.directory().join(format!("node_0/process_0/file_{file}"));
            let right = fs::read(&path).unwrap();
            fs::write(&path, "wrong").unwrap();
            let code = verify(DATASET, &["--sample", percent], &case.directory()).0;
            if code == Some(1) {
                read.push(file);
            }
            fs::write(&path, right).unwrap();
        }
        assert_eq!(read.len() as u64, chosen, "{percent}");
        assert!(all.iter().all(|file| read.contains(file)), "{percent}: {all:?}, {read:?}");
        all = read;
    }
}

/// With a sample nobody opens most files, and a file may stand where a directory should.
#[test]
fn a_sample_does_not_hide_a_file_in_the_place_of_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let dataset = "--seed 42 --nodes 40 -n 1 -s 10";
    write(dataset, &["-q"], directory.path());
    let sample = ["--sample", "5"];
    assert_eq!(verify(dataset, &sample, directory.path()).0, Some(0));
    for node in 0..40 {
        let path = directory.path().join(format!("node_{node}"));
        let aside = directory.path().with_extension("aside");
        fs::rename(&path, &aside).unwrap();
        fs::write(&path, "no directory").unwrap();
        let (code, document) = verify(dataset, &sample, directory.path());
        assert!(matches!(code, Some(1 | 3)), "node {node}: {document}");
        fs::remove_file(&path).unwrap();
        fs::rename(&aside, &path).unwrap();
    }
}

#[test]
fn planted_names_are_neither_followed_nor_destroyed() {
    let place = tempfile::tempdir().unwrap();
    let (directory, victim) = (place.path().join("a"), place.path().join("victim"));
    let parent = directory.join("node_0/process_0");
    fs::create_dir_all(&parent).unwrap();
    fs::write(&victim, "precious").unwrap();
    let config = DatasetConfig {
        seed: Some("42".into()),
        files: Some(8.into()),
        size: Some("1000".into()),
        ..DatasetConfig::default()
    };
    let dataset = config.validate().unwrap();
    let mut planted = Vec::new();
    for file in 0..8 {
        let file = Coordinates { file, ..Coordinates::default() };
        let inode = dataset.namespace().inode(file).unwrap().get();
        planted.push(parent.join(format!(".seedfs-tmp-all-{inode}")));
    }
    planted.push(directory.join(".dummy_data_status_node0.json.tmp"));
    planted.push(place.path().join("report.tmp"));
    planted.push(place.path().join("state.tmp"));
    for path in &planted {
        symlink(&victim, path).unwrap();
    }
    let theirs = place.path().join("other.tmp");
    fs::write(&theirs, "somebody's").unwrap();
    write(DATASET, &["-q"], &directory);
    for (option, name) in [("--report", "report"), ("--resume", "state"), ("--report", "other")] {
        let path = place.path().join(name);
        let said = run("verify", DATASET, &["-q", option, path.to_str().unwrap()], &directory);
        assert!(matches!(said.code, Some(0 | 1)), "{}", said.stderr);
        assert!(path.exists(), "{name}");
    }
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    for path in &planted {
        assert!(path.is_symlink(), "{}", path.display());
    }
    assert_eq!(fs::read(&theirs).unwrap(), b"somebody's");
}

/// A directory that somebody else's link leads away from is not written through.
#[test]
fn planted_directories_are_not_written_through() {
    if !nix::unistd::Uid::effective().is_root() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let (directory, elsewhere) = (place.path().join("a"), place.path().join("elsewhere"));
    fs::create_dir(&directory).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    let link = directory.join("node_0");
    symlink(&elsewhere, &link).unwrap();
    // Our own link is followed: datasets are spread over disks like that.
    write(DATASET, &["-q"], &directory);
    assert!(elsewhere.join("process_0/file_3").exists());
    assert_eq!(verify(DATASET, &[], &directory).0, Some(0));
    fs::remove_dir_all(elsewhere.join("process_0")).unwrap();
    std::os::unix::fs::lchown(&link, Some(65_534), Some(65_534)).unwrap();
    let refused = run("write", DATASET, &["-q"], &directory);
    assert_eq!(refused.code, Some(3));
    assert!(refused.stderr.contains("node_0"), "{}", refused.stderr);
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}

/// Whoever looks while three runs replace the same files sees whole ones only.
#[test]
fn runs_at_once_show_whole_files_only() {
    let directory = tempfile::tempdir().unwrap();
    let dataset = "--seed 42 -n 200 -s 1000 -t 4";
    write(dataset, &["-q"], directory.path());
    for _ in 0..20 {
        let words = ["write", "-q", "--overwrite"].into_iter().chain(dataset.split(' '));
        let command = || {
            let mut command = seedfs(words.clone());
            command.arg(directory.path()).stderr(Stdio::null()).spawn().unwrap()
        };
        let mut runs = [command(), command(), command()];
        while runs.iter_mut().any(|run| run.try_wait().unwrap().is_none()) {
            for file in 0..200 {
                let path = directory.path().join(format!("node_0/process_0/file_{file}"));
                assert_eq!(fs::metadata(path).unwrap().len(), 1000);
            }
        }
    }
    assert_eq!(verify(dataset, &[], directory.path()).0, Some(0));
}

/// What a killed run has left goes with the next one; what is not ours stays.
#[test]
fn what_a_killed_run_has_left_goes_with_the_next() {
    let case = Case::new();
    let parent = case.directory().join("node_0/process_0");
    let ours = parent.join(".seedfs-tmp-all-3-0123456789abcdef");
    let others = parent.join(".seedfs-tmp-node7-3-0123456789abcdef");
    for path in [&ours, &others] {
        fs::write(path, "half").unwrap();
    }
    let held = parent.join(".seedfs-tmp-all-4-0123456789abcdef");
    let lock = fs::File::create(&held).unwrap();
    lock.lock().unwrap();
    write(DATASET, &["-q", "--resume"], &case.directory());
    assert_eq!((ours.exists(), others.exists(), held.exists()), (false, true, true));
}

fn status_of(contents: &[(&str, &[u8])]) -> Run {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in contents {
        fs::write(directory.path().join(name), content).unwrap();
    }
    run("status", "", &[], directory.path())
}

const NODE_0: &str = ".dummy_data_status_node0.json";

#[test]
fn status_files_that_cannot_be_read_are_not_fine() {
    let right = r#"{"node_id":0,"files_created":5,"percent_complete":50.0,"last_update":1.0,
        "throughput_mb_s":1.0,"files_per_sec":1.0,"node_metadata":{"node_id":0,"node_count":1,
        "thread_count":1,"file_size_kb":1.0,"target_files":10,"start_time":0.0,"hostname":"h",
        "platform":"p","cpu_model":"c","cpu_cores":1,"cpu_threads":1,"system_memory_gb":1.0,
        "available_memory_gb":1.0}}"#;
    assert_eq!(status_of(&[(NODE_0, right.as_bytes())]).code, Some(0));
    // A newer version may say more.
    let newer = right.replacen('{', r#"{"version":9,"new":[1,{"a":2}],"#, 1);
    assert_eq!(status_of(&[(NODE_0, newer.as_bytes())]).code, Some(0));
    let mut wrong: Vec<Vec<u8>> =
        ["", "{", "null", "[]", "{}", "\u{0}", "{\"node_id\":0}", "{\"status\":\"of another\"}"]
            .map(|text| text.as_bytes().to_vec())
            .into();
    for (from, to) in [
        ("50.0", "-1e300"),
        ("50.0", "1e999"),
        ("50.0", "101"),
        ("\"files_created\":5", "\"files_created\":11"),
        ("\"files_created\":5", "\"files_created\":-5"),
        ("\"target_files\":10", "\"target_files\":1e30"),
        ("\"node_count\":1", "\"node_count\":0"),
        ("\"node_count\":1", "\"node_count\":4294967295"),
        ("\"node_id\":0,\"files", "\"node_id\":3,\"files"),
        ("\"throughput_mb_s\":1.0", "\"throughput_mb_s\":-1.0"),
        ("\"last_update\":1.0", "\"last_update\":-1e308"),
    ] {
        let text = right.replacen(from, to, 1);
        assert_ne!(text, right, "{from}");
        wrong.push(text.into_bytes());
    }
    wrong.push([b"[".repeat(100_000), b"]".repeat(100_000)].concat());
    wrong.push([right.as_bytes(), &b" ".repeat(2 << 20)].concat());
    for content in &wrong {
        let shown = String::from_utf8_lossy(&content[..content.len().min(300)]).into_owned();
        let said = status_of(&[(NODE_0, content)]);
        assert_eq!(said.code, Some(3), "{shown}: {}{}", said.stdout, said.stderr);
        assert!(said.stdout.contains(&format!("unreadable: {NODE_0}")), "{}", said.stdout);
        assert!(!said.stdout.contains(" %"), "no figures of nothing: {}", said.stdout);
        // Beside one that can be read its figures are shown, and it is still not fine.
        let two = right.replace("\"node_id\":0", "\"node_id\":1");
        let two = two.replace("\"node_count\":1", "\"node_count\":2");
        let said =
            status_of(&[(NODE_0, content), (".dummy_data_status_node1.json", two.as_bytes())]);
        assert_eq!(said.code, Some(3), "{shown}: {}{}", said.stdout, said.stderr);
        assert!(said.stdout.contains("25 %"), "{}", said.stdout);
    }
}

#[test]
fn a_status_file_says_nothing_to_the_terminal() {
    let text = r#"{"node_id":0,"files_created":5,"percent_complete":50.0,"last_update":1.0,
        "throughput_mb_s":1.0,"files_per_sec":1.0,"node_metadata":{"node_id":0,"node_count":1,
        "thread_count":1,"file_size_kb":1.0,"target_files":10,"start_time":0.0,
        "hostname":"\u001b]0;owned\u0007\u001b[2J\nnode 1 fine","platform":"p","cpu_model":"c",
        "cpu_cores":1,"cpu_threads":1,"system_memory_gb":1.0,"available_memory_gb":1.0}}"#;
    let said = status_of(&[(NODE_0, text.as_bytes())]);
    assert!(!said.stdout.contains(['\u{1b}', '\u{7}']), "{:?}", said.stdout);
    assert_eq!(said.stdout.lines().count(), 2, "{:?}", said.stdout);
    // Nor does the name of a file that was found.
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("\u{1b}[2Jx\ny"), "?").unwrap();
    let said = run("verify", DATASET, &["-q"], directory.path());
    assert_eq!(said.code, Some(1));
    let said = run("verify", DATASET, &[], directory.path());
    assert!(!said.stdout.contains('\u{1b}'), "{:?}", said.stdout);
}

#[test]
fn status_files_that_are_none_are_named_and_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(NODE_0);
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let said = run("status", "", &[], directory.path());
    assert_eq!(said.code, Some(3), "{}{}", said.stdout, said.stderr);
    fs::remove_file(&path).unwrap();
    symlink("/dev/zero", &path).unwrap();
    let said = run("status", "", &["--json"], directory.path());
    assert_eq!(said.code, Some(3), "{}{}", said.stdout, said.stderr);
    let status: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(status["unreadable"].as_array().unwrap().len(), 1);
}
