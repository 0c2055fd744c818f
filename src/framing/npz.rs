//! `npz:NAME:DTYPE,SHAPE+..`: named NumPy arrays in a zip archive, as `numpy.savez` stores them.
//!
//! Each member begins at a multiple of 64, so that arrays can be mapped into memory: the extra
//! field of its local header is as long as that takes. The CRC of a member stands in its local
//! header and in the directory at the end. Sizes and offsets of 2^32 - 1 or more are told in ZIP64
//! fields.

use super::checksum::Cover;
use super::npy;
use super::plan::{Plan, Unit};
use super::text::{Axes, Dtype, named};
use super::{Format, Parsed, SUMMED_BYTES_MAX, Sum};

/// Named arrays.
#[derive(Debug)]
pub(super) struct Npz {
    arrays: Vec<(String, Array)>,
}

#[derive(Debug)]
struct Array {
    dtype: Dtype,
    axes: Axes,
}

/// What the directory says of a member.
struct Member {
    name: String,
    /// Where its local header begins.
    start: u64,
    /// Where its data begin.
    data: u64,
    length: u64,
}

const ALIGN: u64 = 64;

/// The header of an array is shorter.
const HEADER_BYTES_MAX: u128 = 1024;

/// What does not fit into the four bytes of a field: this value says that a ZIP64 field has it.
const FIELD_MAX: u64 = 0xffff_ffff;

/// 1 January 1980, the first day of zip.
const DATE: u16 = 0x21;

const VERSION: u16 = 20;
const VERSION_ZIP64: u16 = 45;

impl Npz {
    pub(super) fn parse(text: &str) -> Result<Parsed, String> {
        let arrays = named(text, |text| {
            let (dtype, axes) = text.split_once(',').unwrap_or((text, ""));
            Ok(Array { dtype: Dtype::parse(dtype)?, axes: Axes::parse(axes)? })
        })?;
        let npz = Self { arrays };
        npz.check()?;
        let is_open = npz.arrays.iter().any(|(_, array)| array.axes.first.is_none());
        Ok(((!is_open).then_some(1), Box::new(npz)))
    }

    /// Whether their sums can be made: whoever reads the directory needs all of them.
    fn check(&self) -> Result<(), String> {
        let bytes = self.summed_bytes(1);
        let largest = self.arrays.iter().max_by_key(|(_, array)| array.bytes(1));
        let Some((name, array)) = largest.filter(|_| bytes > u128::from(SUMMED_BYTES_MAX)) else {
            return Ok(());
        };
        let others = bytes - array.bytes(1);
        let most = u128::from(SUMMED_BYTES_MAX).saturating_sub(others) / array.row_bytes();
        Err(format!(
            "the arrays have {bytes} bytes together, which their CRCs cover; expected at most 16 \
             GiB, {}",
            if most == 0 {
                "so fewer arrays, or shorter rows".to_owned()
            } else {
                format!("as with {name}:{}", array.text(&most.to_string()))
            }
        ))
    }

    /// How many bytes the sums of all arrays cover, or a little more.
    fn summed_bytes(&self, rows: u64) -> u128 {
        self.arrays.iter().map(|(_, array)| HEADER_BYTES_MAX + array.bytes(rows)).sum()
    }

    /// Where everything stands, and the size of the file.
    fn members(&self, rows: u64) -> (Vec<Member>, u128) {
        let mut end = 0_u128;
        let mut members = Vec::new();
        for (name, array) in &self.arrays {
            let name = format!("{name}.npy");
            let length = array.header(rows).len() as u128 + array.bytes(rows);
            let zip64 = if length >= u128::from(FIELD_MAX) { ZIP64_LOCAL_BYTES } else { 0 };
            let head = LOCAL_BYTES + name.len() as u64 + zip64 + EXTRA_HEAD_BYTES;
            let data = (end + u128::from(head)).next_multiple_of(u128::from(ALIGN));
            members.push(Member {
                name,
                start: number_or_max(end),
                data: number_or_max(data),
                length: number_or_max(length),
            });
            end = data + length;
        }
        let directory: usize =
            members.iter().map(|member| directory_entry(member).concat().len() + 4).sum();
        let tail = end_records(number_or_max(end), directory as u64, members.len());
        (members, end + directory as u128 + tail.len() as u128)
    }
}

