//! What the files hold: one content, or one for each extension.

use super::{Errors, OptionValue};
use crate::dataset::configuration::option_value::with_name;
use crate::dataset::configuration::options::{DatasetConfig, FILE_PREFIX};
use crate::dataset::tree::EXTENSIONS_MAX;
use crate::dataset::{ByExtension, Extensions, Sizes, Template};
use crate::framing::{Framing, FramingError};

/// What the files hold.
pub(super) struct Contents {
    pub(super) extensions: Extensions,
    pub(super) templates: ByExtension<Template>,
}

impl From<Template> for Contents {
    fn from(template: Template) -> Self {
        Self { extensions: Extensions::default(), templates: template.into() }
    }
}

/// The format that says where the records of another file are.
const INDEX: &str = "tfrecord-index";

impl Errors {
    /// The contents. Where something in them is wrong that is noted, and random bytes stand for it.
    pub(super) fn contents(&mut self, typed: &DatasetConfig) -> Contents {
        let Some(value) = &typed.content else { return self.one_content("random", typed) };
        let Some(named) = value.named() else {
            return self.one_content(&value.to_string(), typed);
        };
        if let Some(hash) = &typed.content_hash {
            self.no_template(hash);
        }
        let Some(named) = self.sorted(named) else { return Template::Random.into() };
        let size = self.size_of_formats(&named, typed.size.as_ref());
        let templates: Vec<Template> = named
            .iter()
            .map(|(name, text)| {
                let shown = with_name(name, text);
                match self.index(&named, text, size) {
                    Some(template) => template,
                    None => self.template_of_extension(&shown, text, size),
                }
            })
            .collect();
        let extensions = Extensions::new(named.into_iter().map(|(name, _)| name).collect());
        let templates = ByExtension::new(templates);
        Contents { extensions, templates: templates.unwrap_or(Template::Random.into()) }
    }

    fn one_content(&mut self, text: &str, typed: &DatasetConfig) -> Contents {
        self.template(text, typed).into()
    }

    /// The contents in the order of their extensions, which all differ; `None` where they are none.
    fn sorted(&mut self, mut named: Vec<(String, String)>) -> Option<Vec<(String, String)>> {
        let errors_before = self.0.len();
        named.sort();
        if named.is_empty() {
            self.add("--content", "", "expected an extension and its content, like npz=npz:x:u1,9");
        }
        if named.len() > EXTENSIONS_MAX {
            let message = format!("these are {}; expected at most {EXTENSIONS_MAX}", named.len());
            self.add("--content", named.len().to_string() + " extensions", message);
            return None;
        }
        for (name, text) in &named {
            let message = match Extensions::check_name(name) {
                Ok(()) => continue,
                Err(_) if name.is_empty() => {
                    "it has no extension, and there are others; expected EXT=CONTENT for each"
                }
                Err(message) => message,
            };
            self.add("--content", with_name(name, text), message);
        }
        for pair in named.windows(2) {
            if let [(name, first), (other, second)] = pair
                && name == other
                && !name.is_empty()
            {
                let message = format!(
                    "the extension {name} stands there twice, also with '{first}'; expected each \
                     once"
                );
                self.add("--content", with_name(name, second), message);
            }
        }
        (self.0.len() == errors_before).then_some(named)
    }

    /// The size that chooses the first dimensions that are open, where one was typed.
    fn size_of_formats(
        &mut self,
        named: &[(String, String)],
        typed: Option<&OptionValue>,
    ) -> Option<u64> {
        let text = typed?.to_string();
        // A size that is none is told where sizes are looked at.
        let sizes = Sizes::parse(&text).ok();
        let is_wanted = |text: &str| !Framing::is_meant(text) || Framing::is_open(text);
        let mut of_formats = named.iter().filter(|(_, text)| Framing::is_open(text));
        if !named.iter().any(|(_, text)| *text != INDEX && is_wanted(text)) {
            let message = "each format says the size of its files; expected none, or a format \
                           whose first dimension is N";
            self.add("--size", text, message);
            return None;
        }
        let size = sizes.as_ref().and_then(Sizes::equal);
        if sizes.is_some() && size.is_none() && of_formats.next().is_some() {
            let message = "files of a format all have one size; expected that, or none";
            self.add("--size", text, message);
        }
        size
    }

    /// What belongs to the extension of which `shown` is what was typed.
    fn template_of_extension(&mut self, shown: &str, text: &str, size: Option<u64>) -> Template {
        if text == "random" {
            return Template::Random;
        }
        if !Framing::is_meant(text) {
            let names = Framing::names().join(", ");
            let message = match text {
                "zero" | "text" => {
                    format!("'{text}' is for all files; expected random, or a format: {names}")
                }
                path if path.starts_with(FILE_PREFIX) => {
                    format!("a local file is for all files; expected random, or a format: {names}")
                }
                _ => format!("expected random, or a format and what is in it: {names}"),
            };
            self.add("--content", shown, message);
            return Template::Random;
        }
        let size = size.filter(|_| Framing::is_open(text));
        match Framing::parse(text, size) {
            Ok(framing) => return Template::Framed(framing),
            Err(FramingError::Description(message)) => self.add("--content", shown, message),
            Err(FramingError::Size(message)) => {
                let size = size.unwrap_or_default().to_string();
                self.add("--size", size, format!("{shown}: {message}"));
            }
        }
        Template::Random
    }

    /// The index of the only `TFRecord` files beside it; `None` where it is none, or says itself of
    /// what.
    fn index(
        &mut self,
        named: &[(String, String)],
        text: &str,
        size: Option<u64>,
    ) -> Option<Template> {
        if text != INDEX {
            return None;
        }
        let framings = named.iter().filter_map(|(_, text)| {
            let size = size.filter(|_| Framing::is_open(text));
            Framing::parse(text, size).ok()?.index()
        });
        let mut indices: Vec<Framing> = framings.collect();
        match (indices.pop(), indices.is_empty()) {
            (Some(index), true) => Some(Template::Framed(index)),
            (None, _) => None,
            (Some(last), false) => {
                let message = format!(
                    "there are several TFRecord files beside it; expected one of them, like {last}"
                );
                self.add("--content", text, message);
                Some(Template::Random)
            }
        }
    }
}
