//! The page: its files, as they are in the program.

/// A file of the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageFile {
    /// Under which path it is asked for.
    pub(super) path: &'static str,
    pub(super) media_type: &'static str,
    pub(super) text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

macro_rules! page_file {
    ($path:literal, $name:literal, $media_type:expr) => {
        PageFile {
            path: $path,
            media_type: $media_type,
            text: include_str!(concat!("page/", $name)),
        }
    };
}

/// All of them.
pub(super) const FILES: [PageFile; 18] = [
    page_file!("/", "index.html", HTML),
    page_file!("/page/style.css", "style.css", STYLE),
    page_file!("/page/icon.svg", "icon.svg", PICTURE),
    page_file!("/page/bytemap.js", "bytemap.js", SCRIPT),
    page_file!("/page/cells.js", "cells.js", SCRIPT),
    page_file!("/page/chart.js", "chart.js", SCRIPT),
    page_file!("/page/cluster.js", "cluster.js", SCRIPT),
    page_file!("/page/dom.js", "dom.js", SCRIPT),
    page_file!("/page/file.js", "file.js", SCRIPT),
    page_file!("/page/main.js", "main.js", SCRIPT),
    page_file!("/page/map.js", "map.js", SCRIPT),
    page_file!("/page/overview.js", "overview.js", SCRIPT),
    page_file!("/page/process.js", "process.js", SCRIPT),
    page_file!("/page/scale.js", "scale.js", SCRIPT),
    page_file!("/page/stack.js", "stack.js", SCRIPT),
    page_file!("/page/stream.js", "stream.js", SCRIPT),
    page_file!("/page/threads.js", "threads.js", SCRIPT),
    page_file!("/page/words.js", "words.js", SCRIPT),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What follows a word, up to the next quotation mark.
    fn quoted_after<'a>(text: &'a str, word: &str) -> impl Iterator<Item = &'a str> {
        text.split(word)
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect::<Vec<_>>()
            .into_iter()
    }

    #[test]
    fn everything_that_the_page_asks_for_is_there_and_nothing_comes_from_elsewhere() {
        let known: BTreeSet<&str> = FILES.iter().map(|file| file.path).collect();
        let mut wanted = BTreeSet::from(["/".to_owned()]);
        for file in FILES {
            for path in ["src=\"", "href=\""].iter().flat_map(|word| quoted_after(file.text, word))
            {
                if !path.starts_with('#') {
                    wanted.insert(path.to_owned());
                }
            }
            for name in quoted_after(file.text, "from \"./") {
                wanted.insert(format!("/page/{name}"));
            }
            let namespaces = file.text.replace("http://www.w3.org/2000/svg", "");
            assert!(!namespaces.contains("://"), "{} names another host", file.path);
            // The policy that is sent with it forbids all of these.
            for forbidden in ["style=\"", "onclick=\"", "innerHTML", "eval(", "<style"] {
                assert!(!file.text.contains(forbidden), "{} has {forbidden}", file.path);
            }
        }
        assert_eq!(wanted, known.iter().map(|path| (*path).to_owned()).collect());
    }
}
