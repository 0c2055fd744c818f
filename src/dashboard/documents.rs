//! What a client asks for by name: the files of a process, and one file.
//!
//! A client says numbers and the path of a file of the dataset, and neither becomes a path on a
//! disk as it is. A mount is asked through `.status`, name by name from its root, and no link is
//! followed on the way. Of a directory with reports, only what the reports name is known.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::dataset::{Coordinates, Dataset, DatasetConfig};
use crate::disk::{Access, Disk, FileType, Links, OpenFile};
use crate::fs::STATUS_NAME;
use crate::report::{ClusterRun, FileRange, NodeRange, RunCommand};
use crate::watch::{Look, Target};

/// How many files a page of them has.
pub(super) const PAGE_FILES: usize = 50;
/// More than any document of one process or file has.
const DOCUMENT_BYTES_MAX: usize = 16 << 20;
/// More than a path of a dataset has.
const PATH_BYTES_MAX: usize = 4096;

/// Why a question has no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// There is nothing of that name.
    Unknown(String),
    /// The mount does not answer as one does.
    Failed(String),
}

/// What a client wants to see more of: a run of a target.
#[derive(Clone, Debug)]
pub(super) struct AskedRun {
    pub(super) target: Target,
    pub(super) look: Look,
    pub(super) command: RunCommand,
}

/// `nodes/node_<node>/process_<process>.json` of a mount, as far as a page needs it.
#[derive(Deserialize)]
struct ProcessDocument {
    verdict: String,
    files: Value,
    bytes: Value,
    changed: Vec<ChangedFile>,
    changed_total: u64,
}

/// A file that is not untouched.
#[derive(Deserialize)]
struct ChangedFile {
    path: String,
    generation: u16,
    file: u32,
    verdict: String,
    bytes: Value,
}

/// Some files of a process: those that have changed before the others, the worst first.
#[derive(Debug, Serialize)]
pub(super) struct ProcessPage {
    node: u32,
    process: u32,
    verdict: Option<String>,
    files_by_verdict: Option<Value>,
    bytes: Option<Value>,
    files: Vec<FileLine>,
    /// The number of the first of them, in the order of the list.
    from: u64,
    total: u64,
    /// How many files a page has.
    page: usize,
    note: Option<String>,
}

#[derive(Debug, Serialize)]
struct FileLine {
    path: String,
    verdict: String,
    bytes: Option<Value>,
    /// Where no more is known than what a report names.
    reported: Option<ReportedFile>,
}

/// What the reports name of a file.
#[derive(Debug, Default, Serialize)]
struct ReportedFile {
    wrong_bytes: u64,
    /// How many wrong ranges, by class.
    classes: BTreeMap<&'static str, u64>,
}

impl AskedRun {
    /// The files of a process, from a number in their list on.
    pub(super) fn process(
        &self,
        node: u32,
        process: u32,
        from: u64,
    ) -> Result<ProcessPage, Unanswered> {
        match self.target.mount() {
            Some(root) => mount_process(root, node, process, from),
            None => Ok(reported_process(self.ranges(), node, process, from)),
        }
    }

    /// The document of a file.
    pub(super) fn file(&self, path: &str) -> Result<Value, Unanswered> {
        match self.target.mount() {
            Some(root) => mount_file(root, path),
            None => reported_file(self.ranges(), path),
        }
    }

    /// The wrong ranges that the reports name.
    fn ranges(&self) -> &[NodeRange] {
        let watched = self.look.watched.as_ref();
        let run = watched.and_then(|watched| watched.cluster.run(self.command));
        run.map_or(&[], |ClusterRun { wrong, .. }| &wrong.ranges)
    }
}

fn mount_process(
    root: &Path,
    node: u32,
    process: u32,
    from: u64,
) -> Result<ProcessPage, Unanswered> {
    let names = ["nodes".to_owned(), format!("node_{node}"), format!("process_{process}.json")];
    let what = format!("node {node}, process {process}");
    let document: ProcessDocument = read_document(root, names.iter().map(String::as_str), &what)?;
    let ProcessDocument { verdict, files, bytes, changed, changed_total } = document;
    let listed = changed.len() as u64;
    let untouched = if changed_total == listed {
        dataset(root).and_then(|dataset| Untouched::new(&dataset, (node, process), &changed))
    } else {
        None
    };
    let total = listed + untouched.as_ref().map_or(0, |untouched| untouched.count);
    let from = from.min(total);
    let skipped = usize::try_from(from).unwrap_or(usize::MAX);
    let mut lines: Vec<FileLine> = changed
        .into_iter()
        .skip(skipped)
        .take(PAGE_FILES)
        .map(|ChangedFile { path, verdict, bytes, .. }| FileLine {
            path,
            verdict,
            bytes: Some(bytes),
            reported: None,
        })
        .collect();
    if let Some(untouched) = untouched {
        let first = from.max(listed) - listed;
        let free = (PAGE_FILES - lines.len()) as u64;
        lines.extend((first..untouched.count.min(first + free)).filter_map(|n| untouched.line(n)));
    }
    let left = changed_total.saturating_sub(listed);
    let remark = (left > 0).then(|| format!("{left} more files have changed and are not listed"));
    Ok(ProcessPage {
        node,
        process,
        verdict: Some(verdict),
        files_by_verdict: Some(files),
        bytes: Some(bytes),
        files: lines,
        from,
        total,
        page: PAGE_FILES,
        note: remark,
    })
}

