use proptest::prelude::*;

use super::*;

const SMALL: Dimensions =
    Dimensions { generations: 1, nodes: 1, processes: 1, files: 1, extensions: 1 };
const LARGE: Dimensions =
    Dimensions { generations: 1, nodes: 10, processes: 11, files: 1_000_000, extensions: 1 };

fn accepts(text: &str, dimensions: &Dimensions) -> Result<(), LayoutError> {
    Layout::parse(text)?.check(dimensions, &Extensions::default())
}

#[test]
fn extensions_have_a_place_where_they_can_be_read() {
    let check = |text: &str, names: &[&str]| {
        let names: Vec<String> = names.iter().copied().map(str::to_owned).collect();
        let count = u32::try_from(names.len()).unwrap();
        let dimensions = Dimensions { files: 20, extensions: count.max(1), ..SMALL };
        Layout::parse(text)?.check(&dimensions, &Extensions::new(names))
    };
    for text in ["{file}.{ext}", "{ext}/{file}", "{ext}+{file}", "{file}{ext}", "a{ext}/{file}.b"] {
        assert_eq!(check(text, &["npz", "json.gz"]), Ok(()), "{text}");
        assert!(check(text, &[]).unwrap_err().to_string().contains("without `{ext}`"), "{text}");
    }
    for (text, names, expected) in [
        ("{file:02}.npz", &["npz"][..], "expected {file:02}.{ext}"),
        ("{file:02}.npz", &["json", "npz"], "contents of json, npz have no place"),
        ("{file}", &["json"], "expected {file}.{ext}"),
        ("{file}.{npz}", &["npz"], "`{npz}` is not a placeholder"),
        ("{file}.{ext:03}", &["npz"], "`{ext:03}` is not a placeholder"),
        ("{file}.{ext}.{ext}", &["npz"], "`{ext}` stands there twice"),
        ("{ext}{file}", &["npz"], "could be a part of an extension"),
        ("{ext}.{file}", &["tar.gz"], "could be a part of an extension"),
        ("{file}{ext}", &["7z"], "expected `{file:02}`"),
        (".{ext}/{file}", &["npz", "status"], "is reserved"),
    ] {
        let error = check(text, names).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let long = "x".repeat(32);
    let name = format!("{}{{file}}{{ext}}", "y".repeat(222));
    assert_eq!(
        check(&name, &[&long]),
        Err(LayoutError::NameTooLong { number: 1, bytes: 256 }),
        "the longest extension counts"
    );
}

#[test]
fn spells_a_template_as_it_was_read() {
    for text in [
        "node_{node}/process_{process}",
        "{node:01}-{process:020}",
        "a/b/c",
        "{{{node}}}",
        "{{node}}",
        "größe/{file:06}.dat",
        "..{node}",
        "x/.status",
    ] {
        assert_eq!(Layout::parse(text).map(|layout| layout.to_string()), Ok(text.to_owned()));
    }
}

#[test]
fn refuses_each_malformed_template_with_its_reason() {
    for (text, reason) in [
        ("", "a path component is empty"),
        ("/a", "a path component is empty"),
        ("a/", "a path component is empty"),
        ("a//b", "a path component is empty"),
        ("a/./b", "`.` is not a name"),
        ("..", "`..` is not a name"),
        (".status", "`.status` at the root is reserved"),
        (".status/{file}", "`.status` at the root is reserved"),
        ("a\0b", r"control character '\0'"),
        ("a\nb", r"control character '\n'"),
        ("a\u{85}", r"control character '\u{85}'"),
        ("a{file", "a brace has no partner; expected {name} for a number, {{ and }} for"),
        ("a}", "a brace has no partner"),
        ("{fi/le}", "a brace has no partner"),
        ("{rank}", "`{rank}` is not a placeholder; expected {iteration}, {node}, {process}, "),
        ("{}", "`{}` is not a placeholder"),
        ("{File}", "`{File}` is not a placeholder"),
        ("{file:6}", "`:6` is not a width; expected :01 to :020"),
        ("{file:}", "`:` is not a width"),
        ("{file:00}", "`:00` is not a width"),
        ("{file:021}", "`:021` is not a width"),
        ("{file:006}", "`:006` is not a width"),
        ("{file:0 6}", "`:0 6` is not a width"),
        ("{file}/{node}/{file}", "`{file}` stands there twice; expected each placeholder once"),
    ] {
        let error = accepts(text, &SMALL).expect_err(text).to_string();
        assert!(error.contains(reason), "{text:?}: {error}");
        assert!(error.contains("expected"), "{text:?}: {error}");
    }
}

#[test]
fn asks_for_every_coordinate_that_tells_files_apart() {
    let error = accepts("{node}", &LARGE).expect_err("two are missing").to_string();
    assert!(error.contains("names {process}, {file}"), "{error}");
    let two = Dimensions { generations: 2, ..SMALL };
    let error = accepts("{node}", &two).expect_err("no iteration").to_string();
    assert!(error.contains("names {iteration}"), "{error}");
    assert_eq!(accepts("fixed", &SMALL), Ok(()));
}

#[test]
fn refuses_numbers_whose_end_nobody_can_find() {
    let dimensions = Dimensions { processes: 1, ..LARGE };
    for (text, placeholder, fixed) in [
        ("{node}{file}", "`{node}`", "`{node:01}`"),
        ("{file}0{node}", "`{file}`", "`{file:06}`"),
        ("{file:05}{node}", "`{file:05}`", "`{file:06}`"),
        ("{node:01}/{file}9", "`{file}`", "`{file:06}`"),
        ("{process}{node:02}{file}", "`{process}`", "`{process:01}`"),
    ] {
        let error = accepts(text, &dimensions).expect_err(text).to_string();
        assert!(error.contains(placeholder), "{text}: {error}");
        assert!(error.contains(&format!("expected {fixed}")), "{text}: {error}");
        let mended = text.replace(placeholder.trim_matches('`'), fixed.trim_matches('`'));
        assert_eq!(accepts(&mended, &dimensions), Ok(()), "{mended}");
    }
    for text in ["{node:01}{file}", "{node}/{file}", "{node}x{file}", "7{node}é{file}"] {
        assert_eq!(accepts(text, &dimensions), Ok(()), "{text}");
    }
}

#[test]
fn counts_the_bytes_of_the_longest_name_and_path() {
    let files = Dimensions { files: 1001, ..SMALL };
    let name = |literal: usize| format!("d/{}{{file}}", "x".repeat(literal));
    assert_eq!(accepts(&name(251), &files), Ok(()));
    assert_eq!(
        accepts(&name(252), &files),
        Err(LayoutError::NameTooLong { number: 2, bytes: 256 })
    );
    assert_eq!(
        accepts(&format!("{}{{node:020}}", "x".repeat(236)), &SMALL),
        Err(LayoutError::NameTooLong { number: 1, bytes: 256 })
    );

    assert_eq!(accepts(&format!("x{}", "/x".repeat(2047)), &SMALL), Ok(()));
    assert_eq!(
        accepts(&format!("xx{}", "/x".repeat(2047)), &SMALL),
        Err(LayoutError::PathTooLong { bytes: 4096 })
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in r"[a{}:/.0-9]{0,12}|\PC{0,20}") {
        if let Ok(layout) = Layout::parse(&text) {
            let canonical = layout.to_string();
            prop_assert_eq!(&canonical, &text);
            prop_assert_eq!(Layout::parse(&canonical), Ok(layout));
        }
    }
}
