use proptest::prelude::*;

use super::*;
use crate::dataset::{Choice, Coordinates, MAX_SIZE_BYTES, Purpose};

fn sizes(text: &str) -> Sizes {
    Sizes::parse(text).expect(text)
}

/// The sizes of so many files of one process, from small to large.
fn drawn(sizes: &Sizes, count: u32) -> Vec<u64> {
    let choice = Choice::new("42");
    let size = |file| {
        let file = Coordinates { file, ..Coordinates::default() };
        sizes.size(choice.stream(Purpose::Size, file).draw(0))
    };
    let mut drawn: Vec<u64> = (0..count).map(size).collect();
    drawn.sort_unstable();
    drawn
}

fn near(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!(
        (found / expected - 1.0).abs() < tolerance,
        "{what}: found {found}, expected {expected}"
    );
}

#[expect(clippy::cast_precision_loss, reason = "compared with a tolerance")]
fn mean(sizes: &[u64]) -> f64 {
    sizes.iter().map(|size| *size as f64).sum::<f64>() / sizes.len() as f64
}

#[expect(clippy::cast_precision_loss, reason = "compared with a tolerance")]
fn table_mean(sizes: &Sizes) -> f64 {
    sizes.mean_1024ths() as f64 / 1024.0
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "compared with a tolerance"
)]
fn quantile(sizes: &[u64], share: f64) -> f64 {
    sizes[(sizes.len() as f64 * share) as usize] as f64
}

const COUNT: u32 = 100_000;

#[test]
fn uniform_sizes_are_spread_evenly_and_reach_both_ends() {
    let distribution = sizes("4K..1M");
    let drawn = drawn(&distribution, COUNT);
    let (min, max) = (4096.0, 1_048_576.0);
    for share in [0.1, 0.25, 0.5, 0.75, 0.9] {
        near(quantile(&drawn, share), min + share * (max - min), 0.02, "quantile");
    }
    near(mean(&drawn), f64::midpoint(min, max), 0.01, "mean");
    near(table_mean(&distribution), f64::midpoint(min, max), 1e-9, "mean of the formula");
    assert_eq!((distribution.size(0), distribution.size(u64::MAX)), (4096, 1 << 20));
    let narrow = sizes("1..3");
    assert_eq!([0, 1 << 63, u64::MAX].map(|draw| narrow.size(draw)), [1, 2, 3]);
}

#[test]
fn lognormal_sizes_are_those_of_the_distribution() {
    for (text, median, sigma, tolerance) in [
        ("lognormal:median=64K,sigma=0.5", 65_536.0, 0.5_f64, 0.01),
        ("lognormal:median=64K,sigma=1", 65_536.0, 1.0, 0.02),
        ("lognormal:median=1M,sigma=2", 1_048_576.0, 2.0, 0.15),
    ] {
        let distribution = sizes(text);
        let drawn = drawn(&distribution, COUNT);
        near(quantile(&drawn, 0.5), median, 0.02, text);
        for (share, z) in [
            (0.022_750, -2.0),
            (0.158_655, -1.0),
            (0.841_345, 1.0),
            (0.977_250, 2.0),
            (0.998_650, 3.0),
        ] {
            near(quantile(&drawn, share), median * (sigma * z).exp(), 0.05 * (1.0 + sigma), text);
        }
        let expected = median * (sigma * sigma / 2.0).exp();
        near(mean(&drawn), expected, tolerance, text);
        near(table_mean(&distribution), expected, 0.01, text);
    }
    let cut = sizes("lognormal:median=64K,sigma=2,max=1G");
    assert_eq!(cut.size(u64::MAX), 1 << 30);
    near(mean(&drawn(&cut, COUNT)), table_mean(&cut), 0.15, "cut");
    assert_eq!(sizes("lognormal:median=64K,sigma=0").size(12345), 65536);
}

