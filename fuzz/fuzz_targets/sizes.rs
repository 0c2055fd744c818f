//! Sizes: a number, a range, buckets, a distribution. What is accepted prints as what makes the same
//! sizes again, and each size that is drawn lies within what may be.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seedfs::dataset::{
    Coordinates, Dataset, DatasetConfig, MAX_SIZE_BYTES, format_size, parse_size,
};

fuzz_target!(|input: (u16, &str)| {
    let (file, text) = input;
    if let Ok(size) = parse_size(text) {
        assert!(!format_size(size).is_empty());
        assert_eq!(parse_size(&size.to_string()), Ok(size));
    }
    let of = |text: &str| {
        let files = Some(10_000_u64.into());
        DatasetConfig { size: Some(text.into()), files, ..DatasetConfig::default() }.validate()
    };
    let Ok(dataset) = of(text) else { return };
    let printed = dataset.sizes().to_string();
    let again = of(&printed).expect(&printed);
    assert_eq!(again.sizes(), dataset.sizes(), "{printed}");
    let size = |dataset: &Dataset| {
        let file = u32::from(file) % 10_000;
        dataset.size_bytes(Coordinates { file, ..Coordinates::default() })
    };
    assert_eq!(size(&again), size(&dataset));
    assert!(size(&dataset) <= MAX_SIZE_BYTES);
});
