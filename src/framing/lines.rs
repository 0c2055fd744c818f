//! `jsonl:NAME:KIND+..,ROWS` and `csv:NAME:KIND+..,ROWS`: lines of text, all equally long.
//!
//! Each character of a value is made of the content in its place. So an offset tells the line, and
//! a line its offset.

use super::plan::{Plan, Unit};
use super::text::{named, number, rows};
use super::{Element, Format, Parsed};

/// Lines of text.
#[derive(Debug)]
pub(super) struct Lines {
    style: Style,
    columns: Vec<(String, ColumnKind)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Jsonl,
    Csv,
}

/// The kind of a column, with how many characters are drawn.
#[derive(Clone, Copy, Debug)]
enum ColumnKind {
    /// A whole number of so many digits.
    Int(u64),
    /// A number below 1 with so many decimals.
    Float(u64),
    /// 0 or 1.
    Bit,
    /// So many letters.
    Text(u64),
}

/// As many digits as always fit into 64 bits.
const DIGITS_MAX: u64 = 18;
const TEXT_MAX: u64 = 1 << 20;

impl ColumnKind {
    fn parse(text: &str) -> Result<Self, String> {
        let digits_at = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
        let (word, width) = text.split_at(digits_at);
        let most = if word == "text" { TEXT_MAX } else { DIGITS_MAX };
        let width_of = || match number(width, &format!("the width of '{text}'"))? {
            width if width <= most => Ok(width),
            _ => Err(format!("'{text}' is wider than can be; expected {word}{most}")),
        };
        match word {
            "int" => Ok(Self::Int(width_of()?)),
            "float" => Ok(Self::Float(width_of()?)),
            "text" => Ok(Self::Text(width_of()?)),
            "bit" if width.is_empty() => Ok(Self::Bit),
            _ => Err(format!("there is no kind '{text}'; expected int9, float6, text12 or bit")),
        }
    }

    fn text(self) -> String {
        match self {
            Self::Int(width) => format!("int{width}"),
            Self::Float(width) => format!("float{width}"),
            Self::Bit => "bit".to_owned(),
            Self::Text(width) => format!("text{width}"),
        }
    }

    fn add(self, unit: &mut Unit, style: Style) {
        let quote = if style == Style::Jsonl { "\"" } else { "" };
        match self {
            Self::Int(width) => {
                // No number begins with 0, so all have as many digits.
                unit.payload(Element::FirstDigit, 1).payload(Element::Digit, width - 1);
            }
            Self::Float(width) => {
                unit.framing("0.").payload(Element::Digit, width);
            }
            Self::Bit => {
                unit.payload(Element::Bit, 1);
            }
            Self::Text(width) => {
                unit.framing(quote).payload(Element::Letter, width).framing(quote);
            }
        }
    }
}

impl Lines {
    pub(super) fn parse_jsonl(text: &str) -> Result<Parsed, String> {
        Self::parse(Style::Jsonl, text)
    }

    pub(super) fn parse_csv(text: &str) -> Result<Parsed, String> {
        Self::parse(Style::Csv, text)
    }

    fn parse(style: Style, text: &str) -> Result<Parsed, String> {
        let (columns, count) = text.split_once(',').map_or((text, None), |(a, b)| (a, Some(b)));
        let columns = named(columns, ColumnKind::parse)?;
        let rows = rows(count, "the number of rows")?;
        Ok((rows, Box::new(Self { style, columns })))
    }

    fn heading(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        match self.style {
            Style::Jsonl => String::new(),
            Style::Csv => names.join(",") + "\n",
        }
    }

    fn line(&self) -> Unit {
        let mut unit = Unit::default();
        let (start, end) = match self.style {
            Style::Jsonl => ("{", "}\n"),
            Style::Csv => ("", "\n"),
        };
        unit.framing(start);
        for (index, (name, kind)) in self.columns.iter().enumerate() {
            if self.style == Style::Jsonl {
                let comma = if index > 0 { ", " } else { "" };
                unit.framing(format!("{comma}\"{name}\": "));
            } else if index > 0 {
                unit.framing(",");
            }
            kind.add(&mut unit, self.style);
        }
        unit.framing(end);
        unit
    }
}

impl Format for Lines {
    fn size_bytes(&self, rows: u64) -> u128 {
        self.heading().len() as u128 + u128::from(rows) * u128::from(self.line().length())
    }

    fn plan(&self, rows: u64) -> Plan {
        let mut heading = Unit::default();
        heading.framing(self.heading());
        let mut plan = Plan::default();
        plan.section(1, heading).section(rows, self.line());
        plan
    }

    fn text(&self, rows: &str) -> String {
        let word = match self.style {
            Style::Jsonl => "jsonl",
            Style::Csv => "csv",
        };
        let columns = self.columns.iter().map(|(name, kind)| format!("{name}:{}", kind.text()));
        let columns: Vec<_> = columns.collect();
        format!("{word}:{},{rows}", columns.join("+"))
    }
}
