//! When whoever asked no longer wants the answer.

use std::fmt;

/// Whether to stop, asked every now and then while something takes long.
#[derive(Clone, Copy)]
pub struct StopCheck<'a>(Reason<'a>);

#[derive(Clone, Copy)]
enum Reason<'a> {
    Never,
    /// Others wait behind this.
    Long,
    When(&'a (dyn Fn() -> bool + Sync)),
}

/// Somebody has asked to stop, so there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl<'a> StopCheck<'a> {
    /// Never.
    pub const NEVER: StopCheck<'static> = StopCheck(Reason::Never);

    /// Before anything that [may take seconds](Self::forbids_long), which is then not begun: others
    /// wait behind this. What takes no longer than usual is not stopped.
    pub const BEFORE_LONG: StopCheck<'static> = StopCheck(Reason::Long);

    /// When a function says so.
    #[must_use]
    pub fn when(stop: &'a (dyn Fn() -> bool + Sync)) -> Self {
        Self(Reason::When(stop))
    }

    /// Whether it is time to stop.
    #[must_use]
    pub fn is_now(&self) -> bool {
        match self.0 {
            Reason::Never | Reason::Long => false,
            Reason::When(stop) => stop(),
        }
    }

    /// Whether it is time to stop before something that takes seconds.
    #[must_use]
    pub fn forbids_long(&self) -> bool {
        matches!(self.0, Reason::Long) || self.is_now()
    }
}

impl fmt::Debug for StopCheck<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StopCheck")
    }
}
