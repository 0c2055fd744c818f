//! A mount, in the form of every other report: made from what it says below `.status`.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::fs::STATUS_NAME;
use crate::report::{
    BytesDone, FileRange, FilesDone, Judged, LastSecond, MeterView, Phase, ProcessMap,
    REPORT_RANGES_MAX, ReportedRanges, RunCommand, RunIdentity, RunOperations, RunRates, RunReport,
};

/// More than the largest document that is read here has.
const DOCUMENT_BYTES_MAX: u64 = 64 << 20;

/// What `summary.json` says beside what was judged.
#[derive(Deserialize)]
struct MountSummary {
    version: String,
    node_id: Option<u32>,
    uptime_s: f64,
    reads: MeterView,
    writes: MeterView,
}

/// What `mismatches.json` says.
#[derive(Deserialize)]
struct LatestRanges {
    ranges: Vec<FileRange>,
}

/// Reads the report of the seedfs that is mounted here, with the latest wrong ranges. The map is
/// asked for only where something was judged otherwise than before.
///
/// # Errors
///
/// Those of the mount, and where it says what cannot be.
pub(super) fn read_mount(root: &Path, before: Option<&RunReport>) -> io::Result<RunReport> {
    let status = root.join(STATUS_NAME);
    let summary = read_document(&status.join("summary.json"))?;
    let judged: Judged = parse(&summary)?;
    let summary: MountSummary = parse(&summary)?;
    let wrong = if judged.classes.total() == 0 {
        ReportedRanges::default()
    } else {
        let LatestRanges { mut ranges } = parse(&read_document(&status.join("mismatches.json"))?)?;
        let latest = ranges.split_off(ranges.len().saturating_sub(REPORT_RANGES_MAX));
        ReportedRanges { total: judged.classes.total(), ranges: latest }
    };
    let map = match before {
        Some(before) if before.judged.as_ref() == Some(&judged) => before.map.clone(),
        _ => read_map(&status)?,
    };
    Ok(RunReport { map, ..report_of(root, &summary, judged, wrong) })
}