/// Numbers that do not fit are refused for the whole.
fn number_or_max(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

impl Array {
    fn row_bytes(&self) -> u128 {
        u128::from(self.axes.row_elements().unwrap_or(1)) * u128::from(self.dtype.width())
    }

    fn rows(&self, rows: u64) -> u64 {
        self.axes.first.unwrap_or(rows)
    }

    fn text(&self, rows: &str) -> String {
        format!("{},{}", self.dtype.name(), self.axes.text(rows))
    }

    fn header(&self, rows: u64) -> Vec<u8> {
        npy::header(self.dtype, &self.axes, self.rows(rows))
    }

    /// How many bytes its elements have.
    fn bytes(&self, rows: u64) -> u128 {
        u128::from(self.rows(rows)) * self.row_bytes()
    }
}

impl Format for Npz {
    fn size_bytes(&self, rows: u64) -> u128 {
        self.members(rows).1
    }

    fn rows_max(&self) -> u64 {
        let open = self.arrays.iter().filter(|(_, array)| array.axes.first.is_none());
        let row: u128 = open.map(|(_, array)| array.row_bytes()).sum();
        if row == 0 {
            return 1;
        }
        // One row was seen to fit.
        let left = u128::from(SUMMED_BYTES_MAX).saturating_sub(self.summed_bytes(1));
        number_or_max(1 + left / row)
    }

    fn plan(&self, rows: u64) -> Plan {
        let (members, _) = self.members(rows);
        let mut plan = Plan::default();
        for ((_, array), member) in self.arrays.iter().zip(&members) {
            let data = member.data - member.start;
            let mut unit = Unit::default();
            let [before, after] = local_header(member);
            unit.framing(before)
                .checksum(Sum::ZipCrc32, Cover::once(data..data + member.length))
                .framing(after)
                .framing(array.header(rows))
                .payload(array.dtype.element(), number_or_max(array.bytes(rows)));
            plan.section(1, unit);
        }
        let start = plan.size_bytes();
        let mut unit = Unit::default();
        for member in &members {
            let [before, after] = directory_entry(member);
            let data = member.data.wrapping_sub(start);
            let cover = Cover { start: data, length: member.length, stride: 0, repeats: 1 };
            unit.framing(before).checksum(Sum::ZipCrc32, vec![cover]).framing(after);
        }
        let tail = end_records(start, unit.length(), members.len());
        unit.framing(tail);
        plan.section(1, unit);
        plan
    }

    fn text(&self, rows: &str) -> String {
        let array = |(name, array): &(String, Array)| {
            let rows = array.axes.first.map_or_else(|| rows.to_owned(), |first| first.to_string());
            format!("{name}:{}", array.text(&rows))
        };
        let arrays: Vec<_> = self.arrays.iter().map(array).collect();
        format!("npz:{}", arrays.join("+"))
    }
}

/// The fixed part of a local header.
const LOCAL_BYTES: u64 = 30;
/// The ZIP64 field of a local header: both sizes.
const ZIP64_LOCAL_BYTES: u64 = 20;
/// The head of the field that fills up: its number, its length, and the alignment.
const EXTRA_HEAD_BYTES: u64 = 6;
/// The number of that field, which archives that are aligned have.
const ALIGN_FIELD: u16 = 0xd935;

/// A local header, without its CRC: what stands before it, and behind.
fn local_header(member: &Member) -> [Vec<u8>; 2] {
    let zip64 = member.length >= FIELD_MAX;
    let size = member.length.min(FIELD_MAX);
    let version = if zip64 { VERSION_ZIP64 } else { VERSION };
    let before = [b"PK\x03\x04", &u16s(&[version, 0, 0, 0, DATE])[..]].concat();
    let mut extra = Vec::new();
    if zip64 {
        extra.extend(u16s(&[1, 16]));
        extra.extend(u64s(&[member.length, member.length]));
    }
    let room = member.data - member.start - LOCAL_BYTES - member.name.len() as u64;
    let pad = room - extra.len() as u64 - EXTRA_HEAD_BYTES;
    extra.extend(u16s(&[ALIGN_FIELD, short(pad + 2), short(ALIGN)]));
    extra.resize(extra.len() + usize::from(short(pad)), 0);
    let name = short(member.name.len() as u64);
    let after = [
        &u32s(&[size, size])[..],
        &u16s(&[name, short(extra.len() as u64)]),
        member.name.as_bytes(),
        &extra,
    ];
    [before, after.concat()]
}

/// An entry of the directory, likewise.
fn directory_entry(member: &Member) -> [Vec<u8>; 2] {
    let mut fields = Vec::new();
    if member.length >= FIELD_MAX {
        fields.extend([member.length, member.length]);
    }
    if member.start >= FIELD_MAX {
        fields.push(member.start);
    }
    let mut extra = Vec::new();
    if !fields.is_empty() {
        extra.extend(u16s(&[1, short(8 * fields.len() as u64)]));
        extra.extend(u64s(&fields));
    }
    let version = if fields.is_empty() { VERSION } else { VERSION_ZIP64 };
    let before =
        [b"PK\x01\x02", &u16s(&[UNIX << 8 | version, version, 0, 0, 0, DATE])[..]].concat();
    let size = member.length.min(FIELD_MAX);
    let name = short(member.name.len() as u64);
    let after = [
        &u32s(&[size, size])[..],
        &u16s(&[name, short(extra.len() as u64), 0, 0, 0]),
        &u32s(&[0o100_644 << 16, member.start.min(FIELD_MAX)]),
        member.name.as_bytes(),
        &extra,
    ];
    [before, after.concat()]
}

/// The system whose modes the directory has.
const UNIX: u16 = 3;

/// What stands behind a directory that begins at `start`.
fn end_records(start: u64, length: u64, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let count = short(count as u64);
    if start >= FIELD_MAX {
        let at = start.saturating_add(length);
        let long = u64::from(count);
        bytes.extend(b"PK\x06\x06");
        bytes.extend(u64s(&[44]));
        bytes.extend(u16s(&[UNIX << 8 | VERSION_ZIP64, VERSION_ZIP64]));
        bytes.extend(u32s(&[0, 0]));
        bytes.extend(u64s(&[long, long, length, start]));
        bytes.extend(b"PK\x06\x07");
        bytes.extend(u32s(&[0]));
        bytes.extend(u64s(&[at]));
        bytes.extend(u32s(&[1]));
    }
    bytes.extend(b"PK\x05\x06");
    bytes.extend(u16s(&[0, 0, count, count]));
    bytes.extend(u32s(&[length, start.min(FIELD_MAX)]));
    bytes.extend(u16s(&[0]));
    bytes
}

fn u16s(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// Numbers that were seen to fit.
fn u32s(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| (*number as u32).to_le_bytes()).collect()
}

fn u64s(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// A length that is short: of a name, or of a field.
fn short(length: u64) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}
