//! Percentages as options take them: up to two decimals, kept as whole hundredths.

use std::fmt;

use super::OptionValue;

/// What stands for the whole: 100 % in hundredths of a percent.
pub(super) const BASIS_POINTS: u64 = 10_000;

/// A percentage, in hundredths of a percent: no fraction is ever rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u32);

impl Percent {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The whole.
    pub const FULL: Self = Self(10_000);

    /// So many hundredths of a percent.
    #[must_use]
    pub const fn of_basis_points(basis_points: u32) -> Self {
        Self(basis_points)
    }

    /// In hundredths of a percent.
    #[must_use]
    pub const fn basis_points(self) -> u32 {
        self.0
    }

    /// As a fraction of 2^32, rounded to the nearest.
    #[must_use]
    pub const fn of_2_32(self) -> u64 {
        (((self.0 as u64) << 32) + BASIS_POINTS / 2) / BASIS_POINTS
    }

    /// Reads `5`, `2.5`, `0.05`; `None` for anything else, signs, exponents and a third decimal
    /// among it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !is_digits(whole) || !is_digits(decimals) {
            return None;
        }
        let hundredths: u32 = match decimals.len() {
            1 => decimals.parse::<u32>().ok()? * 10,
            2 => decimals.parse().ok()?,
            _ => return None,
        };
        whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(hundredths).map(Self)
    }

    /// This share of a number for each of some generations, rounded down once.
    #[must_use]
    pub(super) fn of(self, number: u64, generations: u16) -> u128 {
        u128::from(number) * u128::from(generations) * u128::from(self.0) / u128::from(BASIS_POINTS)
    }

    /// A number that this share of it was added to in each generation; at most `u64::MAX`, which
    /// validation refuses.
    #[inline]
    #[must_use]
    pub(super) fn grown(self, number: u64, generation: u16) -> u64 {
        if self == Self::ZERO || generation == 0 {
            return number;
        }
        u64::try_from(u128::from(number) + self.of(number, generation)).unwrap_or(u64::MAX)
    }

    /// The first generation in which a number has grown by `amount`; `None` if there is none.
    pub(super) fn first_adding(self, number: u64, amount: u128) -> Option<u16> {
        let each = u128::from(number) * u128::from(self.0);
        let first = (each > 0).then(|| (amount * u128::from(BASIS_POINTS)).div_ceil(each))?;
        u16::try_from(first).ok()
    }

    /// The last generation up to `generation` in which a number grew; 0 if it never did.
    pub(super) fn last_growth(self, number: u64, generation: u16) -> u16 {
        match self.of(number, generation) {
            0 => 0,
            amount => self.first_adding(number, amount).unwrap_or(generation),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, hundredths) = (self.0 / 100, self.0 % 100);
        match (hundredths, hundredths % 10) {
            (0, _) => write!(f, "{whole}"),
            (_, 0) => write!(f, "{whole}.{}", hundredths / 10),
            _ => write!(f, "{whole}.{hundredths:02}"),
        }
    }
}

impl From<Percent> for OptionValue {
    /// A whole number as one, anything else as text: both are read back without rounding.
    fn from(percent: Percent) -> Self {
        match percent.0 % 100 {
            0 => Self::Integer((percent.0 / 100).into()),
            _ => Self::Text(percent.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fractions_reach_both_ends() {
        assert_eq!(Percent::ZERO.of_2_32(), 0);
        assert_eq!(Percent::FULL.of_2_32(), 1 << 32);
        assert_eq!(Percent(5000).of_2_32(), 1 << 31);
    }

    #[test]
    fn up_to_two_decimals_are_read() {
        for (text, basis_points) in [
            ("0", 0),
            ("5", 500),
            ("2.5", 250),
            ("2.50", 250),
            ("0.05", 5),
            ("100", 10_000),
            ("1000.01", 100_001),
        ] {
            assert_eq!(
                Percent::parse(text).map(Percent::basis_points),
                Some(basis_points),
                "{text}"
            );
        }
        for text in [
            "", "%", "5%", " 5", ".", ".5", "5.", "-1", "+1", "1e1", "0.001", "5 5", "1.2.3",
            "five", "42949673",
        ] {
            assert_eq!(Percent::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(basis_points in any::<u32>()) {
            let percent = Percent::of_basis_points(basis_points);
            prop_assert_eq!(Percent::parse(&percent.to_string()), Some(percent));
            prop_assert_eq!(Percent::parse(&OptionValue::from(percent).to_string()), Some(percent));
        }

        #[test]
        fn the_first_step_that_reaches_an_amount_is_the_first(
            basis_points in 0..=20_000_u32,
            number in 0..=1000_u64,
            steps in 0..200_u16,
        ) {
            let percent = Percent::of_basis_points(basis_points);
            let amount = percent.of(number, steps);
            if let Some(first) = percent.first_adding(number, amount) {
                prop_assert!(first <= steps);
                prop_assert_eq!(percent.of(number, first), amount);
                prop_assert!(first == 0 || percent.of(number, first - 1) < amount);
            } else {
                prop_assert_eq!(amount, 0);
            }
        }
    }
}
