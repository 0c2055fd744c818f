//! The options that shape the data.

use super::contents::Contents;
use super::{Errors, OptionValue};
use crate::dataset::configuration::options::{DatasetConfig, FILE_PREFIX};
use crate::dataset::{
    ByExtension, ChangeRule, Coordinates, Dedup, Percent, Scope, Shape, Sizes, Template, parse_size,
};
use crate::framing::{Framing, FramingError};

/// The size of a block when none is given: a page, and what most storage deduplicates.
const DEFAULT_BLOCK_BYTES: u64 = 4096;
const MIN_BLOCK_BYTES: u64 = 512;
const MAX_BLOCK_BYTES: u64 = 1 << 20;

const ONLY_WITH_FILE: &str = "only goes with --content file:PATH";

impl Errors {
    /// The shape of each content. Where something in it is wrong that is noted, and the default
    /// stands for it. An option holds for the contents that it goes with.
    pub(super) fn shapes(
        &mut self,
        typed: &DatasetConfig,
        contents: &Contents,
    ) -> ByExtension<Shape> {
        let compress = self.percent(
            "--compress",
            typed.compress.as_ref(),
            (Percent::ZERO, Shape::COMPRESS_MAX),
        );
        let dedup = self.dedup(typed);
        let change = self.change(typed, dedup.map_or(0, |dedup| dedup.block_bytes));
        // Of several contents some are random, or all are of formats.
        let mut templates = contents.templates.iter();
        let unframed = templates.find(|template| template.framing().is_none());
        let template = unframed.unwrap_or(contents.templates.of(Coordinates::default()));
        let shape = Shape { template: template.clone(), compress, dedup, change };
        self.agreement(typed, &shape);
        contents.templates.map(|template| match template {
            Template::Framed(_) => Shape { template: template.clone(), ..Shape::default() },
            _ => Shape { template: template.clone(), ..shape.clone() },
        })
    }

    /// The template that a content without an extension is.
    pub(super) fn template(&mut self, text: &str, typed: &DatasetConfig) -> Template {
        let template = match (text, &typed.template) {
            ("random", _) => Template::Random,
            ("zero", _) => Template::Zero,
            ("text", _) => Template::Text,
            (path, Some(file)) if path.starts_with(FILE_PREFIX) => Template::File(file.clone()),
            (path, None) if path.starts_with(FILE_PREFIX) => {
                self.add(
                    "--content",
                    text,
                    "expected the bytes of the file, which somebody has to read first",
                );
                return Template::Random;
            }
            _ if Framing::is_meant(text) => match self.framing(text, typed.size.as_ref()) {
                Some(framing) => Template::Framed(framing),
                None => return Template::Random,
            },
            _ => {
                let names = Framing::names().join(", ");
                let message = format!(
                    "expected random, zero, text, file:PATH, or a format and what is in it: {names}"
                );
                self.add("--content", text, message);
                return Template::Random;
            }
        };
        if let Some(hash) = typed.content_hash.as_ref().map(OptionValue::to_string) {
            let message = match &template {
                Template::File(file) if file.hash() == hash => return template,
                Template::File(file) => {
                    let (path, hash) = (file.path(), file.hash());
                    format!("for '{path}' expected {hash}: it is another file")
                }
                _ => ONLY_WITH_FILE.to_owned(),
            };
            self.add("content_hash", hash, message);
        }
        template
    }

    /// The hash of a template, where there can be none.
    pub(super) fn no_template(&mut self, hash: &OptionValue) {
        self.add("content_hash", hash.to_string(), ONLY_WITH_FILE);
    }

    /// The format, where files of it can have the size that was asked for.
    fn framing(&mut self, text: &str, size: Option<&OptionValue>) -> Option<Framing> {
        let size_text = size.map(OptionValue::to_string).unwrap_or_default();
        // A size that is none is told where sizes are looked at.
        let sizes = size.and_then(|_| Sizes::parse(&size_text).ok());
        let size_bytes = sizes.as_ref().and_then(Sizes::equal);
        if sizes.is_some() && size_bytes.is_none() {
            let message = "files of a format all have one size; expected that, or none";
            self.add("--size", size_text, message);
            return None;
        }
        match Framing::parse(text, size_bytes) {
            Ok(framing) => return Some(framing),
            Err(FramingError::Description(message)) => self.add("--content", text, message),
            Err(FramingError::Size(message)) => self.add("--size", size_text, message),
        }
        None
    }

