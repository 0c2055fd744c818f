//! The state of a verification: whatever is read is written as what is read as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seedfs::storage::ResumeState;

fuzz_target!(|json: &[u8]| {
    let Ok(state) = serde_json::from_slice::<ResumeState>(json) else { return };
    let written = serde_json::to_string(&state).unwrap();
    let again: ResumeState = serde_json::from_str(&written).unwrap();
    // What no configuration can hold is text once it was written.
    let all = |state: &ResumeState| format!("{state:?}").replace("Unusable(", "Text(");
    assert_eq!(all(&again), all(&state), "{written}");
});
