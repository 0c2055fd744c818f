//! What was typed for an option, before anybody asks what it means.

use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value as it was typed.
///
/// Numbers and text mean the same: `nodes = 4` and `nodes = "4"`, and a seed of `42` is the text
/// `42`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// A whole number.
    Integer(i64),
    /// Text, or a whole number too large for [`Integer`](Self::Integer) in its decimal digits.
    Text(String),
    /// A fraction or a truth value. Percentages take a fraction. Others keep it to be shown in the
    /// refusal: the digits that were typed are lost by now, so it must not become a seed.
    Unusable(String),
    /// Values by names, as a table of a file has them or `NAME=VALUE` that is given several times.
    /// A value without a name has an empty one.
    Table(Vec<(String, String)>),
}

impl OptionValue {
    /// What was given on a command line, once or several times.
    #[must_use]
    pub fn of_arguments(texts: impl IntoIterator<Item = String>) -> Option<Self> {
        let mut texts = texts.into_iter();
        let first = texts.next()?;
        let Some(second) = texts.next() else { return Some(Self::Text(first)) };
        let named = |text: String| match split_name(&text) {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => (String::new(), text),
        };
        Some(Self::Table([first, second].into_iter().chain(texts).map(named).collect()))
    }

    /// Values by their names; `None` where it is one value without a name.
    pub(super) fn named(&self) -> Option<Vec<(String, String)>> {
        if let Self::Table(values) = self {
            return Some(values.clone());
        }
        let text = self.to_string();
        let (name, value) = split_name(&text)?;
        Some(vec![(name.to_owned(), value.to_owned())])
    }
}

/// The name and the value of `NAME=VALUE`. What has a colon before is a value that needs an equals
/// sign itself, like `file:a=b`.
fn split_name(text: &str) -> Option<(&str, &str)> {
    text.split_once('=').filter(|(name, _)| !name.contains(':'))
}

/// A value and its name, as they are typed.
pub(super) fn with_name(name: &str, value: &str) -> String {
    if name.is_empty() { value.to_owned() } else { format!("{name}={value}") }
}

impl fmt::Display for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Text(text) | Self::Unusable(text) => f.write_str(text),
            Self::Table(values) => {
                for (index, (name, value)) in values.iter().enumerate() {
                    let space = if index > 0 { " " } else { "" };
                    write!(f, "{space}{}", with_name(name, value))?;
                }
                Ok(())
            }
        }
    }
}

impl From<String> for OptionValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for OptionValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for OptionValue {
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or_else(|_| Self::Text(number.to_string()), Self::Integer)
    }
}

impl Serialize for OptionValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Text(text) | Self::Unusable(text) => serializer.serialize_str(text),
            Self::Table(values) => {
                serializer.collect_map(values.iter().map(|(name, value)| (name, value)))
            }
        }
    }
}

impl<'de> Deserialize<'de> for OptionValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = OptionValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a whole number")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<OptionValue, E> {
        Ok(OptionValue::Integer(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<OptionValue, E> {
        Ok(OptionValue::from(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OptionValue, E> {
        Ok(OptionValue::from(text))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<OptionValue, E> {
        Ok(OptionValue::Unusable(format!("{number:?}")))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OptionValue, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = map.next_entry::<String, String>()? {
            values.push(value);
        }
        Ok(OptionValue::Table(values))
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<OptionValue, E> {
        Ok(OptionValue::Unusable(truth.to_string()))
    }
}
