//! The words of `-o`, and how each way of mounting is told of them.

use std::str::FromStr;

use rustix::mount::{MountAttrFlags, MountFlags};

use super::connection::{ConnectionOptions, REQUEST_BYTES_MAX};
use super::session::MountOptions;

/// One word of `-o`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionWord(Word);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Flag { flag: usize, on: bool },
    Name(String),
    NonEmpty,
}

/// A word of `-o` that is not known.
#[derive(Debug, thiserror::Error)]
#[error(
    "'{0}' is not a mount option that seedfs knows: expected ro, rw, exec, noexec, suid, \
     nosuid, dev, nodev, atime, noatime, sync, async, dirsync, nonempty or fsname=NAME; \
     for allow_other there is --allow-other"
)]
pub struct OptionError(String);

/// Something of a mount that is on or off.
struct Flag {
    on: &'static str,
    off: &'static str,
    /// Whether it is on where nobody says so.
    default: bool,
    /// What mount(2) calls it.
    legacy: MountFlags,
    /// What fsmount(2) calls it.
    attribute: MountAttrFlags,
    /// Whether the filesystem has to know it too.
    of_filesystem: bool,
}

impl Flag {
    const fn new(
        on: &'static str,
        off: &'static str,
        legacy: MountFlags,
        attribute: MountAttrFlags,
    ) -> Self {
        Self { on, off, default: false, legacy, attribute, of_filesystem: false }
    }

    const fn by_default(self) -> Self {
        Self { default: true, ..self }
    }

    const fn of_filesystem(self) -> Self {
        Self { of_filesystem: true, ..self }
    }
}

const NONE: MountAttrFlags = MountAttrFlags::empty();

const FLAGS: [Flag; 7] = [
    Flag::new("ro", "rw", MountFlags::RDONLY, MountAttrFlags::MOUNT_ATTR_RDONLY).of_filesystem(),
    Flag::new("noexec", "exec", MountFlags::NOEXEC, MountAttrFlags::MOUNT_ATTR_NOEXEC),
    Flag::new("nosuid", "suid", MountFlags::NOSUID, MountAttrFlags::MOUNT_ATTR_NOSUID).by_default(),
    Flag::new("nodev", "dev", MountFlags::NODEV, MountAttrFlags::MOUNT_ATTR_NODEV).by_default(),
    Flag::new("noatime", "atime", MountFlags::NOATIME, MountAttrFlags::MOUNT_ATTR_NOATIME),
    Flag::new("sync", "async", MountFlags::SYNCHRONOUS, NONE).of_filesystem(),
    Flag::new("dirsync", "", MountFlags::DIRSYNC, NONE).of_filesystem(),
];

impl FromStr for OptionWord {
    type Err = OptionError;

    fn from_str(text: &str) -> Result<Self, OptionError> {
        let unknown = || OptionError(text.to_owned());
        if text == "nonempty" {
            return Ok(Self(Word::NonEmpty));
        }
        if let Some(name) = text.strip_prefix("fsname=") {
            return if name.is_empty() {
                Err(unknown())
            } else {
                Ok(Self(Word::Name(name.into())))
            };
        }
        let named = |flag: &Flag| [flag.on, flag.off].contains(&text);
        let flag = FLAGS.iter().position(named).filter(|_| !text.is_empty());
        let flag = flag.ok_or_else(unknown)?;
        Ok(Self(Word::Flag { flag, on: FLAGS[flag].on == text }))
    }
}

impl OptionWord {
    /// Whether it lets a mount cover a directory that holds something.
    #[must_use]
    pub fn allows_non_empty(&self) -> bool {
        self.0 == Word::NonEmpty
    }
}

/// What is said of a mount, in the words of each system call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MountWords {
    /// What the table of mounts shows as the source.
    pub(super) source: String,
    pub(super) flags: MountFlags,
    pub(super) attributes: MountAttrFlags,
    /// What is told to the filesystem and is no flag of mount(2): a word, or a word and its value.
    pub(super) settings: Vec<(&'static str, Option<String>)>,
    /// The same for the flags, where there is no mount(2).
    pub(super) filesystem_flags: Vec<&'static str>,
    /// What fusermount3 is told of the flags.
    flag_words: Vec<&'static str>,
}

