//! What was found on the members of arrays, as JSON and in words.

mod words;

use serde::Serialize;

use super::arrays::RaidMembers;
use super::earlier::EarlierState;
use super::findings::{MemberRange, MemberTally, RaidFindings, TornRange};
use super::judge::MemberFault;
use super::member::RaidMember;
use crate::content::Content;
use crate::disk::Faults;
use crate::raid::{Geometry, MemberPlace, RaidLevel};
use crate::report::SourceView;
use crate::storage::image::{Image, StretchKind};
use crate::storage::{FileFailure, Share};
use crate::verdict::Verdict;

/// What was verified: what a report says beside the findings.
#[derive(Clone, Copy, Debug)]
pub struct RaidSurroundings<'a> {
    /// The files.
    pub share: Share<'a>,
    /// How the arrays are kept.
    pub geometry: Geometry,
    /// The directory or device of each member, as the user has named it; none where nobody did.
    pub names: &'a [Option<String>],
    /// Other seeds, of which something may be left.
    pub seeds: &'a [String],
    /// How long it took.
    pub seconds: f64,
    /// How much was read.
    pub bytes_read: u64,
}

/// The document of a verification of arrays.
#[derive(Clone, Debug, Serialize)]
pub struct RaidReport {
    schema: u32,
    version: &'static str,
    verdict: &'static str,
    complete: bool,
    level: u8,
    chunk_bytes: Option<u64>,
    members: Vec<MemberView>,
    ranges: Vec<MemberRangeView>,
    ranges_dropped: u64,
    torn_stripes: Vec<TornView>,
    torn_stripes_dropped: u64,
    failures: Vec<FileFailure>,
    failures_total: u64,
    seconds: f64,
    bytes_read: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    repair: Option<RaidMended>,
}

/// What a repair says beside what it has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RaidMended {
    /// Whether nothing was written.
    #[serde(rename = "dry_run")]
    pub is_dry: bool,
    /// How many members of files were made that were not there.
    #[serde(rename = "members_made")]
    pub made: u64,
}

#[derive(Clone, Debug, Serialize)]
struct MemberView {
    member: usize,
    /// None where it was not asked for.
    path: Option<String>,
    expected_bytes: u64,
    wrong_bytes: u64,
    missing_bytes: u64,
    unreadable_bytes: u64,
    extra_bytes: u64,
    /// The member whose content most of its bytes are.
    is_really: Option<u32>,
}

#[derive(Clone, Debug, Serialize)]
struct MemberRangeView {
    member: u32,
    offset: u64,
    length: u64,
    class: &'static str,
    consistent: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    array_offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parity_of_stripe: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    holds_member: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    older: Option<OlderView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<SourceView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    belongs: Option<BelongsView>,
}

/// The state that older bytes are of.
#[derive(Clone, Debug, Default, Serialize)]
struct OlderView {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<String>,
    /// Of a parity: the members whose data it is older than.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    members: Vec<u32>,
}

#[derive(Clone, Debug, Serialize)]
struct BelongsView {
    member: u32,
    offset: u64,
}

#[derive(Clone, Debug, Serialize)]
struct TornView {
    stripe: u64,
    offset: u64,
    length: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    written: Vec<u32>,
    not_written: Vec<u32>,
}

/// The name of a fault in reports.
fn class_of(fault: &MemberFault) -> &'static str {
    match fault {
        MemberFault::StaleParity { .. } => "stale_parity",
        MemberFault::OtherMember(_) => "other_member",
        MemberFault::Stale(_) => "stale",
        MemberFault::Misplaced(_) => "misplaced",
        MemberFault::Zeroed => "zeroed",
        MemberFault::Flipped => "flipped",
        MemberFault::Foreign => "foreign",
        MemberFault::Missing => "missing",
        MemberFault::Unreadable => "unreadable",
        MemberFault::Extra => "extra",
    }
}

impl RaidReport {
    /// The report on what was found.
    #[must_use]
    pub fn new<F: Faults>(
        found: &RaidFindings,
        members: &RaidMembers<'_, F>,
        of: RaidSurroundings<'_>,
    ) -> Self {
        let content = Content::of(of.share.dataset());
        let places = PlacesOfBytes { members, of, content: &content };
        let level = match of.geometry.level() {
            RaidLevel::Striped => 0,
            RaidLevel::Mirrored => 1,
            RaidLevel::Parity => 5,
        };
        let each = found.members.iter().zip(of.names).enumerate();
        Self {
            schema: 1,
            version: env!("CARGO_PKG_VERSION"),
            verdict: verdict(found).name(),
            complete: found.complete,
            level,
            chunk_bytes: (level != 1).then_some(of.geometry.chunk_bytes()),
            members: each
                .map(|(member, (tally, name))| member_view(member, tally, name.as_deref()))
                .collect(),
            ranges: found.ranges.listed().iter().map(|range| places.range(range)).collect(),
            ranges_dropped: found.ranges.dropped,
            torn_stripes: found.torn.listed().iter().map(|torn| places.torn(torn)).collect(),
            torn_stripes_dropped: found.torn.dropped,
            failures: found.failures.listed.clone(),
            failures_total: found.failures.total,
            seconds: of.seconds,
            bytes_read: of.bytes_read,
            repair: None,
        }
    }

