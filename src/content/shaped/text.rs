//! Text: words that the keystream chooses.
//!
//! Eight bytes of text are one word of seven letters and a space; after every eighth word the line
//! ends instead. The word at `offset` is the one whose number is the keystream's byte at
//! `offset / 8`, so 128 bytes of text cost one block.

use crate::content::key::Key;
use crate::content::{Coordinates, keystream};

/// A word and what follows it.
const TOKEN_BYTES: usize = 8;
/// The words of a line.
const LINE_WORDS: usize = 8;

/// How many words are made at a time.
const CHOSEN: usize = 512;

/// Fills `out` with the text at `offset` of `file`.
pub(super) fn fill(key: &Key, file: Coordinates, offset: u64, out: &mut [u8]) {
    const { assert!(TOKEN_BYTES == 8 && LINE_WORDS == 8) };
    let (mut word, skip) = (offset / 8, (offset % 8) as usize);
    let to_border = if skip == 0 { 0 } else { (TOKEN_BYTES - skip).min(out.len()) };
    let (head, body) = out.split_at_mut(to_border);
    if !head.is_empty() {
        let token = token_at(key, file, word);
        head.copy_from_slice(&token[skip..skip + to_border]);
        word += 1;
    }
    let (tokens_out, tail) = body.as_chunks_mut::<TOKEN_BYTES>();
    let mut chosen = [0; CHOSEN];
    for part in tokens_out.chunks_mut(CHOSEN) {
        let chosen = &mut chosen[..part.len()];
        keystream::fill(key, file, word, chosen);
        for (token, number) in part.iter_mut().zip(&*chosen) {
            *token = TOKENS[usize::from(*number)];
        }
        let to_line_end = LINE_WORDS - 1 - (word % 8) as usize;
        for token in part.iter_mut().skip(to_line_end).step_by(LINE_WORDS) {
            token[TOKEN_BYTES - 1] = b'\n';
        }
        word += part.len() as u64;
    }
    if !tail.is_empty() {
        let token = token_at(key, file, word);
        tail.copy_from_slice(&token[..tail.len()]);
    }
}

/// One word and what follows it.
fn token_at(key: &Key, file: Coordinates, word: u64) -> [u8; TOKEN_BYTES] {
    let mut number = [0];
    keystream::fill(key, file, word, &mut number);
    let mut token = TOKENS[usize::from(number[0])];
    if word % 8 == 7 {
        token[TOKEN_BYTES - 1] = b'\n';
    }
    token
}

static TOKENS: [[u8; TOKEN_BYTES]; 256] = with_spaces();

const fn with_spaces() -> [[u8; TOKEN_BYTES]; 256] {
    let mut tokens = [[b' '; TOKEN_BYTES]; 256];
    let mut word = 0;
    while word < WORDS.len() {
        let mut letter = 0;
        while letter < 7 {
            tokens[word][letter] = WORDS[word][letter];
            letter += 1;
        }
        word += 1;
    }
    tokens
}

