//! Verdicts and classes in JSON: by the names that users see.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

use crate::verdict::{Class, Verdict};

/// What has a name in JSON.
pub(super) trait Named: Copy + 'static {
    /// All that there are.
    const VALUES: &'static [Self];

    fn shown(self) -> &'static str;
}

impl Named for Verdict {
    const VALUES: &'static [Self] =
        &[Self::Verified, Self::Untouched, Self::Incomplete, Self::Mismatch];

    fn shown(self) -> &'static str {
        self.name()
    }
}

impl Named for Class {
    const VALUES: &'static [Self] = &Self::ALL;

    fn shown(self) -> &'static str {
        self.name()
    }
}

pub(super) fn serialize<T: Named, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.shown())
}

pub(super) fn deserialize<'de, T: Named, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let name = String::deserialize(deserializer)?;
    let found = T::VALUES.iter().copied().find(|value| value.shown() == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = T::VALUES.iter().map(|value| value.shown()).collect();
        D::Error::custom(format!("expected one of {}", names.join(", ")))
    })
}
