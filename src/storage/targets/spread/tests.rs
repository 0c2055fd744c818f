//! The arithmetic against what it promises: different targets, balance, the same again, and places
//! that only get more.
#![expect(clippy::cast_precision_loss, reason = "shares are compared as far as they go")]

use proptest::prelude::*;

use super::*;

/// Free space of some targets, of which at least as many as copies have some.
fn free_space() -> impl Strategy<Value = (Vec<u64>, usize)> {
    prop::collection::vec(prop_oneof![Just(0), 1..100_u64, 1..u64::MAX / 64], 1..=12)
        .prop_map(|mut bytes| {
            bytes[0] = bytes[0].max(1);
            bytes
        })
        .prop_flat_map(|bytes| {
            let with_space = bytes.iter().filter(|bytes| **bytes > 0).count();
            (Just(bytes), 1..=with_space)
        })
}

fn any_spread() -> impl Strategy<Value = Spread> {
    let even = (1..=12_usize).prop_flat_map(|targets| (Just(targets), 1..=targets));
    prop_oneof![
        even.prop_map(|(targets, copies)| Spread::even(targets, copies).unwrap()),
        free_space().prop_map(|(bytes, copies)| Spread::by_free_space(&bytes, copies).unwrap()),
    ]
}

proptest! {
    #[test]
    fn copies_are_on_different_targets_and_the_same_each_time(
        spread in any_spread(),
        number in 0..u64::MAX / 8192,
    ) {
        let places = spread.places(number, TargetSet::default());
        prop_assert_eq!(places.count(), spread.copies());
        prop_assert!(places.iter().all(|target| target < spread.targets()));
        prop_assert!(places.has(spread.first_place(number)));
        prop_assert_eq!(spread.clone().places(number, TargetSet::default()), places);
        let again = number + u64::from(spread.slots()) * 3;
        prop_assert_eq!(spread.places(again, TargetSet::default()), places);
        let mut order: Vec<usize> = spread.order(number).collect();
        order.sort_unstable();
        prop_assert_eq!(order, (0..spread.targets()).collect::<Vec<_>>());
    }

    #[test]
    fn even_is_even_over_any_files_in_a_row(
        (targets, copies) in (1..=12_usize).prop_flat_map(|targets| (Just(targets), 1..=targets)),
        first in 0..1000_u64,
        rounds in 1..5_u64,
    ) {
        let spread = Spread::even(targets, copies).unwrap();
        let mut counts = vec![0; targets];
        for number in first..first + rounds * targets as u64 {
            for target in spread.places(number, TargetSet::default()).iter() {
                counts[target] += 1;
            }
        }
        prop_assert_eq!(counts, vec![rounds * copies as u64; targets]);
    }

    /// Each target has the share of the slots that was computed, and that is its share of the
    /// space, but for what one copy on each target makes impossible, and for rounding.
    #[test]
    fn free_is_in_proportion((bytes, copies) in free_space()) {
        let spread = Spread::by_free_space(&bytes, copies).unwrap();
        let SpreadRule::Free(shares) = spread.rule().clone() else { panic!("{spread:?}") };
        let mut counts = vec![0; bytes.len()];
        for number in 0..u64::from(FREE_SLOTS) {
            for target in spread.places(number, TargetSet::default()).iter() {
                counts[target] += 1;
            }
        }
        prop_assert_eq!(&counts, &shares);
        prop_assert_eq!(&Spread::with_shares(shares.clone(), copies).unwrap(), &spread);
        for (a, share_a) in bytes.iter().zip(&shares) {
            prop_assert!(*a > 0 || *share_a == 0);
            for (b, share_b) in bytes.iter().zip(&shares) {
                if *share_a < FREE_SLOTS && *share_b < FREE_SLOTS && *a > 0 && *b > 0 {
                    let exact = f64::from(*share_b) * *a as f64 / *b as f64;
                    let close = 2.0 + 2.0 * *a as f64 / *b as f64;
                    let far = (f64::from(*share_a) - exact).abs();
                    prop_assert!(far <= close, "{bytes:?} {shares:?}");
                }
            }
        }
    }

    /// Numbers in a row come to a target as often as its share says, give or take a few.
    #[test]
    fn few_files_are_spread_like_many((bytes, copies) in free_space(), first in 0..9000_u64) {
        const FILES: u32 = 100;
        let spread = Spread::by_free_space(&bytes, copies).unwrap();
        let SpreadRule::Free(shares) = spread.rule().clone() else { panic!("{spread:?}") };
        let mut counts = vec![0_u32; bytes.len()];
        for number in first..first + u64::from(FILES) {
            for target in spread.places(number, TargetSet::default()).iter() {
                counts[target] += 1;
            }
        }
        for (count, share) in counts.iter().zip(&shares) {
            let exact = f64::from(*share) * f64::from(FILES) / f64::from(FREE_SLOTS);
            prop_assert!((f64::from(*count) - exact).abs() <= 8.0, "{counts:?} {shares:?}");
        }
    }

    #[test]
    fn places_only_get_more_whichever_targets_fail(
        spread in any_spread(),
        number in 0..10_000_u64,
        order in Just((0..12_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let mut failed = TargetSet::default();
        let mut before = spread.places(number, failed);
        for target in order.into_iter().filter(|target| *target < spread.targets()) {
            failed.insert(target);
            let now = spread.places(number, failed);
            prop_assert_eq!(now.and(before), before);
            let sound = spread.targets() - failed.count();
            if spread.copies() == 1 {
                prop_assert_eq!(now, before);
            } else {
                prop_assert!(now.without(failed).count() >= spread.copies().min(sound));
            }
            before = now;
        }
    }
}

#[test]
fn the_second_copies_of_a_failed_target_are_spread_over_the_others() {
    let spread = Spread::even(4, 2).unwrap();
    let places = |number, failed| spread.places(number, failed).iter().collect::<Vec<_>>();
    assert_eq!(places(0, TargetSet::default()), [0, 1]);
    assert_eq!(places(3, TargetSet::default()), [0, 3]);
    let failed = TargetSet::of([1]);
    assert_eq!(places(0, failed), [0, 1, 2]);
    assert_eq!(places(1, failed), [1, 2, 3]);
    assert_eq!(places(2, failed), [2, 3]);
}

#[test]
fn what_cannot_be_is_refused() {
    assert!(matches!(Spread::even(0, 1), Err(SpreadError::Targets(0))));
    assert!(matches!(Spread::even(65, 1), Err(SpreadError::Targets(65))));
    assert!(matches!(Spread::even(2, 3), Err(SpreadError::Copies { copies: 3, targets: 2 })));
    assert!(Spread::even(2, 0).is_err());
    assert_eq!(Spread::by_free_space(&[0, 7], 2), Err(SpreadError::NoSpace(1)));
    for shares in [vec![4096, 1], vec![4097, 4095], vec![0, 0], vec![u32::MAX; 64]] {
        assert_eq!(Spread::with_shares(shares, 2), Err(SpreadError::Shares));
    }
    assert_eq!(shares(&[1, 1, 1000], 2), [2048, 2048, 4096]);
    assert_eq!(shares(&[30, 10], 1), [3072, 1024]);
}
