//! Each example that the help and the pages in docs/ print is run, with less data and below a
//! directory of its own. The manual pages have those of the help; the README's are run by
//! `dev/test-readme`. What they need beside coreutils and bash, `dev/install-tools` installs.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use tempfile::TempDir;

use crate::common::{run, text};

/// Where examples read and write: each stands for a path of the same name in the scratch directory.
const PLACES: [&str; 10] = [
    "/mnt/",
    "/scratch/",
    "/backup/",
    "/archive",
    "/data/",
    "/dev/sdb",
    "/tmp/copy/",
    "/shared/",
    "/usr/share/bash-completion/completions/",
    "/var/lib/prometheus/node-exporter/",
];

/// What is printed, and what is run: the same with less data.
const SMALLER: [(&str, &str); 9] = [
    ("100G", "1M"),
    ("10G", "1M"),
    ("1G", "64K"),
    ("-s 10M", "-s 10K"),
    ("-n 1M -s 1M", "-n 1K -s 1K"),
    ("--files 1000 ", "--files 10 "),
    // Examples run at the same time.
    ("seedfs dashboard /mnt/seed\n", "seedfs dashboard /mnt/seed --listen 127.0.0.1:0\n"),
    ("127.0.0.1:8080", "127.0.0.1:0"),
    ("0.0.0.0:7333", "0.0.0.0:0"),
];

/// What has to be there before the examples of a page are run.
const NEEDED: [(&str, &str); 9] = [
    ("seedfs locate", "seedfs cat --seed 42 --size 64M node_0/process_0 > /dev/sdb"),
    (
        "seedfs verify",
        "seedfs write --quiet --seed 42 -n 100 -s 1G /scratch/test
         seedfs write --quiet --seed 42 -n 100 -s 1G --device /dev/sdb
         seedfs write --quiet --seed 42 -n 1M -s 1M /archive
         seedfs mount --seed 42 -n 100 -s 1G /mnt/seed
         cp -r /mnt/seed /backup/restored",
    ),
    (
        "seedfs repair",
        "seedfs write --quiet --seed 42 -n 100 -s 1G /scratch/test
         seedfs write --quiet --seed 42 -n 100 -s 1G --device /dev/sdb
         seedfs verify --quiet --seed 42 -n 100 -s 1G --report /scratch/found.json /scratch/test",
    ),
    ("docs/repair.md", "seedfs write --quiet --seed 42 -n 100 -s 1G /scratch/test"),
    ("seedfs sums", "seedfs write --quiet --seed 42 -n 100 -s 1G /scratch/test"),
    ("docs/shapes.md", "echo hello > /data/video.mp4"),
    (
        "seedfs dashboard",
        "seedfs write --quiet --seed 42 -n 100 -s 1G /scratch/test
         seedfs mount --seed 42 -n 100 -s 1G /mnt/seed",
    ),
    (
        "docs/watching.md",
        "seedfs write --quiet --seed 42 -n 100 -s 1G /scratch/test
         for name in seed a b; do seedfs mount --seed 42 -n 100 -s 1G /mnt/$name; done",
    ),
    (
        "docs/sizes.md",
        "export RESTIC_REPOSITORY=$PWD/repository RESTIC_PASSWORD=secret
         restic init",
    ),
];

/// The shell in which examples run. What stands side by side may be mounted in the same place; what
/// goes on until somebody ends it is ended, or shows one frame; and `srun` is what Slurm's is for a
/// job of one task, as there is one machine only.
const SHELL: &str = r#"
set -euo pipefail
cd "$SCRATCH"
mkdir -p mnt/{seed,twin,home,a,b} scratch/test shared/run backup data dev tmp
mkdir -p usr/share/bash-completion/completions var/lib/prometheus/node-exporter
trap 'for mount in mnt/*; do "$SEEDFS" umount "$mount" 2>/dev/null || :; done' EXIT
seedfs() {
    case "$1 ${2-}" in
        mount\ *) "$SEEDFS" umount "${@: -1}" 2>/dev/null || :; "$SEEDFS" "$@" ;;
        top\ *) "$SEEDFS" "$@" --once ;;
        dashboard\ * | 'status --watch') ended timeout 2 "$SEEDFS" "$@" ;;
        *) "$SEEDFS" "$@" ;;
    esac
}
ended() {
    local code=0
    "$@" || code=$?
    # What timeout says where it has ended something.
    ((code == 124))
}
openssl() {
    # Whoever reads it ends it.
    command openssl "$@" || :
}
srun() {
    while [[ $1 == --* ]]; do shift; done
    SLURM_PROCID=0 SLURM_NTASKS=1 "$@"
}
"#;

/// Examples that stand together.
struct Example {
    /// The command or the page that prints them.
    page: String,
    script: String,
    /// What the page shows below the commands.
    shown: Vec<String>,
}

