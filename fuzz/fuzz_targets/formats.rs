//! Descriptions of formats, as `--content` takes them. What is accepted prints as what is the same
//! file again, its parts lie without gaps, and any range of it is made as its halves are.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seedfs::content::{Content, StopCheck};
use seedfs::dataset::{Coordinates, DatasetConfig};
use seedfs::framing::{Framing, FramingError, Plan};

fuzz_target!(|input: (u64, u64, u16, &str)| {
    let (size, place, length, text) = input;
    let length = u64::from(length) % 20_000;
    // A size that is refused names others, so most would tell nothing else.
    let asked = (!size.is_multiple_of(3)).then_some(size);
    let framing = match Framing::parse(text, asked) {
        Ok(framing) => framing,
        Err(FramingError::Size(_)) => match Framing::parse(text, None) {
            Ok(framing) => framing,
            Err(_) => return,
        },
        Err(FramingError::Description(message)) => {
            assert!(!message.is_empty());
            return;
        }
    };
    let size = framing.size_bytes();
    assert!((1..=1 << 52).contains(&size), "{framing} has {size} bytes");
    let printed = framing.to_string();
    assert_eq!(Framing::parse(&printed, None).as_ref(), Ok(&framing));
    assert_eq!(Framing::parse(&printed, Some(size)).as_ref(), Ok(&framing));
    // Half of the places are near the end, where the footers are.
    let start = if place.is_multiple_of(2) { place % size } else { size - 1 - place % size.min(4096) };
    spans(framing.plan(), start, length);
    bytes(&printed, start, length);
});

fn spans(plan: &Plan, start: u64, length: u64) {
    let mut end = start;
    let mut summed = 0_u64;
    for span in plan.spans(start..start + length) {
        assert_eq!(span.range.start, end);
        assert!(span.length() > 0 && span.part <= span.range.start);
        end = span.range.end;
    }
    assert_eq!(end, start + length);
    for (span, checksum) in plan.sums(start..start + length) {
        summed = summed.saturating_add(checksum.covered_bytes());
        let mut covered = 0;
        for cover in checksum.covers(&span).take(1000) {
            assert!(cover.end <= plan.size_bytes());
            covered += cover.end - cover.start;
        }
        assert!(covered <= checksum.covered_bytes());
    }
    assert_eq!(plan.summed_bytes(start..start + length), summed);
}

fn bytes(text: &str, start: u64, length: u64) {
    let config = DatasetConfig { content: Some(text.into()), ..DatasetConfig::default() };
    let dataset = config.validate().expect(text);
    let content = Content::of(&dataset);
    let file = Coordinates::default();
    let end = (start + length).min(dataset.size_bytes(file));
    if content.make_sums(file, start..end, StopCheck::BEFORE_LONG).is_err() {
        return;
    }
    let mut whole = vec![0; usize::try_from(end - start).expect("short")];
    content.fill(file, start, &mut whole);
    let mut halves = whole.clone();
    let (first, second) = halves.split_at_mut(whole.len() / 3);
    content.fill(file, start, first);
    content.fill(file, start + first.len() as u64, second);
    assert!(whole == halves, "{text}, {start}..{end}");
    assert_eq!(content.first_difference(file, start, &whole), None);
    if let Some(last) = whole.len().checked_sub(1) {
        halves[last] ^= 1;
        assert_eq!(content.first_difference(file, start, &halves), Some(last));
        assert_eq!(content.matching_suffix(file, start, &whole), whole.len());
    }
}
