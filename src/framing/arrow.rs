//! `arrow:NAME:DTYPE+..,ROWS,GROUP`: an Arrow IPC file, columns without nulls in record batches of
//! so many rows, not compressed.
//!
//! Every buffer begins at a multiple of 64 bytes of the file.

use super::flatbuffer::{Field, FlatTable};
use super::plan::{Plan, Unit};
use super::table::{Table, values};
use super::text::Dtype;
use super::{Format, Parsed};

/// A table as Arrow has it.
#[derive(Debug)]
pub(super) struct Arrow {
    table: Table,
}

const MAGIC: &[u8; 6] = b"ARROW1";
const ALIGN: u64 = 64;
/// Before a message: a marker, and its length.
const PREFIX_BYTES: u64 = 8;
const MARKER: [u8; 4] = [0xff; 4];
/// Metadata version V5.
const V5: i16 = 4;
const SCHEMA: u8 = 1;
const RECORD_BATCH: u8 = 3;

impl Arrow {
    pub(super) fn parse(text: &str) -> Result<Parsed, String> {
        let (rows, table) = Table::parse(text, &Dtype::ALL)?;
        Ok((rows, Box::new(Self { table })))
    }

    fn schema(&self) -> FlatTable {
        let fields = self.table.columns.iter().map(|(name, dtype)| {
            let (kind, kind_table) = logical(*dtype);
            FlatTable::new()
                .with(0, Field::Text(name.clone()))
                .with(2, Field::U8(kind))
                .with(3, Field::Table(kind_table))
                .with(5, Field::Tables(Vec::new()))
        });
        FlatTable::new().with(1, Field::Tables(fields.collect()))
    }

    /// The beginning of the file, with the message that has the schema.
    fn head(&self) -> Vec<u8> {
        let message = message(SCHEMA, self.schema(), 0);
        let before = MAGIC.len() as u64 + 2;
        [&MAGIC[..], &[0, 0], &framed(message, before)].concat()
    }

    /// The message of a record batch; the bodies of its columns follow.
    fn batch_head(&self, rows: u64) -> Vec<u8> {
        let mut nodes = Vec::new();
        let mut buffers = Vec::new();
        let mut offset = 0_u64;
        for (_, dtype) in &self.table.columns {
            let bytes = values(*dtype, rows).0;
            // No null, so no bits that say which values there are.
            for number in [rows, 0] {
                nodes.extend(number.to_le_bytes());
            }
            for number in [offset, 0, offset, bytes] {
                buffers.extend(number.to_le_bytes());
            }
            offset += bytes.next_multiple_of(ALIGN);
        }
        let batch = FlatTable::new()
            .with(0, Field::I64(rows))
            .with(1, Field::Structs(nodes, 16))
            .with(2, Field::Structs(buffers, 16));
        framed(message(RECORD_BATCH, batch, offset), 0)
    }

    fn batch(&self, rows: u64) -> Unit {
        let mut unit = Unit::default();
        unit.framing(self.batch_head(rows));
        for (_, dtype) in &self.table.columns {
            let (bytes, element) = values(*dtype, rows);
            let pad = bytes.next_multiple_of(ALIGN) - bytes;
            unit.payload(element, bytes).framing(vec![0; pad as usize]);
        }
        unit
    }

    /// The end of the stream, and what tells where the batches are.
    fn tail(&self, rows: u64) -> Vec<u8> {
        let mut blocks = Vec::new();
        let mut offset = self.head().len() as u64;
        for (count, rows) in self.table.groups(rows) {
            let head = self.batch_head(rows).len() as u64;
            let length = self.batch(rows).length();
            for _ in 0..count {
                for number in [offset, head, length - head] {
                    blocks.extend(number.to_le_bytes());
                }
                offset += length;
            }
        }
        let footer = FlatTable::new()
            .with(0, Field::I16(V5))
            .with(1, Field::Table(self.schema()))
            .with(2, Field::Structs(Vec::new(), 24))
            .with(3, Field::Structs(blocks, 24))
            .finish();
        // At most some megabytes.
        let length = (footer.len() as u32).to_le_bytes();
        [&MARKER[..], &[0; 4], &footer, &length, MAGIC].concat()
    }
}

impl Format for Arrow {
    fn size_bytes(&self, rows: u64) -> u128 {
        let batches: u128 = self
            .table
            .groups(rows)
            .map(|(count, rows)| u128::from(count) * u128::from(self.batch(rows).length()))
            .sum();
        self.head().len() as u128 + batches + self.tail(rows).len() as u128
    }

    fn rows_max(&self) -> u64 {
        self.table.rows_max()
    }

    fn plan(&self, rows: u64) -> Plan {
        let mut plan = Plan::default();
        let mut head = Unit::default();
        head.framing(self.head());
        plan.section(1, head);
        for (count, rows) in self.table.groups(rows) {
            plan.section(count, self.batch(rows));
        }
        let mut tail = Unit::default();
        tail.framing(self.tail(rows));
        plan.section(1, tail);
        plan
    }

    fn text(&self, rows: &str) -> String {
        self.table.text("arrow", rows)
    }
}

/// The number of a logical type, and the table that says more.
fn logical(dtype: Dtype) -> (u8, FlatTable) {
    let integer = |is_signed: u8| {
        let bits = 8 * dtype.width() as u32;
        (2, FlatTable::new().with(0, Field::U32(bits)).with(1, Field::U8(is_signed)))
    };
    let float = |precision| (3, FlatTable::new().with(0, Field::I16(precision)));
    match dtype {
        Dtype::Bool => (6, FlatTable::new()),
        Dtype::U1 | Dtype::U2 | Dtype::U4 | Dtype::U8 => integer(0),
        Dtype::I1 | Dtype::I2 | Dtype::I4 | Dtype::I8 => integer(1),
        Dtype::F2 => float(0),
        Dtype::F4 => float(1),
        Dtype::F8 => float(2),
    }
}

fn message(kind: u8, header: FlatTable, body_bytes: u64) -> Vec<u8> {
    FlatTable::new()
        .with(0, Field::I16(V5))
        .with(1, Field::U8(kind))
        .with(2, Field::Table(header))
        .with(3, Field::I64(body_bytes))
        .finish()
}

/// A message with what stands before it, filled up so that what follows begins at a multiple of
/// 64 if `before` bytes stand before it all.
fn framed(mut message: Vec<u8>, before: u64) -> Vec<u8> {
    let end = before + PREFIX_BYTES + message.len() as u64;
    let pad = end.next_multiple_of(ALIGN) - end;
    message.resize(message.len() + pad as usize, 0);
    let length = (message.len() as u32).to_le_bytes();
    [&MARKER[..], &length, &message].concat()
}
