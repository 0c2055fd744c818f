//! `hdf5:DTYPE,SHAPE`: an HDF5 file with one contiguous dataset, `data`.
//!
//! ```text
//! superblock, version 2 | object header of the root group | that of the dataset | zeros
//! from 512 on: the elements
//! ```
//!
//! Object headers are of version 2, whose messages are short and whose sums are over nothing but
//! themselves.

use super::plan::{Plan, Unit};
use super::text::{Axes, Dtype};
use super::{Format, Parsed};

/// A dataset, but for its first dimension.
#[derive(Debug)]
pub(super) struct Hdf5 {
    dtype: Dtype,
    axes: Axes,
}

/// Where the elements begin: behind the longest headers that can be.
const DATA_START: usize = 512;
const SUPERBLOCK_BYTES: usize = 48;
const NAME: &[u8; 4] = b"data";
/// An address that is none.
const UNDEFINED: u64 = u64::MAX;

impl Hdf5 {
    pub(super) fn parse(text: &str) -> Result<Parsed, String> {
        let (dtype, axes) = text.split_once(',').unwrap_or((text, ""));
        let hdf5 = Self { dtype: Dtype::parse(dtype)?, axes: Axes::parse(axes)? };
        Ok((hdf5.axes.first, Box::new(hdf5)))
    }

    fn row_bytes(&self) -> u64 {
        // It was seen to be no more than 2^52 elements.
        self.axes.row_elements().unwrap_or(1) * self.dtype.width()
    }
}

impl Format for Hdf5 {
    fn size_bytes(&self, rows: u64) -> u128 {
        DATA_START as u128 + u128::from(rows) * u128::from(self.row_bytes())
    }

    fn plan(&self, rows: u64) -> Plan {
        let data_bytes = rows * self.row_bytes();
        let mut unit = Unit::default();
        unit.framing(head(self.dtype, &self.axes, rows, data_bytes));
        unit.payload(self.dtype.element(), data_bytes);
        let mut plan = Plan::default();
        plan.section(1, unit);
        plan
    }

    fn text(&self, rows: &str) -> String {
        format!("hdf5:{},{}", self.dtype.name(), self.axes.text(rows))
    }
}

/// All that stands before the elements.
fn head(dtype: Dtype, axes: &Axes, rows: u64, data_bytes: u64) -> Vec<u8> {
    let root_start = SUPERBLOCK_BYTES as u64;
    // As long whatever address it has.
    let dataset_start = root_start + root_group(0).len() as u64;
    let root = root_group(dataset_start);
    let mut superblock = [b"\x89HDF\r\n\x1a\n", &[2, 8, 8, 0][..]].concat();
    for address in [0, UNDEFINED, DATA_START as u64 + data_bytes, root_start] {
        superblock.extend(address.to_le_bytes());
    }
    let superblock = with_sum(superblock);
    let mut head = [superblock, root, dataset(dtype, axes, rows, data_bytes)].concat();
    head.resize(DATA_START, 0);
    head
}

/// The group that has one link.
fn root_group(dataset_start: u64) -> Vec<u8> {
    let link_info = [&[0, 0][..], &UNDEFINED.to_le_bytes(), &UNDEFINED.to_le_bytes()].concat();
    let link = [&[1, 0, 4][..], NAME, &dataset_start.to_le_bytes()].concat();
    object_header(&[(0x02, link_info), (0x0a, vec![0, 0]), (0x06, link)])
}

fn dataset(dtype: Dtype, axes: &Axes, rows: u64, data_bytes: u64) -> Vec<u8> {
    // At most 32 of them.
    let rank = axes.rest.len() as u8 + 1;
    let mut dataspace = vec![2, rank, 0, 1];
    for axis in std::iter::once(&rows).chain(&axes.rest) {
        dataspace.extend(axis.to_le_bytes());
    }
    // Allocated late, and filled with zeros where nothing was written: nowhere.
    let fill_value = vec![3, 0x0a];
    let start = DATA_START as u64;
    let layout = [&[3, 1][..], &start.to_le_bytes(), &data_bytes.to_le_bytes()].concat();
    object_header(&[(0x01, dataspace), (0x03, datatype(dtype)), (0x05, fill_value), (0x08, layout)])
}

