//! From what was typed to what it means, with every objection at once.

mod contents;
mod shape;

use std::fmt;
use std::ops::RangeInclusive;

use thiserror::Error;

use super::{DatasetConfig, OptionValue};
use crate::dataset::generations::MAX_GROWTH;
use crate::dataset::tree::{MAX_FILES, MAX_U16_DIMENSION};
use crate::dataset::{
    ByExtension, Choice, Dataset, Dimensions, Extensions, FileSizes, Generations, Layout,
    MAX_SIZE_BYTES, Namespace, Origins, Percent, SHARED_START, Shape, Sizes, Template, parse_count,
};

/// The size of a file when none is given: 1 GiB, more than caches hide and less than patience.
pub const DEFAULT_SIZE_BYTES: u64 = 1 << 30;
/// The seed when none is given.
pub const DEFAULT_SEED: &str = "0";

/// The version of [`DatasetConfig`].
pub(super) const SCHEMA: u64 = 1;
const MAX_SEED_BYTES: usize = 1024;
/// What a generation may add.
const NONE_TO_MOST: (Percent, Percent) = (Percent::ZERO, MAX_GROWTH);
/// A longer value is cut when it is shown.
const MAX_SHOWN_CHARS: usize = 80;
/// The same for what is said of it, which may quote parts of the value.
const MAX_MESSAGE_CHARS: usize = 600;

/// One value that cannot stand.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{option} '{}': {}", shown(value, MAX_SHOWN_CHARS), shown(message, MAX_MESSAGE_CHARS))]
pub struct ConfigError {
    /// The option as it is typed, like `--size`.
    pub option: &'static str,
    /// The value as it was typed.
    pub value: String,
    /// What is wrong with it where that is not plain, and what is accepted.
    pub message: String,
}

/// All that is wrong with a configuration, in the order of the options; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }
}

impl fmt::Display for ConfigErrors {
    /// One on each line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl DatasetConfig {
    /// The dataset that this describes.
    ///
    /// # Errors
    ///
    /// Everything that cannot stand, so that it is put right in one go.
    pub fn validate(&self) -> Result<Dataset, ConfigErrors> {
        let mut errors = Errors::default();
        let dataset = self.build(&mut errors);
        match dataset {
            Some(dataset) if errors.0.is_empty() => Ok(dataset),
            _ => Err(ConfigErrors(errors.0)),
        }
    }

    /// `None` if there is an error that leaves no dataset to look at further; all options are
    /// looked at before the first `?`.
    fn build(&self, errors: &mut Errors) -> Option<Dataset> {
        errors.schema(self.schema.as_ref());
        let seed = errors.seed(self.seed.as_ref());
        let nodes = errors.count("--nodes", self.nodes.as_ref(), MAX_U16_DIMENSION);
        let processes = errors.count("--processes", self.processes.as_ref(), MAX_U16_DIMENSION);
        let files = errors.count("--files", self.files.as_ref(), MAX_FILES);
        let shown = errors.shown(self.iterations.as_ref(), self.generation.as_ref());
        let contents = errors.contents(self);
        let shapes = errors.shapes(self, &contents);
        let sizes = errors.sizes(self.size.as_ref(), &shapes);
        let grow = errors.percent("--grow", self.grow.as_ref(), NONE_TO_MOST);
        let extensions = contents.extensions;
        let generations = errors.generations(self, shown, (files, &extensions));
        let has_iterations = self.iterations.is_some();
        let has_several_files = files.is_some_and(|files| files > 1)
            || generations.as_ref().is_some_and(|of| of.new_files > Percent::ZERO);
        let layout_text = self.layout.as_ref().map_or_else(
            || Layout::default_text(has_iterations, has_several_files, &extensions),
            OptionValue::to_string,
        );
        let layout = errors.layout(&layout_text, self.layout.as_ref());

        let generations = generations?;
        let dimensions = Dimensions {
            generations: generations.count,
            nodes: nodes?.try_into().ok()?,
            processes: processes?.try_into().ok()?,
            files: generations.numbers_at(generations.last()),
            extensions: extensions.files_of_number(),
        };
        if let Some(sizes) = &sizes {
            errors.growth(generations.last(), grow, sizes, &shapes);
        }
        let layout = layout?;
        let mut checked = layout.check(&dimensions, &extensions);
        if generations.differ_in_files() {
            checked = checked.and_then(|()| layout.check_generation_first());
        }
        if let Err(error) = checked {
            errors.add("--layout", layout_text, error.to_string());
            return None;
        }
        let namespace = Namespace::new(layout, dimensions, extensions, generations)
            .map_err(|count| errors.too_many(&dimensions, count))
            .ok()?;
        let (seed, sizes) = (seed?, sizes?);
        let in_first = Dimensions { files: namespace.generations().numbers, ..dimensions };
        let origins = shapes.iter().map(|shape| {
            let choice = Choice::new(&seed);
            let sizes = match &shape.template {
                Template::Framed(framing) => {
                    let all = Sizes::Equal(framing.size_bytes());
                    FileSizes::new(choice, all, Percent::ZERO)
                }
                _ => FileSizes::new(choice, sizes.clone(), grow),
            };
            Origins::new(shape.clone(), sizes, &in_first)
        });
        let origins = ByExtension::new(origins)?;
        Some(Dataset { seed, has_iterations, namespace, origins })
    }
}

