//! What the storage tests share: the program, run and read.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// A run of the program, and what it said.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The program, about to be run with these words, and without a cluster's variables.
pub(crate) fn seedfs<'a>(words: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seedfs"));
    command.args(words);
    for name in ["OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID", "JOB_COMPLETION_INDEX"] {
        command.env_remove(name);
    }
    command
}

/// Runs a subcommand with a dataset's options on a directory.
pub(crate) fn run(subcommand: &str, dataset: &str, more: &[&str], directory: &Path) -> Run {
    let words = [subcommand].into_iter().chain(dataset.split_whitespace());
    let mut command = seedfs(words.chain(more.iter().copied()));
    Run::from(command.arg(directory).output().unwrap())
}

/// Writes the dataset, which must work.
pub(crate) fn write(dataset: &str, more: &[&str], directory: &Path) {
    let run = run("write", dataset, more, directory);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

/// Verifies, and returns the exit code and the document.
pub(crate) fn verify(dataset: &str, more: &[&str], directory: &Path) -> (Option<i32>, Value) {
    let more: Vec<&str> = more.iter().copied().chain(["--json", "--quiet"]).collect();
    let run = run("verify", dataset, &more, directory);
    let document = serde_json::from_str(&run.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", run.stdout, run.stderr));
    assert_schema(&document);
    (run.code, document)
}

/// Every document that a test sees is what the schema says.
pub(crate) fn assert_schema(document: &Value) {
    let schema: Value =
        serde_json::from_str(include_str!("../../docs/schema/verify.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(document).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
}
