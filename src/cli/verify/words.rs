//! What a verification has found, for people.

use std::fmt::Write as _;

use crate::cli::plain;
use crate::dataset::format_size;
use crate::report::{ByteTotals, SourceView, Surroundings, Verification};
use crate::verdict::Class;

/// How many files and ranges are shown to people.
const SHOWN_FILES: usize = 20;
const SHOWN_RANGES: usize = 5;

/// The result for people. Writing to a string does not fail.
pub(super) fn describe(verification: &Verification, surroundings: &Surroundings<'_>) -> String {
    let files = verification.files();
    let verdict = surroundings.verdict.name();
    let mut text = format!("{}: {verdict}\n", plain(&surroundings.directory));
    if !surroundings.complete {
        text.push_str("  not all files were reached\n");
    }
    if surroundings.sample_percent < 100.0 {
        let _ = writeln!(
            text,
            "  sample   {} % of the files, chosen by the seed; {} left out",
            surroundings.sample_percent, surroundings.files_left_out
        );
    }
    let _ = writeln!(
        text,
        "  files    {} verified, {} incomplete, {} mismatch, {} not there, {} unexpected, \
         {} failed",
        files.verified,
        files.incomplete,
        files.mismatch,
        files.untouched,
        surroundings.unexpected_total,
        surroundings.failures_total,
    );
    let ByteTotals { expected, matched, wrong, extra } = verification.bytes();
    let size = |bytes: u128| format_size(u64::try_from(bytes).unwrap_or(u64::MAX));
    let _ = writeln!(
        text,
        "  bytes    {} expected: {} matched, {} missing, {} wrong, {} extra",
        size(expected),
        size(matched),
        size(expected.saturating_sub(matched + wrong)),
        size(wrong),
        size(extra),
    );
    let classes = verification.classes();
    if classes.total() > 0 {
        let counts = Class::ALL.map(|class| format!("{} {}", classes.get(class), class.name()));
        let _ = writeln!(text, "  ranges   {} wrong: {}", classes.total(), counts.join(", "));
    }
    for problem in surroundings.problems.iter().take(SHOWN_FILES) {
        describe_problem(&mut text, problem);
    }
    for path in surroundings.unexpected.iter().take(SHOWN_FILES) {
        let _ = writeln!(text, "  {}: unexpected", plain(path));
    }
    let listed = |total: u64| total.saturating_sub(SHOWN_FILES as u64);
    let more = listed(surroundings.problems_total) + listed(surroundings.unexpected_total);
    if more > 0 {
        let _ = writeln!(text, "  and {more} more; --json or --report FILE lists them");
    }
    text
}

fn describe_problem(text: &mut String, problem: &serde_json::Value) {
    let word = |value: &serde_json::Value| plain(value.as_str().unwrap_or("?")).into_owned();
    let count = |value: &serde_json::Value| value.as_u64().unwrap_or_default();
    let target = problem["target"].as_str().map(|target| format!("{}/", plain(target)));
    let path = format!("{}{}", target.unwrap_or_default(), word(&problem["path"]));
    let _ = match word(&problem["verdict"]).as_str() {
        "untouched" => writeln!(text, "  {path}: not there"),
        verdict => writeln!(
            text,
            "  {path}: {verdict}, {} bytes missing, {} wrong, {} extra",
            count(&problem["bytes"]["missing"]),
            count(&problem["bytes"]["wrong"]),
            count(&problem["bytes"]["extra"]),
        ),
    };
    let ranges = problem["ranges"].as_array().map_or(&[][..], Vec::as_slice);
    for range in ranges.iter().take(SHOWN_RANGES) {
        let _ = write!(
            text,
            "    at {}, {} bytes: {}",
            count(&range["offset"]),
            count(&range["length"]),
            word(&range["class"]),
        );
        if let Some(at) = range["device_offset"].as_u64() {
            let _ = write!(text, ", at device offset {at}");
        }
        if let Ok(source) = serde_json::from_value::<SourceView>(range["source"].clone()) {
            let _ = write!(text, ", from {source}");
        }
        text.push('\n');
    }
}
