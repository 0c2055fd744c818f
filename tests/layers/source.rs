//! What a source file names and declares.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Item, ItemMod, Macro, Meta, Signature, UseTree};

/// A path as the source names it, like `crate::dataset::Inode`, groups written out.
#[derive(Debug)]
pub(crate) struct NamedPath {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
    /// How many modules of the file itself stand around it.
    pub(crate) depth: usize,
    pub(crate) in_tests: bool,
}

/// A file, read. What stands in its test modules is left out where nothing else is said.
#[derive(Default)]
pub(crate) struct Source {
    /// Every path of two or more segments, and those of one that `use` or `extern crate` names;
    /// those of tests too.
    pub(crate) paths: Vec<NamedPath>,
    /// The line and the name of each struct, enum, union, trait and type alias.
    pub(crate) types: Vec<(usize, String)>,
    /// Where each function begins, and how many lines it has.
    pub(crate) functions: Vec<(usize, usize)>,
    /// How many lines the test modules have.
    pub(crate) test_lines: usize,
    depth: usize,
    in_tests: bool,
}

impl Source {
    pub(crate) fn read(text: &str) -> Self {
        let mut source = Self::default();
        source.visit_file(&syn::parse_file(text).expect("the compiler has read it"));
        source
    }

    /// Adds a path, given as far as it goes before its last segment.
    fn add(&mut self, before: &[&Ident], last: &str, line: usize) {
        let segments = before.iter().map(ToString::to_string).chain([last.to_owned()]).collect();
        let Self { depth, in_tests, .. } = *self;
        self.paths.push(NamedPath { line, segments, depth, in_tests });
    }

    fn add_idents(&mut self, idents: &[&Ident]) {
        if let [before @ .., last] = idents
            && !before.is_empty()
        {
            self.add(before, &last.to_string(), line_of(idents[0]));
        }
    }

    fn read_use<'a>(&mut self, tree: &'a UseTree, before: &mut Vec<&'a Ident>) {
        match tree {
            UseTree::Path(path) => {
                before.push(&path.ident);
                self.read_use(&path.tree, before);
                before.pop();
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.read_use(tree, before);
                }
            }
            UseTree::Name(name) => self.add(before, &name.ident.to_string(), line_of(&name.ident)),
            UseTree::Rename(name) => {
                self.add(before, &name.ident.to_string(), line_of(&name.ident));
            }
            UseTree::Glob(glob) => self.add(before, "*", glob.star_token.span.start().line),
        }
    }

    /// What is given to a macro is only a row of tokens.
    fn read_tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut colons): (Vec<Ident>, _) = (Vec::new(), 0);
        for token in tokens {
            if let TokenTree::Punct(punct) = &token
                && punct.as_char() == ':'
            {
                colons += 1;
                continue;
            }
            if colons != 2 || !matches!(token, TokenTree::Ident(_)) {
                self.add_idents(&path.iter().collect::<Vec<_>>());
                path.clear();
            }
            colons = 0;
            match token {
                TokenTree::Ident(ident) => path.push(ident),
                TokenTree::Group(group) => self.read_tokens(group.stream()),
                _ => {}
            }
        }
        self.add_idents(&path.iter().collect::<Vec<_>>());
    }

    fn add_function(&mut self, signature: &Signature, body: &Block) {
        if !self.in_tests {
            let first = signature.fn_token.span.start().line;
            let last = body.brace_token.span.close().start().line;
            self.functions.push((first, last - first + 1));
        }
    }
}

impl<'ast> Visit<'ast> for Source {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let idents: Vec<&Ident> = path.segments.iter().map(|segment| &segment.ident).collect();
        self.add_idents(&idents);
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.read_use(&item.tree, &mut Vec::new());
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.add(&[], &item.ident.to_string(), line_of(&item.ident));
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        visit::visit_macro(self, called);
        self.read_tokens(called.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        visit::visit_attribute(self, attribute);
        if let Meta::List(list) = &attribute.meta {
            self.read_tokens(list.tokens.clone());
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        let Some((braces, _)) = &module.content else { return };
        let in_tests = self.in_tests;
        if let Some(test) = module.attrs.iter().find(|attribute| is_cfg_test(attribute)) {
            let first = test.pound_token.span.start().line;
            self.test_lines += braces.span.close().start().line - first + 1;
            self.in_tests = true;
        }
        self.depth += 1;
        visit::visit_item_mod(self, module);
        self.depth -= 1;
        self.in_tests = in_tests;
    }

    fn visit_item(&mut self, item: &'ast Item) {
        let name = match item {
            Item::Struct(item) => Some(&item.ident),
            Item::Enum(item) => Some(&item.ident),
            Item::Union(item) => Some(&item.ident),
            Item::Trait(item) => Some(&item.ident),
            Item::Type(item) => Some(&item.ident),
            _ => None,
        };
        if !self.in_tests {
            self.types.extend(name.map(|name| (line_of(name), name.to_string())));
        }
        visit::visit_item(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add_function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add_function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.add_function(&item.sig, body);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

fn line_of(ident: &Ident) -> usize {
    ident.span().start().line
}

fn is_cfg_test(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else { return false };
    let condition = list.tokens.to_string();
    list.path.is_ident("cfg") && condition.contains("test") && !condition.contains("not")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(source: &str) -> Vec<String> {
        Source::read(source).paths.into_iter().map(|path| path.segments.join("::")).collect()
    }

    #[test]
    fn imports_are_seen_with_their_groups() {
        assert_eq!(
            paths("use crate::{dataset, fs::{self, io::*}, cli as c};"),
            ["crate::dataset", "crate::fs::self", "crate::fs::io::*", "crate::cli"]
        );
        assert_eq!(paths("use fuser; use ::fuser::Errno;"), ["fuser", "fuser::Errno"]);
        assert_eq!(paths("extern crate libc as l; use crate as root;"), ["libc", "crate"]);
    }

    #[test]
    fn paths_inside_code_are_seen() {
        let code = "fn f(a: &crate::fs::A) { tracing::info!(x = %a::B::<c::D>::e(), { g::h }); }";
        assert_eq!(paths(code), ["crate::fs::A", "tracing::info", "a::B", "c::D", "g::h"]);
        assert_eq!(paths("#[derive(thiserror::Error)] struct A;"), ["thiserror::Error"]);
        assert_eq!(paths("macro_rules! m { () => { a::b; 'c: loop {} } }"), ["a::b"]);
    }

    #[test]
    fn what_is_declared_is_seen_and_what_tests_declare_is_not() {
        let source = Source::read(
            "struct A;\nimpl T for A {\n    type Error = B;\n    fn f() {\n    }\n}\n\
             #[cfg(all(test, x))]\nmod tests {\n    enum C {}\n    fn g() { a::b() }\n}",
        );
        assert_eq!(source.types, [(1, "A".to_owned())]);
        assert_eq!(source.functions, [(4, 2)]);
        assert_eq!(source.test_lines, 5);
        let path = source.paths.last().expect("a::b");
        assert_eq!((path.line, path.depth, path.in_tests), (10, 1, true));
    }
}
