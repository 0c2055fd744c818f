//! `parquet:NAME:DTYPE+..,ROWS,GROUP`: required columns in row groups of so many rows, plain and
//! uncompressed, with one page for each column of a group, and no statistics.

use super::plan::{Plan, Unit};
use super::table::{Table, values};
use super::text::Dtype;
use super::{Format, Parsed};

/// A table as Parquet has it.
#[derive(Debug)]
pub(super) struct Parquet {
    table: Table,
}

/// The types that Parquet holds in as many bytes.
const DTYPES: [Dtype; 8] =
    [Dtype::Bool, Dtype::U4, Dtype::I4, Dtype::U8, Dtype::I8, Dtype::F2, Dtype::F4, Dtype::F8];

const MAGIC: &[u8; 4] = b"PAR1";

impl Parquet {
    pub(super) fn parse(text: &str) -> Result<Parsed, String> {
        let (rows, table) = Table::parse(text, &DTYPES)?;
        Ok((rows, Box::new(Self { table })))
    }

    /// A row group.
    fn group(&self, rows: u64) -> Unit {
        let mut unit = Unit::default();
        for (_, dtype) in &self.table.columns {
            let (bytes, element) = values(*dtype, rows);
            unit.framing(page_header(bytes, rows)).payload(element, bytes);
        }
        unit
    }

    /// All behind the row groups.
    fn footer(&self, rows: u64) -> Vec<u8> {
        let mut schema = vec![schema_root(self.table.columns.len())];
        schema.extend(self.table.columns.iter().map(|(name, dtype)| schema_column(name, *dtype)));
        let mut groups = Vec::new();
        let mut start = MAGIC.len() as u64;
        for (count, group_rows) in self.table.groups(rows) {
            let length = self.group(group_rows).length();
            for _ in 0..count {
                groups.push(self.row_group(start, group_rows));
                start += length;
            }
        }
        let mut metadata = Struct::default();
        metadata.i32(1, 2).list(2, STRUCT, &schema).i64(3, rows).list(4, STRUCT, &groups);
        metadata.binary(6, "seedfs");
        let metadata = metadata.finish();
        // At most some megabytes.
        let length = (metadata.len() as u32).to_le_bytes();
        [&metadata[..], &length, MAGIC].concat()
    }

    /// What the footer says of the row group at an offset.
    fn row_group(&self, start: u64, rows: u64) -> Vec<u8> {
        let mut chunks = Vec::new();
        let mut offset = start;
        for (name, dtype) in &self.table.columns {
            let bytes = values(*dtype, rows).0;
            let length = bytes + page_header(bytes, rows).len() as u64;
            let mut metadata = Struct::default();
            metadata
                .i32(1, physical(*dtype))
                .list(2, I32, &[zigzag(0)])
                .list(3, BINARY, &[binary(name)])
                .i32(4, 0)
                .i64(5, rows)
                .i64(6, length)
                .i64(7, length)
                .i64(9, offset);
            let mut chunk = Struct::default();
            chunk.i64(2, offset).structure(3, &metadata.finish());
            chunks.push(chunk.finish());
            offset += length;
        }
        let mut group = Struct::default();
        group.list(1, STRUCT, &chunks).i64(2, offset - start).i64(3, rows);
        group.finish()
    }
}

impl Format for Parquet {
    fn size_bytes(&self, rows: u64) -> u128 {
        let groups: u128 = self
            .table
            .groups(rows)
            .map(|(count, rows)| u128::from(count) * u128::from(self.group(rows).length()))
            .sum();
        MAGIC.len() as u128 + groups + self.footer(rows).len() as u128
    }

    fn rows_max(&self) -> u64 {
        self.table.rows_max()
    }

    fn plan(&self, rows: u64) -> Plan {
        let mut plan = Plan::default();
        let mut magic = Unit::default();
        magic.framing(MAGIC);
        plan.section(1, magic);
        for (count, rows) in self.table.groups(rows) {
            plan.section(count, self.group(rows));
        }
        let mut footer = Unit::default();
        footer.framing(self.footer(rows));
        plan.section(1, footer);
        plan
    }