#[derive(Default)]
struct Errors(Vec<ConfigError>);

impl Errors {
    fn add(&mut self, option: &'static str, value: impl Into<String>, message: impl Into<String>) {
        self.0.push(ConfigError { option, value: value.into(), message: message.into() });
    }

    fn schema(&mut self, typed: Option<&OptionValue>) {
        let text = typed.map(OptionValue::to_string);
        if let Some(value) = text.filter(|text| *text != SCHEMA.to_string()) {
            self.add("schema", value, format!("expected {SCHEMA}"));
        }
    }

    fn seed(&mut self, typed: Option<&OptionValue>) -> Option<String> {
        let Some(value) = typed else {
            return Some(DEFAULT_SEED.to_owned());
        };
        let text = value.to_string();
        let is_text = !matches!(value, OptionValue::Unusable(_) | OptionValue::Table(_));
        if is_text
            && (1..=MAX_SEED_BYTES).contains(&text.len())
            && !text.contains(|c: char| c.is_control())
        {
            return Some(text);
        }
        let quotes = if is_text { "" } else { ", in quotes" };
        let accepted = format!(
            "expected text of 1 to {MAX_SEED_BYTES} bytes without control characters{quotes}"
        );
        self.add("--seed", text, accepted);
        None
    }

    fn count(
        &mut self,
        option: &'static str,
        typed: Option<&OptionValue>,
        max: u64,
    ) -> Option<u64> {
        typed.map_or(Some(1), |value| self.number(option, value, 1..=max))
    }

    fn number(
        &mut self,
        option: &'static str,
        value: &OptionValue,
        accepted: RangeInclusive<u64>,
    ) -> Option<u64> {
        let text = value.to_string();
        let number = parse_count(&text).filter(|number| accepted.contains(number));
        if number.is_none() {
            let (min, max) = accepted.into_inner();
            self.add(option, text, format!("expected a whole number from {min} to {max}"));
        }
        number
    }

    /// The sizes of the files that have no format.
    fn sizes(&mut self, typed: Option<&OptionValue>, shapes: &ByExtension<Shape>) -> Option<Sizes> {
        let Some(shape) = shapes.iter().find(|shape| shape.template.framing().is_none()) else {
            // What was typed has chosen the first dimensions.
            return Some(Sizes::Equal(DEFAULT_SIZE_BYTES));
        };
        let Some(value) = typed else {
            return Some(Sizes::Equal(match &shape.template {
                Template::File(file) => file.bytes().len() as u64,
                _ => DEFAULT_SIZE_BYTES,
            }));
        };
        let text = value.to_string();
        match Sizes::parse(&text) {
            Ok(sizes) if shape.dedup.is_some() && sizes.largest() > SHARED_START => {
                self.add("--size", text, "expected 1 byte to 2 PiB (2^51) with --dedup");
                None
            }
            Ok(sizes) => Some(sizes),
            Err(message) => {
                self.add("--size", text, message);
                None
            }
        }
    }