#[test]
fn pareto_sizes_are_those_of_the_distribution() {
    for (text, alpha, tolerance) in [
        ("pareto:min=4K,alpha=3", 3.0_f64, 0.01),
        ("pareto:min=4K,alpha=2", 2.0, 0.03),
        // Its variance is infinite: the mean of so many is still far off.
        ("pareto:min=4K,alpha=1.5", 1.5, 0.25),
    ] {
        let distribution = sizes(text);
        let drawn = drawn(&distribution, COUNT);
        for share in [0.1, 0.5, 0.9, 0.99, 0.999] {
            let expected = 4096.0 * (1.0_f64 - share).powf(-1.0 / alpha);
            near(quantile(&drawn, share), expected, 0.1, text);
        }
        let expected = 4096.0 * alpha / (alpha - 1.0);
        near(mean(&drawn), expected, tolerance, text);
        near(table_mean(&distribution), expected, 0.01, text);
    }
    // The mean of what is cut: min × (a - (min / max)^(a - 1)) / (a - 1).
    let cut = sizes("pareto:min=4K,alpha=1.2,max=1G");
    let expected = 4096.0 * (1.2 - (4096.0 / 1_073_741_824.0_f64).powf(0.2)) / 0.2;
    near(table_mean(&cut), expected, 0.01, "cut");
    assert_eq!((cut.size(0), cut.size(u64::MAX)), (4096, 1 << 30));
}

#[test]
fn buckets_have_their_shares() {
    let distribution = sizes("buckets:4K=70,64K=24.95,10M=5,1=0.05");
    let drawn = drawn(&distribution, COUNT);
    for (size, share) in [(4096, 0.7), (65536, 0.2495), (10 << 20, 0.05), (1, 0.0005)] {
        let count = u32::try_from(drawn.iter().filter(|drawn| **drawn == size).count()).unwrap();
        near(f64::from(count) / f64::from(COUNT), share, 0.3 * (1.0 - share), "share");
    }
    let expected = 4096.0 * 0.7 + 65536.0 * 0.2495 + f64::from(10 << 20) * 0.05 + 0.0005;
    near(table_mean(&distribution), expected, 1e-6, "mean of the formula");
    near(mean(&drawn), expected, 0.03, "mean");
    assert_eq!(sizes("buckets:1=0,5=100,7=0").size(u64::MAX), 5);
}

#[test]
fn what_is_typed_is_spelt_canonically() {
    for (typed, canonical) in [
        ("4K", "4096"),
        (" 4K .. 1M ", "4096..1048576"),
        ("4K..4K", "4096"),
        (
            "lognormal:sigma=2.50,median=64K",
            "lognormal:median=65536,sigma=2.5,max=4503599627370496",
        ),
        (
            "lognormal: median = 64K, sigma = 2, max = 1G",
            "lognormal:median=65536,sigma=2,max=1073741824",
        ),
        ("pareto:min=1,alpha=0.123,max=1", "pareto:min=1,alpha=0.123,max=1"),
        ("buckets:4K=70,64K=25,10M=5", "buckets:4096=70,65536=25,10485760=5"),
        ("buckets:4K=33.33,1=66.67", "buckets:4096=33.33,1=66.67"),
    ] {
        assert_eq!(sizes(typed).to_string(), canonical);
        assert_eq!(sizes(canonical), sizes(typed));
    }
}