/// The map; none of a mount of a version that had none.
fn read_map(status: &Path) -> io::Result<Option<ProcessMap>> {
    match read_document(&status.join("map.json")) {
        Ok(json) => parse(&json).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn report_of(
    root: &Path,
    summary: &MountSummary,
    judged: Judged,
    wrong: ReportedRanges,
) -> RunReport {
    let MountSummary { reads, writes, uptime_s, node_id, .. } = *summary;
    let now = unix_s();
    let run = RunIdentity {
        node_id: node_id.unwrap_or_default(),
        node_count: 1,
        host: super::host_name(),
        started: now - uptime_s,
        ..RunIdentity::default()
    };
    let total = judged.files.total().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let [bytes, bytes_per_s] = [reads.bytes + writes.bytes, reads.bytes_per_s + writes.bytes_per_s]
        .map(|number| number as f64);
    RunReport {
        version: summary.version.clone(),
        phase: if writes.bytes_per_s > 0 { Phase::Writing } else { Phase::Reading },
        updated: now,
        elapsed_s: uptime_s,
        files: FilesDone { total, done: judged.files.verified, failed: 0 },
        bytes: BytesDone { total: judged.bytes.expected, done: judged.bytes.matched },
        rates: RunRates {
            bytes_per_s: bytes / uptime_s.max(1.0),
            last_second: LastSecond { bytes_per_s, ..LastSecond::default() },
            ..RunRates::default()
        },
        judged: Some(judged),
        wrong,
        operations: Some(RunOperations { reads, writes }),
        ..RunReport::begin(RunCommand::Mount, run, root.display().to_string())
    }
}

fn read_document(path: &Path) -> io::Result<Vec<u8>> {
    let mut json = Vec::new();
    File::open(path)?.take(DOCUMENT_BYTES_MAX + 1).read_to_end(&mut json)?;
    if json.len() as u64 > DOCUMENT_BYTES_MAX {
        return Err(io::Error::new(ErrorKind::FileTooLarge, "it says more than any mount"));
    }
    Ok(json)
}

fn parse<T: DeserializeOwned>(json: &[u8]) -> io::Result<T> {
    Ok(serde_json::from_slice(json)?)
}

pub(super) fn unix_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Class, Verdict};

    fn summary(seen: u64, expected: &str) -> String {
        format!(
            r#"{{"schema": 1, "verdict": "mismatch", "node_id": 3, "version": "0.1.0",
            "uptime_s": 10.0,
            "files": {{"total": 4, "untouched": 1, "incomplete": 1, "verified": 1, "mismatch": 1}},
            "bytes": {{"expected": {expected}, "estimated": true, "matched": 0,
                "missing": {expected}, "wrong": 0, "extra": 5}},
            "reads": {{"operations": 7, "bytes": 700, "bytes_per_s": 70}},
            "writes": {{"operations": 3, "bytes": 300, "bytes_per_s": 30, "rejected": 0,
                "no_space": 0}},
            "kept": {{"bytes": 0}},
            "mismatches": {{"seen": {seen}, "misplaced": {seen}, "stale": 0, "zeroed": 0,
                "flipped": 0, "foreign": 0}}}}"#
        )
    }

    fn range(number: u64) -> String {
        format!(
            r#"{{"unix_s": 1.5, "path": "node_0/process_0", "offset": {number}, "length": 16,
            "class": "misplaced", "expected": "00", "actual": "ff", "source": {{"path": "a/b",
            "generation": 0, "node": 1, "process": 0, "file": 0, "offset": 8192}}}}"#
        )
    }

    fn mount(summary: &str, mismatches: Option<&str>) -> tempfile::TempDir {
        let mount = tempfile::tempdir().unwrap();
        let status = mount.path().join(STATUS_NAME);
        std::fs::create_dir(&status).unwrap();
        std::fs::write(status.join("summary.json"), summary).unwrap();
        if let Some(mismatches) = mismatches {
            std::fs::write(status.join("mismatches.json"), mismatches).unwrap();
        }
        mount
    }

    #[test]
    fn a_mount_is_a_report_like_any_other() {
        // More than 64 bits hold, and more ranges than a report names.
        let ranges: Vec<String> = (0..150).map(range).collect();
        let mismatches = format!(r#"{{"schema": 1, "ranges": [{}]}}"#, ranges.join(","));
        let mount = mount(&summary(150, "1000000000000000000000"), Some(&mismatches));
        let report = read_mount(mount.path(), None).unwrap();
        assert_eq!(report.contradiction(), None);
        assert_eq!((report.command, report.phase), (RunCommand::Mount, Phase::Writing));
        assert_eq!(report.bytes, BytesDone { total: 10_u128.pow(21), done: 0 });
        assert_eq!(report.files, FilesDone { total: 4, done: 1, failed: 0 });
        assert!((report.updated - report.run.started - 10.0).abs() < 1e-3);
        assert!((report.rates.bytes_per_s - 100.0).abs() < 1e-9);
        let judged = report.judged.unwrap();
        assert_eq!((judged.verdict, judged.estimated), (Verdict::Mismatch, true));
        assert_eq!(judged.classes.get(Class::Misplaced), 150);
        assert_eq!((report.wrong.total, report.wrong.ranges.len()), (150, REPORT_RANGES_MAX));
        assert_eq!(report.wrong.ranges[0].range.offset, 50, "the latest ones");
        assert_eq!(report.operations.unwrap().reads.operations, 7);
    }

    #[test]
    fn the_list_of_wrong_ranges_is_not_read_where_there_is_none() {
        let mount = mount(&summary(0, "5"), None);
        assert!(read_mount(mount.path(), None).unwrap().wrong.ranges.is_empty());
    }

    #[test]
    fn what_cannot_be_is_an_error() {
        for (summary, mismatches) in [
            ("{", None),
            ("{}", None),
            (&*summary(1, "5"), None),
            (&*summary(1, "5"), Some("[]")),
            (&*summary(1, "5").replace(r#""total": 4"#, r#""total": 5"#), Some("")),
        ] {
            let mount = mount(summary, mismatches);
            assert!(read_mount(mount.path(), None).is_err(), "{summary} {mismatches:?}");
        }
    }
}
