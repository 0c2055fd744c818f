//! `tfrecord:RECORD_BYTES,RECORDS`: records of `tf.train.Example`, each with so many bytes of
//! payload and a label.
//!
//! ```text
//! u64 length of the message | masked CRC-32C of these 8 bytes
//! the message:  Example { features { "image": bytes_list, "label": int64_list } }
//! masked CRC-32C of the message
//! ```
//!
//! The label is made of the content in its place: 0 to 127, one byte.

use super::checksum::Cover;
use super::parquet::varint;
use super::plan::{Plan, Unit};
use super::text::{number, rows};
use super::{Element, Format, Parsed, Sum};

/// Records of one length.
#[derive(Debug)]
pub(super) struct Tfrecord {
    record_bytes: u64,
}

impl Tfrecord {
    /// What stands behind the word in the description.
    pub(super) fn arguments(&self, rows: &str) -> String {
        format!("{},{rows}", self.record_bytes)
    }

    /// How many bytes a record takes, with all that frames it.
    pub(super) fn record_length(&self) -> u64 {
        record(self.record_bytes).length()
    }

    pub(super) fn parse(text: &str) -> Result<Parsed, String> {
        let (records, format) = Self::read(text)?;
        Ok((records, Box::new(format)))
    }

    /// The number of records, where it was given, and the records.
    pub(super) fn read(text: &str) -> Result<(Option<u64>, Self), String> {
        let (bytes, records) = text.split_once(',').map_or((text, None), |(a, b)| (a, Some(b)));
        let record_bytes = number(bytes, "the number of bytes of a record")?;
        if record_bytes > RECORD_BYTES_MAX {
            return Err(format!(
                "a record of {record_bytes} bytes is longer than its message can be; expected at \
                 most {RECORD_BYTES_MAX}"
            ));
        }
        let records = rows(records, "the number of records")?;
        Ok((records, Self { record_bytes }))
    }
}

/// A message of Protocol Buffers has less than 2 GiB.
const RECORD_BYTES_MAX: u64 = (1 << 31) - 1024;

impl Format for Tfrecord {
    fn size_bytes(&self, rows: u64) -> u128 {
        u128::from(record(self.record_bytes).length()) * u128::from(rows)
    }

    fn plan(&self, rows: u64) -> Plan {
        let mut plan = Plan::default();
        plan.section(rows, record(self.record_bytes));
        plan
    }

    fn text(&self, rows: &str) -> String {
        format!("tfrecord:{}", self.arguments(rows))
    }
}

/// One record.
fn record(bytes: u64) -> Unit {
    // From the inside out: the message is as long as what is in it.
    let list = 1 + varint(bytes).len() as u64 + bytes;
    let feature = 1 + varint(list).len() as u64 + list;
    let image =
        [field(1, 5), b"image".to_vec(), field(2, feature), field(1, list), field(1, bytes)];
    let image = image.concat();
    let image_length = image.len() as u64 + bytes;
    // An int64_list of one packed number of one byte.
    let label = [field(1, 5), b"label".to_vec(), field(2, 5), field(3, 3), field(1, 1)].concat();
    let label_length = label.len() as u64 + 1;
    let entries = [field(1, image_length), field(1, label_length)];
    let features = entries[0].len() as u64 + image_length + entries[1].len() as u64 + label_length;
    let [image_entry, label_entry] = entries;
    let example = field(1, features);
    let message = example.len() as u64 + features;

    let length = message.to_le_bytes();
    let sum = Sum::MaskedCrc32c.of(&length);
    let mut unit = Unit::default();
    unit.framing([&length[..], &sum].concat());
    let start = unit.length();
    unit.framing([example, image_entry, image].concat())
        .payload(Element::Plain, bytes)
        .framing([label_entry, label].concat())
        .payload(Element::Small, 1);
    let end = unit.length();
    unit.checksum(Sum::MaskedCrc32c, Cover::once(start..end));
    unit
}

/// The head of a field with a length: its number, its wire type and the length.
fn field(number: u8, length: u64) -> Vec<u8> {
    let mut head = vec![number << 3 | 2];
    head.extend(varint(length));
    head
}
