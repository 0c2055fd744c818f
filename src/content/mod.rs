//! Content: every byte is a pure function of a seed and an address.
//!
//! # The format, version 1
//!
//! Sixteen bytes of content are one AES-128 block: their own address, encrypted.
//!
//! ```text
//! key     = BLAKE3 derive_key(context "seedfs v1 content key", the seed's UTF-8 bytes)[0..16]
//!
//! address = 16 bytes, big endian:
//!
//!   byte    0      2      4         6          10            16
//!           | gen  | node | process |   file   |    block    |
//!           | u16  | u16  |   u16   |   u32    |     u48     |
//!
//! content[16 * block .. 16 * block + 16] of (gen, node, process, file)
//!         = AES-128-encrypt(key, address)
//! ```
//!
//! With the block as the low bits of a big-endian number this is counter mode, so the content of
//! a file is the AES-128-CTR keystream whose first counter is the address of its block 0. Anyone
//! can make it without this program. For the seed `42`, generation 0, node 0, process 1, file 0:
//!
//! ```text
//! openssl enc -aes-128-ctr -K 35b97e48db360a0cab85cad9f5e0afb3 \
//!     -iv 00000000000100000000000000000000 -in /dev/zero | head -c 1048576
//! ```
//!
//! To begin at the byte `16 * block`, put the block into the last twelve digits.
//!
//! These bytes are a public interface. `reference/` holds the same format in a few lines of
//! Python, `tests/vectors/` what it makes, and neither ever changes for version 1.
//!
//! # What follows from it
//!
//! - *Seekable*: any byte costs one block, wherever it stands; see `keystream`, and `cipher` for
//!   how blocks are made fast.
//! - *Incompressible, and never the same twice*: a cipher gives different blocks for different
//!   addresses, so no two aligned blocks of a seed's 2^132 bytes are equal, and neither
//!   compression nor deduplication finds anything to save.
//! - *Checked without being kept*: data is compared with content that is generated beside it, in
//!   pieces that never leave the first-level cache; see `compare`.
//! - *Told where it comes from*: decryption turns any sixteen aligned bytes of content, found
//!   anywhere, into their address; see `locate`.
//! - *Independent*: there is no state to carry along, so any number of threads and machines make
//!   the same bytes.
//!
//! AES serves here as a fast permutation with an inverse. Nothing is secret: who has the seed has
//! the content.
//!
//! This layer keeps nothing but a thread's one hash buffer, never reads a clock or a file, and does
//! not know which files a dataset has: every address has content. Of a dataset it holds the seed's
//! key and the origins of the bytes, and every shape is in `shaped`.

mod address;
mod cipher;
mod compare;
mod digest;
mod framed;
mod key;
mod keystream;
mod locate;
mod shaped;
mod stop_check;
mod threads;

use std::ops::Range;
use std::sync::Arc;

use aes::Block;
use aes::cipher::BlockCipherDecrypt;

use crate::dataset::{ByExtension, Coordinates, Dataset, Origins, Template};

pub use address::{Address, KnownBlocks, Source};
pub use locate::Located;
pub use stop_check::{StopCheck, Stopped};

use compare::Plain;
use framed::Framed;
use key::Key;
use keystream::KeystreamPiece;
use shaped::{Shaped, Substance};
use threads::Threads;

/// The size of a block: what one address is encrypted to.
pub const BLOCK_BYTES: usize = 16;

/// The longest content that a file can have: 2^48 blocks.
pub const MAX_FILE_BYTES: u64 = 1 << 52;

/// The content of all files under one seed.
///
/// It holds a key and how the data is shaped, and no operation allocates.
///
/// Offsets are below [`MAX_FILE_BYTES`], and so is the end of every range that is asked for.
/// Beyond it there is no content. So that no caller's mistake can stop a filesystem, the offset
/// then counts modulo `MAX_FILE_BYTES`: the file's content begins again.
#[derive(Clone, Debug)]
pub struct Content {
    key: Key,
    forms: ByExtension<ContentForm>,
}

/// How the keystream becomes the bytes of files.
#[derive(Clone, Debug)]
enum ContentForm {
    /// It is them.
    Plain,
    /// In a shape.
    Shaped(Arc<Shaped>),
    /// In the framing of a format.
    Framed(Arc<Framed>),
}

impl ContentForm {
    fn of(origins: &Origins) -> Self {
        let shape = origins.shape();
        let substance = match &shape.template {
            Template::Framed(framing) => {
                return Self::Framed(Arc::new(Framed::new(framing.clone())));
            }
            _ if shape.is_plain() => return Self::Plain,
            Template::Random => Substance::Keystream,
            Template::Text => Substance::Text,
            Template::Zero => Substance::Zeros,
            Template::File(file) => Substance::File(file.clone()),
        };
        Self::Shaped(Arc::new(Shaped::new(origins, substance)))
    }

