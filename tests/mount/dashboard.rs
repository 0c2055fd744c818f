//! `seedfs dashboard` without a browser: who is let in, what is answered, what is bounded.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{Mount, code, run, seedfs, text, wait_for};

/// A page, which ends with its test.
struct Page {
    child: Child,
    _stdout: BufReader<ChildStdout>,
    address: SocketAddr,
    link: String,
}

/// An answer: its status, its headers in lower case, its body.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Page {
    fn new(targets: &[&Path], options: &[&str]) -> Self {
        let mut command = seedfs();
        command.arg("dashboard").args(targets).args(["--listen", "127.0.0.1:0"]).args(options);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut link = String::new();
        stdout.read_line(&mut link).unwrap();
        let link = link.trim().to_owned();
        let address = link.trim_start_matches("http://").split('/').next().unwrap();
        Self { address: address.parse().unwrap(), child, _stdout: stdout, link }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Sends these lines and no others, and waits for the answer.
    fn send(&self, lines: &[&str]) -> Answer {
        let mut stream = self.connect();
        write!(stream, "{}\r\nconnection: close\r\n\r\n", lines.join("\r\n")).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = text(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    fn get(&self, path: &str) -> Answer {
        self.send(&[&format!("GET {path} HTTP/1.1"), "host: localhost"])
    }

    /// The stream of events.
    fn follow(&self) -> BufReader<TcpStream> {
        let mut stream = self.connect();
        write!(stream, "GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        BufReader::new(stream)
    }

    fn memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Ends it with a signal, and says with which code and how long it took.
    fn end(&mut self, signal: Signal) -> (i32, Duration) {
        let begun = Instant::now();
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let status = self.child.wait().unwrap();
        (code(status), begun.elapsed())
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The data of the next event of a kind.
fn next_event(stream: &mut impl BufRead, name: &str) -> Value {
    let mut line = String::new();
    while line.trim_end() != format!("event: {name}") {
        line.clear();
        assert!(stream.read_line(&mut line).unwrap() > 0, "the stream has ended");
    }
    line.clear();
    stream.read_line(&mut line).unwrap();
    serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap()
}

/// The next run that has been read; the first frames may come before anything was.
fn next_run(stream: &mut impl BufRead) -> Value {
    loop {
        let frame = next_event(stream, "frame");
        if let Some(run) = frame["targets"][0]["runs"].get(0) {
            return run.clone();
        }
    }
}

fn report(node: u32, more: &[(&str, Value)]) -> Value {
    let rates = json!({
        "bytes_per_s": 1.0, "files_per_s": 1.0,
        "last_second": {"bytes_per_s": 1.0, "files_per_s": 1.0},
    });
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let mut report = json!({
        "schema": 1, "version": "0.1.0", "command": "write",
        "run": {
            "dataset": "0123456789abcdef0123456789abcdef", "seed": "1", "node_id": node,
            "node_count": 1000, "job": null, "host": format!("n{node}"), "pid": 1,
            "started": now.as_secs_f64() - 9.0, "thread_count": 1,
        },
        "target": "/scratch", "phase": "writing", "updated": now.as_secs_f64(), "elapsed_s": 9.0,
        "files": {"total": 10, "done": 1, "failed": 0}, "bytes": {"total": 10, "done": 1},
        "rates": rates, "remaining_s": null, "errors": {"total": 0, "first": null},
        "judged": null, "wrong": {"total": 0, "ranges": []}, "operations": null,
        "threads": [], "map": null, "machine": null,
    });
    for (name, value) in more {
        report[*name] = value.clone();
    }
    report
}

fn reports(reports: impl IntoIterator<Item = Value>) -> TempDir {
    let directory = TempDir::new().unwrap();
    let folder = directory.path().join(".seedfs");
    fs::create_dir(&folder).unwrap();
    for report in reports {
        let name = format!("node{}.write.json", report["run"]["node_id"]);
        fs::write(folder.join(name), report.to_string()).unwrap();
    }
    directory
}

#[test]
fn every_answer_forbids_what_the_page_does_not_need() {
    let directory = reports([report(0, &[])]);
    let page = Page::new(&[directory.path()], &[]);
    for (lines, status) in [
        (&["GET / HTTP/1.1", "host: localhost"][..], 200),
        (&["HEAD / HTTP/1.1", "host: localhost"], 200),
        (&["GET /page/main.js HTTP/1.1", "host: 127.0.0.1:1"], 200),
        (&["GET /healthz HTTP/1.1", "host: [::1]"], 200),
        (&["GET /nothing HTTP/1.1", "host: localhost"], 404),
        (&["GET /page/../../etc/passwd HTTP/1.1", "host: localhost"], 404),
        (&["GET /api/file HTTP/1.1", "host: localhost"], 400),
        (&["POST / HTTP/1.1", "host: localhost", "content-length: 0"], 405),
        (&["PUT /api/file HTTP/1.1", "host: localhost", "content-length: 0"], 405),
        (&["OPTIONS / HTTP/1.1", "host: localhost", "origin: http://evil.example"], 405),
        (&["GET / HTTP/1.1", "host: evil.example"], 421),
        (&["GET /events HTTP/1.1", "host: 127.0.0.1.evil.example"], 421),
        (&["GET / HTTP/1.1", "host: localhost", "host: evil.example"], 421),
    ] {
        let answer = page.send(lines);
        assert_eq!(answer.status, status, "{lines:?}: {}", answer.head);
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; ",
            "frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
        ] {
            assert!(answer.head.contains(header), "{lines:?} lacks {header}: {}", answer.head);
        }
        assert!(!answer.head.contains("access-control-"), "{lines:?}: {}", answer.head);
    }
}

#[test]
fn without_its_token_a_page_shows_nothing() {
    let directory = reports([report(0, &[])]);
    let page = Page::new(&[directory.path()], &["--token", "new"]);
    let token = page.link.split("?token=").nth(1).unwrap();
    assert_eq!(token.len(), 32, "{}", page.link);
    for path in ["/", "/events", "/page/main.js", "/api/file", "/?token=0123456789abcdef"] {
        let answer = page.get(path);
        assert_eq!(answer.status, 401, "{path}");
        assert!(!answer.head.contains("set-cookie"), "{path}: {}", answer.head);
    }
    let answer = page.get(&format!("/?token={token}"));
    assert_eq!(answer.status, 200);
    let cookie = answer.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    assert!(cookie.contains("; httponly; samesite=strict"), "{cookie}");
    let cookie = format!("cookie: {}", cookie.split(';').next().unwrap());
    let bearer = format!("authorization: Bearer {token}");
    for header in [cookie, bearer] {
        let answer = page.send(&["GET /page/main.js HTTP/1.1", "host: localhost", &header]);
        assert_eq!(answer.status, 200, "{header}");
    }
}

#[test]
fn what_cannot_be_served_is_said() {
    let directory = reports([report(0, &[])]);
    let taken = Page::new(&[directory.path()], &[]);
    let (path, nothing) = (directory.path().to_str().unwrap(), TempDir::new().unwrap());
    let address = taken.address.to_string();
    for (arguments, exit, words) in [
        (vec![nothing.path().to_str().unwrap()], 2, "is neither a mounted seedfs nor"),
        (vec![path, "--listen", "0.0.0.0:0"], 2, "expected --token"),
        (vec![path, "--listen", "[::]:0"], 2, "expected --token"),
        (vec![path, "--listen", "somewhere"], 2, "--listen 'somewhere': expected"),
        (vec![path, "--token", "short"], 2, "expected 16 to 128 letters"),
        (vec![path, "--listen", &address], 3, "is in use by another program"),
        (vec![], 2, "TARGET"),
    ] {
        let mut all = vec!["dashboard"];
        all.extend(&arguments);
        let output = run(&all);
        let said = text(&output.stderr);
        assert_eq!(code(output.status), exit, "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(!said.contains("short"), "a token is not repeated: {said}");
    }
}

#[test]
fn files_are_asked_for_by_the_names_of_the_dataset() {
    let mount = Mount::new(&["--nodes", "2", "--processes", "3", "--files", "60", "--size", "8K"]);
    let path = seedfs_path(&mount, 1, 2, 7);
    mount.write_at(&path, 100, &[0; 50]);
    let page = Page::new(&[mount.path()], &[]);
    let ask = |path: &str| page.get(&format!("/api/file?target=0&run=mount&path={path}"));
    let answer = ask(&path);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let document: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(document, mount.status(&format!("files/{path}.json")));

    let list = |from: u64| -> Value {
        let question = format!("/api/process?target=0&run=mount&node=1&process=2&from={from}");
        serde_json::from_str(&page.get(&question).body).unwrap()
    };
    let first = list(0);
    assert_eq!((&first["total"], &first["files"][0]["path"]), (&json!(60), &json!(path)));
    assert_eq!(first["files"][0]["verdict"], "mismatch");
    let paths = |list: &Value| -> Vec<String> {
        let files = list["files"].as_array().unwrap().iter();
        files.map(|file| file["path"].as_str().unwrap().to_owned()).collect()
    };
    let mut all = paths(&first);
    all.extend(paths(&list(50)));
    assert_eq!(all.len(), 60, "two pages have all files");
    all.sort();
    let mut expected: Vec<String> = (0..60).map(|file| seedfs_path(&mount, 1, 2, file)).collect();
    expected.sort();
    assert_eq!(all, expected, "and none twice");

    let secret = TempDir::new().unwrap();
    fs::write(secret.path().join("secret.json"), "{}").unwrap();
    let outside = secret.path().join("secret");
    let ups = "../".repeat(20);
    for path in [
        outside.display().to_string(),
        format!("{ups}{}", outside.display()),
        format!("..%2f..%2f{}", outside.display()),
        "../summary".into(),
        "../control".into(),
        format!("./{path}"),
        format!("{path}%00"),
        "node_0".into(),
        String::new(),
        "a".repeat(5000),
    ] {
        assert_eq!(ask(&path).status, 404, "{path}");
    }
    assert_eq!(page.get("/api/file?target=1&run=mount&path=a").status, 404);
    assert_eq!(page.get("/api/process?target=0&run=mount&node=9&process=0").status, 404);
}

/// The path of a file, as the mount itself lists it.
fn seedfs_path(mount: &Mount, node: u32, process: u32, file: usize) -> String {
    let folder = format!("node_{node}/process_{process}");
    let mut names: Vec<_> = fs::read_dir(mount.join(&folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_by_key(|name| (name.len(), name.clone()));
    format!("{folder}/{}", names[file])
}

#[test]
fn a_wrong_range_is_in_the_stream_within_two_seconds() {
    let mount = Mount::new(&["--nodes", "2", "--processes", "3", "--size", "64K"]);
    let page = Page::new(&[mount.path()], &[]);
    let mut stream = page.follow();
    let map = next_event(&mut stream, "map");
    assert_eq!(map["map"]["cells"], json!([["u", 6]]));
    mount.write_at("node_1/process_1", 5, b"foreign bytes");
    let written = Instant::now();
    let frame = loop {
        let frame = next_event(&mut stream, "frame");
        if frame["targets"][0]["runs"][0]["wrong"]["total"] != 0 {
            break frame;
        }
    };
    assert!(written.elapsed() < Duration::from_secs(2), "{:?}", written.elapsed());
    let run = &frame["targets"][0]["runs"][0];
    assert_eq!(run["judged"]["verdict"], "mismatch");
    assert_eq!(run["wrong"]["ranges"][0]["path"], "node_1/process_1");
    let another = next_event(&mut page.follow(), "map");
    assert_eq!(another["map"]["cells"], json!([["u", 4], ["m", 1], ["u", 1]]));
    // A target that goes is said to be gone, with what was seen last.
    assert!(mount.unmount().status.success());
    let frame = loop {
        let frame = next_event(&mut stream, "frame");
        if !frame["targets"][0]["absent"].is_null() {
            break frame;
        }
    };
    assert_eq!(frame["targets"][0]["runs"][0]["judged"]["verdict"], "mismatch");
}

#[test]
fn names_that_somebody_else_wrote_are_data() {
    let hostile = "<script>alert(1)</script>\n\nevent: frame\ndata: {}\u{1b}[2J";
    let mut one = report(0, &[("errors", json!({"total": 1, "first": hostile}))]);
    one["run"]["host"] = hostile.into();
    let directory = reports([one]);
    let page = Page::new(&[directory.path()], &[]);
    let run = next_run(&mut page.follow());
    let node = &run["nodes"][0];
    assert_eq!(
        (node["host"].as_str(), node["errors"]["first"].as_str()),
        (Some(hostile), Some(hostile))
    );
}

#[test]
fn clients_that_take_nothing_are_not_kept_anything_for() {
    let wrong: Vec<Value> = (0..100)
        .map(|n| {
            json!({"path": "node_0/process_0", "offset": n, "length": 1, "class": "foreign",
                   "expected": "00", "actual": "01", "source": null})
        })
        .collect();
    let directory = reports(
        (0..1000).map(|node| report(node, &[("wrong", json!({"total": 100, "ranges": wrong}))])),
    );
    let mut page = Page::new(&[directory.path()], &[]);
    let mut good = page.follow();
    let begun = Instant::now();
    let run = next_run(&mut good);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(run["nodes_total"], 1000);
    assert_eq!(run["wrong"]["ranges"].as_array().unwrap().len(), 100);
    // They ask, and never read.
    let lazy: Vec<_> = (0..100).map(|_| page.follow()).collect();
    wait_for("a full house", || page.get("/events?").status == 503);
    let before = page.memory_kib();
    for _ in 0..6 {
        next_event(&mut good, "frame");
    }
    let grown = page.memory_kib().saturating_sub(before);
    assert!(grown < 100 << 10, "{grown} KiB more for clients that do not read");
    assert_eq!(page.get("/healthz").status, 200, "others are answered");
    let (code, took) = page.end(Signal::TERM);
    assert_eq!(code, 0, "SIGTERM ends it, with all streams open");
    assert!(took < Duration::from_secs(5), "{took:?}");
    drop(lazy);
}

#[test]
fn metrics_come_in_the_form_that_is_asked_for() {
    let mount = Mount::new(&["--size", "64K"]);
    mount.write_at("node_0/process_0", 0, b"foreign bytes");
    let page = Page::new(&[mount.path()], &[]);
    let mut stream = page.follow();
    next_run(&mut stream);
    let accept = "accept: application/openmetrics-text; version=1.0.0, text/plain;q=0.5";
    let open = page.send(&["GET /metrics HTTP/1.1", "host: localhost", accept]);
    assert!(open.head.contains("content-type: application/openmetrics-text"), "{}", open.head);
    assert!(open.body.contains("# EOF\n"), "{}", open.body);
    let older = page.get("/metrics");
    assert!(older.head.contains("content-type: text/plain; version=0.0.4"), "{}", older.head);
    let wrong =
        older.body.lines().find(|line| line.starts_with("seedfs_") && line.contains("wrong"));
    assert!(wrong.is_some(), "{}", older.body);
}

#[test]
fn an_interrupt_ends_it_cleanly() {
    let directory = reports([report(0, &[])]);
    let mut page = Page::new(&[directory.path()], &[]);
    let _stream = page.follow();
    assert_eq!(page.end(Signal::INT).0, 0);
}
