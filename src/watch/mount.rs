//! The report of a mount, as it is made when somebody asks.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::fs::STATUS_NAME;
use crate::report::RunReport;

/// More than the largest document that is read here has.
const DOCUMENT_BYTES_MAX: u64 = 64 << 20;

/// How much of the map a view draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedMap {
    /// None, or what the report has: its beginning, where it is long.
    Beginning,
    /// All of it.
    Whole,
}

/// Reads the report of the seedfs that is mounted here. The map is asked for by itself only where
/// the report has not all of it, and something was judged otherwise than before.
///
/// # Errors
///
/// Those of the mount, and where it says what cannot be.
pub(super) fn read_mount(
    root: &Path,
    wanted: WantedMap,
    before: Option<&RunReport>,
) -> io::Result<RunReport> {
    let status = root.join(STATUS_NAME);
    let mut report: RunReport = read_document(&status.join("report.json"))?;
    if let Some(map) = report.map.as_mut().filter(|map| map.dropped && wanted == WantedMap::Whole) {
        let known = before.filter(|before| before.judged == report.judged);
        let known = known.and_then(|before| before.map.as_ref());
        // The same totals can be those of other processes: the beginning says whether they are.
        *map = match known.filter(|known| known.cells.starts_with(&map.cells)) {
            Some(known) => known.clone(),
            None => read_document(&status.join("map.json"))?,
        };
    }
    if let Some(what) = report.contradiction() {
        return Err(io::Error::new(ErrorKind::InvalidData, what));
    }
    // Looked at by itself, it is all there is: nobody is missed beside it.
    report.run.node_count = 1;
    Ok(report)
}

fn read_document<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let mut json = Vec::new();
    File::open(path)?.take(DOCUMENT_BYTES_MAX + 1).read_to_end(&mut json)?;
    if json.len() as u64 > DOCUMENT_BYTES_MAX {
        return Err(io::Error::new(ErrorKind::FileTooLarge, "it says more than any mount"));
    }
    Ok(serde_json::from_slice(&json)?)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::report::{MapCell, ProcessMap, RunCommand, RunIdentity};

    /// A mount of 3 processes whose report has only the first run of its map.
    fn report() -> RunReport {
        let run = RunIdentity { node_id: 7, node_count: 3, pid: 4711, ..RunIdentity::default() };
        let cells = [(MapCell::Verified, 2)];
        let map = ProcessMap { dropped: true, ..ProcessMap::new((0, 1, 3), cells, 1) };
        RunReport { map: Some(map), ..RunReport::begin(RunCommand::Mount, run, "/mnt".into()) }
    }

    fn mount(report: &Value, map: &Value) -> tempfile::TempDir {
        let mount = tempfile::tempdir().unwrap();
        let status = mount.path().join(STATUS_NAME);
        std::fs::create_dir(&status).unwrap();
        std::fs::write(status.join("report.json"), report.to_string()).unwrap();
        std::fs::write(status.join("map.json"), map.to_string()).unwrap();
        mount
    }

    fn map(cells: &Value) -> Value {
        json!({"schema": 1, "first_node": 0, "nodes": 1, "processes": 3, "cells": cells})
    }

    #[test]
    fn a_mount_says_itself_what_it_is_and_stands_alone() {
        let mount = mount(&json!(report()), &json!("it is not read"));
        let read = read_mount(mount.path(), WantedMap::Beginning, None).unwrap();
        assert_eq!((read.run.node_id, read.run.node_count, read.run.pid), (7, 1, 4711));
        assert_eq!(read.map, report().map);
    }

    #[test]
    fn all_of_a_long_map_is_read_once_as_long_as_nothing_changes() {
        let whole = json!([["v", 2], ["m", 1]]);
        let read = |map: &Value, before: Option<&RunReport>| {
            let mount = mount(&json!(report()), map);
            read_mount(mount.path(), WantedMap::Whole, before)
        };
        let first = read(&map(&whole), None).unwrap();
        let cells = &first.map.as_ref().unwrap().cells;
        assert_eq!(cells[..], [(MapCell::Verified, 2), (MapCell::Mismatch, 1)]);
        let again = read(&json!("it is not read"), Some(&first)).unwrap();
        assert_eq!(again.map, first.map);
        // The same totals, but other processes.
        let mut other = first;
        other.map.as_mut().unwrap().cells = vec![(MapCell::Mismatch, 3)];
        assert_eq!(read(&map(&whole), Some(&other)).unwrap().map, again.map);
        assert!(read(&json!("it is read"), Some(&other)).is_err());
    }

    #[test]
    fn what_cannot_be_is_an_error() {
        let mut impossible = report();
        impossible.files.done = 1;
        let cells = json!([["v", 4]]);
        for (report, map) in [
            (json!({}), json!({})),
            (json!("{"), json!({})),
            (json!(impossible), map(&json!([["v", 3]]))),
            (json!(report()), map(&cells)),
        ] {
            let mount = mount(&report, &map);
            assert!(read_mount(mount.path(), WantedMap::Whole, None).is_err(), "{report} {map}");
        }
    }
}