/// The files of a process that nobody has written to: all but those that have changed. No list of
/// them exists, so the one of a number is computed.
struct Untouched {
    dataset: Dataset,
    node: u16,
    process: u16,
    /// The numbers of the files that have changed, through all generations, in order.
    changed: Vec<u64>,
    count: u64,
}

impl Untouched {
    fn new(dataset: &Dataset, at: (u32, u32), changed: &[ChangedFile]) -> Option<Self> {
        let (node, process) = (u16::try_from(at.0).ok()?, u16::try_from(at.1).ok()?);
        let generations = dataset.generations();
        let before = |generation: u16| -> u64 {
            (generations.first()..generation).map(|each| generations.files_at(each)).sum()
        };
        let mut numbers: Vec<u64> =
            changed.iter().map(|file| before(file.generation) + u64::from(file.file)).collect();
        numbers.sort_unstable();
        let all = before(generations.last()) + generations.files_at(generations.last());
        let count = all.saturating_sub(numbers.len() as u64);
        Some(Self { dataset: dataset.clone(), node, process, changed: numbers, count })
    }

    /// The file of a number among those that are untouched.
    fn line(&self, number: u64) -> Option<FileLine> {
        let mut number = number;
        for changed in &self.changed {
            if *changed > number {
                break;
            }
            number += 1;
        }
        let generations = self.dataset.generations();
        let mut generation = generations.first();
        while number >= generations.files_at(generation) {
            number -= generations.files_at(generation);
            if generation == generations.last() {
                return None;
            }
            generation += 1;
        }
        let file = u32::try_from(number).ok()?;
        let file = Coordinates { generation, node: self.node, process: self.process, file };
        let path = self.dataset.namespace().path_of(file)?;
        Some(FileLine { path, verdict: "untouched".into(), bytes: None, reported: None })
    }
}

/// The dataset that is mounted, where its configuration says all of it.
fn dataset(root: &Path) -> Option<Dataset> {
    let config: DatasetConfig = read_document(root, ["config.json"], "its configuration").ok()?;
    config.validate().ok()
}

fn mount_file(root: &Path, path: &str) -> Result<Value, Unanswered> {
    let document = format!("{path}.json");
    read_document(root, ["files"].into_iter().chain(document.split('/')), path)
}

/// Reads a document of a mount, name by name below its root.
fn read_document<'a, T: for<'de> Deserialize<'de>>(
    root: &Path,
    names: impl IntoIterator<Item = &'a str>,
    what: &str,
) -> Result<T, Unanswered> {
    let bytes = read_names(root, names).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename => {
            Unanswered::Unknown(format!("there is no {what} in this dataset"))
        }
        _ => Unanswered::Failed(format!("cannot read the document of {what}: {error}")),
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Unanswered::Failed(format!("the document of {what} is odd: {error}")))
}

fn read_names<'a>(root: &Path, names: impl IntoIterator<Item = &'a str>) -> io::Result<Vec<u8>> {
    let disk = Disk::real();
    let mut names: Vec<&str> = names.into_iter().collect();
    // A name is one step down: not a way back, not none, and not several at once.
    let is_step = |name: &&str| !matches!(*name, "" | "." | "..") && !name.contains(['/', '\0']);
    let length: usize = names.iter().map(|name| name.len() + 1).sum();
    if !names.iter().all(is_step) || length > PATH_BYTES_MAX {
        return Err(ErrorKind::InvalidFilename.into());
    }
    let document = names.pop().unwrap_or_default();
    let mut directory = disk.open_root(&root.join(STATUS_NAME))?;
    for name in names {
        directory = disk.open_directory(&directory, Path::new(name), Links::Refuse)?;
    }
    let file = disk.open(&directory, Path::new(document), Access::Read, Links::Refuse)?;
    if disk.stat(&file)?.kind != FileType::File {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a file"));
    }
    read_to_end(disk, &file)
}

