//! Reports as metrics, in the two texts that Prometheus reads: `OpenMetrics`, which a scrape asks
//! for, and the older one, which `node_exporter` reads from files. They differ in how a counter is
//! announced. Encoders in crates write only one of them, and this is shorter than translating.
//!
//! All labels have few values: a state, a class, a verdict, a node, a target; never a file.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::run::{Phase, RunCommand, RunOperations, RunReport};
use crate::verdict::{Class, Verdict};

/// Which of the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsFormat {
    /// `OpenMetrics` 1.0.
    OpenMetrics,
    /// Version 0.0.4 of the text format of Prometheus, as `node_exporter` reads it.
    Prometheus,
}

impl MetricsFormat {
    /// The media type for HTTP.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MetricKind {
    Counter,
    Gauge,
}

/// What is measured: one name for all reports.
struct MetricFamily {
    /// Without `_total`, which a counter's samples have; the unit is its last word.
    name: &'static str,
    kind: MetricKind,
    unit: Option<&'static str>,
    help: &'static str,
    samples: fn(&RunReport, &mut Samples<'_>),
}

const fn gauge(
    name: &'static str,
    unit: Option<&'static str>,
    help: &'static str,
    samples: fn(&RunReport, &mut Samples<'_>),
) -> MetricFamily {
    MetricFamily { name, kind: MetricKind::Gauge, unit, help, samples }
}

const fn counter(
    name: &'static str,
    unit: Option<&'static str>,
    help: &'static str,
    samples: fn(&RunReport, &mut Samples<'_>),
) -> MetricFamily {
    MetricFamily { name, kind: MetricKind::Counter, unit, help, samples }
}

const BYTES: Option<&str> = Some("bytes");
const SECONDS: Option<&str> = Some("seconds");
const RATIO: Option<&str> = Some("ratio");

const FAMILIES: &[MetricFamily] = &[
    gauge("seedfs_run_info", None, "Which run it is; always 1", |report, samples| {
        let run = &report.run;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (dataset, job) = (text(&run.dataset), text(&run.job));
        let labels = [
            ("host", run.host.as_str()),
            ("dataset", dataset.as_str()),
            ("job_id", job.as_str()),
            ("version", report.version.as_str()),
        ];
        samples.add(&labels, 1);
    }),
    gauge(
        "seedfs_run_started_timestamp_seconds",
        SECONDS,
        "When the run began, since 1970",
        |report, samples| samples.add(&[], report.run.started),
    ),
    gauge(
        "seedfs_run_updated_timestamp_seconds",
        SECONDS,
        "When the run said all this, since 1970",
        |report, samples| samples.add(&[], report.updated),
    ),
    gauge(
        "seedfs_run_elapsed_seconds",
        SECONDS,
        "How long the run has been at it",
        |report, samples| samples.add(&[], report.elapsed_s),
    ),
    gauge(
        "seedfs_run_remaining_seconds",
        SECONDS,
        "How long it still takes at this speed; absent where nobody can tell",
        |report, samples| {
            if let Some(remaining_s) = report.remaining_s {
                samples.add(&[], remaining_s);
            }
        },
    ),
    gauge("seedfs_run_phase", None, "1 for the phase that the run is in", |report, samples| {
        for phase in Phase::ALL {
            samples.add(&[("phase", phase.name())], u8::from(phase == report.phase));
        }
    }),
    gauge("seedfs_run_files", None, "Files that the run is about", |report, samples| {
        samples.add(&[], report.files.total);
    }),
    gauge(
        "seedfs_run_files_done",
        None,
        "Files that are done; of a mount, those that are verified",
        |report, samples| samples.add(&[], report.files.done),
    ),
    gauge(
        "seedfs_run_files_failed",
        None,
        "Files that could not be written or read",
        |report, samples| samples.add(&[], report.files.failed),
    ),
    gauge("seedfs_run_bytes", BYTES, "Bytes that the run is about", |report, samples| {
        samples.add(&[], report.bytes.total);
    }),
    gauge(
        "seedfs_run_done_bytes",
        BYTES,
        "Bytes written or read so far; of a mount, written and right",
        |report, samples| samples.add(&[], report.bytes.done),
    ),
    counter("seedfs_run_errors", None, "Errors of the run itself", |report, samples| {
        samples.add(&[], report.errors.total);
    }),
    gauge("seedfs_verdict", None, "1 for the verdict on all files", |report, samples| {
        if let Some(judged) = &report.judged {
            for verdict in Verdict::ALL {
                let is_it = verdict == judged.verdict;
                samples.add(&[("verdict", verdict.name())], u8::from(is_it));
            }
        }
    }),
    gauge("seedfs_judged_files", None, "Files by verdict", |report, samples| {
        if let Some(judged) = &report.judged {
            for verdict in Verdict::ALL {
                samples.add(&[("verdict", verdict.name())], judged.files.get(verdict));
            }
        }
    }),
    gauge(
        "seedfs_judged_bytes",
        BYTES,
        "Bytes by state; extra bytes are past the expected ends",
        |report, samples| {
            if let Some(judged) = &report.judged {
                let bytes = judged.bytes;
                for (state, count) in [
                    ("matched", bytes.matched),
                    ("missing", bytes.missing()),
                    ("wrong", bytes.wrong),
                    ("extra", bytes.extra),
                ] {
                    samples.add(&[("state", state)], count);
                }
            }
        },
    ),
    counter(
        "seedfs_wrong_ranges",
        None,
        "Wrong ranges seen so far, by class; of a mount also those that were healed",
        |report, samples| {
            if let Some(judged) = &report.judged {
                for class in Class::ALL {
                    samples.add(&[("class", class.name())], judged.classes.get(class));
                }
            }
        },
    ),
    gauge(
        "seedfs_unexpected_names",
        None,
        "Names in the target that are in no path of the dataset; a mount does not count them",
        |report, samples| {
            if let (Some(judged), true) = (&report.judged, report.command == RunCommand::Verify) {
                samples.add(&[], judged.unexpected);
            }
        },
    ),
    counter(
        "seedfs_operations",
        None,
        "Reads and writes that a mount served",
        |report, samples| {
            if let Some(operations) = &report.operations {
                samples.add(&[("operation", "read")], operations.reads.operations);
                samples.add(&[("operation", "write")], operations.writes.operations);
            }
        },
    ),
    counter("seedfs_operation_bytes", BYTES, "Their bytes", |report, samples| {
        if let Some(operations) = &report.operations {
            samples.add(&[("operation", "read")], operations.reads.bytes);
            samples.add(&[("operation", "write")], operations.writes.bytes);
        }
    }),
    counter(
        "seedfs_refused_writes",
        None,
        "Writes to a mount that failed, by reason",
        |report, samples| {
            if let Some(RunOperations { refused, .. }) = &report.operations {
                samples.add(&[("reason", "mismatch")], refused.rejected);
                samples.add(&[("reason", "no_space")], refused.no_space);
            }
        },
    ),
    counter(
        "seedfs_timed_operations",
        None,
        "Those of the operations of a mount that were timed",
        |report, samples| {
            if let Some(operations) = &report.operations {
                samples.add(&[("operation", "read")], operations.timed_reads.operations);
                samples.add(&[("operation", "write")], operations.timed_writes.operations);
            }
        },
    ),
    counter(
        "seedfs_timed_operation_seconds",
        SECONDS,
        "How long these took together inside seedfs",
        |report, samples| {
            if let Some(operations) = &report.operations {
                samples.add(&[("operation", "read")], operations.timed_reads.seconds);
                samples.add(&[("operation", "write")], operations.timed_writes.seconds);
            }
        },
    ),
    gauge(
        "seedfs_kept_bytes",
        BYTES,
        "Bytes that are nobody's content, by where a mount keeps them",
        |report, samples| {
            if let Some(kept) = &report.kept {
                samples.add(&[("place", "memory")], kept.bytes);
                if let Some(stored_bytes) = kept.stored_bytes {
                    samples.add(&[("place", "store")], stored_bytes);
                }
            }
        },
    ),
    gauge("seedfs_kept_limit_bytes", BYTES, "How many of them there may be", |report, samples| {
        if let Some(kept) = &report.kept {
            samples.add(&[("place", "memory")], kept.bytes_limit);
            if let Some(limit) = kept.stored_bytes_limit {
                samples.add(&[("place", "store")], limit);
            }
        }
    }),
    gauge(
        "seedfs_extents",
        None,
        "Extents, records, names and attributes of a mount, in units of 256 bytes of memory",
        |report, samples| {
            if let Some(kept) = &report.kept {
                samples.add(&[], kept.extents);
            }
        },
    ),
    gauge("seedfs_extents_limit", None, "How many of them there may be", |report, samples| {
        if let Some(kept) = &report.kept {
            samples.add(&[], kept.extents_limit);
        }
    }),
    gauge(
        "seedfs_threads_idle_ratio",
        RATIO,
        "The share of their time in which threads had nothing to do, from 0 to 1",
        |report, samples| {
            if !report.threads.is_empty() {
                let idle: f64 = report.threads.iter().map(|thread| thread.idle_share).sum();
                #[expect(clippy::cast_precision_loss, reason = "at most 256")]
                samples.add(&[], idle / report.threads.len() as f64);
            }
        },
    ),
];

/// The samples of one family for one report.
struct Samples<'a> {
    name: String,
    report: &'a RunReport,
    out: &'a mut String,
}

impl Samples<'_> {
    fn add(&mut self, labels: &[(&str, &str)], value: impl fmt::Display) {
        let node = self.report.run.node_id.to_string();
        let of_run = [
            ("command", self.report.command.name()),
            ("node", node.as_str()),
            ("target", self.report.target.as_str()),
        ];
        self.out.push_str(&self.name);
        for (index, (label, text)) in of_run.iter().chain(labels).enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            // Writing to a string does not fail.
            let _ = write!(self.out, "{before}{label}=\"");
            push_escaped(text, self.out);
            self.out.push('"');
        }
        let _ = writeln!(self.out, "}} {value}");
    }
}

