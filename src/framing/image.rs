//! `bmp:WIDTHxHEIGHT` and `png:WIDTHxHEIGHT`: images of three bytes for each pixel, uncompressed.

use super::checksum::Cover;
use super::plan::{Plan, Unit};
use super::text::{Axes, OPEN};
use super::{Element, Format, Parsed, SUMMED_BYTES_MAX, Sum};

/// A Windows bitmap, rows from the bottom up, each filled up to a multiple of four bytes.
#[derive(Debug)]
pub(super) struct Bmp {
    width: u64,
}

/// A PNG image, deflated without compression: each chunk is one stored block of whole rows.
#[derive(Debug)]
pub(super) struct Png {
    width: u64,
}

const PIXEL_BYTES: u64 = 3;

/// Reads `WIDTHxHEIGHT`, or `WIDTHxN`.
fn parse(text: &str, width_max: u64) -> Result<(u64, Option<u64>), String> {
    let (width, height) = text.split_once('x').unwrap_or((text, OPEN));
    let axes = Axes::parse(&format!("{height}x{width}"))
        .map_err(|_| format!("'{text}' is no size; expected WIDTHxHEIGHT, like 640x480"))?;
    match axes.rest[..] {
        [width] if width <= width_max => Ok((width, axes.first)),
        [width] => {
            Err(format!("an image of this format is not {width} wide; expected {width_max}"))
        }
        _ => Err(format!("'{text}' is no size; expected WIDTHxHEIGHT, like 640x480")),
    }
}

impl Bmp {
    pub(super) fn parse(text: &str) -> Result<Parsed, String> {
        let (width, height) = parse(text, BMP_WIDTH_MAX)?;
        Ok((height, Box::new(Self { width })))
    }

    fn row_bytes(&self) -> u64 {
        (self.width * PIXEL_BYTES).next_multiple_of(4)
    }
}

const BMP_HEAD_BYTES: u64 = 54;
/// One row of it, and the head, are less than 4 GiB.
const BMP_WIDTH_MAX: u64 = 1_431_655_000;

impl Format for Bmp {
    fn size_bytes(&self, rows: u64) -> u128 {
        u128::from(BMP_HEAD_BYTES) + u128::from(rows) * u128::from(self.row_bytes())
    }

    /// The size of the file is told in four bytes.
    fn rows_max(&self) -> u64 {
        (u64::from(u32::MAX) - BMP_HEAD_BYTES) / self.row_bytes()
    }

    fn plan(&self, rows: u64) -> Plan {
        let pixels = rows * self.row_bytes();
        let mut head = b"BM".to_vec();
        for number in [BMP_HEAD_BYTES + pixels, 0, BMP_HEAD_BYTES, 40, self.width, rows] {
            head.extend((number as u32).to_le_bytes());
        }
        // One plane of 24 bits.
        head.extend([1, 0, 24, 0]);
        // 72 dots per inch; not compressed, no palette.
        for number in [0, pixels, 2835, 2835, 0, 0] {
            head.extend((number as u32).to_le_bytes());
        }
        let mut first = Unit::default();
        first.framing(head);
        let mut row = Unit::default();
        let bytes = self.width * PIXEL_BYTES;
        row.payload(Element::Plain, bytes);
        let pad = self.row_bytes() - bytes;
        let mut plan = Plan::default();
        if pad == 0 {
            first.payload(Element::Plain, pixels);
            plan.section(1, first);
        } else {
            row.framing(vec![0; pad as usize]);
            plan.section(1, first).section(rows, row);
        }
        plan
    }

    fn text(&self, rows: &str) -> String {
        format!("bmp:{}x{rows}", self.width)
    }
}

/// The longest row that is one stored block.
const PNG_WIDTH_MAX: u64 = (STORED_BYTES_MAX - 1) / PIXEL_BYTES;
const STORED_BYTES_MAX: u64 = 65535;

impl Png {
    pub(super) fn parse(text: &str) -> Result<Parsed, String> {
        let (width, height) = parse(text, PNG_WIDTH_MAX)?;
        Ok((height, Box::new(Self { width })))
    }

