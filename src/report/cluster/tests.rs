use super::*;
use crate::report::run::tests::example;

#[test]
fn nodes_are_added_up_and_a_silent_one_is_stale() {
    let reports = (0..2).map(|node| example(RunCommand::Write, node)).collect();
    let mut cluster = Cluster::merge(reports, 1020.0);
    let run = cluster.runs.remove(0);
    assert_eq!(run.node_states, NodeStates { working: 2, missing: 1, ..NodeStates::default() });
    assert_eq!(run.files, FilesDone { total: 60, done: 8, failed: 2 });
    assert_eq!(run.bytes, BytesDone { total: 6000, done: 900 });
    assert!((run.percent_complete - 15.0).abs() < 1e-9);
    assert!((run.rates.bytes_per_s - 200.0).abs() < 1e-9);
    assert_eq!(run.errors.first.unwrap(), "node 0: node_0/process_1: No space left");
    assert_eq!(cluster.verdict, None);

    let mut silent = example(RunCommand::Write, 1);
    silent.updated -= 100.0;
    let cluster = Cluster::merge(vec![silent, example(RunCommand::Write, 0)], 1020.0);
    let run = &cluster.runs[0];
    assert_eq!((run.node_states.working, run.node_states.stale), (1, 1));
    assert!((run.rates.bytes_per_s - 100.0).abs() < 1e-9);
    assert_eq!(run.nodes.iter().map(|node| node.stale).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn another_run_is_named_and_not_added_up() {
    let mut other = example(RunCommand::Write, 1);
    other.run.dataset = Some("0".repeat(32));
    other.updated -= 1.0;
    let cluster = Cluster::merge(vec![other, example(RunCommand::Write, 0)], 1020.0);
    assert_eq!(cluster.runs[0].nodes.len(), 1);
    assert_eq!((cluster.other_runs.len(), cluster.other_runs_total), (1, 1));
    assert_eq!(cluster.other_runs[0].dataset, Some("0".repeat(32)));
}
