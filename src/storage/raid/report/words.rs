//! The result of a verification of arrays for people.

use std::fmt;

use super::{BelongsView, MemberRangeView, MemberView, RaidMended, RaidReport, TornView};
use crate::dataset::format_size;

/// How many ranges are shown to people.
const SHOWN_MAX: usize = 20;

impl fmt::Display for RaidReport {
    /// The result for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.members.len();
        writeln!(f, "RAID {} of {count} members: {}", self.level, self.outcome())?;
        if !self.complete {
            writeln!(f, "  not all was read")?;
        }
        for member in self.members.iter().filter(|member| member.path.is_some()) {
            write!(f, "  member {}  {}: ", member.member, member.path.as_deref().unwrap_or(""))?;
            member.describe(f)?;
        }
        for torn in self.torn_stripes.iter().take(SHOWN_MAX) {
            torn.describe(f)?;
        }
        for range in self.ranges.iter().take(SHOWN_MAX) {
            range.describe(f)?;
        }
        let more = self.ranges.len().saturating_sub(SHOWN_MAX) as u64 + self.ranges_dropped;
        let more = more
            + self.torn_stripes.len().saturating_sub(SHOWN_MAX) as u64
            + self.torn_stripes_dropped;
        if more > 0 {
            writeln!(f, "  and {more} more; --json or --report FILE lists them")?;
        }
        Ok(())
    }
}

impl RaidReport {
    /// The verdict, and what became of what is wrong.
    fn outcome(&self) -> String {
        let verdict = self.verdict;
        match self.repair {
            None => verdict.to_owned(),
            Some(RaidMended { is_dry: true, .. }) => format!("{verdict}, nothing was written"),
            Some(RaidMended { made, .. }) if self.failures_total > 0 => {
                let failed = self.failures_total;
                format!("was {verdict}; {made} members of files made, {failed} failures are left")
            }
            Some(RaidMended { made, .. }) => {
                format!("was {verdict}; {made} members of files made, and all is right now")
            }
        }
    }
}

impl MemberView {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} expected", format_size(self.expected_bytes))?;
        let all = [
            (self.wrong_bytes, "wrong"),
            (self.missing_bytes, "missing"),
            (self.unreadable_bytes, "unreadable"),
            (self.extra_bytes, "extra"),
        ];
        for (bytes, word) in all.into_iter().filter(|(bytes, _)| *bytes > 0) {
            write!(f, ", {} {word}", format_size(bytes))?;
        }
        if let Some(member) = self.is_really {
            write!(f, "; most of it is what member {member} should hold")?;
        }
        writeln!(f)
    }
}

impl TornView {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  torn stripe {}", self.stripe)?;
        if let Some(path) = &self.path {
            write!(f, " of {path}")?;
        }
        writeln!(
            f,
            ", at {} of each member, {} bytes: written on {}, not on {}",
            self.offset,
            self.length,
            listed(&self.written),
            listed(&self.not_written),
        )
    }
}

impl MemberRangeView {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  member {} at {}, {} bytes: ", self.member, self.offset, self.length)?;
        write!(f, "{}", self.class.replace('_', " "))?;
        if let Some(member) = self.holds_member {
            write!(f, ", what member {member} should hold here")?;
        }
        if let Some(older) = &self.older {
            match (older.generation, &older.seed) {
                (Some(generation), _) => write!(f, ", of generation {generation}")?,
                (_, Some(seed)) => write!(f, ", of the seed '{seed}'")?,
                _ => write!(f, ", of before anything was written")?,
            }
            if !older.members.is_empty() {
                write!(f, " on {}", listed(&older.members))?;
            }
        }
        if let Some(source) = &self.source {
            write!(f, ", from {source}")?;
        }
        if let Some(BelongsView { member, offset }) = self.belongs {
            write!(f, ", which belongs on member {member} at {offset}")?;
        }
        match (self.parity_of_stripe, self.array_offset) {
            (Some(stripe), _) => write!(f, " (parity of stripe {stripe}")?,
            (_, Some(offset)) => write!(f, " (array at {offset}")?,
            _ => write!(f, " (behind the end")?,
        }
        if let Some(path) = &self.path {
            write!(f, ", {path}")?;
        }
        if let Some(offset) = self.file_offset {
            write!(f, " at {offset}")?;
        }
        writeln!(f, "){}", if self.consistent { ", and the parity agrees" } else { "" })
    }
}

fn listed(members: &[u32]) -> String {
    let word = if members.len() == 1 { "member" } else { "members" };
    let all: Vec<String> = members.iter().map(u32::to_string).collect();
    format!("{word} {}", all.join(", "))
}
