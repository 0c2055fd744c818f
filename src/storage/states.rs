//! What verifications of several targets know, together.

use super::outcome::Findings;
use super::{FILES_LISTED_MAX, ProgressSnapshot, ResumeState, Sample, Share};
use crate::report::{Surroundings, Verification, dataset_digest};
use crate::verdict::Verdict;

/// The totals of all of them.
#[must_use]
pub(super) fn totals(states: &[ResumeState]) -> Verification {
    let mut all = Verification::default();
    for state in states {
        all.add_all(&state.verification);
    }
    all
}

/// The verdict on all files: `verified` only where everything was reached, and could be read.
#[must_use]
pub(super) fn verdict_of_all(shares: &[Share<'_>], states: &[ResumeState]) -> Verdict {
    let unexpected = states.iter().map(|state| state.unexpected().total).sum();
    let verdict = totals(states).verdict(unexpected);
    let whole = shares.iter().zip(states).all(|(share, state)| state.is_whole(*share));
    if verdict == Verdict::Verified && !whole { Verdict::Incomplete } else { verdict }
}

/// What a report says beside the totals of all.
pub(super) fn surroundings_of_all<'a>(
    shares: &[Share<'_>],
    states: &'a [ResumeState],
    (directory, sample): (String, Sample),
    progress: ProgressSnapshot,
) -> Surroundings<'a> {
    let (mut unexpected, mut failures) = (Findings::default(), Findings::default());
    let mut done = 0;
    for (share, state) in shares.iter().zip(states) {
        unexpected.append(&state.unexpected());
        failures.append(&state.failures(*share));
        done += state.verification.files().total().unwrap_or_default() + state.failed_total;
    }
    let files: u64 = shares.iter().map(Share::file_count).sum();
    Surroundings {
        verdict: verdict_of_all(shares, states),
        directory,
        dataset: shares.first().map(|share| dataset_digest(share.dataset())).unwrap_or_default(),
        identity: match states {
            [only] => Some(only.identity()),
            _ => None,
        },
        node_id: shares.first().and_then(Share::node),
        complete: shares.iter().zip(states).all(|(share, state)| state.is_complete(*share)),
        sample_percent: sample.percent(),
        files_left_out: files.saturating_sub(done),
        seconds: progress.seconds,
        bytes_read: progress.bytes,
        written: None,
        problems: states
            .iter()
            .flat_map(|state| &state.problems.listed)
            .take(FILES_LISTED_MAX)
            .collect(),
        problems_total: states.iter().map(|state| state.problems.total).sum(),
        unexpected: unexpected.listed,
        unexpected_total: unexpected.total,
        failures: serde_json::to_value(&failures.listed).unwrap_or_default(),
        failures_total: failures.total,
        targets: Vec::new(),
    }
}
