//! A run's metrics in a file, for the textfile collector of `node_exporter`.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::disk::{Disk, Durability, Faults, OpenDirectory, Sound};
use crate::report::{MetricsFormat, RunReport, metrics};

/// The end of the names that the collector reads. A file on its way has another one.
const SUFFIX: &str = ".prom";

/// A file of metrics, in a directory that stays open.
#[derive(Debug)]
pub struct Textfile<F = Sound> {
    disk: Disk<F>,
    directory: OpenDirectory,
    name: OsString,
}

impl<F: Faults> Textfile<F> {
    /// Opens the directory of the file.
    ///
    /// # Errors
    ///
    /// Those of the system; and where the name is not one that the collector reads.
    pub fn open(disk: Disk<F>, path: &Path) -> io::Result<Self> {
        let name = path.file_name().filter(|name| {
            let name = name.as_encoded_bytes();
            name.len() > SUFFIX.len() && name.ends_with(SUFFIX.as_bytes())
        });
        let Some(name) = name.map(OsString::from) else {
            let error = "expected a name that ends in .prom, which is what node_exporter reads";
            return Err(io::Error::new(ErrorKind::InvalidInput, error));
        };
        let above = path.parent().filter(|above| !above.as_os_str().is_empty());
        let directory = disk.open_root(above.unwrap_or(Path::new(".")))?;
        Ok(Self { disk, directory, name })
    }

    /// Replaces the file in one step. Everybody may read it, as far as the caller's umask lets
    /// them: the collector is another user.
    ///
    /// # Errors
    ///
    /// Those of the system. The file is the one before then.
    pub fn replace(&self, report: &RunReport) -> io::Result<()> {
        let text = metrics([report], MetricsFormat::Prometheus);
        let how = (0o644, Durability::Later);
        self.disk.replace(&self.directory, &self.name, text.as_bytes(), how)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::report::{RunCommand, example_report};

    #[test]
    fn the_file_is_replaced_whole_and_others_may_read_it() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("seedfs.prom");
        let precious = place.path().join("precious");
        fs::write(&precious, "precious").unwrap();
        symlink(&precious, &path).unwrap();
        let textfile = Textfile::open(Disk::real(), &path).unwrap();
        for node in [1, 2] {
            textfile.replace(&example_report(RunCommand::Verify, node)).unwrap();
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains(&format!(r#"seedfs_run_phase{{command="verify",node="{node}""#)));
            assert!(!text.contains("# EOF") && text.ends_with('\n'), "{text}");
        }
        let metadata = fs::symlink_metadata(&path).unwrap();
        assert!(metadata.is_file());
        assert_eq!(metadata.permissions().mode() & 0o444, 0o444);
        assert_eq!(fs::read(&precious).unwrap(), b"precious");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2, "nothing else is left there");
    }

    #[test]
    fn names_that_the_collector_does_not_read_are_refused() {
        let place = tempfile::tempdir().unwrap();
        for name in ["seedfs", "seedfs.prom.txt", ".prom", "missing/seedfs.prom", ".."] {
            assert!(Textfile::open(Disk::real(), &place.path().join(name)).is_err(), "{name}");
        }
    }
}
