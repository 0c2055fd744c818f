//! What the lists show: which columns a node has, their order, and what a search looks at.

use std::cmp::Ordering;

use super::bar::shown_percent;
use crate::report::{ClusterNode, ClusterRun, NodeRange, Phase, RunCommand, ThreadReport};
use crate::verdict::{Class, Verdict};
use crate::watch::{duration, grouped, plain, throughput};

/// A list of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ListKind {
    Nodes,
    Ranges,
    Threads,
}

/// A column of the list of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeColumn {
    Node,
    Host,
    State,
    Done,
    Files,
    Rate,
    Verdict,
    Age,
    Note,
}

impl NodeColumn {
    /// By which one can sort, in the order in which `s` goes through them.
    const SORTABLE: [Self; 7] =
        [Self::State, Self::Node, Self::Host, Self::Done, Self::Rate, Self::Verdict, Self::Age];

    pub(super) fn next_sortable(self) -> Self {
        let at = Self::SORTABLE.iter().position(|column| *column == self).unwrap_or_default();
        Self::SORTABLE[(at + 1) % Self::SORTABLE.len()]
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Node => "NODE",
            Self::Host => "HOST",
            Self::State => "STATE",
            Self::Done => "DONE",
            Self::Files => "FILES",
            Self::Rate => "RATE",
            Self::Verdict => "VERDICT",
            Self::Age => "AGE",
            Self::Note => "NOTE",
        }
    }

    /// Whether it is for numbers, which stand at the right.
    pub(super) const fn is_numeric(self) -> bool {
        matches!(self, Self::Node | Self::Done | Self::Files | Self::Rate | Self::Age)
    }

    /// What it says of a node.
    pub(super) fn text(self, node: &ClusterNode) -> String {
        let report = &node.report;
        match self {
            Self::Node => report.run.node_id.to_string(),
            Self::Host => plain(&report.run.host).into_owned(),
            Self::State => state(node).to_owned(),
            Self::Done => format!("{:.1} %", shown_percent(report.percent_complete())),
            Self::Files => {
                format!("{}/{}", grouped(report.files.done), grouped(report.files.total))
            }
            Self::Rate => throughput(rate(node)),
            Self::Verdict => verdict(node).map_or("", Verdict::name).to_owned(),
            Self::Age => duration(node.age_s),
            Self::Note => note(node),
        }
    }

    fn compare(self, a: &ClusterNode, b: &ClusterNode) -> Ordering {
        match self {
            Self::Node => Ordering::Equal,
            Self::Host => a.report.run.host.cmp(&b.report.run.host),
            Self::State | Self::Note => trouble(a).cmp(&trouble(b)),
            Self::Done => a.report.percent_complete().total_cmp(&b.report.percent_complete()),
            Self::Files => a.report.files.done.cmp(&b.report.files.done),
            Self::Rate => rate(b).total_cmp(&rate(a)),
            Self::Verdict => badness(verdict(b)).cmp(&badness(verdict(a))),
            Self::Age => b.age_s.total_cmp(&a.age_s),
        }
    }
}

/// The nodes in the order of a column: what needs attention first, or in the other direction.
/// Nodes that are alike in it are in the order of their numbers.
pub(super) fn sorted(nodes: &[ClusterNode], column: NodeColumn, is_reversed: bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (&nodes[*a], &nodes[*b]);
        let by_number = a.report.run.node_id.cmp(&b.report.run.node_id);
        let ordering = match column {
            NodeColumn::Node => by_number,
            column => column.compare(a, b),
        };
        let ordering = if is_reversed { ordering.reverse() } else { ordering };
        ordering.then(by_number)
    });
    order
}

/// What a node is at, in a word.
pub(super) fn state(node: &ClusterNode) -> &'static str {
    if node.stale { "stale" } else { node.report.phase.name() }
}

fn verdict(node: &ClusterNode) -> Option<Verdict> {
    node.report.judged.as_ref().map(|judged| judged.verdict)
}

/// Of a node that works, that of the last second; else that of its whole run.
fn rate(node: &ClusterNode) -> f64 {
    let rates = &node.report.rates;
    if node.works() { rates.last_second.bytes_per_s } else { rates.bytes_per_s }
}

/// The lower, the more it needs attention.
fn trouble(node: &ClusterNode) -> u8 {
    match node.report.phase {
        Phase::Failed => 0,
        _ if node.stale => 1,
        _ if verdict(node) == Some(Verdict::Mismatch) => 2,
        _ if node.report.errors.total > 0 => 3,
        Phase::Done => 5,
        _ => 4,
    }
}

fn badness(verdict: Option<Verdict>) -> u8 {
    match verdict {
        Some(Verdict::Mismatch) => 4,
        Some(Verdict::Incomplete) => 3,
        Some(Verdict::Untouched) => 2,
        Some(Verdict::Verified) => 1,
        None => 0,
    }
}

fn note(node: &ClusterNode) -> String {
    let report = &node.report;
    if node.stale {
        return format!("silent for {}", duration(node.age_s));
    }
    if let Some(error) = &report.errors.first {
        return plain(error).into_owned();
    }
    match report.remaining_s {
        Some(left) if node.works() && report.command != RunCommand::Mount => {
            format!("{} left", duration(left))
        }
        _ => String::new(),
    }
}

/// The wrong range in a row of the list: of a mount the latest first, else as they were found.
pub(super) fn range_at(run: &ClusterRun, row: usize) -> Option<&NodeRange> {
    let ranges = &run.wrong.ranges;
    if run.command == RunCommand::Mount {
        ranges.len().checked_sub(row + 1).map(|at| &ranges[at])
    } else {
        ranges.get(row)
    }
}

/// Where a wrong range comes from, in words.
pub(super) fn origin(range: &NodeRange) -> String {
    match (&range.range.range.source, range.range.range.class) {
        (Some(source), _) => plain(&source.to_string()).into(),
        (None, Class::Foreign) => "nobody's content".into(),
        // The class has said it: zeros, or what belongs there but for some bits.
        (None, _) => String::new(),
    }
}

/// Whether a row has this text, which is in lower case.
pub(super) fn node_matches(node: &ClusterNode, text: &str) -> bool {
    use NodeColumn::{Host, Node, Note, State, Verdict};
    [Node, Host, State, Verdict, Note].into_iter().any(|column| has(&column.text(node), text))
}

pub(super) fn range_matches(range: &NodeRange, text: &str) -> bool {
    has(&plain(&range.range.path), text)
        || has(range.range.range.class.name(), text)
        || has(&origin(range), text)
}

pub(super) fn thread_matches(thread: &ThreadReport, text: &str) -> bool {
    thread.doing.as_ref().is_some_and(|doing| has(&plain(doing), text))
}

fn has(row: &str, text: &str) -> bool {
    row.to_lowercase().contains(text)
}
