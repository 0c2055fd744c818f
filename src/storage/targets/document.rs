//! `.seedfs/spread.json`: how the files of a target are spread, and which target it is.
//!
//! Whoever can write to the directory can write anything there. So it is read as reports are: a
//! regular file of a bounded length, into types that cannot be invalid, and what contradicts itself
//! is refused.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::spread::{Spread, SpreadError, SpreadRule, TARGETS_MAX, TargetSet};
use crate::disk::{Durability, Faults, Links};
use crate::storage::{Root, reports};

/// Its name, in the directory of the reports.
pub(super) const NAME: &str = "spread.json";
/// The paths of 64 directories are well below.
const BYTES_MAX: usize = 512 << 10;
/// The longest path that is recorded.
const DIRECTORY_BYTES_MAX: usize = 4096;

/// What a target says of itself and of the others.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SpreadDocument {
    pub(super) dataset: String,
    pub(super) spread: Spread,
    /// Which target this is.
    pub(super) target: usize,
    /// Those that have failed: their files are on others, too.
    pub(super) failed: TargetSet,
    /// Where each target was when it was written to.
    pub(super) directories: Vec<String>,
}

/// Why what stands in a target is not believed.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is not JSON, or has other fields.
    #[error("it is not a spread: {0}")]
    Form(#[from] serde_json::Error),
    /// A later version of the form.
    #[error("its form is that of another version of seedfs")]
    Version,
    /// Numbers that no spread has.
    #[error("{0}")]
    Spread(#[from] SpreadError),
    /// Numbers that contradict one another.
    #[error("{0}")]
    Contradiction(&'static str),
}

/// As it is written.
#[derive(Serialize, Deserialize)]
struct SpreadView {
    schema: u32,
    dataset: String,
    spread: RuleName,
    copies: usize,
    targets: usize,
    shares: Option<Vec<u32>>,
    id: String,
    target: usize,
    failed: Vec<usize>,
    directories: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RuleName {
    Even,
    Free,
}

const SCHEMA: u32 = 1;

impl SpreadDocument {
    /// The document of a target; none where it has none.
    pub(super) fn read<F: Faults>(root: &Root<F>) -> Result<Option<Self>, DocumentError> {
        let at = (&root.disk, Path::new(reports::DIRECTORY));
        let directory = match at.0.open_directory(&root.directory, at.1, Links::Refuse) {
            // Something else of this name holds no spread.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(None);
            }
            opened => opened?,
        };
        let json = match at.0.read_whole(&directory, Path::new(NAME), Links::Refuse, BYTES_MAX) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        Self::parse(&json).map(Some)
    }

    /// Puts it into a target, in one step.
    pub(super) fn put<F: Faults>(&self, root: &Root<F>, durability: Durability) -> io::Result<()> {
        let name = OsStr::new(reports::DIRECTORY);
        let directory = root.disk.open_shared_directory(&root.directory, name)?;
        let how = (0o666, durability);
        root.disk.replace(&directory, OsStr::new(NAME), &self.json()?, how)
    }

    fn json(&self) -> io::Result<Vec<u8>> {
        let (rule, shares) = match self.spread.rule() {
            SpreadRule::Even => (RuleName::Even, None),
            SpreadRule::Free(shares) => (RuleName::Free, Some(shares.clone())),
        };
        let view = SpreadView {
            schema: SCHEMA,
            dataset: self.dataset.clone(),
            spread: rule,
            copies: self.spread.copies(),
            targets: self.spread.targets(),
            shares,
            id: self.id(),
            target: self.target,
            failed: self.failed.iter().collect(),
            directories: self.directories.clone(),
        };
        let mut json = serde_json::to_vec_pretty(&view)?;
        json.push(b'\n');
        Ok(json)
    }

    /// What names the spread of a dataset: the same wherever and whenever it is made.
    pub(super) fn id(&self) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("seedfs v1 spread of a dataset");
        hasher.update(self.dataset.as_bytes());
        let numbers = [self.spread.targets() as u64, self.spread.copies() as u64];
        let shares = match self.spread.rule() {
            SpreadRule::Even => &[][..],
            SpreadRule::Free(shares) => shares,
        };
        for number in numbers.into_iter().chain(shares.iter().map(|share| u64::from(*share))) {
            hasher.update(&number.to_be_bytes());
        }
        hasher.finalize().to_hex()[..32].to_owned()
    }

    pub(super) fn parse(json: &[u8]) -> Result<Self, DocumentError> {
        let view: SpreadView = serde_json::from_slice(json)?;
        let refuse = |what| Err(DocumentError::Contradiction(what));
        if view.schema != SCHEMA {
            return Err(DocumentError::Version);
        }
        let spread = match (view.spread, view.shares) {
            (RuleName::Even, None) => Spread::even(view.targets, view.copies)?,
            (RuleName::Free, Some(shares)) if shares.len() == view.targets => {
                Spread::with_shares(shares, view.copies)?
            }
            _ => return refuse("its shares of the slots cannot be"),
        };
        if view.target >= spread.targets() {
            return refuse("it is of a target that the spread does not have");
        }
        let is_target = |target: &usize| *target < spread.targets();
        if view.failed.len() > TARGETS_MAX || !view.failed.iter().all(is_target) {
            return refuse("targets have failed that the spread does not have");
        }
        let fits = |directory: &String| directory.len() <= DIRECTORY_BYTES_MAX;
        if view.directories.len() != spread.targets() || !view.directories.iter().all(fits) {
            return refuse("its directories cannot be those of its targets");
        }
        let document = Self {
            dataset: view.dataset,
            spread,
            target: view.target,
            failed: TargetSet::of(view.failed),
            directories: view.directories,
        };
        if document.id() != view.id {
            return refuse("its id is not that of its numbers: it was edited");
        }
        Ok(document)
    }
}

/// A directory as it is recorded: without what makes it too long.
pub(super) fn recorded(directory: &Path) -> String {
    let absolute = std::path::absolute(directory);
    let shown = absolute.as_deref().unwrap_or(directory).display().to_string();
    if shown.len() <= DIRECTORY_BYTES_MAX { shown } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> SpreadDocument {
        SpreadDocument {
            dataset: "ab".repeat(16),
            spread: Spread::by_free_space(&[10, 20, 30], 2).unwrap(),
            target: 1,
            failed: TargetSet::of([0]),
            directories: vec!["/a".into(), "/b".into(), "/c".into()],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let document = document();
        let json = document.json().unwrap();
        assert_eq!(SpreadDocument::parse(&json).unwrap(), document);
        let schema = include_str!("../../../docs/schema/spread.schema.json");
        let schema = serde_json::from_str(schema).unwrap();
        let even = SpreadDocument { spread: Spread::even(3, 1).unwrap(), ..document };
        for json in [json, even.json().unwrap()] {
            let value = serde_json::from_slice(&json).unwrap();
            assert!(jsonschema::draft202012::is_valid(&schema, &value), "{value:#}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_reason() {
        let json = String::from_utf8(document().json().unwrap()).unwrap();
        for (from, to, reason) in [
            ("\"schema\": 1", "\"schema\": 2", "another version"),
            ("\"copies\": 2", "\"copies\": 0", "copies"),
            ("\"copies\": 2", "\"copies\": 4", "copies"),
            ("\"copies\": 2", "\"copies\": 1", "shares"),
            ("\"targets\": 3", "\"targets\": 70", "shares"),
            ("\"targets\": 3", "\"targets\": -1", "not a spread"),
            ("\"target\": 1", "\"target\": 3", "of a target"),
            ("\"spread\": \"free\"", "\"spread\": \"even\"", "shares"),
            ("\"spread\": \"free\"", "\"spread\": \"odd\"", "not a spread"),
            ("\"dataset\": \"ab", "\"dataset\": \"cd", "edited"),
            ("\"/a\",", "", "directories"),
            ("\"failed\": [\n    0", "\"failed\": [\n    9", "have failed"),
            ("{", "[", "not a spread"),
        ] {
            assert!(json.contains(from), "{from} in {json}");
            let error = SpreadDocument::parse(json.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert!(error.to_string().contains(reason), "{to}: {error}");
        }
        assert!(SpreadDocument::parse(&vec![b'['; 100_000]).is_err());
        assert!(SpreadDocument::parse(b"").is_err());
    }
}
