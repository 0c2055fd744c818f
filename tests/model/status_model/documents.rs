//! The documents for views, which say what the others say in another form: the map, the processes
//! and the segments of a file.

use std::collections::BTreeMap;

use serde_json::Value;

use super::model::ByteIs;
use super::{Checked, Coordinates, assert_totals};

/// The order in which a process lists its files.
const WORST_FIRST: [&str; 3] = ["mismatch", "incomplete", "verified"];

impl Checked {
    /// The map has a cell for each line of each node's document.
    pub(super) fn check_map(&self) {
        let map = self.document("map.json");
        let mut cells = String::new();
        for run in map["cells"].as_array().unwrap() {
            let count = run[1].as_u64().unwrap() as usize;
            assert!(count > 0 && !cells.ends_with(run[0].as_str().unwrap()), "{map}");
            cells.push_str(&run[0].as_str().unwrap().repeat(count));
        }
        let mut expected = String::new();
        for node in 0..2 {
            let node = self.document(&format!("nodes/node_{node}.json"));
            for process in node["processes"].as_array().unwrap() {
                expected.push_str(&process["verdict"].as_str().unwrap()[..1]);
            }
        }
        assert_eq!(cells, expected, "{map}");
        assert_eq!((&map["nodes"], &map["processes"]), (&Value::from(2), &Value::from(2)));
    }

    /// A process's document has its line in that of its node, and its files.
    pub(super) fn check_process(&self, documents: &[(Coordinates, Value)], node: u16) {
        let of_node = self.document(&format!("nodes/node_{node}.json"));
        for (process, line) in (0..).zip(of_node["processes"].as_array().unwrap()) {
            let document = self.document(&format!("nodes/node_{node}/process_{process}.json"));
            for field in ["verdict", "files", "bytes"] {
                assert_eq!(document[field], line[field], "{document}");
            }
            let mut of_process: Vec<&(Coordinates, Value)> = documents
                .iter()
                .filter(|(file, _)| (file.node, file.process) == (node, process))
                .collect();
            assert_totals(&document, of_process.iter().map(|(_, document)| document));
            of_process.retain(|(_, document)| document["verdict"] != "untouched");
            assert_eq!(document["changed_total"], of_process.len(), "{document}");
            assert_listed(&document, of_process);
        }
    }

    /// The segments of a file against each of its bytes.
    pub(super) fn check_segments(&self, path: &str, document: &Value) {
        let bytes = self.model.bytes(path);
        let mut sums = BTreeMap::<&str, u64>::new();
        let mut ranges = document["ranges"].as_array().unwrap().iter();
        let (mut at, mut last) = (0, "");
        for segment in document["segments"].as_array().unwrap() {
            let state = segment["state"].as_str().unwrap();
            let length = segment["length"].as_u64().unwrap();
            assert_eq!(segment["offset"], at as u64, "{document}");
            let end = at + length as usize;
            for (offset, byte) in bytes[at..end].iter().enumerate() {
                let is_end = offset == 0 || at + offset == end - 1;
                assert!(byte.may_be(state, is_end), "{byte:?} at {}: {document}", at + offset);
            }
            if segment.get("class").is_some() {
                let range = ranges.next().unwrap();
                for field in ["offset", "length", "class"] {
                    assert_eq!(segment[field], range[field], "{document}");
                }
            } else {
                assert_ne!(state, last, "{document}");
            }
            *sums.entry(state).or_default() += length;
            (at, last) = (end, state);
        }
        assert_eq!(at, bytes.len(), "{document}");
        assert!(ranges.next().is_none(), "{document}");
        for state in ["untouched", "matched", "missing", "wrong", "extra"] {
            let sum = sums.get(state).copied().unwrap_or_default();
            assert_eq!(document["bytes"][state], sum, "{state}: {document}");
        }
        assert_eq!(document["segments_dropped"], 0);
    }
}

/// A process lists its files that are not untouched, but for those of a directory that is gone.
fn assert_listed(process: &Value, mut changed: Vec<&(Coordinates, Value)>) {
    let listed = process["changed"].as_array().unwrap();
    let path = |of: &Value| of["path"].as_str().unwrap().to_owned();
    let names: Vec<String> = listed.iter().map(path).collect();
    assert_eq!(process["changed_dropped"], changed.len() - listed.len(), "{process}");
    changed.retain(|(_, document)| document["exists"] == true || names.contains(&path(document)));
    changed.sort_by_key(|(file, document)| {
        let rank = WORST_FIRST.iter().position(|verdict| document["verdict"] == *verdict);
        (rank, file.generation, file.file)
    });
    assert_eq!(listed.len(), changed.len(), "{process}");
    for (line, (file, document)) in listed.iter().zip(changed) {
        for field in ["path", "verdict", "bytes"] {
            assert_eq!(line[field], document[field], "{process}");
        }
        assert_eq!(line["generation"], file.generation);
        assert_eq!(line["file"], file.file);
    }
}

impl ByteIs {
    /// Whether it may be in a segment of this state; at the ends of a wrong range are wrong bytes.
    fn may_be(self, state: &str, is_end: bool) -> bool {
        match self {
            Self::Untouched => state == "untouched",
            Self::Missing => state == "missing",
            Self::Wrong => state == "wrong",
            Self::Right => state == "matched" || (state == "wrong" && !is_end),
            Self::RightByChance => {
                ["untouched", "matched"].contains(&state) || (state == "wrong" && !is_end)
            }
            Self::Extra => state == "extra",
        }
    }
}
