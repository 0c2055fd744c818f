//! When whoever asked no longer wants the answer.

use std::fmt;

/// Whether to stop, asked every now and then while something takes long.
#[derive(Clone, Copy)]
pub struct StopCheck<'a>(&'a (dyn Fn() -> bool + Sync));

/// Somebody has asked to stop, so there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl<'a> StopCheck<'a> {
    /// Never.
    pub const NEVER: StopCheck<'static> = StopCheck(&|| false);

    /// When a function says so.
    #[must_use]
    pub fn when(stop: &'a (dyn Fn() -> bool + Sync)) -> Self {
        Self(stop)
    }

    /// Whether it is time to stop.
    #[must_use]
    pub fn is_now(&self) -> bool {
        (self.0)()
    }
}

impl fmt::Debug for StopCheck<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StopCheck")
    }
}