/// The type of an element, little endian; truth values are an enumeration, as in h5py.
fn datatype(dtype: Dtype) -> Vec<u8> {
    let width = dtype.width() as u8;
    let bits = 8 * width;
    let integer = |is_signed: bool| {
        let sign = if is_signed { 8 } else { 0 };
        vec![0x10, sign, 0, 0, width, 0, 0, 0, 0, 0, bits, 0]
    };
    let float = |exponent: u8, fraction: u8| {
        let zero_exponent = (1_u32 << (exponent - 1)) - 1;
        let head = [0x11, 0x20, bits - 1, 0, width, 0, 0, 0, 0, 0, bits, 0];
        let tail = [fraction, exponent, 0, fraction];
        [&head[..], &tail, &zero_exponent.to_le_bytes()].concat()
    };
    match dtype {
        Dtype::Bool => {
            let head = [0x18, 2, 0, 0, 1, 0, 0, 0];
            [&head[..], &integer(true), b"FALSE\0\0\0TRUE\0\0\0\0", &[0, 1]].concat()
        }
        Dtype::U1 | Dtype::U2 | Dtype::U4 | Dtype::U8 => integer(false),
        Dtype::I1 | Dtype::I2 | Dtype::I4 | Dtype::I8 => integer(true),
        Dtype::F2 => float(5, 10),
        Dtype::F4 => float(8, 23),
        Dtype::F8 => float(11, 52),
    }
}

/// An object header of version 2, in one piece.
fn object_header(messages: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, message) in messages {
        body.push(*kind);
        body.extend(length(message).to_le_bytes());
        body.push(0);
        body.extend(message);
    }
    // The flag says that the length has two bytes.
    with_sum([b"OHDR", &[2, 1][..], &length(&body).to_le_bytes(), &body].concat())
}

/// Of what is shorter than [`DATA_START`].
fn length(bytes: &[u8]) -> u16 {
    u16::try_from(bytes.len()).unwrap_or(u16::MAX)
}

fn with_sum(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = lookup3(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

/// The hash that HDF5 has over its metadata, `hashlittle` of Bob Jenkins' lookup3 from 0.
fn lookup3(bytes: &[u8]) -> u32 {
    // Metadata is shorter than 4 GiB.
    let start = 0xdead_beef_u32.wrapping_add(bytes.len() as u32);
    let [mut a, mut b, mut c] = [start; 3];
    let mut rest = bytes;
    while rest.len() > 12 {
        let (block, more) = rest.split_at(12);
        [a, b, c] = add([a, b, c], block);
        [a, b, c] = mix([a, b, c]);
        rest = more;
    }
    if rest.is_empty() {
        return c;
    }
    last_mix(add([a, b, c], rest))
}

/// Adds up to twelve bytes, as three numbers.
fn add(mut state: [u32; 3], bytes: &[u8]) -> [u32; 3] {
    for (number, bytes) in state.iter_mut().zip(bytes.chunks(4)) {
        let mut word = [0; 4];
        word[..bytes.len()].copy_from_slice(bytes);
        *number = number.wrapping_add(u32::from_le_bytes(word));
    }
    state
}

fn mix([mut a, mut b, mut c]: [u32; 3]) -> [u32; 3] {
    for (one, two, three) in [(4, 6, 8), (16, 19, 4)] {
        a = a.wrapping_sub(c) ^ c.rotate_left(one);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(two);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(three);
        b = b.wrapping_add(a);
    }
    [a, b, c]
}

fn last_mix([mut a, mut b, mut c]: [u32; 3]) -> u32 {
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}
