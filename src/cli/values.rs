//! Values of options: sizes, numbers and words. The dataset's own are read where it is validated.

use std::ffi::OsStr;
use std::fmt::Display;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, StringValueParser, TypedValueParser};
use clap::{Arg, Command};

use super::Failure;
use crate::dataset::{parse_count, parse_size};

/// Far more threads than any machine has use for, and few enough that each gets its buffers.
pub(super) const THREADS_MAX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1023);

/// Reads a size that clap has left as text, so that it is refused with all else that is wrong.
pub(super) fn size<T: TryFrom<u64> + PartialOrd>(
    option: &str,
    text: &str,
    accepted: &RangeInclusive<T>,
    expected: &str,
) -> Result<T, Failure> {
    let refuse =
        |reason: &str| Failure::usage(format!("{option} '{text}': {reason}expected {expected}"));
    let bytes = parse_size(text).map_err(|error| refuse(&format!("{error}; ")))?;
    T::try_from(bytes).ok().filter(|bytes| accepted.contains(bytes)).ok_or_else(|| refuse(""))
}

/// Reads a whole number within bounds: also `1M`, which is 10^6.
pub(super) fn number<T: FromStr + PartialOrd + Display + Clone>(
    accepted: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = parse_count(text).and_then(|number| number.to_string().parse().ok());
        let (min, max) = (accepted.start(), accepted.end());
        number
            .filter(|number| accepted.contains(number))
            .ok_or_else(|| format!("expected a whole number from {min} to {max}"))
    }
}

/// Words that an option takes, each with its meaning for the help, and what it stands for.
pub(super) type Words<T> = &'static [(&'static str, &'static str, T)];

/// Reads one of some words.
pub(super) fn word<T: Copy + Send + Sync>(words: Words<T>) -> impl TypedValueParser<Value = T> {
    let shown = words.iter().map(|(word, help, _)| PossibleValue::new(*word).help(*help));
    PossibleValuesParser::new(shown).try_map(|typed| {
        let known = words.iter().find(|(word, ..)| *word == typed);
        known.map(|(.., meaning)| *meaning).ok_or("expected one of the words")
    })
}

/// Takes any text, and tells the help and the completions which words have a meaning: what cannot
/// stand is refused by the dataset, with all else that is wrong.
#[derive(Clone, Copy)]
pub(super) struct Suggested(pub(super) &'static [(&'static str, &'static str)]);

impl TypedValueParser for Suggested {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let words = self.0.iter().map(|(word, help)| PossibleValue::new(*word).help(*help));
        if self.0.is_empty() { None } else { Some(Box::new(words)) }
    }
}
