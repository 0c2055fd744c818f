//! On which NUMA node the pages of a buffer lie.
#![allow(unsafe_code, reason = "a system call that no crate of ours has")]

use std::ptr;

/// Of each part of a buffer, the NUMA node of its first page; `None` for one that is nowhere yet,
/// or of which the system does not say.
pub(super) fn nodes_of_parts(buffer: &[u8], part_bytes: usize) -> Vec<Option<u32>> {
    let pages: Vec<*const u8> = buffer.chunks(part_bytes).map(<[u8]>::as_ptr).collect();
    let mut found = vec![-1; pages.len()];
    // SAFETY: both lists are as long as is said. Without a list of nodes nothing is moved: the call
    // looks at the addresses' pages, not into them, and writes only to `found`.
    let result = unsafe {
        libc::syscall(
            libc::SYS_move_pages,
            0,
            pages.len(),
            pages.as_ptr(),
            ptr::null::<libc::c_int>(),
            found.as_mut_ptr(),
            0,
        )
    };
    let told = result == 0;
    found.into_iter().map(|node: libc::c_int| u32::try_from(node).ok().filter(|_| told)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_somewhere_once_they_are_touched() {
        const PART_BYTES: usize = 1 << 20;
        // Fresh from the system: too large for the allocator to have had it before.
        let mut buffer = vec![0_u8; 64 * PART_BYTES];
        assert_eq!(nodes_of_parts(&buffer, PART_BYTES).len(), 64);
        buffer.fill(1);
        let nodes = nodes_of_parts(&buffer, PART_BYTES);
        // A kernel without NUMA says nothing; one with it has each page on a node that is there.
        assert!(nodes.iter().all(Option::is_none) || nodes.iter().all(Option::is_some));
        assert!(nodes_of_parts(&[], PART_BYTES).is_empty());
    }
}
