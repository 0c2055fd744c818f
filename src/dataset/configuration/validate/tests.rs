use proptest::prelude::*;

use super::*;
use crate::dataset::{Coordinates, OPTIONS, TemplateFile};

fn from_toml(text: &str) -> DatasetConfig {
    toml::from_str(text).expect("the test's TOML is well-formed")
}

fn refusal(text: &str) -> String {
    from_toml(text).validate().expect_err(text).to_string()
}

#[test]
fn what_is_left_out_has_a_default() {
    let dataset = DatasetConfig::default().validate().expect("nothing is a dataset");
    assert_eq!(dataset.seed(), "0");
    assert_eq!(
        dataset.dimensions(),
        Dimensions { generations: 1, nodes: 1, processes: 1, files: 1, extensions: 1 }
    );
    assert_eq!(dataset.size_bytes(Coordinates::default()), 1 << 30);
    assert_eq!(dataset.layout().to_string(), "node_{node}/process_{process}");
}

#[test]
fn numbers_and_text_mean_the_same() {
    let numbers = from_toml("seed = 42\nnodes = 4\nsize = 4096").validate();
    let text = from_toml("seed = '42'\nnodes = '4'\nsize = '4K'").validate();
    let config = |dataset: Result<Dataset, _>| dataset.map(|dataset| dataset.to_config());
    assert_eq!(config(numbers), config(text));
    assert_eq!(from_toml("seed = -7").validate().map(|d| d.seed().to_owned()), Ok("-7".into()));
    let huge: DatasetConfig =
        serde_json::from_str(r#"{"seed": 18446744073709551615}"#).expect("it is JSON");
    assert_eq!(huge.validate().map(|d| d.seed().to_owned()), Ok(u64::MAX.to_string()));
}

#[test]
fn every_refusal_names_option_value_and_what_is_accepted() {
    let counts = "expected a whole number from 1 to 65536";
    let files = "expected a whole number from 1 to 4294967296";
    let size = "expected 1 byte to 4 PiB (2^52), like 10G, 4096 or 1MiB, or a distribution: \
                4K..1M, lognormal:median=64K,sigma=2,max=1G, pareto:min=4K,alpha=1.2,max=1G or \
                buckets:4K=70,64K=25,10M=5";
    let growth = "expected 0 to 1000, with at most two decimals, like 12.5";
    let seed = "expected text of 1 to 1024 bytes without control characters";
    for (typed, expected) in [
        ("schema = 2", "schema '2': expected 1".to_owned()),
        ("seed = ''", format!("--seed '': {seed}")),
        (r#"seed = "a\u0000b\n""#, format!(r"--seed 'a\u{{0}}b\n': {seed}")),
        ("seed = 1.50", format!("--seed '1.5': {seed}, in quotes")),
        ("seed = true", format!("--seed 'true': {seed}, in quotes")),
        ("seed = {a = 'b'}", format!("--seed 'a=b': {seed}, in quotes")),
        ("layout = {a = 'b'}", "--layout 'a=b': expected a template, in quotes".to_owned()),
        ("nodes = {a = 'b'}", format!("--nodes 'a=b': {counts}")),
        ("nodes = 0", format!("--nodes '0': {counts}")),
        ("nodes = 65537", format!("--nodes '65537': {counts}")),
        ("nodes = -1", format!("--nodes '-1': {counts}")),
        ("nodes = '+1'", format!("--nodes '+1': {counts}")),
        ("nodes = ''", format!("--nodes '': {counts}")),
        ("nodes = 2.0", format!("--nodes '2.0': {counts}")),
        ("processes = 'many'", format!("--processes 'many': {counts}")),
        ("files = 4294967297", format!("--files '4294967297': {files}")),
        (
            "files = '99999999999999999999999'",
            format!("--files '99999999999999999999999': {files}"),
        ),
        ("iterations = 0", format!("--iterations '0': {counts}")),
        ("size = 0", format!("--size '0': {size}")),
        ("size = 4503599627370497", format!("--size '4503599627370497': {size}")),
        ("size = -1", format!("--size '-1': this is not a number with a unit; {size}")),
        ("size = '16E'", format!("--size '16E': this is 16 EiB or more; {size}")),
        (
            "size = 1.5",
            format!("--size '1.5': a byte has no fraction; expected a unit, like 1.5M; {size}"),
        ),
        (
            "generation = 65536",
            "--generation '65536': expected a whole number from 0 to 65535".into(),
        ),
        (
            "generation = 1\niterations = 2",
            "--generation '1': expected only one of --generation and --iterations".into(),
        ),
        ("grow = -1", format!("--grow '-1': {growth}")),
        ("grow = 1000.01", format!("--grow '1000.01': {growth}")),
        ("new_files = 'x'", format!("--new-files 'x': {growth}")),
        (
            "generation = 2\nfiles = 4294967296\nnew_files = 0.01",
            "--new-files '0.01': generation 2 has 4295826289 files of each process; expected \
             at most 4294967296"
                .into(),
        ),
        (
            "iterations = 3\nsize = '1P..4P'\ngrow = 1",
            "--grow '1': files of generation 2 have up to 4593671619917905 bytes; expected \
             at most 4503599627370496 (2^52): a smaller --size, or max=SIZE in it"
                .into(),
        ),
        (
            "size = 'lognormal:median=1M'",
            format!("--size 'lognormal:median=1M': `sigma` is missing; {size}"),
        ),
        (
            "layout = 'a//b'",
            "--layout 'a//b': a path component is empty; expected names with a single / \
             between them"
                .to_owned(),
        ),
        (
            "nodes = 2\nlayout = 'x'",
            "--layout 'x': files would share a path; expected a layout that also names {node}"
                .to_owned(),
        ),
        (
            "iterations = 2\nlayout = 'x'",
            "--layout 'x': files would share a path; expected a layout that also names \
             {iteration}"
                .to_owned(),
        ),
    ] {
        assert_eq!(refusal(typed), expected, "{typed}");
    }
}

#[test]
fn every_refusal_of_a_shape_says_so_too() {
    let percent = "expected 0 to 100, with at most two decimals, like 12.5";
    let block = "expected a power of two from 512 to 1M, like 4K";
    for (typed, expected) in [
        (
            "content = 'noise'",
            "--content 'noise': expected random, zero, text, file:PATH, or a format and what is in \
             it: npy, npz, tfrecord, tfrecord-index, hdf5, arrow, parquet, jsonl, csv, bmp, png",
        ),
        ("content_hash = 'ab'", "content_hash 'ab': only goes with --content file:PATH"),
        (
            "compress = 95.01",
            "--compress '95.01': expected 0 to 95, with at most two decimals, like 12.5",
        ),
        ("dedup = 101", &format!("--dedup '101': {percent}")),
        ("change = '5%'", &format!("--change '5%': {percent}")),
        ("change = 0.125", &format!("--change '0.125': {percent}")),
        ("dedup = 1\ndedup_block = 5000", &format!("--dedup-block '5000': {block}")),
        ("dedup = 1\ndedup_block = 256", &format!("--dedup-block '256': {block}")),
        ("change = 1\nchange_block = '2M'", &format!("--change-block '2M': {block}")),
        ("dedup_block = '4K'", "--dedup-block '4K': only goes with --dedup"),
        ("dedup_scope = 'file'", "--dedup-scope 'file': only goes with --dedup"),
        ("change_block = '4K'", "--change-block '4K': only goes with --change"),
        ("dedup = 1\ndedup_scope = 'all'", "--dedup-scope 'all': expected dataset, node or file"),
        (
            "dedup = 1\ndedup_block = '8K'\nchange = 1\nchange_block = '4K'",
            "--change-block '4K': expected 8192 or more with this --dedup-block",
        ),
        (
            "content = 'zero'\ncompress = 1\ndedup = 2\nchange = 3",
            "--compress '1': only goes with random content, and not with 'zero'\n\
             --dedup '2': only goes with random content and text, and not with 'zero'\n\
             --change '3': only goes with random content and text, and not with 'zero'",
        ),
        (
            "dedup = 1\nsize = 2251799813685249",
            "--size '2251799813685249': expected 1 byte to 2 PiB (2^51) with --dedup",
        ),
    ] {
        assert_eq!(refusal(typed), expected, "{typed}");
    }
}

#[test]
fn every_refusal_of_contents_names_the_nearest() {
    let random = "{a = 'random', b = 'random'}";
    let both = "content = {npz = 'npz:x:u1,9', json = 'jsonl:id:int9,3'}";
    for (typed, expected) in [
        (
            &*format!("{both}\nlayout = '{{file:06}}.npz'"),
            "--layout '{file:06}.npz': the contents of json, npz have no place in it: `{ext}` \
             stands for their extensions; expected {file:06}.{ext}",
        ),
        (
            "content = 'npz:x:u1,9'\nlayout = '{file}.{ext}'",
            "--layout '{file}.{ext}': `{ext}` stands for the extensions of several contents; \
             expected --content EXT=CONTENT for each, or a layout without `{ext}`",
        ),
        (
            "content = {npz = 'npz:x:u1,0', json = 'jsonl:id:int9,3'}",
            "--content 'npz=npz:x:u1,0': dimension 1 of 0 is 0; expected 1 or more",
        ),
        (
            "content = {bin = 'zero'}",
            "--content 'bin=zero': 'zero' is for all files; expected random, or a format: npy, \
             npz, tfrecord, tfrecord-index, hdf5, arrow, parquet, jsonl, csv, bmp, png",
        ),
        (
            "content = {'.npz' = 'npz:x:u1,9'}",
            "--content '.npz=npz:x:u1,9': expected an extension of 1 to 32 letters, digits, ., _ \
             and -, that begins with a letter or a digit, like npz",
        ),
        (
            "content = {}",
            "--content '': expected an extension and its content, like npz=npz:x:u1,9",
        ),
        (
            &*format!("{both}\nsize = '4K'"),
            "--size '4K': each format says the size of its files; expected none, or a format whose \
             first dimension is N",
        ),
        (
            "content = {npy = 'npy:f4,N', bin = 'random'}\nsize = '4K..8K'",
            "--size '4K..8K': files of a format all have one size; expected that, or none",
        ),
        (
            "content = {npy = 'npy:f4,Nx30', bin = 'random'}\nsize = 1000",
            "--size '1000': npy=npy:f4,Nx30: no file of this format has this size; expected 968 \
             (npy:f4,7x30) or 1088 (npy:f4,8x30)",
        ),
        (
            "content = {idx = 'tfrecord-index', bin = 'random'}",
            "--content 'idx=tfrecord-index': there are no TFRecord files beside it; expected \
             --content EXT=tfrecord:BYTES,RECORDS for them, or tfrecord-index:BYTES,RECORDS",
        ),
        (
            "content = {a = 'tfrecord:9,9', b = 'tfrecord:8,8', idx = 'tfrecord-index'}",
            "--content 'tfrecord-index': there are several TFRecord files beside it; expected one \
             of them, like tfrecord-index:8,8",
        ),
        (
            &*format!("content = {random}\nfiles = 4294967296"),
            "--files '4294967296': with 2 extensions these are 8589934592 files of each process; \
             expected at most 2147483648",
        ),
        (
            &*format!("{both}\ncompress = 3\ngrow = 2"),
            "--compress '3': only goes with random content, and not with 'json=jsonl:id:int9,3 \
             npz=npz:x:u1,9'\n--grow '2': files of 'json=jsonl:id:int9,3 npz=npz:x:u1,9' have one \
             size; expected 0",
        ),
    ] {
        assert_eq!(refusal(typed), expected, "{typed}");
    }
    let many: Vec<String> = (0..65).map(|number| format!("e{number} = 'random'")).collect();
    let error = refusal(&format!("content = {{{}}}", many.join(", ")));
    assert!(error.contains("these are 65; expected at most 64"), "{error}");
}

#[test]
fn what_is_given_several_times_is_a_table() {
    let typed = |texts: &[&str]| DatasetConfig {
        content: OptionValue::of_arguments(texts.iter().copied().map(str::to_owned)),
        files: Some(3.into()),
        ..DatasetConfig::default()
    };
    let table = from_toml("files = 3\n[content]\nnpz = 'npz:x:u1,9'\njson = 'jsonl:id:int9,N'");
    let expected = table.validate().unwrap().to_config();
    for order in
        [["npz=npz:x:u1,9", "json=jsonl:id:int9"], ["json=jsonl:id:int9,N", "npz=npz:x:u1,9"]]
    {
        assert_eq!(typed(&order).validate().unwrap().to_config(), expected);
    }
    let json = serde_json::to_string(&expected).unwrap();
    assert!(
        json.contains(r#""content":{"json":"jsonl:id:int9,59652323","npz":"npz:x:u1,9"}"#),
        "{json}"
    );
    assert!(
        json.contains(r#""layout":"node_{node}/process_{process}/file_{file}.{ext}""#),
        "{json}"
    );
    assert!(!json.contains("size"), "{json}");
    let again: DatasetConfig = serde_json::from_str(&json).unwrap();
    assert_eq!(again.validate().unwrap().to_config(), expected);
    // One may have an extension too.
    let one = typed(&["npz=npz:x:u1,9"]).validate().unwrap();
    assert_eq!(one.extensions().names(), ["npz"]);
    assert_eq!(
        one.to_config().content,
        Some(OptionValue::Table(vec![("npz".into(), "npz:x:u1,9".into())]))
    );
    for (texts, expected) in [
        (
            ["npz:x:u1,9", "json=random"],
            "--content 'npz:x:u1,9': it has no extension, and there are",
        ),
        (["a=random", "a=npz:x:u1,9"], "--content 'a=random': the extension a stands there twice"),
        (["a/b=random", "c=random"], "--content 'a/b=random': expected an extension of 1 to 32"),
    ] {
        let error = typed(&texts).validate().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    // What begins like a local file is none of several.
    assert_eq!(typed(&["file:/a=b"]).template_path().as_deref(), Some("/a=b"));
    assert_eq!(typed(&["file:/a", "file:/b"]).template_path(), None);
}

#[test]
fn an_option_holds_for_the_contents_that_it_goes_with() {
    let typed = "content = {bin = 'random', tfrecord = 'tfrecord:100,20', idx = 'tfrecord-index'}\n\
                 files = 2\nsize = '1K..9K'\ngrow = 50\nchange = 10\ndedup = 20\ngeneration = 2";
    let dataset = from_toml(typed).validate().unwrap();
    let file = |file| Coordinates { generation: 2, file, ..Coordinates::default() };
    assert_eq!(dataset.extensions().names(), ["bin", "idx", "tfrecord"]);
    assert_eq!(dataset.file_count(), 6);
    for (number, text) in [(1, "tfrecord-index:100,20"), (2, "tfrecord:100,20")] {
        for file in [file(number), file(number + 3)] {
            let framing = dataset.framing(file).unwrap();
            assert_eq!(framing.to_string(), text);
            assert_eq!(dataset.size_bytes(file), framing.size_bytes());
            assert_eq!(dataset.shape(file).change, None);
            assert_eq!(dataset.last_change(file), 2);
        }
    }
    assert!(dataset.framing(file(3)).is_none() && dataset.shape(file(3)).dedup.is_some());
    assert_eq!(dataset.sizes().to_string(), "1024..9216");
    let printed = dataset.to_config();
    assert_eq!(printed.size, Some("1024..9216".into()));
    assert_eq!(
        from_toml(&toml::to_string(&printed).unwrap()).validate().unwrap().to_config(),
        printed
    );
    // The shared blocks of the random files are those of the first random file.
    let origins = dataset.origins(file(3)).of(file(3));
    let shared = (0..2).map(|block| origins.at(block * 4096)).find(|at| at.offset >= SHARED_START);
    if let Some(origin) = shared {
        assert_eq!(origin.file.file, 0);
    }
}

#[test]
fn a_shape_is_printed_whole_and_only_where_it_is_one() {
    let config = |typed: &str| from_toml(typed).validate().expect(typed).to_config();
    for plain in [
        "compress = 0\ndedup = 0\nchange = 100\ncontent = 'random'",
        "dedup = '0.0'\ndedup_block = 512\ndedup_scope = 'node'",
    ] {
        assert_eq!(config(plain), config(""), "{plain}");
    }
    let shaped = "compress = 12.5\ndedup = 25\ndedup_block = '8K'\nchange = 0.25";
    let json = serde_json::to_string(&config(shaped)).expect("it is JSON");
    let right = r#""compress":"12.5","dedup":25,"dedup_block":8192,"dedup_scope":"dataset","#
        .to_owned()
        + r#""change":"0.25","change_block":8192}"#;
    assert!(json.ends_with(&right), "{json}");
    for typed in [shaped, "content = 'text'\nchange = 0", "content = 'zero'", "dedup = 100"] {
        let printed = config(typed);
        let toml = toml::to_string(&printed).expect("it is TOML");
        assert_eq!(config(&toml), printed, "{typed}");
    }
}

#[test]
fn a_template_is_the_file_that_it_was() {
    let with = |bytes: &[u8]| DatasetConfig {
        template: TemplateFile::new("/data/big".to_owned(), bytes.to_vec()),
        ..from_toml("content = 'file:/data/big'")
    };
    let dataset = with(b"hello").validate().expect("it is valid");
    assert_eq!(dataset.size_bytes(Coordinates::default()), 5);
    let printed = dataset.to_config();
    assert_eq!(printed.content, Some("file:/data/big".into()));
    let fed_back = |bytes| DatasetConfig { template: with(bytes).template, ..printed.clone() };
    assert!(fed_back(b"hello").validate().is_ok());
    let error = fed_back(b"hallo").validate().expect_err("another file").to_string();
    let hash = blake3::hash(b"hello").to_hex();
    assert!(error.starts_with(&format!("content_hash '{hash}'")), "{error}");
    assert!(error.ends_with("it is another file"), "{error}");
    assert!(printed.validate().is_err(), "nobody has read it");
}

#[test]
fn the_extremes_are_accepted() {
    let seed = "s".repeat(1024);
    for typed in [
        "nodes = 65536",
        "processes = 65536",
        "iterations = 65536",
        "files = 4294967296",
        "size = 1",
        "size = '4P'",
        "generation = 0",
        "generation = 65535\nsize = 1\ngrow = 1000",
        "generation = 65535\nfiles = 6553\nnew_files = 1000",
        "iterations = 65536\nfiles = 10\nnew_files = 0.01\ngrow = 0.01",
        "size = 'buckets:1=50,4P=50'",
        "change = 0",
        "change = 100",
        "change = 0.01\nchange_block = 512",
        "change = '2.5'\nchange_block = '1M'",
        "schema = 1",
        &format!("seed = '{seed}'"),
        "seed = ' ü \"x\" '",
    ] {
        assert!(from_toml(typed).validate().is_ok(), "{typed}");
    }
    assert!(refusal(&format!("seed = '{seed}s'")).contains("1024 bytes"));
}

#[test]
fn all_errors_are_told_at_once_in_the_order_of_the_options() {
    let errors = from_toml(
        "layout = '{rank}'\nnew_files = 'x'\ngrow = 'x'\nchange_block = 3\n\
         change = 'x'\nsize = 0\niterations = 0\ngeneration = -1\nfiles = 0\n\
         processes = 0\nnodes = 0\nseed = ''\nschema = 0",
    )
    .validate()
    .expect_err("everything is wrong");
    let options: Vec<_> = errors.iter().map(|error| error.option).collect();
    assert_eq!(
        options,
        [
            "schema",
            "--seed",
            "--nodes",
            "--processes",
            "--files",
            "--iterations",
            "--generation",
            "--change",
            "--change-block",
            "--size",
            "--grow",
            "--new-files",
            "--layout"
        ]
    );
    assert_eq!(errors.to_string().lines().count(), 13);

    let with_missing = refusal("seed = ''\nnodes = 2\nsize = 0\nlayout = 'x'");
    assert_eq!(with_missing.lines().count(), 3, "{with_missing}");
}

#[test]
fn too_many_files_are_refused_with_their_product() {
    assert!(from_toml("nodes = 65536\nprocesses = 65536\nfiles = 268435456").validate().is_ok());
    let error = refusal("nodes = 65536\nprocesses = 65536\nfiles = 536870912");
    assert!(error.contains("'65536 × 65536 × 536870912 × 1'"), "{error}");
    assert!(error.contains("2305843013508726785 files and directories"), "{error}");
    assert!(error.contains("expected fewer than 2^61"), "{error}");
    let largest = "nodes = 65536\nprocesses = 65536\nfiles = 4294967296\niterations = 65536";
    assert!(refusal(largest).contains("4294967296 × 65536'"));
    let one_name = format!("{largest}\nlayout = '{{node}}_{{file}}_{{process}}_{{iteration}}'");
    assert!(refusal(&one_name).contains("1208925819614629174706177 files"));
}

/// What is said of a value quotes parts of it: no more of it gets to a terminal that way.
#[test]
fn messages_are_one_line_and_not_for_ever() {
    let long = "x".repeat(1 << 20);
    for typed in
        ["npy:f4,\u{1b}[31m", "npz:\n:u1,1", &format!("npy:{long}"), &format!("csv:{long}")]
    {
        let content = DatasetConfig { content: Some(typed.into()), ..DatasetConfig::default() };
        let layout = DatasetConfig {
            layout: Some(format!("{{{typed}}}").as_str().into()),
            ..DatasetConfig::default()
        };
        for error in [content, layout].map(|it| it.validate().unwrap_err().to_string()) {
            assert!(!error.contains(char::is_control), "{error:?}");
            assert!(error.chars().count() < 1000, "{} characters", error.len());
        }
    }
}

#[test]
fn long_values_are_cut_where_they_are_shown() {
    let error = refusal(&format!("nodes = '{}'", "é".repeat(10_000)));
    assert!(error.contains(&format!("'{}…'", "é".repeat(80))), "{error}");
}

#[test]
fn the_command_line_wins_over_a_file() {
    let typed = DatasetConfig { nodes: Some("3".into()), ..DatasetConfig::default() };
    let file = from_toml(
        "schema = 1\nseed = 7\nnodes = 0\nprocesses = 2\nfiles = 5\niterations = 4\nsize = '1K'\n\
         change = 2.5\nchange_block = '8K'\ngrow = 1\nnew_files = 2\n\
         layout = '{iteration}/{node}/{process}/{file}'",
    );
    let merged = typed.merged_over(file.clone());
    assert_eq!(merged, DatasetConfig { nodes: Some("3".into()), ..file.clone() });
    assert_eq!(file.clone().merged_over(DatasetConfig::default()), file);
    assert!(merged.validate().is_ok());
}

#[test]
fn the_words_of_an_option_are_those_that_stand() {
    for option in OPTIONS {
        for (word, meaning) in option.words.iter().filter(|(word, _)| *word != "file:PATH") {
            let mut typed = from_toml(if option.name == "dedup_scope" { "dedup = 50" } else { "" });
            // Where something has to be filled in, the meaning ends with an example.
            let has_blanks = word.contains(char::is_uppercase);
            let word = if has_blanks { meaning.rsplit_once(": ").unwrap().1 } else { word };
            *(option.get_mut)(&mut typed) = Some(word.into());
            let errors = typed.validate().err().map(|errors| errors.to_string());
            let refused = format!("--{} '{word}'", option.name.replace('_', "-"));
            assert!(!errors.unwrap_or_default().contains(&refused), "{refused}");
        }
    }
}

#[test]
fn an_unknown_field_is_refused_by_name() {
    let json = serde_json::from_str::<DatasetConfig>(r#"{"nodes": 2, "ndoes": 3}"#);
    let toml = toml::from_str::<DatasetConfig>("ndoes = 3");
    assert!(json.expect_err("it is unknown").to_string().contains("unknown field `ndoes`"));
    assert!(toml.expect_err("it is unknown").to_string().contains("unknown field `ndoes`"));
    let list = serde_json::from_str::<DatasetConfig>(r#"{"nodes": [2]}"#);
    assert!(list.expect_err("a list").to_string().contains("expected text or a whole number"));
}

#[test]
fn the_canonical_configuration_is_complete() {
    let dataset = from_toml("seed = 42\nnodes = 4\nsize = '10G'").validate().expect("it is valid");
    assert_eq!(
        serde_json::to_string(&dataset.to_config()).expect("it is JSON"),
        r#"{"schema":1,"seed":"42","nodes":4,"processes":1,"files":1,"size":10737418240,"#
            .to_owned()
            + r#""layout":"node_{node}/process_{process}"}"#
    );
    let one = from_toml("iterations = 1").validate().expect("it is valid").to_config();
    assert_eq!(one.iterations, Some(OptionValue::Integer(1)));
    assert_eq!(one.layout, Some("iteration_{iteration}/node_{node}/process_{process}".into()));
}

proptest! {
    #[test]
    fn what_is_printed_can_be_fed_back(
        seed in r#"[\PC"'\\]{1,40}"#,
        nodes in 1..=65536_u64,
        processes in 1..=100_u64,
        files in 1..=100_000_u64,
        iterations in prop::option::of(1..=10_u64),
        generation in 0..=100_u64,
        size in prop_oneof![
            (1..=MAX_SIZE_BYTES / 2).prop_map(OptionValue::from),
            prop::sample::select(vec![
                "4K..1M",
                "lognormal:median=64K,sigma=1.125,max=1G",
                "pareto:min=4K,alpha=0.7,max=1T",
                "buckets:4K=70,64K=24.99,10M=5.01",
            ])
            .prop_map(OptionValue::from),
        ],
        growth in prop::option::of((0..=99_u32, 0..=999_u32)),
        change in prop::option::of((0..=10_000_u32, prop::option::of(9..=20_u32))),
        layout in prop::option::of(Just("{iteration}/ü{{{process:03}/{node:05}{file}")),
    ) {
        let typed = DatasetConfig {
            seed: Some(seed.clone().into()),
            nodes: Some(nodes.into()),
            processes: Some(processes.to_string().into()),
            files: Some(files.into()),
            iterations: iterations.map(Into::into),
            generation: iterations.is_none().then(|| generation.into()),
            size: Some(size),
            grow: growth.map(|(grow, _)| Percent::of_basis_points(grow).into()),
            new_files: growth.map(|(_, new)| Percent::of_basis_points(new).into()),
            change: change.map(|(percent, _)| Percent::of_basis_points(percent).into()),
            change_block: change.and_then(|(_, log)| Some((1_u64 << log?).into())),
            layout: layout.map(Into::into),
            ..DatasetConfig::default()
        };
        let dataset = typed.validate().expect("it is valid");
        prop_assert_eq!(dataset.seed(), &seed);
        let printed = dataset.to_config();
        let json = serde_json::to_string(&printed).expect("it is JSON");
        let toml = toml::to_string(&printed).expect("it is TOML");
        for read in [serde_json::from_str(&json).expect("JSON"), from_toml(&toml)] {
            prop_assert_eq!(&read, &printed);
            let again = read.validate().expect("it is still valid");
            prop_assert_eq!(again.to_config(), printed.clone());
            prop_assert_eq!(again.dimensions(), dataset.dimensions());
            prop_assert_eq!(again.generations(), dataset.generations());
            prop_assert_eq!(again.sizes(), dataset.sizes());
            prop_assert_eq!(again.file_count(), dataset.file_count());
            prop_assert_eq!(again.layout(), dataset.layout());
            prop_assert_eq!(again.namespace().inode_count(), dataset.namespace().inode_count());
        }
    }

    #[test]
    fn whatever_is_typed_is_accepted_or_refused(
        texts in prop::collection::vec(".{0,30}", OPTIONS.len()),
    ) {
        let mut typed = DatasetConfig::default();
        for (option, text) in OPTIONS.iter().zip(texts) {
            *(option.get_mut)(&mut typed) = Some(text.into());
        }
        if let Err(errors) = typed.validate() {
            prop_assert!(errors.iter().count() > 0);
            let says_what = |message: &str| {
                ["expected", "goes with"].iter().any(|word| message.contains(word))
            };
            prop_assert!(errors.iter().all(|error| says_what(&error.message)));
        }
    }
}