    /// The same; of a repair, the findings are what was wrong before it.
    #[must_use]
    pub fn with_repair(self, mended: Option<RaidMended>) -> Self {
        Self { repair: mended, ..self }
    }

    /// As JSON, with a newline at its end.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        // Nothing in it cannot be said in JSON.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }
}

fn verdict(found: &RaidFindings) -> Verdict {
    let is_wrong = |tally: &MemberTally| tally.wrong + tally.extra > 0;
    if found.members.iter().any(is_wrong) {
        Verdict::Mismatch
    } else if found.is_verified() {
        Verdict::Verified
    } else {
        Verdict::Incomplete
    }
}

fn member_view(member: usize, tally: &MemberTally, name: Option<&str>) -> MemberView {
    MemberView {
        member,
        path: name.map(str::to_owned),
        expected_bytes: tally.expected,
        wrong_bytes: tally.wrong,
        missing_bytes: tally.missing,
        unreadable_bytes: tally.unreadable,
        extra_bytes: tally.extra,
        is_really: tally.is_really(),
    }
}

/// Says of a member's bytes what they are in the array, and in which file.
struct PlacesOfBytes<'a, 'b, F> {
    members: &'a RaidMembers<'b, F>,
    of: RaidSurroundings<'a>,
    content: &'b Content,
}

impl<F: Faults> PlacesOfBytes<'_, '_, F> {
    fn range(&self, range: &MemberRange) -> MemberRangeView {
        let geometry = self.of.geometry;
        let array = self.members.image((self.of.share, self.content), geometry, range.array);
        let member = RaidMember::new(&array, geometry, range.member);
        let mut view = MemberRangeView {
            member: range.member,
            offset: range.offset,
            length: range.length,
            class: class_of(&range.fault),
            consistent: range.consistent,
            array_offset: None,
            parity_of_stripe: None,
            path: self.file_path(range.array),
            file_offset: None,
            holds_member: None,
            older: None,
            source: None,
            belongs: None,
        };
        if range.offset < member.length() {
            match member.stretch(range.offset).kind {
                StretchKind::Content(source) => {
                    view.array_offset = array.offset_of(source);
                    view.path = Some(self.of.share.path(source.file));
                    view.file_offset = Some(source.offset);
                }
                StretchKind::Parity { stripe } => view.parity_of_stripe = Some(stripe),
            }
        }
        match &range.fault {
            MemberFault::OtherMember(other) => view.holds_member = Some(*other),
            MemberFault::Stale(state) => view.older = Some(self.older(*state, &[])),
            MemberFault::StaleParity { state, members } => {
                view.older = Some(self.older(*state, members));
            }
            MemberFault::Misplaced(source) => {
                view.source = Some(SourceView::new(self.of.share.dataset(), *source));
                let place = array.offset_of(*source).map(|offset| geometry.place(offset));
                view.belongs =
                    place.map(|MemberPlace { member, offset }| BelongsView { member, offset });
            }
            _ => {}
        }
        view
    }

    fn older(&self, state: EarlierState, members: &[u32]) -> OlderView {
        let members = members.to_vec();
        match state {
            EarlierState::Zeros => OlderView { state: "zeros", members, ..Default::default() },
            EarlierState::Generation(generation) => {
                let generation = Some(generation);
                OlderView { state: "generation", generation, members, ..Default::default() }
            }
            EarlierState::Seed(seed) => {
                let seed = self.of.seeds.get(seed).cloned();
                OlderView { state: "seed", seed, members, ..Default::default() }
            }
        }
    }

    fn torn(&self, torn: &TornRange) -> TornView {
        TornView {
            stripe: torn.stripe,
            offset: torn.offset,
            length: torn.length,
            path: self.file_path(torn.array),
            written: torn.page.written.clone(),
            not_written: torn.page.not_written.clone(),
        }
    }

    /// The file that is the array, where each has its own.
    fn file_path(&self, array: u64) -> Option<String> {
        let is_file = matches!(self.members, RaidMembers::Directories(_));
        is_file.then(|| self.of.share.path(self.of.share.file(array)))
    }
}