    /// The first generation that is shown, and how many are.
    fn shown(
        &mut self,
        iterations: Option<&OptionValue>,
        generation: Option<&OptionValue>,
    ) -> Option<(u16, u32)> {
        let count = self.count("--iterations", iterations, MAX_U16_DIMENSION);
        let Some(value) = generation else {
            return Some((0, u32::try_from(count?).ok()?));
        };
        let first = self.number("--generation", value, 0..=u64::from(u16::MAX))?;
        if iterations.is_some() {
            let accepted = "expected only one of --generation and --iterations";
            self.add("--generation", value.to_string(), accepted);
            return None;
        }
        Some((u16::try_from(first).ok()?, 1))
    }

    /// All that says how the numbers of files differ.
    fn generations(
        &mut self,
        typed: &DatasetConfig,
        shown: Option<(u16, u32)>,
        (files, extensions): (Option<u64>, &Extensions),
    ) -> Option<Generations> {
        let new_files = self.percent("--new-files", typed.new_files.as_ref(), NONE_TO_MOST);
        let (first, count) = shown?;
        let files = files?;
        let last = u32::from(first) + count - 1;
        let most = u128::from(files) + new_files.of(files, u16::try_from(last).ok()?);
        let each = extensions.files_of_number();
        let limit = MAX_FILES / u64::from(each);
        if each > 1 && files > limit {
            let message = format!(
                "with {each} extensions these are {} files of each process; expected at most \
                 {limit}",
                u128::from(files) * u128::from(each)
            );
            self.add("--files", files.to_string(), message);
            return None;
        }
        if most > u128::from(limit) {
            let most = most * u128::from(each);
            let message = format!(
                "generation {last} has {most} files of each process; expected at most {MAX_FILES}"
            );
            self.add("--new-files", new_files.to_string(), message);
            return None;
        }
        Some(Generations::new((first, count), (files, each), new_files))
    }

    /// Whether the last generation's largest file still has addresses.
    fn growth(&mut self, last: u16, grow: Percent, sizes: &Sizes, shapes: &ByExtension<Shape>) {
        let most = grow.grown(sizes.largest(), last);
        let has_shared = shapes.iter().any(|shape| shape.dedup.is_some());
        let (limit, power) = if has_shared { (SHARED_START, 51) } else { (MAX_SIZE_BYTES, 52) };
        if grow > Percent::ZERO && most > limit {
            let message = format!(
                "files of generation {last} have up to {most} bytes; expected at most {limit} \
                 (2^{power}): a smaller --size, or max=SIZE in it"
            );
            self.add("--grow", grow.to_string(), message);
        }
    }

    fn layout(&mut self, text: &str, typed: Option<&OptionValue>) -> Option<Layout> {
        if let Some(OptionValue::Table(_)) = typed {
            self.add("--layout", text, "expected a template, in quotes");
            return None;
        }
        Layout::parse(text).map_err(|error| self.add("--layout", text, error.to_string())).ok()
    }

    fn too_many(&mut self, dimensions: &Dimensions, count: u128) {
        let Dimensions { generations, nodes, processes, files, .. } = dimensions;
        self.add(
            "--nodes × --processes × --files × --iterations",
            format!("{nodes} × {processes} × {files} × {generations}"),
            format!("these are {count} files and directories; expected fewer than 2^61 together"),
        );
    }
}

/// Text that somebody typed as an error shows it: on one line, and not for ever.
fn shown(text: &str, chars_max: usize) -> String {
    let mut shown = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == chars_max {
            shown.push('…');
            break;
        }
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests;