/// A label's text. Somebody else may have written it: control characters, which scrapers read in
/// different ways, are shown as U+FFFD.
fn push_escaped(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

/// What reports say, as metrics. Of several reports of one command, node and target, the newest
/// counts: a scrape may name each series only once.
#[must_use]
pub fn metrics<'a>(
    reports: impl IntoIterator<Item = &'a RunReport>,
    format: MetricsFormat,
) -> String {
    let mut newest = BTreeMap::<_, &RunReport>::new();
    for report in reports {
        let kept = newest
            .entry((report.command, report.run.node_id, report.target.as_str()))
            .or_insert(report);
        if report.updated > kept.updated {
            *kept = report;
        }
    }
    let mut out = String::new();
    for family in FAMILIES {
        let MetricFamily { name, kind, unit, help, samples } = family;
        let (suffix, kind_name) = match kind {
            MetricKind::Counter => ("_total", "counter"),
            MetricKind::Gauge => ("", "gauge"),
        };
        let announced = match format {
            MetricsFormat::OpenMetrics => (*name).to_owned(),
            MetricsFormat::Prometheus => format!("{name}{suffix}"),
        };
        // Writing to a string does not fail.
        let _ = writeln!(out, "# HELP {announced} {help}.\n# TYPE {announced} {kind_name}");
        if let (Some(unit), MetricsFormat::OpenMetrics) = (unit, format) {
            let _ = writeln!(out, "# UNIT {announced} {unit}");
        }
        for report in newest.values() {
            let name = format!("{name}{suffix}");
            samples(report, &mut Samples { name, report, out: &mut out });
        }
    }
    if format == MetricsFormat::OpenMetrics {
        out.push_str("# EOF\n");
    }
    out
}

#[cfg(test)]
mod tests;
