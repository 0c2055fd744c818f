//! What a child inherits.

use std::fs;

/// Lets no process that is started from here on inherit a descriptor but the standard ones: what
/// our caller has open is not a daemon's to hold.
pub fn keep_descriptors_from_children() {
    // Without `/proc` nothing is mounted anyway.
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return };
    for entry in entries.flatten() {
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some(descriptor) = number.filter(|number| *number > libc::STDERR_FILENO) {
            // SAFETY: it changes no memory and closes nothing; on a descriptor that is not open,
            // like that of the listing after its end, it fails.
            unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
}
