//! The template of the paths.

mod error;

use std::fmt;

use super::dimensions::{Axis, Dimensions};
use super::extensions::Extensions;

pub use error::LayoutError;

/// The longest name that Linux filesystems take.
const MAX_NAME_BYTES: usize = 255;
/// The longest path that a system call takes: `PATH_MAX` without the NUL at its end.
const MAX_PATH_BYTES: usize = 4095;
/// As many digits as a `u64` can have.
const MAX_WIDTH: usize = 20;
/// The name at the root that is not the dataset's.
const RESERVED_NAME: &str = ".status";

/// Where the files stand: path components of literal text and numbers.
///
/// A placeholder, `{iteration}`, `{node}`, `{process}` or `{file}`, stands for a coordinate;
/// `{file:06}` pads it with zeros to six digits; `{{` and `}}` are the braces themselves. Each
/// coordinate stands there once; one that is always 0 may be left out. `{ext}` stands for the
/// extension, where files have one.
///
/// A path gives its coordinates back, and has one spelling only. To that end a number is read as
/// far as its digits go, unless all its values have the same count of digits, and a template in
/// which that would not find the number's end is refused.
///
/// [`Display`](fmt::Display) gives the template back, in its one canonical spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    components: Vec<Vec<LayoutPart>>,
}

/// A piece of a path component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LayoutPart {
    /// Never empty, and never beside another literal.
    Literal(String),
    Number(Placeholder),
    Extension,
}

/// A coordinate in a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placeholder {
    pub(super) axis: Axis,
    /// The least number of digits, filled up with zeros; 0 if none was asked for.
    pub(super) width: usize,
}

impl Layout {
    /// The layout of those who ask for none: a directory for each coordinate but the last.
    pub(in crate::dataset) fn default_text(
        iterations: bool,
        several_files: bool,
        extensions: &Extensions,
    ) -> String {
        let iteration = if iterations { "iteration_{iteration}/" } else { "" };
        let file = if several_files { "/file_{file}" } else { "" };
        let extension = if extensions.names().is_empty() { "" } else { ".{ext}" };
        format!("{iteration}node_{{node}}/process_{{process}}{file}{extension}")
    }

    /// Reads a template; what depends on the dimensions is for [`check`](Self::check).
    pub(in crate::dataset) fn parse(text: &str) -> Result<Self, LayoutError> {
        if let Some(control) = text.chars().find(|c| c.is_control()) {
            return Err(LayoutError::Control(control));
        }
        let layout =
            Self { components: text.split('/').map(parse_component).collect::<Result<_, _>>()? };
        if is_literal(layout.components.first(), RESERVED_NAME) {
            return Err(LayoutError::Reserved);
        }
        let is_repeated = |axis: &Axis| layout.axes().filter(|another| another == axis).count() > 1;
        match Axis::ALL.into_iter().find(is_repeated) {
            Some(axis) => Err(LayoutError::Repeated(axis.name())),
            None => Ok(layout),
        }
    }

    /// Whether every file of these dimensions has a path of its own that can be read backwards.
    pub(in crate::dataset) fn check(
        &self,
        dimensions: &Dimensions,
        extensions: &Extensions,
    ) -> Result<(), LayoutError> {
        self.check_extensions(extensions)?;
        self.check_complete(dimensions)?;
        for parts in &self.components {
            check_unambiguous(parts, dimensions, extensions)?;
        }
        self.check_lengths(dimensions, extensions)
    }

    /// Whether the generation is told before the file is, so that each can have a number of files
    /// of its own.
    pub(in crate::dataset) fn check_generation_first(&self) -> Result<(), LayoutError> {
        let component = |axis: Axis| {
            let names = |part: &LayoutPart| part.axis() == Some(axis);
            self.components.iter().position(|parts| parts.iter().any(names))
        };
        match (component(Axis::Generation), component(Axis::File)) {
            (Some(generation), Some(file)) if generation >= file => {
                Err(LayoutError::FilesBeforeGeneration)
            }
            _ => Ok(()),
        }
    }

