//! Which files an earlier verification has found wrong.

use serde::Deserialize;

use crate::report::{TargetIdentity, dataset_digest};
use crate::storage::Share;

/// Why a report is not gone by.
#[derive(Debug, thiserror::Error)]
pub enum ReportFileError {
    /// It is something else.
    #[error("not a report of seedfs verify: {0}")]
    NotOne(String),
    /// It speaks of something else.
    #[error("the report of another {0}; without --from everything is verified anew")]
    Other(&'static str),
    /// It does not name all that is wrong.
    #[error(
        "it names {listed} of {total} files that are wrong; without --from everything is verified \
         anew"
    )]
    TooMany {
        /// How many it names.
        listed: u64,
        /// How many there are.
        total: u64,
    },
}

#[derive(Deserialize)]
struct ReportedProblems {
    schema: u32,
    dataset: Option<String>,
    identity: Option<TargetIdentity>,
    node_id: Option<u16>,
    problems: Vec<ReportedProblem>,
    problems_total: u64,
}

#[derive(Deserialize)]
struct ReportedProblem {
    path: String,
}

/// The numbers of the files that a report of `verify` lists, in order. They are verified again
/// before anything is written, so the report decides only where to look.
///
/// # Errors
///
/// Where it is of another dataset, node or target, or does not name all files.
pub fn files_of_report(
    json: &[u8],
    share: Share<'_>,
    target: &TargetIdentity,
) -> Result<Vec<u64>, ReportFileError> {
    let report: ReportedProblems =
        serde_json::from_slice(json).map_err(|error| ReportFileError::NotOne(error.to_string()))?;
    if report.schema != 1 {
        return Err(ReportFileError::NotOne(format!("schema {}", report.schema)));
    }
    for (is_same, what) in [
        (report.dataset.as_deref() == Some(&*dataset_digest(share.dataset())), "dataset"),
        (report.node_id == share.node(), "node"),
        (report.identity.as_ref() == Some(target), "directory or device"),
    ] {
        if !is_same {
            return Err(ReportFileError::Other(what));
        }
    }
    let (listed, total) = (report.problems.len() as u64, report.problems_total);
    if listed < total {
        return Err(ReportFileError::TooMany { listed, total });
    }
    let namespace = share.dataset().namespace();
    let mut numbers = Vec::with_capacity(report.problems.len());
    for ReportedProblem { path } in report.problems {
        let number = namespace.coordinates(&path).and_then(|file| share.number_of(file));
        numbers.push(number.ok_or(ReportFileError::Other("dataset"))?);
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}
