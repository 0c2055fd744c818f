//! Palette, and the signs that say the same without them.

use ratatui::style::{Color, Modifier, Style};

use crate::report::{ClusterNode, Phase};
use crate::verdict::{Class, Verdict};

/// Whether there are colours. Nothing is said by a colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Palette {
    /// Those of the terminal's own sixteen.
    Ansi,
    /// None: bold, dim and reversed only.
    None,
}

/// What became of bytes, in the order in which a bar shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BarPart {
    Matched,
    Wrong,
    Missing,
    Extra,
}

impl BarPart {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Wrong => "wrong",
            Self::Missing => "missing",
            Self::Extra => "extra",
        }
    }

    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Matched => "█",
            Self::Wrong => "╳",
            Self::Missing => "░",
            Self::Extra => "+",
        }
    }
}

/// The sign in front of a verdict.
pub(super) const fn verdict_sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Verified => "✓",
        Verdict::Mismatch => "✗",
        Verdict::Incomplete => "…",
        Verdict::Untouched => "○",
    }
}

impl Palette {
    fn of(self, colour: Color) -> Style {
        match self {
            Self::Ansi => Style::new().fg(colour),
            Self::None => Style::new(),
        }
    }

    pub(super) fn label(self) -> Style {
        match self {
            Self::Ansi => Style::new().fg(Color::Cyan),
            Self::None => Style::new().add_modifier(Modifier::DIM),
        }
    }

    #[expect(clippy::unused_self, reason = "as the others")]
    pub(super) fn normal(self) -> Style {
        Style::new()
    }

    pub(super) fn dim(self) -> Style {
        match self {
            Self::Ansi => Style::new().fg(Color::DarkGray),
            Self::None => Style::new().add_modifier(Modifier::DIM),
        }
    }

    #[expect(clippy::unused_self, reason = "as the others")]
    pub(super) fn title(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }

    #[expect(clippy::unused_self, reason = "as the others")]
    pub(super) fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    #[expect(clippy::unused_self, reason = "as the others")]
    pub(super) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) fn warning(self) -> Style {
        self.of(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    pub(super) fn trouble(self) -> Style {
        self.of(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub(super) fn border(self, has_focus: bool) -> Style {
        if has_focus { self.of(Color::Cyan) } else { self.dim() }
    }

    pub(super) fn reads(self) -> Style {
        self.of(Color::Green)
    }

    pub(super) fn writes(self) -> Style {
        self.of(Color::Blue)
    }

    pub(super) fn verdict(self, verdict: Verdict) -> Style {
        match verdict {
            Verdict::Verified => self.of(Color::Green).add_modifier(Modifier::BOLD),
            Verdict::Mismatch => self.trouble(),
            Verdict::Incomplete => self.warning(),
            Verdict::Untouched => self.strong(),
        }
    }

    pub(super) fn bytes(self, state: BarPart) -> Style {
        match state {
            BarPart::Matched => self.of(Color::Green),
            BarPart::Wrong => self.trouble(),
            BarPart::Missing => self.dim(),
            BarPart::Extra => self.of(Color::Magenta),
        }
    }

    pub(super) fn class(self, class: Class) -> Style {
        match class {
            Class::Misplaced => self.of(Color::Magenta),
            Class::Stale => self.of(Color::Yellow),
            Class::Zeroed => self.of(Color::Blue),
            Class::Flipped => self.of(Color::Cyan),
            Class::Foreign => self.of(Color::Red),
        }
    }

    pub(super) fn node(self, node: &ClusterNode) -> Style {
        match node.report.phase {
            Phase::Failed => self.trouble(),
            _ if node.stale => self.warning(),
            Phase::Done => self.of(Color::Green),
            _ => Style::new(),
        }
    }
}
