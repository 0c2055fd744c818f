//! What a repair has done, for people.

use std::fmt::Write as _;

use super::Repaired;
use crate::cli::plain;
use crate::dataset::format_size;
use crate::report::FileRepair;
use crate::storage::Repairs;

/// How many files are shown to people.
const SHOWN_FILES: usize = 20;

/// What was done, for people. Writing to a string does not fail.
pub(super) fn describe(what: &Repaired, repairs: &Repairs, is_dry: bool) -> String {
    let totals = repairs.totals;
    let size = |bytes: u128| format_size(u64::try_from(bytes).unwrap_or(u64::MAX));
    let verb = if is_dry { "would be repaired" } else { "repaired" };
    let mut text = format!("{}: {} files {verb}\n", plain(&what.name()), totals.files_repaired);
    if !repairs.is_complete {
        text.push_str("  not all files were reached\n");
    }
    let _ = writeln!(
        text,
        "  files    {} right, {} {verb}, {} of them made, {} failed",
        totals.files_right, totals.files_repaired, totals.files_made, totals.files_failed,
    );
    let _ = writeln!(
        text,
        "  bytes    {} rewritten, {} added, {} cut off",
        size(totals.rewritten_bytes),
        size(totals.appended_bytes),
        size(totals.cut_bytes),
    );
    for file in repairs.repairs.listed.iter().take(SHOWN_FILES) {
        describe_file(&mut text, file);
    }
    let more = repairs.repairs.total.saturating_sub(SHOWN_FILES as u64);
    if more > 0 {
        let _ = writeln!(text, "  and {more} more; --json or --report FILE lists them");
    }
    text
}

fn describe_file(text: &mut String, file: &FileRepair) {
    let path = match &file.target {
        Some(target) => plain(&format!("{target}/{}", file.path)).into_owned(),
        None => plain(&file.path).into_owned(),
    };
    let mut parts = Vec::new();
    if file.is_made {
        parts.push("made".to_owned());
    }
    for (bytes, what) in [
        (file.rewritten_bytes, "rewritten"),
        (if file.is_made { 0 } else { file.appended_bytes }, "added"),
        (file.cut_bytes, "cut off"),
    ] {
        if bytes > 0 {
            parts.push(format!("{bytes} bytes {what}"));
        }
    }
    if file.error.is_some() {
        parts.push("not right yet".to_owned());
    }
    let _ = writeln!(text, "  {path}: was {}: {}", file.verdict.name(), parts.join(", "));
}