    fn text(&self, rows: &str) -> String {
        self.table.text("parquet", rows)
    }
}

/// The number of a type: BOOLEAN, INT32, INT64, FLOAT, DOUBLE, FIXED_LEN_BYTE_ARRAY.
fn physical(dtype: Dtype) -> u64 {
    match dtype {
        Dtype::Bool => 0,
        Dtype::U4 | Dtype::I4 => 1,
        Dtype::U8 | Dtype::I8 => 2,
        Dtype::F4 => 4,
        Dtype::F8 => 5,
        _ => 7,
    }
}

fn schema_root(columns: usize) -> Vec<u8> {
    let mut root = Struct::default();
    root.binary(4, "schema").i32(5, columns as u64);
    root.finish()
}

fn schema_column(name: &str, dtype: Dtype) -> Vec<u8> {
    let mut column = Struct::default();
    column.i32(1, physical(dtype));
    if dtype == Dtype::F2 {
        column.i32(2, 2);
    }
    column.i32(3, 0).binary(4, name);
    match dtype {
        // UINT_32 and UINT_64.
        Dtype::U4 => column.i32(6, 13),
        Dtype::U8 => column.i32(6, 14),
        // The logical type FLOAT16, which has nothing in it.
        Dtype::F2 => {
            let mut logical = Struct::default();
            logical.structure(15, &Struct::default().finish());
            column.structure(10, &logical.finish())
        }
        _ => &mut column,
    };
    column.finish()
}

/// The head of a page of plain values.
fn page_header(bytes: u64, rows: u64) -> Vec<u8> {
    const PLAIN: u64 = 0;
    const RLE: u64 = 3;
    let mut data = Struct::default();
    data.i32(1, rows).i32(2, PLAIN).i32(3, RLE).i32(4, RLE);
    let mut page = Struct::default();
    page.i32(1, 0).i32(2, bytes).i32(3, bytes).structure(5, &data.finish());
    page.finish()
}

const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// A structure in Thrift's compact protocol, whose fields come in the order of their numbers.
#[derive(Default)]
struct Struct {
    bytes: Vec<u8>,
    last: u8,
}

impl Struct {
    /// The head of a field, which is less than 16 behind the last one.
    fn field(&mut self, number: u8, kind: u8) -> &mut Self {
        self.bytes.push((number - self.last) << 4 | kind);
        self.last = number;
        self
    }

    fn i32(&mut self, number: u8, value: u64) -> &mut Self {
        self.field(number, I32).bytes.extend(zigzag(value));
        self
    }

    fn i64(&mut self, number: u8, value: u64) -> &mut Self {
        self.field(number, I64).bytes.extend(zigzag(value));
        self
    }

    fn binary(&mut self, number: u8, text: &str) -> &mut Self {
        self.field(number, BINARY).bytes.extend(binary(text));
        self
    }

    fn structure(&mut self, number: u8, finished: &[u8]) -> &mut Self {
        self.field(number, STRUCT).bytes.extend(finished);
        self
    }

    fn list(&mut self, number: u8, kind: u8, items: &[Vec<u8>]) -> &mut Self {
        let bytes = &mut self.field(number, LIST).bytes;
        match u8::try_from(items.len()) {
            Ok(count) if count < 15 => bytes.push(count << 4 | kind),
            _ => {
                bytes.push(0xf0 | kind);
                bytes.extend(varint(items.len() as u64));
            }
        }
        bytes.extend(items.concat());
        self
    }

    fn finish(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

/// A number that is not negative, as the protocol has signed ones.
fn zigzag(number: u64) -> Vec<u8> {
    varint(number << 1)
}

fn binary(text: &str) -> Vec<u8> {
    [varint(text.len() as u64), text.as_bytes().to_vec()].concat()
}

pub(super) fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        // The seven lowest bits.
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