#[test]
fn each_distribution_that_cannot_be_is_refused_with_its_reason() {
    for (text, reason) in [
        ("0", "expected 1 byte to 4 PiB"),
        ("x", "this is not a number with a unit; expected 1 byte"),
        ("4K..", "this is not a number with a unit"),
        ("0..4K", "expected 1 byte"),
        ("4K..5P", "expected 1 byte"),
        ("4K..1K", "the first size is larger than the last; expected MIN..MAX"),
        ("normal:mean=1", "`normal` is not a distribution; expected"),
        ("lognormal:", "`` has no value; expected NAME=VALUE"),
        ("lognormal:median=64K", "`sigma` is missing; expected"),
        ("lognormal:sigma=1", "`median` is missing; expected"),
        ("lognormal:median=64K,sigma=1,sigma=2", "`sigma` stands there twice; expected once"),
        ("lognormal:median=64K,sigma=1,min=2", "`min` is unknown here; expected median, sigma"),
        ("lognormal:median=0,sigma=1", "`median`: expected 1 byte"),
        ("lognormal:median=64K,sigma=1.2345", "`sigma` is `1.2345`; expected 0 to 10, with up"),
        ("lognormal:median=64K,sigma=10.001", "expected 0 to 10, with"),
        ("lognormal:median=64K,sigma=-1", "expected 0 to 10, with"),
        ("lognormal:median=64K,sigma=1,max=1K", "`max` is smaller than `median`; expected"),
        ("pareto:min=4K,alpha=0.099", "`alpha` is `0.099`; expected 0.1 to 100, with"),
        ("pareto:min=4K,alpha=1,max=1K", "`max` is smaller than `min`; expected"),
        ("buckets:4K=70,64K=25", "the shares are 95 % together; expected 100"),
        ("buckets:4K=99.99,1=0.02", "the shares are 100.01 % together; expected 100"),
        ("buckets:4K=101", "`101` is not a share; expected SIZE=PERCENT"),
        ("buckets:4K", "`4K` has no value; expected"),
        ("buckets:0=100", "expected 1 byte"),
    ] {
        let error = Sizes::parse(text).expect_err(text);
        assert!(error.contains(reason), "{text}: {error}");
    }
    let many = format!("buckets:{}1=100", "1=0,".repeat(64));
    assert!(Sizes::parse(&many).expect_err("65").contains("these are 65 buckets; expected 64"));
}

/// The reference computes each entry from its definition.
#[test]
fn the_tables_are_those_of_the_reference() {
    #[derive(serde::Deserialize)]
    struct Tables {
        normal: Vec<u32>,
        exp2: Vec<u64>,
        log2: Vec<u64>,
    }
    let text = include_str!("../../../../tests/vectors/sizes_v1.json");
    let tables: Tables = serde_json::from_str(text).expect("the vectors are JSON");
    assert!(tables.normal == NORMAL);
    assert!(tables.exp2 == EXP2);
    assert!(tables.log2 == LOG2);
}

fn any_sizes() -> impl Strategy<Value = Sizes> {
    let size = || prop_oneof![1..=MAX_SIZE_BYTES, (0..=52_u32).prop_map(|log| 1 << log)];
    let two = || (size(), size()).prop_map(|(a, b)| (a.min(b), a.max(b)));
    prop_oneof![
        two().prop_map(|(min, max)| Sizes::Uniform { min, max }),
        (two(), 0..=10_000_u32).prop_map(|((median, max), sigma)| Sizes::Lognormal {
            median,
            sigma: Decimal(sigma),
            max
        }),
        (two(), 100..=100_000_u32).prop_map(|((min, max), alpha)| Sizes::Pareto {
            min,
            alpha: Decimal(alpha),
            max
        }),
    ]
}

proptest! {
    #[test]
    fn sizes_are_in_bounds_and_grow_with_the_draw(
        sizes in any_sizes(),
        draws in prop::collection::vec(
            prop_oneof![any::<u64>(), (0..64_u32, any::<bool>()).prop_map(|(shift, high)| {
                let tail = u64::MAX >> shift;
                if high { !tail } else { tail }
            })],
            1..50,
        ),
    ) {
        let mut draws = draws;
        draws.extend([0, 1, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX - 1, u64::MAX]);
        draws.sort_unstable();
        let drawn: Vec<u64> = draws.iter().map(|draw| sizes.size(*draw)).collect();
        prop_assert!(drawn.is_sorted(), "{sizes}: {drawn:?}");
        prop_assert!(drawn.iter().all(|size| (1..=sizes.largest()).contains(size)));
        let mean = sizes.mean_1024ths() >> 10;
        prop_assert!(mean <= u128::from(sizes.largest()));
    }

    #[test]
    fn what_is_written_is_read(sizes in any_sizes()) {
        let canonical = match sizes {
            Sizes::Uniform { min, max } if min == max => Sizes::Equal(min),
            sizes => sizes,
        };
        prop_assert_eq!(Sizes::parse(&canonical.to_string()), Ok(canonical));
    }

    #[test]
    fn any_text_is_read_or_refused(
        text in r"(lognormal:|pareto:|buckets:)?[a-z0-9=,.KM%]{0,20}|\PC{0,20}"
    ) {
        if let Err(error) = Sizes::parse(&text) {
            prop_assert!(error.contains("expected"), "{error}");
        }
    }
}