impl MountWords {
    pub(super) fn new(options: &MountOptions) -> Self {
        let mut on = FLAGS.each_ref().map(|flag| flag.default);
        let mut source = "seedfs".to_owned();
        for option in &options.words {
            // As with mount(8), the last word counts.
            match &option.0 {
                Word::Flag { flag, on: is_on } => on[*flag] = *is_on,
                Word::Name(name) => source.clone_from(name),
                Word::NonEmpty => {}
            }
        }
        let mut words = Self {
            source,
            flags: MountFlags::empty(),
            attributes: NONE,
            settings: settings(options.allow_other, &options.connection),
            filesystem_flags: Vec::new(),
            flag_words: Vec::new(),
        };
        for (flag, is_on) in FLAGS.iter().zip(on) {
            if is_on {
                words.flags |= flag.legacy;
                words.attributes |= flag.attribute;
                words.filesystem_flags.extend(flag.of_filesystem.then_some(flag.on));
            }
            if is_on != flag.default {
                words.flag_words.push(if is_on { flag.on } else { flag.off });
            }
        }
        words
    }

    /// The settings as mount(2) takes them.
    pub(super) fn data(&self) -> String {
        let word = |(key, value): &(&str, Option<String>)| match value {
            Some(value) => format!("{key}={value}"),
            None => (*key).to_owned(),
        };
        self.settings.iter().map(word).collect::<Vec<_>>().join(",")
    }

    /// All of it as fusermount3 takes it.
    pub(super) fn line(&self) -> String {
        let mut line = format!("fsname={},{}", self.source, self.data());
        for word in &self.flag_words {
            line.push(',');
            line.push_str(word);
        }
        line
    }
}

fn settings(
    allow_other: bool,
    connection: &ConnectionOptions,
) -> Vec<(&'static str, Option<String>)> {
    let mut settings = vec![("subtype", Some("seedfs".to_owned())), ("default_permissions", None)];
    if allow_other {
        settings.push(("allow_other", None));
    }
    if connection.request_bytes < REQUEST_BYTES_MAX {
        // What is agreed on at the beginning limits writes only.
        settings.push(("max_read", Some(connection.request_bytes.to_string())));
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(options: &str) -> MountWords {
        let words = options.split(',').filter(|word| !word.is_empty());
        let words = words.map(|word| word.parse().unwrap()).collect();
        MountWords::new(&MountOptions { words, ..MountOptions::default() })
    }

    #[test]
    fn the_last_word_counts() {
        let safe = MountFlags::NOSUID | MountFlags::NODEV;
        assert_eq!(words("").flags, safe);
        assert_eq!(words("ro,rw").flags, safe);
        assert_eq!(words("suid,dev").flags, MountFlags::empty());
        assert_eq!(words("rw,ro,nonempty").flags, safe | MountFlags::RDONLY);
        assert_eq!(words("fsname=a,fsname=b").source, "b");
    }

    #[test]
    fn each_way_of_mounting_is_told_the_same() {
        let plain = words("");
        assert_eq!(plain.line(), "fsname=seedfs,subtype=seedfs,default_permissions");
        assert_eq!(plain.data(), "subtype=seedfs,default_permissions");
        let many = words("ro,noexec,noatime,sync,dirsync,suid,fsname=x");
        assert_eq!(
            many.line(),
            "fsname=x,subtype=seedfs,default_permissions,ro,noexec,suid,noatime,sync,dirsync"
        );
        assert_eq!(many.filesystem_flags, ["ro", "sync", "dirsync"]);
        let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY
            | MountAttrFlags::MOUNT_ATTR_NOEXEC
            | MountAttrFlags::MOUNT_ATTR_NODEV
            | MountAttrFlags::MOUNT_ATTR_NOATIME;
        assert_eq!(many.attributes, attributes);
    }

    #[test]
    fn other_words_are_refused() {
        for text in ["", "odd", "fsname=", "allow_other", "ro ", "NONEMPTY"] {
            let error = text.parse::<OptionWord>().unwrap_err().to_string();
            assert!(error.contains(&format!("'{text}'")), "{error}");
        }
        assert!("nonempty".parse::<OptionWord>().unwrap().allows_non_empty());
        assert!(!"ro".parse::<OptionWord>().unwrap().allows_non_empty());
    }
}
