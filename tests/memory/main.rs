//! What is held in memory, measured.
//!
//! A program of its own, because its allocator counts what the whole process has: any test that ran
//! beside these would be counted with them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on has failed; the numbers are small"
)]

#[path = "../common/mod.rs"]
mod common;
mod held;
mod verified_file;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

static HELD_BYTES: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, with the rounding up and the header that it adds.
struct Counting;

fn rounded(size: usize) -> usize {
    (size + 8).next_multiple_of(16).max(32)
}

// SAFETY: all is handed on as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD_BYTES.fetch_add(rounded(layout.size()), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD_BYTES.fetch_sub(rounded(layout.size()), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The tests count the same memory: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// What the process has now.
fn held_bytes() -> u64 {
    HELD_BYTES.load(Ordering::Relaxed) as u64
}