    /// A row, with the byte before it that says how it is filtered: not at all.
    fn row_bytes(&self) -> u64 {
        1 + self.width * PIXEL_BYTES
    }

    /// How many rows a chunk has.
    fn rows_together(&self) -> u64 {
        STORED_BYTES_MAX / self.row_bytes()
    }

    /// A chunk of so many rows.
    fn rows(&self, count: u64) -> Unit {
        let raw = count * self.row_bytes();
        let length = raw as u16;
        let stored = [&[0][..], &length.to_le_bytes(), &(!length).to_le_bytes()].concat();
        let mut unit = chunk_head(raw + stored.len() as u64);
        unit.framing(stored);
        for _ in 0..count {
            unit.framing([0]).payload(Element::Plain, self.width * PIXEL_BYTES);
        }
        finish_chunk(&mut unit);
        unit
    }
}

/// Where the data of a chunk of rows begin in it: behind its head and that of the stored block.
const PNG_RAW_START: u64 = 8 + 5;

impl Format for Png {
    fn size_bytes(&self, rows: u64) -> u128 {
        let together = self.rows_together();
        let chunk = |rows: u64| match rows {
            0 => 0,
            rows => u128::from(PNG_RAW_START + rows * self.row_bytes() + 4),
        };
        let around = head(0, 0).len() + end(Vec::new()).length() as usize;
        around as u128 + u128::from(rows / together) * chunk(together) + chunk(rows % together)
    }

    fn rows_max(&self) -> u64 {
        ((1 << 31) - 1).min(SUMMED_BYTES_MAX / self.row_bytes())
    }

    fn plan(&self, rows: u64) -> Plan {
        let mut first = Unit::default();
        first.framing(head(self.width, rows));
        let mut plan = Plan::default();
        plan.section(1, first);
        let together = self.rows_together();
        // Where the rows are, for the sum at the end.
        let mut covers = Vec::new();
        for (repeats, count) in [(rows / together, together), (1, rows % together)] {
            if repeats > 0 && count > 0 {
                let unit = self.rows(count);
                covers.push(Cover {
                    start: plan.size_bytes() + PNG_RAW_START,
                    length: count * self.row_bytes(),
                    stride: unit.length(),
                    repeats,
                });
                plan.section(repeats, unit);
            }
        }
        let end_start = plan.size_bytes();
        for cover in &mut covers {
            cover.start = cover.start.wrapping_sub(end_start);
        }
        plan.section(1, end(covers));
        plan
    }

    fn text(&self, rows: &str) -> String {
        format!("png:{}x{rows}", self.width)
    }
}

/// All before the rows: the signature, the header, and the head of the compressed data.
fn head(width: u64, height: u64) -> Vec<u8> {
    let mut header = Vec::new();
    for number in [width, height] {
        header.extend((number as u32).to_be_bytes());
    }
    header.extend([8, 2, 0, 0, 0]);
    [b"\x89PNG\r\n\x1a\n", &chunk(*b"IHDR", &header)[..], &chunk(*b"IDAT", &[0x78, 1])].concat()
}

/// All behind the rows: the end of the compressed data with the sum over them, and of the image.
fn end(covers: Vec<Cover>) -> Unit {
    let mut unit = chunk_head(5 + 4);
    unit.framing([1, 0, 0, 0xff, 0xff]).checksum(Sum::Adler32, covers);
    finish_chunk(&mut unit);
    unit.framing(chunk(*b"IEND", &[]));
    unit
}

/// A chunk that is all framing.
fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let covered = [&kind, data].concat();
    // It has some bytes.
    [&(data.len() as u32).to_be_bytes()[..], &covered, &Sum::PngCrc32.of(&covered)].concat()
}

/// The head of a chunk of image data.
fn chunk_head(length: u64) -> Unit {
    let mut unit = Unit::default();
    unit.framing([&(length as u32).to_be_bytes()[..], b"IDAT"].concat());
    unit
}

/// The CRC over all but the length.
fn finish_chunk(unit: &mut Unit) {
    unit.checksum(Sum::PngCrc32, Cover::once(4..unit.length()));
}