/// A document has no size before it is read.
fn read_to_end(disk: Disk, file: &OpenFile) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        let read = disk.read_full_at(file, &mut piece, bytes.len() as u64)?;
        bytes.extend_from_slice(&piece[..read]);
        if bytes.len() > DOCUMENT_BYTES_MAX {
            return Err(ErrorKind::FileTooLarge.into());
        }
        if read < piece.len() {
            return Ok(bytes);
        }
    }
}

/// What reports name of a node: a report tells files, and not which process each belongs to.
fn reported_process(ranges: &[NodeRange], node: u32, process: u32, from: u64) -> ProcessPage {
    let mut files: BTreeMap<&str, ReportedFile> = BTreeMap::new();
    for FileRange { path, range, .. } in
        ranges.iter().filter(|range| range.node == node).map(|range| &range.range)
    {
        let file = files.entry(path).or_default();
        file.wrong_bytes = file.wrong_bytes.saturating_add(range.length);
        *file.classes.entry(range.class.name()).or_default() += 1;
    }
    let total = files.len() as u64;
    let from = from.min(total);
    let skipped = usize::try_from(from).unwrap_or(usize::MAX);
    let line = |(path, reported): (&str, ReportedFile)| FileLine {
        path: path.into(),
        verdict: "mismatch".into(),
        bytes: None,
        reported: Some(reported),
    };
    ProcessPage {
        node,
        process,
        verdict: None,
        files_by_verdict: None,
        bytes: None,
        files: files.into_iter().skip(skipped).take(PAGE_FILES).map(line).collect(),
        from,
        total,
        page: PAGE_FILES,
        note: Some(format!(
            "A report names files with wrong ranges, whatever their process: these are all that \
             node {node} has named."
        )),
    }
}

/// What reports name of a file, in the form of the document of a mount.
fn reported_file(ranges: &[NodeRange], path: &str) -> Result<Value, Unanswered> {
    let mut of_file: Vec<&NodeRange> =
        ranges.iter().filter(|range| range.range.path == path).collect();
    of_file.sort_by_key(|range| range.range.range.offset);
    let Some(first) = of_file.first() else {
        return Err(Unanswered::Unknown(
            "no report names a wrong range of this file; of others, only a mount knows more".into(),
        ));
    };
    let end = of_file
        .iter()
        .map(|range| range.range.range.offset.saturating_add(range.range.range.length))
        .max();
    let wrong = of_file.iter().map(|range| u128::from(range.range.range.length)).sum::<u128>();
    Ok(json!({
        "path": path,
        "verdict": "mismatch",
        "node": first.node,
        "partial": true,
        "size_bytes": end,
        "bytes": {
            "expected": end, "untouched": 0, "matched": 0, "missing": 0,
            "wrong": u64::try_from(wrong).unwrap_or(u64::MAX), "extra": 0,
        },
        "ranges": of_file.iter().map(|range| &range.range.range).collect::<Vec<_>>(),
        "ranges_total": of_file.len(),
        "ranges_dropped": 0,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(node: u32, path: &str, length: u64, class: &str) -> NodeRange {
        let range = json!({
            "path": path, "offset": 0, "length": length, "class": class, "expected": "00",
            "actual": "ff", "source": null,
        });
        NodeRange { node, host: "n".into(), range: serde_json::from_value(range).unwrap() }
    }

    #[test]
    fn of_a_directory_with_reports_each_file_has_what_was_named_of_it() {
        let ranges = [
            range(1, "b", 10, "foreign"),
            range(1, "a", 5, "zeroed"),
            range(1, "b", u64::MAX, "foreign"),
            range(2, "c", 1, "stale"),
        ];
        let page = json!(reported_process(&ranges, 1, 0, 0));
        assert_eq!((&page["total"], &page["verdict"]), (&json!(2), &json!(null)));
        let [a, b] = &page["files"].as_array().unwrap()[..] else { panic!("{page:#}") };
        assert_eq!(a["path"], "a");
        assert_eq!(a["reported"], json!({"wrong_bytes": 5, "classes": {"zeroed": 1}}));
        assert_eq!(b["reported"], json!({"wrong_bytes": u64::MAX, "classes": {"foreign": 2}}));
        assert_eq!(json!(reported_process(&ranges, 1, 0, 1))["files"][0]["path"], "b");
    }
}
