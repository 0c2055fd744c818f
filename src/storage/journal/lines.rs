//! The text of a journal: one line for each append, each with a checksum and a number.
//!
//! ```text
//! 6f1d0c2b7a9e3358 0 {"header":{"format":1,"id":"9c…","config":{…},"write_bytes":262144,…}}
//! 03b52c4f99ab10de 1 {"run":{"generation":0,"done":false}}
//! a7715f0e3c2d4b96 2 {"files":{"first":7,"last":7,"known":{"written":[[0,1048576,0]],…}}}
//! ```
//!
//! A line says what is known from now on, not what has changed. So an earlier line of the same
//! files can be left out, which is what rewriting a journal does.
//!
//! The checksum is over the journal's id, the line's number and its text. A line that is damaged,
//! missing, of another journal or in another place is seen. At the end of the file a crash may have
//! left part of an append: what cannot be read there is left out, unless a readable line follows.

use serde::{Deserialize, Serialize};

use super::ledger::{FileLedger, Ledger};
use crate::dataset::DatasetConfig;
use crate::storage::crew::PART_BYTES;

/// What a journal is of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The version of the format.
    pub(super) format: u32,
    /// Drawn for this journal.
    pub(super) id: String,
    /// The dataset, with the generation of the first pass.
    pub config: DatasetConfig,
    /// Whose files these are; none: all nodes'.
    pub node: Option<u16>,
    /// How many generations are written, one over the other.
    pub passes: u16,
    /// What one write takes at most.
    pub write_bytes: u64,
}

/// How many generations are written one over the other at most: whatever is found is compared with
/// each of them.
pub const PASSES_MAX: u16 = 256;

/// The version of the format that this program reads and writes.
pub(super) const FORMAT: u32 = 1;

impl Header {
    /// Whether a run of this program can have written it.
    fn is_possible(&self) -> bool {
        self.format == FORMAT
            && (1..=PASSES_MAX).contains(&self.passes)
            && self.write_bytes > 0
            && self.write_bytes <= PART_BYTES
    }
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Line {
    Header(Box<Header>),
    /// What is known of files, from the first to the last.
    Files {
        first: u64,
        last: u64,
        known: FileLedger,
    },
    /// How far the run is.
    Run {
        generation: u16,
        done: bool,
    },
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be read or written.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It is something else.
    #[error("its first line is not that of a journal of this version of seedfs write")]
    NotAJournal,
    /// Lines are missing or damaged, and there are others after them.
    #[error("line {0} is damaged, and lines follow it: it cannot be told what was acknowledged")]
    Damaged(u64),
    /// It says nothing of what is asked.
    #[error("the journal of another {0}; remove it to begin anew, or name another one")]
    Other(&'static str),
    /// A run would begin where another one has left a journal.
    #[error("it is there already: --resume goes on with it; expected the name of a new file")]
    AlreadyThere,
    /// More is known than can be kept: files differ from their neighbours.
    #[error(
        "what it says takes more than {0} bytes; expected fewer files of which parts are written"
    )]
    TooLarge(usize),
}

/// What a journal says.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// Of what.
    pub header: Header,
    /// What is known.
    pub ledger: Ledger,
    /// How many bytes at the end are part of an append that was cut.
    pub torn_bytes: u64,
}

const DIGITS: usize = 16;

fn checksum(id: &str, number: u64, text: &str) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("seedfs v1 line of a journal");
    hasher.update(format!("{id} {number} {text}").as_bytes());
    hasher.finalize().to_hex()[..DIGITS].to_owned()
}

impl Line {
    /// The line as it stands in the file.
    pub(super) fn encode(&self, id: &str, number: u64) -> String {
        // These types have no value that JSON does not.
        let text = serde_json::to_string(self).unwrap_or_default();
        format!("{} {number} {text}\n", checksum(id, number, &text))
    }

    /// The number and the line, if it is whole; a header is checked with its own id.
    fn decode(id: Option<&str>, line: &[u8]) -> Option<(u64, Self)> {
        let line = std::str::from_utf8(line).ok()?;
        let (digits, rest) = line.split_once(' ')?;
        let (number, text) = rest.split_once(' ')?;
        let number = number.parse().ok()?;
        // Checked before it is parsed, where that can be.
        if id.is_some_and(|id| checksum(id, number, text) != digits) {
            return None;
        }
        let parsed: Self = serde_json::from_str(text).ok()?;
        match (&parsed, id) {
            (Self::Header(header), None) => {
                (checksum(&header.id, number, text) == digits).then_some(())
            }
            (_, known) => known.map(|_| ()),
        }?;
        Some((number, parsed))
    }
}

/// Reads a journal, as far as it goes.
///
/// # Errors
///
/// Where it is no journal, or is damaged before its end.
pub(super) fn replay(bytes: &[u8]) -> Result<Replayed, JournalError> {
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next().and_then(|line| line.strip_suffix(b"\n"));
    let Some((0, Line::Header(header))) = first.and_then(|line| Line::decode(None, line)) else {
        return Err(JournalError::NotAJournal);
    };
    if !header.is_possible() {
        return Err(JournalError::NotAJournal);
    }
    let mut ledger = Ledger::default();
    let (mut number, mut torn_bytes) = (1, 0);
    for line in lines {
        let whole = line.strip_suffix(b"\n");
        let decoded = whole.and_then(|line| Line::decode(Some(&header.id), line));
        match decoded {
            Some((this, parsed)) if this == number && torn_bytes == 0 => {
                apply(&mut ledger, &parsed).ok_or(JournalError::Damaged(number + 1))?;
                number += 1;
            }
            Some(_) => return Err(JournalError::Damaged(number + 1)),
            None => torn_bytes += line.len() as u64,
        }
    }
    Ok(Replayed { header: *header, ledger, torn_bytes })
}