impl Example {
    fn run(&self) {
        let scratch = TempDir::new().unwrap();
        let needed = NEEDED.iter().find(|(page, _)| *page == self.page).map_or("", |(_, it)| it);
        let mut script = format!("{needed}\n{}", self.script);
        for (printed, run) in SMALLER {
            script = script.replace(printed, run);
        }
        for place in PLACES {
            script = script.replace(place, &format!("{}{place}", scratch.path().display()));
        }
        let output = Command::new("timeout")
            .args(["120", "bash", "-c", &format!("{SHELL}{script}")])
            .env("SEEDFS", env!("CARGO_BIN_EXE_seedfs"))
            .env("SCRATCH", scratch.path())
            .output()
            .unwrap();
        let (stdout, page) = (String::from_utf8_lossy(&output.stdout), &self.page);
        let stderr = text(&output.stderr);
        assert!(output.status.success(), "{page}: {}\n{script}\n{stdout}{stderr}", output.status);
        for line in &self.shown {
            assert!(stdout.lines().any(|said| said == line), "{page}: '{line}' not in:\n{stdout}");
        }
    }
}

/// The examples of a command, which stand indented at the end of its help.
fn examples_of_help(command: &str) -> Option<Example> {
    let help = text(&run(&[command, "--help"]).stdout);
    let (_, examples) = help.split_once("\nExample").map(|(_, rest)| rest.split_once('\n'))??;
    let examples = examples.split("\n\n").next()?;
    let script: Vec<&str> = examples.lines().filter(|line| line.starts_with("  ")).collect();
    let page = format!("seedfs {command}");
    Some(Example { page, script: script.join("\n"), shown: Vec::new() })
}

/// The blocks of code of a page that are commands of a shell: those with `$ ` in front, whose output
/// may be shown, and those that run seedfs.
fn examples_of_page(path: &Path) -> Vec<Example> {
    let page = format!("docs/{}", path.file_name().unwrap().display());
    let text = fs::read_to_string(path).unwrap();
    blocks(&text)
        .into_iter()
        .filter(|block| block.iter().any(|line| is_command(line)))
        .map(|block| {
            let has_prompts = block.iter().any(|line| line.starts_with("$ "));
            let (mut script, mut shown) = (String::new(), Vec::new());
            let mut goes_on = !has_prompts;
            for line in block {
                match line.strip_prefix("$ ") {
                    None if !goes_on => shown.push(line.to_owned()),
                    command => {
                        script += command.unwrap_or(line);
                        script.push('\n');
                        goes_on = !has_prompts || line.ends_with('\\');
                    }
                }
            }
            Example { page: page.clone(), script, shown }
        })
        .collect()
}

fn run_all(examples: &[Example]) {
    thread::scope(|scope| {
        for example in examples {
            scope.spawn(|| example.run());
        }
    });
}

fn is_command(line: &str) -> bool {
    line.starts_with("$ ") || line.trim_start().starts_with("seedfs ")
}

/// The blocks of code of a page: between fences that do not say that it is text, or indented by four
/// spaces.
fn blocks(text: &str) -> Vec<Vec<&str>> {
    let (mut blocks, mut block, mut is_fenced) = (Vec::new(), Vec::new(), false);
    let mut is_code = false;
    for line in text.lines().chain([""]) {
        let is_fence = line.starts_with("```");
        is_fenced ^= is_fence;
        if is_fence {
            is_code = is_fenced && line != "```text";
        }
        let is_indented = |line| if is_fenced { None } else { str::strip_prefix(line, "    ") };
        match is_indented(line).or_else(|| (is_code && !is_fence).then_some(line)) {
            Some(code) => block.push(code),
            None if !block.is_empty() => blocks.push(std::mem::take(&mut block)),
            None => {}
        }
    }
    blocks
}

#[test]
fn the_examples_of_the_help_can_be_run() {
    let commands = [
        "mount", "umount", "status", "reset", "cat", "locate", "write", "verify", "repair", "sums",
    ];
    let commands = commands.into_iter().chain(["completions", "man", "top", "dashboard"]);
    let examples: Vec<Example> = commands.filter_map(examples_of_help).collect();
    let pages: Vec<&str> = examples.iter().map(|example| example.page.as_str()).collect();
    for page in ["seedfs mount", "seedfs verify", "seedfs completions"] {
        assert!(pages.contains(&page), "the examples of {page} are not found");
    }
    run_all(&examples);
}

#[test]
fn the_examples_of_the_pages_can_be_run() {
    let pages = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/docs")).unwrap();
    let paths = pages.map(|page| page.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|end| end == "md"));
    let examples: Vec<Example> = paths.flat_map(|path| examples_of_page(&path)).collect();
    assert!(examples.iter().any(|example| !example.shown.is_empty()), "no output is compared");
    for page in ["docs/storage.md", "docs/sizes.md", "docs/shapes.md", "docs/format.md"] {
        assert!(examples.iter().any(|example| example.page == page), "{page} has no examples");
    }
    run_all(&examples);
}