    fn shaped(&self) -> Option<&Shaped> {
        match self {
            Self::Shaped(shaped) => Some(shaped),
            Self::Plain | Self::Framed(_) => None,
        }
    }

    fn can_be_located(&self) -> bool {
        self.shaped().is_none_or(Shaped::can_be_located)
    }

    fn has_zeros(&self) -> bool {
        match self {
            Self::Plain => false,
            Self::Shaped(shaped) => shaped.has_zeros(),
            Self::Framed(framed) => framed.has_zeros(),
        }
    }
}

impl Content {
    /// The plain content under `seed`, which is taken as text: "42" and "042" are different seeds.
    #[must_use]
    pub fn new(seed: &str) -> Self {
        Self { key: Key::new(seed), forms: ContentForm::Plain.into() }
    }

    /// The content of a dataset, in its shape.
    #[must_use]
    pub fn of(dataset: &Dataset) -> Self {
        let forms = dataset.all_origins().map(ContentForm::of);
        Self { key: Key::new(dataset.seed()), forms }
    }

    /// The AES-128 key, with which other tools can make the same bytes.
    #[must_use]
    pub fn key(&self) -> [u8; 16] {
        self.key.bytes()
    }

    /// The cipher kernel of this machine: `portable`, `vaes256` or `vaes512`.
    #[must_use]
    pub fn cipher_kernel(&self) -> &'static str {
        self.key.cipher_kernel()
    }

    /// Fills `out` with the content of `file` from `offset`.
    pub fn fill(&self, file: Coordinates, offset: u64, out: &mut [u8]) {
        match self.form(file) {
            ContentForm::Plain => keystream::fill(&self.key, file, offset, out),
            ContentForm::Shaped(shaped) => shaped.fill(&self.key, file, offset, out),
            ContentForm::Framed(framed) => framed.fill(&self.key, file, offset, out),
        }
    }

    /// The index of the first byte of `data` that is not the content of `file` from `offset`.
    #[must_use]
    pub fn first_difference(&self, file: Coordinates, offset: u64, data: &[u8]) -> Option<usize> {
        match self.form(file) {
            ContentForm::Plain => compare::first_difference(&self.key, file, offset, data),
            ContentForm::Shaped(shaped) => shaped.first_difference(&self.key, file, offset, data),
            ContentForm::Framed(framed) => framed.first_difference(&self.key, file, offset, data),
        }
    }

    /// How many bytes at the end of `data` agree with the content of `file`, counted backwards
    /// until the first that does not. `offset` is that of the first byte of `data`.
    #[must_use]
    pub fn matching_suffix(&self, file: Coordinates, offset: u64, data: &[u8]) -> usize {
        match self.form(file) {
            ContentForm::Plain => compare::matching_suffix(&mut self.plain(file), offset, data),
            ContentForm::Shaped(shaped) => {
                compare::matching_suffix(&mut shaped.right(&self.key, file), offset, data)
            }
            ContentForm::Framed(framed) => {
                compare::matching_suffix(&mut framed.right(&self.key, file), offset, data)
            }
        }
    }

    /// Calls `run` with each maximal range of `data` in which every byte differs from the content
    /// of `file` from `offset`, in order.
    ///
    /// Exact to the byte: foreign data agrees by chance in one byte of 256, and its runs end there.
    pub fn differing_runs(
        &self,
        file: Coordinates,
        offset: u64,
        data: &[u8],
        run: &mut dyn FnMut(Range<usize>),
    ) {
        match self.form(file) {
            ContentForm::Plain => compare::differing_runs(&mut self.plain(file), offset, data, run),
            ContentForm::Shaped(shaped) => {
                compare::differing_runs(&mut shaped.right(&self.key, file), offset, data, run);
            }
            ContentForm::Framed(framed) => {
                compare::differing_runs(&mut framed.right(&self.key, file), offset, data, run);
            }
        }
    }

    /// The BLAKE3 hash of the first `size_bytes` bytes of `file`, on the threads of the current
    /// rayon pool. They are generated, and hashed where they are generated.
    #[must_use]
    pub fn blake3(&self, file: Coordinates, size_bytes: u64) -> [u8; 32] {
        // Nobody stops it.
        digest::blake3(self, (file, size_bytes), Threads::Current, &|| false).unwrap_or_default()
    }

    /// As [`blake3`](Self::blake3), but in the background: on threads that no other work is given
    /// to, and that the system lets run where nobody else wants the processor. `None` soon after
    /// `stop` has said so: it is asked before each piece of 128 KiB, by any of those threads.
    #[must_use]
    pub fn blake3_unless(
        &self,
        file: Coordinates,
        size_bytes: u64,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Option<[u8; 32]> {
        digest::blake3(self, (file, size_bytes), Threads::Background, stop)
    }

    /// The address whose content `block` is: the inverse of generating.
    ///
    /// Every block has exactly one. For bytes that are not content it is a random one.
    #[must_use]
    pub fn address_of(&self, block: &[u8; BLOCK_BYTES]) -> Address {
        let mut block = Block::from(*block);
        self.key.cipher().decrypt_block(&mut block);
        Address::from_bytes(block.into())
    }

    /// Calls `found` with every stretch of `data` that is content of some address, in order and
    /// without overlap, each as long as the bytes agree on both sides.
    ///
    /// A stretch is believed when it holds two whole blocks that follow one another, or one whole
    /// block that is `known`: a dataset knows its own, a closure may say of others. So anything of
    /// 47 bytes or more is found whatever its place in the data and in its file, and so is any
    /// known content of 31 bytes or more. By chance two blocks of foreign data follow one another
    /// once in 2^128 places.
    ///
    /// Located data costs about one comparison. Foreign data costs a decryption for each byte:
    /// sixteen times as much as generating it. Zeros cost nothing. In files of formats a stretch
    /// ends before a sum that covers so much that making it would cost more than that.
    pub fn locate(&self, data: &[u8], known: &dyn KnownBlocks, found: &mut dyn FnMut(Located)) {
        if self.forms.iter().any(ContentForm::can_be_located) {
            locate::locate(self, data, known, found);
        }
    }

    /// Whether two places hold the same bytes: calls `run` with each maximal run of them, as a
    /// range of 0..`length`, and whether the bytes there are the same, in order and without gaps.
    /// False where `stop` has said to stop before the end; what was found until then was handed on.
    ///
    /// Two places at which different content was made count as different even where single bytes,
    /// or fillers, happen to agree.
    pub fn agreement(
        &self,
        [one, other]: [Source; 2],
        length: u64,
        stop: StopCheck<'_>,
        run: &mut dyn FnMut(Range<u64>, bool),
    ) -> bool {
        let forms = [one, other].map(|place| self.form(place.file));
        let agrees = match forms {
            [ContentForm::Shaped(shaped), form] if one != other && std::ptr::eq(forms[0], form) => {
                return shaped.agreement([one, other], length, stop, run);
            }
            // Files of an index are all the same.
            [ContentForm::Framed(framed), form] if std::ptr::eq(forms[0], form) => {
                one == other || framed.is_common() && one.offset == other.offset
            }
            _ => one == other,
        };
        run(0..length, agrees);
        true
    }

    /// Whether all content is zeros.
    #[must_use]
    pub fn is_zeros(&self) -> bool {
        self.forms.iter().all(|form| form.shaped().is_some_and(Shaped::is_zeros))
    }

    /// Whether more zeros stand in a row somewhere than may agree with others by chance, 15; false
    /// where files [differ](Self::common).
    #[must_use]
    pub fn has_zeros(&self) -> bool {
        self.forms.iter().any(ContentForm::has_zeros)
    }

    /// How many bytes of a range are neither filler, which agrees with that of any place, nor
    /// framing, which agrees with that of any file. A long range counts as all content.
    #[must_use]
    pub fn content_bytes(&self, file: Coordinates, range: Range<u64>) -> u64 {
        match self.form(file) {
            ContentForm::Plain => range.end - range.start,
            ContentForm::Shaped(shaped) => shaped.content_bytes(file, range),
            ContentForm::Framed(framed) => framed.content_bytes(range),
        }
    }

    /// Makes the sums in a range over so many other bytes that it takes long, unless `stop` says
    /// so. They are remembered, so that whatever is asked of the range right afterwards takes no
    /// longer than elsewhere.
    ///
    /// # Errors
    ///
    /// [`Stopped`]: some were not made.
    pub fn make_sums(
        &self,
        file: Coordinates,
        range: Range<u64>,
        stop: StopCheck<'_>,
    ) -> Result<(), Stopped> {
        self.framed(file).map_or(Ok(()), |framed| framed.make_sums(&self.key, file, range, stop))
    }

    /// A place whose bytes are those of every file at this offset; `None` where files differ.
    #[must_use]
    pub fn common(&self, offset: u64) -> Option<Source> {
        let is_common = |form: &ContentForm| form.shaped().is_some_and(Shaped::is_common);
        let common = self.forms.iter().all(is_common);
        common.then_some(Source { file: Coordinates::default(), offset })
    }

    #[inline]
    fn form(&self, file: Coordinates) -> &ContentForm {
        self.forms.of(file)
    }

    fn framed(&self, file: Coordinates) -> Option<&Framed> {
        match self.form(file) {
            ContentForm::Framed(framed) => Some(framed),
            ContentForm::Plain | ContentForm::Shaped(_) => None,
        }
    }

    fn shaped(&self, file: Coordinates) -> Option<&Shaped> {
        self.form(file).shaped()
    }

    fn plain(&self, file: Coordinates) -> Plain<'_> {
        Plain { key: &self.key, piece: KeystreamPiece::new(file) }
    }
}

#[cfg(test)]
mod tests;