    /// How many names there are on the way to a file, its own included.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.components.len()
    }

    pub(super) fn components(&self) -> &[Vec<LayoutPart>] {
        &self.components
    }

    fn axes(&self) -> impl Iterator<Item = Axis> {
        self.components.iter().flatten().filter_map(LayoutPart::axis)
    }

    /// Whether extensions stand in it where files have some, and only there.
    fn check_extensions(&self, extensions: &Extensions) -> Result<(), LayoutError> {
        let names = extensions.names();
        let has_place = self.axes().any(|axis| axis == Axis::Extension);
        match (names.is_empty(), has_place) {
            (true, true) => return Err(LayoutError::NoExtensions),
            (false, false) => {
                let text = self.to_string();
                let before = names.iter().find_map(|name| text.strip_suffix(&format!(".{name}")));
                let nearest = format!("{}.{{ext}}", before.unwrap_or(&text));
                return Err(LayoutError::MissingExtension { names: names.join(", "), nearest });
            }
            _ => {}
        }
        let Some(first) = self.components.first() else { return Ok(()) };
        let is_reserved = |extension: &String| {
            let text = first.iter().map(|part| match part {
                LayoutPart::Literal(text) => text,
                LayoutPart::Extension => extension.as_str(),
                LayoutPart::Number(_) => "/",
            });
            text.collect::<String>() == RESERVED_NAME
        };
        if names.iter().any(is_reserved) { Err(LayoutError::Reserved) } else { Ok(()) }
    }

    fn check_complete(&self, dimensions: &Dimensions) -> Result<(), LayoutError> {
        let missing: Vec<String> = Axis::ALL
            .into_iter()
            .filter(|axis| dimensions.along(*axis) > 1)
            .filter(|axis| self.axes().all(|other| other != *axis))
            .map(|axis| format!("{{{}}}", axis.name()))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(LayoutError::Missing(missing.join(", ")))
    }

    fn check_lengths(
        &self,
        dimensions: &Dimensions,
        extensions: &Extensions,
    ) -> Result<(), LayoutError> {
        let mut path_bytes = self.components.len() - 1;
        for (index, parts) in self.components.iter().enumerate() {
            let bytes = parts.iter().map(|part| part.max_bytes(dimensions, extensions)).sum();
            if bytes > MAX_NAME_BYTES {
                return Err(LayoutError::NameTooLong { number: index + 1, bytes });
            }
            path_bytes += bytes;
        }
        if path_bytes > MAX_PATH_BYTES {
            return Err(LayoutError::PathTooLong { bytes: path_bytes });
        }
        Ok(())
    }
}

impl Placeholder {
    /// Whether every number has the same count of digits, so that its end need not be looked for.
    pub(super) fn is_fixed(self, dimensions: &Dimensions) -> bool {
        self.width >= self.digits(dimensions)
    }

    /// How many digits the largest number has without padding.
    fn digits(self, dimensions: &Dimensions) -> usize {
        let largest = dimensions.along(self.axis) - 1;
        largest.checked_ilog10().map_or(1, |log| log as usize + 1)
    }

    fn parse(inside: &str) -> Result<Self, LayoutError> {
        let (name, width) = match inside.split_once(':') {
            None => (inside, 0),
            Some((name, width)) => (name, parse_width(width)?),
        };
        let axis = Axis::from_name(name)
            .filter(|axis| *axis != Axis::Extension)
            .ok_or_else(|| LayoutError::UnknownPlaceholder(inside.to_owned()))?;
        Ok(Self { axis, width })
    }
}

impl LayoutPart {
    /// What stands between two braces.
    fn parse(inside: &str) -> Result<Self, LayoutError> {
        if inside == Axis::Extension.name() {
            return Ok(Self::Extension);
        }
        Placeholder::parse(inside).map(Self::Number)
    }