    fn dedup(&mut self, typed: &DatasetConfig) -> Option<Dedup> {
        let share = self.percent("--dedup", typed.dedup.as_ref(), (Percent::ZERO, Percent::FULL));
        let block_bytes =
            self.block("--dedup-block", typed.dedup_block.as_ref(), DEFAULT_BLOCK_BYTES);
        let scope = typed.dedup_scope.as_ref().map(OptionValue::to_string);
        let scope = scope.map_or_else(Scope::default, |text| {
            let scope = Scope::ALL.into_iter().find(|scope| scope.name() == text);
            scope.unwrap_or_else(|| {
                self.add("--dedup-scope", text, "expected dataset, node or file");
                Scope::default()
            })
        });
        if typed.dedup.is_none() {
            self.alone("--dedup-block", typed.dedup_block.as_ref(), "--dedup");
            self.alone("--dedup-scope", typed.dedup_scope.as_ref(), "--dedup");
        }
        (share > Percent::ZERO).then_some(Dedup { share, block_bytes, scope })
    }

    /// `least` is the smallest block that the rest of the shape allows.
    fn change(&mut self, typed: &DatasetConfig, least: u64) -> Option<ChangeRule> {
        let share = self.percent("--change", typed.change.as_ref(), (Percent::FULL, Percent::FULL));
        let default = DEFAULT_BLOCK_BYTES.max(least);
        let block_bytes = self.block("--change-block", typed.change_block.as_ref(), default);
        if typed.change.is_none() {
            self.alone("--change-block", typed.change_block.as_ref(), "--change");
        }
        if block_bytes < least {
            let message = format!("expected {least} or more with this --dedup-block");
            self.add("--change-block", shown(typed.change_block.as_ref()), message);
        }
        (share < Percent::FULL).then_some(ChangeRule { share, block_bytes })
    }

    /// What cannot be had together.
    fn agreement(&mut self, typed: &DatasetConfig, shape: &Shape) {
        let content = shown(typed.content.as_ref());
        if shape.compress > Percent::ZERO && shape.template != Template::Random {
            let message = format!("only goes with random content, and not with '{content}'");
            self.add("--compress", shown(typed.compress.as_ref()), message);
        }
        if let Template::Framed(_) = shape.template
            && let Some(grow) = &typed.grow
            && Percent::parse(&grow.to_string()) != Some(Percent::ZERO)
        {
            let message = format!("files of '{content}' have one size; expected 0");
            self.add("--grow", grow.to_string(), message);
        }
        if shape.template.has_origins() {
            return;
        }
        let message = format!("only goes with random content and text, and not with '{content}'");
        if shape.dedup.is_some() {
            self.add("--dedup", shown(typed.dedup.as_ref()), message.as_str());
        }
        if shape.change.is_some() {
            self.add("--change", shown(typed.change.as_ref()), message);
        }
    }

    /// An option that says more about another one, which is not there.
    fn alone(&mut self, option: &'static str, typed: Option<&OptionValue>, needed: &str) {
        if let Some(value) = typed {
            self.add(option, value.to_string(), format!("only goes with {needed}"));
        }
    }

    pub(super) fn percent(
        &mut self,
        option: &'static str,
        typed: Option<&OptionValue>,
        (default, max): (Percent, Percent),
    ) -> Percent {
        let Some(text) = typed.map(OptionValue::to_string) else { return default };
        Percent::parse(&text).filter(|share| *share <= max).unwrap_or_else(|| {
            let message = format!("expected 0 to {max}, with at most two decimals, like 12.5");
            self.add(option, text, message);
            default
        })
    }

    fn block(&mut self, option: &'static str, typed: Option<&OptionValue>, default: u64) -> u64 {
        let Some(text) = typed.map(OptionValue::to_string) else { return default };
        let accepted = |bytes: &u64| {
            bytes.is_power_of_two() && (MIN_BLOCK_BYTES..=MAX_BLOCK_BYTES).contains(bytes)
        };
        parse_size(&text).ok().filter(accepted).unwrap_or_else(|| {
            self.add(option, text, "expected a power of two from 512 to 1M, like 4K");
            default
        })
    }
}

fn shown(typed: Option<&OptionValue>) -> String {
    typed.map_or_else(String::new, OptionValue::to_string)
}
