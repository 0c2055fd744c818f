//! `seedfs repair DIR...`

use std::path::Path;

use super::{Done, RepairArguments, Repaired};
use crate::cli::Failure;
use crate::cli::storage_args::Interruption;
use crate::disk::{Disk, Links};
use crate::report::TargetIdentity;
use crate::storage::{
    OpenTarget, Progress, Root, Share, TargetFiles, Targets, files_of_report, has_none_of, repair,
    repair_targets, target_of_others,
};

/// Repairs the files in one directory, or those that are spread over several.
pub(super) fn run(arguments: &RepairArguments, share: Share<'_>) -> Result<Done, Failure> {
    let directories = &arguments.directories;
    let mut roots = directories.iter().map(|it| open(it)).collect::<Result<Vec<_>, _>>()?;
    match roots.pop() {
        None => Err(Failure::usage("expected a directory, or --device DEVICE")),
        Some(root) if roots.is_empty() && !Targets::is_one(&root) => one(arguments, share, &root),
        Some(last) => {
            roots.push(last);
            several(arguments, share, roots)
        }
    }
}

fn open(directory: &Path) -> Result<Root, Failure> {
    Root::open(Disk::real(), directory).map_err(|error| {
        let shown = directory.display();
        Failure::usage(format!("'{shown}' is not a directory that can be read: {error}"))
    })
}

fn one(arguments: &RepairArguments, share: Share<'_>, root: &Root) -> Result<Done, Failure> {
    let shown = root.path().display();
    let target = root
        .target_view()
        .map_err(|error| Failure::system(format!("cannot look at '{shown}': {error}")))?;
    let files = match &arguments.from {
        Some(path) => Some(listed_files(path, share, &target)?),
        None => None,
    };
    if files.is_none() && !arguments.force && has_none_of(root, share) {
        return Err(nothing_of_this_dataset(root));
    }
    let options = arguments.options(arguments.part.threads())?;
    let interruption = Interruption::new()?;
    let progress = expected_work(share, files.as_deref(), options.threads);
    let repairs = arguments.progress.show("", &progress, &|| (), || {
        repair(root, share, files.as_deref(), options, (&progress, interruption.stop()))
    });
    arguments.progress.conclude("", "read", &progress);
    let seconds = progress.snapshot().seconds;
    let interrupted = interruption.happened();
    Ok(Done { what: Repaired::One(target), repairs, seconds, interrupted })
}

fn several(
    arguments: &RepairArguments,
    share: Share<'_>,
    roots: Vec<Root>,
) -> Result<Done, Failure> {
    if arguments.from.is_some() {
        let expected = "expected one directory, or no report";
        return Err(Failure::usage(format!("--from with several targets: {expected}")));
    }
    let of = (share.dataset(), share.node());
    let refuse = |error: &dyn std::fmt::Display| Failure::usage(error.to_string());
    let targets = Targets::open(roots, of.0).map_err(|error| refuse(&error))?;
    targets.check_all_named().map_err(|error| refuse(&error))?;
    if !arguments.force
        && let Some(root) = target_of_others(&targets, of)
    {
        return Err(nothing_of_this_dataset(root));
    }
    let options = arguments.options(arguments.part.threads_for(targets.all().len()))?;
    let interruption = Interruption::new()?;
    if !arguments.dry_run {
        // A directory that takes the place of a lost one is a target from now on.
        targets.record(options.durability);
        if let Some(failed) = targets.all().iter().find(|target| target.tally().has_failed()) {
            let (name, why) = (failed.tally().name(), failed.tally().why_failed());
            let why = why.unwrap_or_default();
            return Err(Failure::system(format!("'{name}' cannot be written to: {why}")));
        }
    }
    let files = TargetFiles::new(&targets, of);
    let progress = Progress::new(files.file_count(), files.total_bytes(options.threads));
    let repairs = arguments.progress.show("", &progress, &|| (), || {
        repair_targets(&targets, of, options, &progress, interruption.stop())
    });
    arguments.progress.conclude("", "read", &progress);
    let names = targets.all().iter().map(OpenTarget::tally).map(|it| it.name().to_owned());
    Ok(Done {
        what: Repaired::Targets(names.collect()),
        repairs,
        seconds: progress.snapshot().seconds,
        interrupted: interruption.happened(),
    })
}

fn nothing_of_this_dataset(root: &Root) -> Failure {
    let shown = root.path().display();
    Failure::usage(format!(
        "'{shown}': nothing that was read there is content of this dataset: expected the options \
         that the files were written with; --force repairs them all the same"
    ))
}

/// The longest report: with all that its lists can hold it is well below.
const REPORT_BYTES_MAX: usize = 256 << 20;

fn listed_files(
    path: &Path,
    share: Share<'_>,
    target: &TargetIdentity,
) -> Result<Vec<u64>, Failure> {
    let refuse = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("--from '{}': {error}", path.display()))
    };
    let disk = Disk::real();
    let above = match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => ".".as_ref(),
    };
    let name = path.file_name().unwrap_or_default();
    let json = disk
        .open_root(above)
        .and_then(|at| disk.read_whole(&at, name.as_ref(), Links::Follow, REPORT_BYTES_MAX))
        .map_err(|error| refuse(&error))?;
    files_of_report(&json, share, target).map_err(|error| refuse(&error))
}

fn expected_work(share: Share<'_>, files: Option<&[u64]>, threads: usize) -> Progress {
    match files {
        None => Progress::new(share.file_count(), share.total_bytes(threads)),
        Some(files) => {
            let size = |index: &u64| u128::from(share.dataset().size_bytes(share.file(*index)));
            Progress::new(files.len() as u64, files.iter().map(size).sum())
        }
    }
}