    fn axis(&self) -> Option<Axis> {
        match self {
            Self::Literal(_) => None,
            Self::Number(placeholder) => Some(placeholder.axis),
            Self::Extension => Some(Axis::Extension),
        }
    }

    fn max_bytes(&self, dimensions: &Dimensions, extensions: &Extensions) -> usize {
        match self {
            Self::Extension => extensions.bytes_max(),
            Self::Literal(text) => text.len(),
            Self::Number(placeholder) => placeholder.width.max(placeholder.digits(dimensions)),
        }
    }

    fn may_begin_with_digit(&self, extensions: &Extensions) -> bool {
        let begins = |text: &String| text.starts_with(|c: char| c.is_ascii_digit());
        match self {
            Self::Literal(text) => begins(text),
            Self::Extension => extensions.names().iter().any(begins),
            Self::Number(_) => true,
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, parts) in self.components.iter().enumerate() {
            if index > 0 {
                f.write_str("/")?;
            }
            for part in parts {
                part.fmt(f)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for LayoutPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Self::Number(placeholder) => placeholder.fmt(f),
            Self::Extension => write!(f, "{{{}}}", Axis::Extension.name()),
        }
    }
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.axis.name();
        match self.width {
            0 => write!(f, "{{{name}}}"),
            width => write!(f, "{{{name}:0{width}}}"),
        }
    }
}

fn parse_component(text: &str) -> Result<Vec<LayoutPart>, LayoutError> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("{{") {
            literal.push('{');
            rest = after;
        } else if let Some(after) = rest.strip_prefix("}}") {
            literal.push('}');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let (inside, after) = after.split_once('}').ok_or(LayoutError::UnbalancedBrace)?;
            push_literal(&mut parts, &mut literal);
            parts.push(LayoutPart::parse(inside)?);
            rest = after;
        } else if rest.starts_with('}') {
            return Err(LayoutError::UnbalancedBrace);
        } else {
            let (plain, after) = rest.split_at(rest.find(['{', '}']).unwrap_or(rest.len()));
            literal.push_str(plain);
            rest = after;
        }
    }
    push_literal(&mut parts, &mut literal);
    if parts.is_empty() {
        return Err(LayoutError::EmptyComponent);
    }
    match [".", ".."].into_iter().find(|dots| is_literal(Some(&parts), dots)) {
        Some(dots) => Err(LayoutError::DotComponent(dots.to_owned())),
        None => Ok(parts),
    }
}

fn push_literal(parts: &mut Vec<LayoutPart>, literal: &mut String) {
    if !literal.is_empty() {
        parts.push(LayoutPart::Literal(std::mem::take(literal)));
    }
}

fn parse_width(text: &str) -> Result<usize, LayoutError> {
    (1..=MAX_WIDTH)
        .find(|width| format!("0{width}") == text)
        .ok_or_else(|| LayoutError::Width(text.to_owned()))
}

fn is_literal(parts: Option<&Vec<LayoutPart>>, name: &str) -> bool {
    matches!(parts.map(Vec::as_slice), Some([LayoutPart::Literal(text)]) if text == name)
}

/// A number ends where its digits end, unless its width is fixed.
fn check_unambiguous(
    parts: &[LayoutPart],
    dimensions: &Dimensions,
    extensions: &Extensions,
) -> Result<(), LayoutError> {
    for pair in parts.windows(2) {
        if let [LayoutPart::Extension, next] = pair {
            let is_in_none = |c: char| !extensions.names().iter().any(|name| name.contains(c));
            match next {
                LayoutPart::Literal(text) if text.starts_with(is_in_none) => {}
                _ => return Err(LayoutError::AmbiguousExtension),
            }
        }
        if let [LayoutPart::Number(placeholder), next] = pair
            && next.may_begin_with_digit(extensions)
            && !placeholder.is_fixed(dimensions)
        {
            let fixed = Placeholder { width: placeholder.digits(dimensions), ..*placeholder };
            return Err(LayoutError::Ambiguous {
                placeholder: placeholder.to_string(),
                fixed: fixed.to_string(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