/// `None` where a line cannot stand here.
fn apply(ledger: &mut Ledger, line: &Line) -> Option<()> {
    match line {
        Line::Header(_) => return None,
        Line::Files { first, last, known } => {
            let files = *first..last.checked_add(1)?;
            if files.is_empty() {
                return None;
            }
            ledger.set(files, known);
        }
        Line::Run { generation, done } => {
            ledger.generation = *generation;
            ledger.done = *done;
        }
    }
    Some(())
}

/// The shortest journal that says the same, and how many lines it has.
pub(super) fn compact(header: &Header, ledger: &Ledger) -> (String, u64) {
    let run = Line::Run { generation: ledger.generation, done: ledger.done };
    let files = ledger.files().map(|(files, known)| Line::Files {
        first: files.start,
        last: files.end - 1,
        known: known.clone(),
    });
    let mut text = String::new();
    let mut number = 0;
    for line in [Line::Header(Box::new(header.clone())), run].into_iter().chain(files) {
        text.push_str(&line.encode(&header.id, number));
        number += 1;
    }
    (text, number)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn header() -> Header {
        Header {
            format: FORMAT,
            id: "0123456789abcdef".to_owned(),
            config: DatasetConfig::default(),
            node: None,
            passes: 2,
            write_bytes: 4096,
        }
    }

    /// Some lines, each of its own, and what is known after each.
    fn journal() -> (Vec<String>, Vec<Ledger>) {
        let (mut lines, mut states) = (Vec::new(), Vec::new());
        let mut ledger = Ledger::default();
        for number in 1..8_u64 {
            let mut known = FileLedger::default();
            known.write(0..number * 100, 1);
            let line = if number == 4 {
                Line::Run { generation: 1, done: false }
            } else {
                Line::Files { first: number / 2, last: number, known }
            };
            apply(&mut ledger, &line).unwrap();
            lines.push(line.encode(&header().id, number));
            states.push(ledger.clone());
        }
        (lines, states)
    }

    fn text(lines: &[String]) -> Vec<u8> {
        let first = Line::Header(Box::new(header())).encode(&header().id, 0);
        [&[first], lines].concat().concat().into_bytes()
    }

    #[test]
    fn what_was_appended_is_read_back_also_in_the_shortest_form() {
        let (lines, states) = journal();
        let replayed = replay(&text(&lines)).unwrap();
        assert_eq!(replayed.header, header());
        assert_eq!(Some(&replayed.ledger), states.last());
        assert_eq!(replayed.torn_bytes, 0);
        let (short, _) = compact(&header(), &replayed.ledger);
        assert_eq!(replay(short.as_bytes()).unwrap(), replayed);
    }

    #[test]
    fn a_journal_that_is_cut_anywhere_says_what_was_known_then() {
        let (lines, states) = journal();
        let whole = text(&lines);
        let head = text(&[]).len();
        for cut in 0..whole.len() {
            let replayed = replay(&whole[..cut]);
            if cut < head {
                assert!(matches!(replayed, Err(JournalError::NotAJournal)), "{cut}");
                continue;
            }
            let replayed = replayed.unwrap();
            let lines_left = whole[..cut].split(|byte| *byte == b'\n').count() - 2;
            let expected =
                lines_left.checked_sub(1).map_or(Ledger::default(), |n| states[n].clone());
            assert_eq!(replayed.ledger, expected, "{cut}");
        }
    }

    #[test]
    fn a_line_that_is_missing_twice_there_or_of_another_journal_is_damage() {
        let (lines, _) = journal();
        let mut missing = lines.clone();
        missing.remove(2);
        let mut twice = lines.clone();
        twice.insert(3, lines[2].clone());
        let mut exchanged = lines.clone();
        exchanged.swap(1, 2);
        let mut foreign = lines.clone();
        foreign[2] = Line::Run { generation: 0, done: true }.encode("another", 3);
        for damaged in [missing, twice, exchanged, foreign] {
            let error = replay(&text(&damaged)).unwrap_err();
            assert!(matches!(error, JournalError::Damaged(_)), "{error}");
        }
    }

    proptest! {
        /// A changed byte is damage, or part of the last line, which counts as torn.
        #[test]
        fn no_changed_byte_goes_unseen(at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let (lines, states) = journal();
            let mut bytes = text(&lines);
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
            let last = text(&lines[..lines.len() - 1]).len();
            match replay(&bytes) {
                Err(JournalError::NotAJournal) => prop_assert!(at < text(&[]).len()),
                Err(JournalError::Damaged(_)) => prop_assert!(at < last),
                Err(error) => prop_assert!(false, "{error}"),
                Ok(replayed) => {
                    prop_assert!(at >= last - 1);
                    prop_assert!(replayed.torn_bytes > 0);
                    prop_assert!(states.contains(&replayed.ledger));
                }
            }
        }

        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes: Vec<u8>) {
            prop_assert!(replay(&bytes).is_err());
            let (lines, _) = journal();
            let _ = replay(&[text(&lines), bytes].concat());
        }
    }
}
