//! Distributions as people write and read them.

use std::fmt;

use super::{Decimal, Sizes};
use crate::dataset::percent::BASIS_POINTS;
use crate::dataset::{MAX_SIZE_BYTES, Percent, parse_size};

/// What `--size` takes.
pub(in crate::dataset) const ACCEPTED: &str = "expected 1 byte to 4 PiB (2^52), like 10G, \
     4096 or 1MiB, or a distribution: 4K..1M, lognormal:median=64K,sigma=2,max=1G, \
     pareto:min=4K,alpha=1.2,max=1G or buckets:4K=70,64K=25,10M=5";

/// The largest standard deviation: with it, sizes lie 100 octaves apart.
const SIGMA_MAX: Decimal = Decimal::of_thousandths(10_000);
/// The smallest exponent of a power law: below it, nearly all sizes are the largest one.
const ALPHA_MIN: Decimal = Decimal::of_thousandths(100);
/// The largest: above it, nearly all sizes are the smallest one.
const ALPHA_MAX: Decimal = Decimal::of_thousandths(100_000);
/// A draw looks through them one by one.
const BUCKETS_MAX: usize = 64;

impl Sizes {
    /// Reads a size or a distribution.
    ///
    /// # Errors
    ///
    /// Says what is wrong, and what is accepted.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some((kind, parameters)) = text.split_once(':') {
            return match kind.trim() {
                "lognormal" => lognormal(parameters),
                "pareto" => pareto(parameters),
                "buckets" => buckets(parameters),
                _ => Err(format!("`{kind}` is not a distribution; {ACCEPTED}")),
            };
        }
        let Some((min, max)) = text.split_once("..") else {
            return size(text).map(Self::Equal);
        };
        let (min, max) = (size(min)?, size(max)?);
        match min.cmp(&max) {
            std::cmp::Ordering::Less => Ok(Self::Uniform { min, max }),
            std::cmp::Ordering::Equal => Ok(Self::Equal(min)),
            std::cmp::Ordering::Greater => {
                Err("the first size is larger than the last; expected MIN..MAX".to_owned())
            }
        }
    }
}

fn size(text: &str) -> Result<u64, String> {
    match parse_size(text) {
        Ok(bytes @ 1..=MAX_SIZE_BYTES) => Ok(bytes),
        Ok(_) => Err(ACCEPTED.to_owned()),
        Err(error) => Err(format!("{error}; {ACCEPTED}")),
    }
}

fn lognormal(text: &str) -> Result<Sizes, String> {
    let mut parameters = Parameters::new(text, &["median", "sigma", "max"])?;
    let median = parameters.size("median", None)?;
    let sigma = parameters.decimal("sigma", Decimal::of_thousandths(0), SIGMA_MAX)?;
    let max = parameters.size("max", Some(MAX_SIZE_BYTES))?;
    if max < median {
        return Err("`max` is smaller than `median`; expected a larger one".to_owned());
    }
    Ok(Sizes::Lognormal { median, sigma, max })
}

fn pareto(text: &str) -> Result<Sizes, String> {
    let mut parameters = Parameters::new(text, &["min", "alpha", "max"])?;
    let min = parameters.size("min", None)?;
    let alpha = parameters.decimal("alpha", ALPHA_MIN, ALPHA_MAX)?;
    let max = parameters.size("max", Some(MAX_SIZE_BYTES))?;
    if max < min {
        return Err("`max` is smaller than `min`; expected a larger one".to_owned());
    }
    Ok(Sizes::Pareto { min, alpha, max })
}

fn buckets(text: &str) -> Result<Sizes, String> {
    let mut buckets = Vec::new();
    for (key, value) in pairs(text)? {
        let share =
            Percent::parse(value).filter(|share| *share <= Percent::FULL).ok_or_else(|| {
                format!("`{value}` is not a share; expected SIZE=PERCENT, with up to two decimals")
            })?;
        buckets.push((size(key)?, share));
    }
    if buckets.len() > BUCKETS_MAX {
        let count = buckets.len();
        return Err(format!("these are {count} buckets; expected {BUCKETS_MAX}"));
    }
    let sum: u64 = buckets.iter().map(|(_, share)| u64::from(share.basis_points())).sum();
    if sum != BASIS_POINTS {
        let sum = Percent::of_basis_points(u32::try_from(sum).unwrap_or(u32::MAX));
        return Err(format!("the shares are {sum} % together; expected 100"));
    }
    Ok(Sizes::Buckets(buckets))
}

fn pairs(text: &str) -> Result<Vec<(&str, &str)>, String> {
    let pair = |pair: &'_ str| -> Result<(usize, usize), String> {
        let at = pair.find('=').ok_or_else(|| {
            format!("`{}` has no value; expected NAME=VALUE,…, as in {ACCEPTED}", pair.trim())
        })?;
        Ok((at, at + 1))
    };
    text.split(',')
        .map(|piece| {
            let (end, begin) = pair(piece)?;
            Ok((piece[..end].trim(), piece[begin..].trim()))
        })
        .collect()
}

/// `name=value` pairs, each at most once.
struct Parameters<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Parameters<'a> {
    fn new(text: &'a str, names: &[&str]) -> Result<Self, String> {
        let pairs = pairs(text)?;
        for (index, (name, _)) in pairs.iter().enumerate() {
            if !names.contains(name) {
                return Err(format!("`{name}` is unknown here; expected {}", names.join(", ")));
            }
            if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(format!("`{name}` stands there twice; expected once"));
            }
        }
        Ok(Self(pairs))
    }

    fn take(&mut self, name: &str) -> Option<&'a str> {
        let index = self.0.iter().position(|(other, _)| *other == name)?;
        Some(self.0.swap_remove(index).1)
    }

    fn size(&mut self, name: &str, default: Option<u64>) -> Result<u64, String> {
        match (self.take(name), default) {
            (Some(text), _) => size(text).map_err(|error| format!("`{name}`: {error}")),
            (None, Some(default)) => Ok(default),
            (None, None) => Err(missing(name)),
        }
    }

    fn decimal(&mut self, name: &str, min: Decimal, max: Decimal) -> Result<Decimal, String> {
        let text = self.take(name).ok_or_else(|| missing(name))?;
        let decimal = Decimal::parse(text).filter(|decimal| (min..=max).contains(decimal));
        decimal.ok_or_else(|| {
            format!("`{name}` is `{text}`; expected {min} to {max}, with up to three decimals")
        })
    }
}

fn missing(name: &str) -> String {
    format!("`{name}` is missing; {ACCEPTED}")
}

impl Decimal {
    /// Reads a number with up to three decimals; `None` for anything else.
    fn parse(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_digits(whole) || !is_digits(decimals) || decimals.len() > 3 {
            return None;
        }
        let thousandths: u32 = format!("{decimals:0<3}").parse().ok()?;
        whole.parse::<u32>().ok()?.checked_mul(1000)?.checked_add(thousandths).map(Self)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:03}", self.0 / 1000, self.0 % 1000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equal(size) => size.fmt(f),
            Self::Uniform { min, max } => write!(f, "{min}..{max}"),
            Self::Lognormal { median, sigma, max } => {
                write!(f, "lognormal:median={median},sigma={sigma},max={max}")
            }
            Self::Pareto { min, alpha, max } => {
                write!(f, "pareto:min={min},alpha={alpha},max={max}")
            }
            Self::Buckets(buckets) => {
                let pairs: Vec<String> =
                    buckets.iter().map(|(size, share)| format!("{size}={share}")).collect();
                write!(f, "buckets:{}", pairs.join(","))
            }
        }
    }
}