/// In the order of their numbers.
#[rustfmt::skip]
pub(super) const WORDS: [[u8; 7]; 256] = [
    *b"ability", *b"account", *b"achieve", *b"acquire",
    *b"address", *b"advance", *b"adviser", *b"airline",
    *b"airport", *b"already", *b"amazing", *b"analyst",
    *b"ancient", *b"another", *b"anxiety", *b"anybody",
    *b"applied", *b"arrange", *b"arrival", *b"article",
    *b"assault", *b"assumed", *b"attempt", *b"attract",
    *b"auction", *b"average", *b"awkward", *b"balance",
    *b"banking", *b"bargain", *b"barrier", *b"battery",
    *b"bearing", *b"beating", *b"because", *b"bedroom",
    *b"believe", *b"beneath", *b"benefit", *b"besides",
    *b"between", *b"billion", *b"biology", *b"blanket",
    *b"booking", *b"bracket", *b"breathe", *b"brother",
    *b"builder", *b"burning", *b"cabinet", *b"caliber",
    *b"calling", *b"capable", *b"capital", *b"captain",
    *b"capture", *b"cardiac", *b"careful", *b"carrier",
    *b"caution", *b"ceiling", *b"central", *b"century",
    *b"certain", *b"chamber", *b"channel", *b"chapter",
    *b"charity", *b"charter", *b"chicken", *b"chronic",
    *b"circuit", *b"citizen", *b"classic", *b"climate",
    *b"closely", *b"clothes", *b"coastal", *b"coating",
    *b"collect", *b"college", *b"combine", *b"comfort",
    *b"command", *b"comment", *b"company", *b"compare",
    *b"compete", *b"complex", *b"concept", *b"concern",
    *b"concert", *b"conduct", *b"confirm", *b"connect",
    *b"consent", *b"consist", *b"contact", *b"contain",
    *b"content", *b"contest", *b"context", *b"control",
    *b"convert", *b"cooking", *b"correct", *b"council",
    *b"counter", *b"country", *b"courage", *b"covered",
    *b"creator", *b"crucial", *b"crystal", *b"culture",
    *b"current", *b"cutting", *b"dealing", *b"decided",
    *b"decline", *b"default", *b"deficit", *b"deliver",
    *b"density", *b"deposit", *b"desktop", *b"despite",
    *b"destroy", *b"develop", *b"devoted", *b"diamond",
    *b"digital", *b"discuss", *b"disease", *b"display",
    *b"dispute", *b"distant", *b"diverse", *b"divided",
    *b"drawing", *b"driving", *b"dynamic", *b"eastern",
    *b"economy", *b"edition", *b"elderly", *b"element",
    *b"emotion", *b"emperor", *b"endless", *b"enhance",
    *b"essence", *b"evening", *b"evident", *b"exactly",
    *b"examine", *b"example", *b"excited", *b"exclude",
    *b"expense", *b"explain", *b"explore", *b"express",
    *b"extract", *b"extreme", *b"factory", *b"faculty",
    *b"failure", *b"fashion", *b"feature", *b"federal",
    *b"feeling", *b"fiction", *b"fifteen", *b"filling",
    *b"finance", *b"finding", *b"fishing", *b"fitness",
    *b"foreign", *b"forever", *b"formula", *b"fortune",
    *b"forward", *b"founder", *b"freedom", *b"further",
    *b"gallery", *b"gateway", *b"general", *b"genetic",
    *b"genuine", *b"gravity", *b"greatly", *b"habitat",
    *b"healthy", *b"hearing", *b"heating", *b"heavily",
    *b"helpful", *b"highway", *b"history", *b"holiday",
    *b"housing", *b"however", *b"hundred", *b"husband",
    *b"illegal", *b"illness", *b"imagine", *b"imaging",
    *b"improve", *b"include", *b"initial", *b"inquiry",
    *b"insight", *b"install", *b"instant", *b"instead",
    *b"intense", *b"interim", *b"involve", *b"journal",
    *b"journey", *b"justice", *b"justify", *b"killing",
    *b"kingdom", *b"kitchen", *b"knowing", *b"landing",
    *b"largely", *b"lasting", *b"leading", *b"learned",
    *b"leisure", *b"liberal", *b"liberty", *b"library",
    *b"license", *b"limited", *b"listing", *b"logical",
    *b"loyalty", *b"machine", *b"manager", *b"married",
    *b"massive", *b"maximum", *b"meaning", *b"measure",
    *b"medical", *b"meeting", *b"mention", *b"message",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_another_one() {
        let mut words = WORDS.to_vec();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), 256);
        assert!(words.as_flattened().iter().all(u8::is_ascii_lowercase));
    }

    #[test]
    fn lines_are_eight_words() {
        let mut text = vec![0; 64 * 1000];
        fill(&Key::new("42"), Coordinates::default(), 0, &mut text);
        let text = String::from_utf8(text).unwrap();
        assert!(text.lines().all(|line| line.split(' ').count() == 8), "{}", &text[..256]);
        assert_eq!(text.lines().count(), 1000);
    }
}
