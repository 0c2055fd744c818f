//! What is wrong with a template.

use thiserror::Error;

/// Why a template is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LayoutError {
    /// Nothing between two slashes, or before the first or after the last, or at all.
    #[error("a path component is empty; expected names with a single / between them")]
    EmptyComponent,
    /// `.` or `..` as a name.
    #[error("`{0}` is not a name; expected any component but `.` and `..`")]
    DotComponent(String),
    /// The name that belongs to the verdicts.
    #[error("`.status` at the root is reserved; expected any other first component")]
    Reserved,
    /// A control character, NUL among them.
    #[error("it holds the control character {0:?}; expected printable text")]
    Control(char),
    /// `{` without `}`, or the reverse.
    #[error("a brace has no partner; expected {{name}} for a number, {{{{ and }}}} for a brace")]
    UnbalancedBrace,
    /// A placeholder that is none.
    #[error(
        "`{{{0}}}` is not a placeholder; expected {{iteration}}, {{node}}, {{process}}, {{file}} \
         or {{ext}}"
    )]
    UnknownPlaceholder(String),
    /// A width that is none.
    #[error("`:{0}` is not a width; expected :01 to :020, a zero and then how many digits")]
    Width(String),
    /// The same coordinate twice.
    #[error("`{{{0}}}` stands there twice; expected each placeholder once")]
    Repeated(&'static str),
    /// Files would share a path.
    #[error("files would share a path; expected a layout that also names {0}")]
    Missing(String),
    /// `{ext}` where files have no extensions.
    #[error(
        "`{{ext}}` stands for the extensions of several contents; expected --content EXT=CONTENT \
         for each, or a layout without `{{ext}}`"
    )]
    NoExtensions,
    /// Extensions that stand nowhere.
    #[error(
        "the contents of {names} have no place in it: `{{ext}}` stands for their extensions; \
         expected {nearest}"
    )]
    MissingExtension {
        /// The extensions.
        names: String,
        /// A template that would do.
        nearest: String,
    },
    /// What follows an extension could be a part of one.
    #[error(
        "what follows `{{ext}}` could be a part of an extension; expected `{{ext}}` at the end of \
         a name, or before a character that no extension has"
    )]
    AmbiguousExtension,
    /// Generations with different numbers of files need a directory each.
    #[error(
        "with --new-files the iterations have different numbers of files; expected \
         {{iteration}} in a path component before that of {{file}}"
    )]
    FilesBeforeGeneration,
    /// Two numbers, or a number and a digit, of which nobody can say where one ends.
    #[error(
        "`{placeholder}` has no fixed width and a digit can follow, so a name could be read in two \
         ways; expected `{fixed}`, or a character between them that is not a digit"
    )]
    Ambiguous {
        /// The placeholder as it stands.
        placeholder: String,
        /// The placeholder as it could stand.
        fixed: String,
    },
    /// A name longer than filesystems take.
    #[error("the names of component {number} have up to {bytes} bytes; expected at most 255")]
    NameTooLong {
        /// Which component, counted from 1.
        number: usize,
        /// The length of its longest name.
        bytes: usize,
    },
    /// A path longer than system calls take.
    #[error("paths have up to {bytes} bytes; expected at most 4095")]
    PathTooLong {
        /// The length of the longest path.
        bytes: usize,
    },
}
