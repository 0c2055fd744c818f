//! What is agreed with the kernel: what it may send, how much at once, how far it may read ahead.
//!
//! A kernel offers, a server asks for some of it, and neither says what came of it; so this does,
//! in the mount's log.

use std::fs;
use std::io;
use std::time::Duration;

use fuser::{InitFlags, KernelConfig};

/// How much the kernel may do on its own, and how long it may remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionOptions {
    /// The largest read or write that it may send in one piece, in bytes. It takes the smaller of
    /// this and its own limit, `/proc/sys/fs/fuse/max_pages_limit` pages.
    pub request_bytes: u32,
    /// Requests that it may have under way in the background: reads ahead and asynchronous I/O.
    pub background: u16,
    /// How far it reads ahead of a sequential reader where the page cache is used; nothing leaves
    /// it at what the kernel has. More than that needs root.
    pub read_ahead_bytes: Option<u32>,
    /// Whether attributes come with the names of a directory.
    pub names_with_attributes: NamesWithAttributes,
    /// Whether there are extended attributes. Without, the kernel asks for none: `ls -l` and
    /// `cp -a` would ask for each file.
    pub xattrs: bool,
    /// How long it may remember which inode a name has.
    pub names_remembered: Duration,
    /// How long it may remember attributes.
    pub attributes_remembered: Duration,
}

/// When the kernel asks for names and attributes together (readdirplus).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NamesWithAttributes {
    /// Where it looks as if the attributes were wanted next.
    #[default]
    Auto,
    /// Each time.
    Always,
    /// Never: `ls` without `-l` is faster, everything else slower.
    Never,
}

/// The largest request of any kernel: what the library's buffers hold.
pub const REQUEST_BYTES_MAX: u32 = 16 << 20;

/// Names and attributes change only through the mount, and the kernel knows what goes through it.
pub const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self {
            request_bytes: REQUEST_BYTES_MAX,
            background: 64,
            read_ahead_bytes: None,
            names_with_attributes: NamesWithAttributes::Auto,
            xattrs: true,
            names_remembered: REMEMBERED,
            attributes_remembered: REMEMBERED,
        }
    }
}

/// What we would like from the kernel, each for a reason; what an older one lacks, we go without.
const WANTED: [InitFlags; 6] = [
    // Several reads of one directory, or look-ups in it, at a time.
    InitFlags::FUSE_PARALLEL_DIROPS,
    // Direct reads and writes of several requests go out at once.
    InitFlags::FUSE_ASYNC_DIO,
    // Requests of more than 128 KiB.
    InitFlags::FUSE_MAX_PAGES,
    // Files that bypass the page cache can be mapped all the same.
    InitFlags::FUSE_DIRECT_IO_ALLOW_MMAP,
    // A server that exports the mount finds inodes again that the kernel has forgotten.
    InitFlags::FUSE_EXPORT_SUPPORT,
    // We drop set-id bits ourselves: else the kernel asks for `security.capability` before each
    // write.
    InitFlags::FUSE_HANDLE_KILLPRIV_V2,
];

/// Asks the kernel for what helps, within its limits, and logs what it does not offer.
pub fn negotiate(config: &mut KernelConfig, options: &ConnectionOptions) {
    let with_attributes: &[InitFlags] = match options.names_with_attributes {
        NamesWithAttributes::Auto => {
            &[InitFlags::FUSE_DO_READDIRPLUS, InitFlags::FUSE_READDIRPLUS_AUTO]
        }
        NamesWithAttributes::Always => &[InitFlags::FUSE_DO_READDIRPLUS],
        NamesWithAttributes::Never => &[],
    };
    for flag in WANTED.iter().chain(with_attributes) {
        if config.add_capabilities(*flag).is_err() {
            tracing::info!(?flag, "this kernel does not offer it: going on without");
        }
    }
    // They fail for values that are out of range, and then keep what they have. The kernel offers
    // no more than its default of reading ahead; more is set by `set_read_ahead`.
    let _ = config.set_max_write(options.request_bytes);
    let _ = config.set_max_background(options.background);
    if let Some(bytes) = options.read_ahead_bytes {
        let _ = config.set_max_readahead(bytes);
    }
    tracing::info!(
        abi = %config.kernel_abi(),
        request_bytes = options.request_bytes.min(request_limit_bytes()),
        background = options.background,
        "agreed with the kernel"
    );
}

/// The most that this kernel puts into one request.
fn request_limit_bytes() -> u32 {
    // Before 6.13 it was fixed.
    const FIXED_PAGES: u32 = 256;
    let pages = fs::read_to_string("/proc/sys/fs/fuse/max_pages_limit")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(FIXED_PAGES);
    pages.saturating_mul(4096)
}

/// Sets how far the kernel reads ahead on a mount that is there, by the device number of its
/// filesystem, and logs what it is now.
pub(super) fn set_read_ahead(device: &str, options: &ConnectionOptions) {
    let file = format!("/sys/class/bdi/{device}/read_ahead_kb");
    if let Some(bytes) = options.read_ahead_bytes
        && let Err(error) = fs::write(&file, (bytes / 1024).to_string())
    {
        tracing::warn!(%error, bytes, "cannot set how far the kernel reads ahead: root can");
    }
    match read_kib(&file) {
        Ok(kib) => tracing::info!(kib, "the kernel reads ahead where the page cache is used"),
        Err(error) => tracing::warn!(%error, "cannot tell how far the kernel reads ahead"),
    }
}

fn read_kib(file: &str) -> io::Result<u64> {
    fs::read_to_string(file)?.trim().parse().map_err(io::Error::other)
}
