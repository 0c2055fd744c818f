//! Flatbuffers, written from the front: each table behind its list of fields, and what it points to
//! behind it, in the order of the fields.

/// A table: fields by their numbers, in their order.
#[derive(Debug, Default)]
pub(super) struct FlatTable {
    fields: Vec<(u16, Field)>,
}

/// What a field holds.
#[derive(Debug)]
pub(super) enum Field {
    U8(u8),
    I16(i16),
    U32(u32),
    I64(u64),
    Text(String),
    Table(FlatTable),
    Tables(Vec<FlatTable>),
    /// The bytes of structures that are aligned to eight, and how long each is.
    Structs(Vec<u8>, usize),
}

impl FlatTable {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds a field.
    pub(super) fn with(mut self, number: u16, field: Field) -> Self {
        self.fields.push((number, field));
        self
    }

    /// The buffer whose root it is.
    pub(super) fn finish(self) -> Vec<u8> {
        let mut bytes = vec![0; 4];
        let root = self.write(&mut bytes);
        point(&mut bytes, 0, root);
        pad(&mut bytes, 8, 0);
        bytes
    }

    /// Appends it; the place where it begins. Tables nest as deep as the callers write them, four
    /// at the most.
    fn write(self, bytes: &mut Vec<u8>) -> usize {
        let slots = self.fields.iter().map(|(number, _)| number + 1).max().unwrap_or(0);
        let list_bytes = 4 + 2 * slots;
        // The table begins at a multiple of eight, right behind its list of fields.
        pad(bytes, 8, usize::from(list_bytes));
        let list = bytes.len();
        bytes.resize(list + usize::from(list_bytes), 0);
        let table = bytes.len();
        bytes.extend(list_bytes_of(table - list));
        let mut behind = Vec::new();
        for (number, field) in self.fields {
            let width = field.width();
            pad(bytes, width, 0);
            let place = bytes.len();
            let slot = list + 4 + 2 * usize::from(number);
            put(bytes, slot, &short(place - table));
            match field {
                Field::U8(value) => bytes.push(value),
                Field::I16(value) => bytes.extend(value.to_le_bytes()),
                Field::U32(value) => bytes.extend(value.to_le_bytes()),
                Field::I64(value) => bytes.extend(value.to_le_bytes()),
                other => {
                    bytes.extend([0; 4]);
                    behind.push((place, other));
                }
            }
        }
        let length = bytes.len() - table;
        put(bytes, list, &list_bytes.to_le_bytes());
        put(bytes, list + 2, &short(length));
        for (place, field) in behind {
            let target = field.write(bytes);
            point(bytes, place, target);
        }
        table
    }
}

impl Field {
    /// How many bytes it has in its table.
    fn width(&self) -> usize {
        match self {
            Self::U8(_) => 1,
            Self::I16(_) => 2,
            Self::I64(_) => 8,
            _ => 4,
        }
    }

    /// Appends what the table points to; the place where it begins.
    fn write(self, bytes: &mut Vec<u8>) -> usize {
        match self {
            Self::Text(text) => {
                let place = begin(bytes, text.len(), 4);
                bytes.extend(text.as_bytes());
                bytes.push(0);
                place
            }
            Self::Table(table) => table.write(bytes),
            Self::Structs(structs, length) => {
                let place = begin(bytes, structs.len() / length, 8);
                bytes.extend(structs);
                place
            }
            Self::Tables(tables) => {
                let place = begin(bytes, tables.len(), 4);
                let first = bytes.len();
                bytes.resize(first + 4 * tables.len(), 0);
                for (index, table) in tables.into_iter().enumerate() {
                    let target = table.write(bytes);
                    point(bytes, first + 4 * index, target);
                }
                place
            }
            Self::U8(_) | Self::I16(_) | Self::U32(_) | Self::I64(_) => bytes.len(),
        }
    }
}

/// Begins a vector, whose items are aligned, with their number.
fn begin(bytes: &mut Vec<u8>, count: usize, align: usize) -> usize {
    pad(bytes, align, 4);
    let place = bytes.len();
    bytes.extend((count as u32).to_le_bytes());
    place
}

/// Adds zeros until what comes `more` bytes further on is aligned.
fn pad(bytes: &mut Vec<u8>, align: usize, more: usize) {
    let end = bytes.len() + more;
    bytes.resize(bytes.len() + end.next_multiple_of(align) - end, 0);
}

/// Writes how far it is from a place to what it points to, which stands behind it.
fn point(bytes: &mut [u8], place: usize, target: usize) {
    put(bytes, place, &((target - place) as u32).to_le_bytes());
}

fn put(bytes: &mut [u8], place: usize, value: &[u8]) {
    if let Some(room) = bytes.get_mut(place..place + value.len()) {
        room.copy_from_slice(value);
    }
}

/// How far a table is behind its list of fields.
fn list_bytes_of(distance: usize) -> [u8; 4] {
    (distance as u32).to_le_bytes()
}

fn short(length: usize) -> [u8; 2] {
    (length as u16).to_le_bytes()
}
