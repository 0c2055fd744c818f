//! Rust source, read just far enough to see which paths it names.

/// A path as the source names it, like `crate::dataset::Inode`, groups written out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NamedPath {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
}

/// A word, `::`, or one character of punctuation. What literals hold is left out.
#[derive(Debug, PartialEq, Eq)]
struct Token {
    line: usize,
    text: String,
}

/// Every path of two or more segments, and those of one that `use` or `extern crate` names.
pub(crate) fn named_paths(source: &str) -> Vec<NamedPath> {
    let tokens = tokens(source);
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let before = |by: usize| at.checked_sub(by).map_or("", |at| tokens[at].text.as_str());
        let imports = before(1) == "use" || (before(1) == "crate" && before(2) == "extern");
        let word = tokens[at].text.as_str();
        if !imports && (before(1) == "::" || !is_word(word) || word == "use") {
            at += 1;
            continue;
        }
        let mut found = Vec::new();
        at = read_path(&tokens, at, &[], &mut found).max(at + 1);
        paths.extend(found.into_iter().filter(|path| imports || path.segments.len() > 1));
    }
    paths
}

/// Reads the path or the group at a token, below `prefix`, and returns the token after it.
fn read_path(
    tokens: &[Token],
    mut at: usize,
    prefix: &[String],
    paths: &mut Vec<NamedPath>,
) -> usize {
    let mut segments = prefix.to_vec();
    let line = tokens[at].line;
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    if text(at) == "::" {
        at += 1;
    }
    loop {
        if text(at) == "{" {
            at += 1;
            while at < tokens.len() && text(at) != "}" {
                at = if text(at) == "," { at + 1 } else { read_path(tokens, at, &segments, paths) };
            }
            return at + 1;
        }
        if !is_word(text(at)) && text(at) != "*" {
            return at + 1;
        }
        segments.push(text(at).to_owned());
        at += 1;
        if text(at) != "::" || !(is_word(text(at + 1)) || matches!(text(at + 1), "{" | "*")) {
            break;
        }
        at += 1;
    }
    paths.push(NamedPath { line, segments });
    if text(at) == "as" { at + 2 } else { at }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = literal_length(rest) {
            length
        } else {
            let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
            let length = match word.unwrap_or(rest.len()) {
                0 if rest.starts_with("::") => 2,
                0 => first.len_utf8(),
                word => word,
            };
            if !first.is_whitespace() {
                tokens.push(Token { line, text: rest[..length].to_owned() });
            }
            length
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// The length of a literal at the beginning of the text: a string, raw or not, or a character.
fn literal_length(text: &str) -> Option<usize> {
    let unprefixed = text.trim_start_matches(['b', 'r', 'c']);
    let prefix = text.len() - unprefixed.len();
    if prefix <= 2 && text[..prefix].contains('r') {
        let hashes = unprefixed.len() - unprefixed.trim_start_matches('#').len();
        if unprefixed[hashes..].starts_with('"') {
            let end = format!("\"{}", &unprefixed[..hashes]);
            let begin = prefix + hashes + 1;
            return Some(text[begin..].find(&end).map_or(text.len(), |at| begin + at + end.len()));
        }
    }
    if prefix <= 1 && unprefixed.starts_with('"') {
        return Some(prefix + closing(unprefixed, '"')?);
    }
    // A lifetime has no closing quote within the next characters; a character has.
    let is_character = unprefixed.starts_with('\'')
        && (unprefixed[1..].starts_with('\\') || unprefixed.chars().nth(2) == Some('\''));
    if prefix <= 1 && is_character { Some(prefix + closing(unprefixed, '\'')?) } else { None }
}

/// The length of a text that begins with a quote, up to and with the one that closes it.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return Some(at + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(source: &str) -> Vec<String> {
        named_paths(source).into_iter().map(|path| path.segments.join("::")).collect()
    }

    #[test]
    fn imports_are_seen_with_their_groups() {
        assert_eq!(paths("use crate::fs::Error;"), ["crate::fs::Error"]);
        assert_eq!(
            paths("use crate::{dataset, fs::{self, io::*}, cli as c};"),
            ["crate::dataset", "crate::fs::self", "crate::fs::io::*", "crate::cli"]
        );
        assert_eq!(paths("use fuser;"), ["fuser"]);
        assert_eq!(paths("use ::fuser::Errno;"), ["fuser::Errno"]);
        assert_eq!(paths("use {clap, nix::unistd};"), ["clap", "nix::unistd"]);
        assert_eq!(paths("extern crate libc as l;"), ["libc"]);
        assert_eq!(paths("use crate as root;"), ["crate"]);
    }

    #[test]
    fn paths_inside_code_are_seen() {
        let code = "fn f(a: &crate::fs::A) -> B { tracing::info!(x = %y); Vec::<u8>::new(); a.b }";
        assert_eq!(paths(code), ["crate::fs::A", "tracing::info"]);
        assert_eq!(paths("#[derive(thiserror::Error)] struct A;"), ["thiserror::Error"]);
        assert_eq!(paths("match a { A::B { c } => D::e(c), _ => f }"), ["A::B", "D::e"]);
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        assert_eq!(paths("// use crate::cli;\n/* fuser::x */ use a::b;"), ["a::b"]);
        assert_eq!(paths(r##"f("a::b \" c::d", r#"e::f"#, b"g::h", '"', 'x'); i::j"##), ["i::j"]);
        assert_eq!(paths("fn f<'a>(a: &'a str) { g::h('\\'') }"), ["g::h"]);
    }

    #[test]
    fn lines_are_counted() {
        let lines: Vec<_> =
            named_paths("a::b;\n\"x\ny\";\n// z\nc::d;").iter().map(|path| path.line).collect();
        assert_eq!(lines, [1, 5]);
    }
}
