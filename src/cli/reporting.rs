//! What `write` and `verify` report while they work, and to where.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;

use super::Failure;
use crate::disk::Disk;
use crate::report::{ClusterRun, Phase, RunCommand, RunErrors, RunReport};
use crate::storage::{
    EarlierReport, FileFailure, Findings, Progress, Publisher, Reporter, Root, Share, StatusKeeper,
    TargetTally, Textfile, find_job, read_reports,
};

/// Where reports go.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Reports")]
pub(super) struct ReportArguments {
    /// Report each second in the directory .seedfs of this one, which must be there [default: that
    /// of the files]
    #[arg(long, value_name = "DIR", conflicts_with = "no_publish")]
    publish: Option<PathBuf>,

    /// Leave no reports anywhere
    #[arg(long)]
    no_publish: bool,

    /// Replace this file each second by metrics for node_exporter's textfile collector; its name
    /// must end in .prom
    #[arg(long, value_name = "FILE")]
    textfile: Option<PathBuf>,
}

/// The run that reports.
#[derive(Clone, Copy)]
pub(super) struct ReportedRun<'a> {
    pub(super) command: RunCommand,
    pub(super) share: Share<'a>,
    pub(super) threads: usize,
    pub(super) progress: &'a Progress,
    /// What becomes of the report of an earlier run.
    pub(super) earlier: EarlierReport,
    /// Its targets, where it has several.
    pub(super) targets: &'a [&'a TargetTally],
}

/// The reports of one run. None of them that cannot be written stops it.
pub(super) struct Reporting<'a> {
    run: ReportedRun<'a>,
    reporter: Reporter<'a>,
    /// The file of earlier versions, for `write`.
    node_status: Option<StatusKeeper<'a>>,
    publishers: Vec<Publisher>,
    textfile: Option<(Textfile, &'a Path)>,
    places: Vec<Root>,
    quiet: bool,
    warned: AtomicBool,
}

impl ReportArguments {
    /// Opens what is written to: a directory that was named and is not there is refused, and all
    /// else only warned of. Where files are in several directories, each has the reports.
    pub(super) fn begin<'a>(
        &'a self,
        run: ReportedRun<'a>,
        roots: &[&'a Root],
        quiet: bool,
    ) -> Result<Reporting<'a>, Failure> {
        let paths = roots.iter().map(|root| root.path().display().to_string());
        self.begin_at(run, (paths.collect::<Vec<_>>().join(" ").as_ref(), roots), quiet)
    }

    /// The same of a run on a device, where no reports have a place.
    pub(super) fn begin_on_device<'a>(
        &'a self,
        run: ReportedRun<'a>,
        device: &Path,
        quiet: bool,
    ) -> Result<Reporting<'a>, Failure> {
        self.begin_at(run, (device, &[]), quiet)
    }

    fn begin_at<'a>(
        &'a self,
        run: ReportedRun<'a>,
        (shown, roots): (&Path, &[&'a Root]),
        quiet: bool,
    ) -> Result<Reporting<'a>, Failure> {
        let job = find_job(|name| std::env::var(name).ok());
        let ReportedRun { command, share, threads, progress, earlier, targets } = run;
        let reporter = Reporter::new(command, share, shown, (threads, job), progress)
            .with_targets(targets.to_vec());
        let places = match &self.publish {
            Some(path) => vec![Root::open(Disk::real(), path).map_err(|error| {
                let shown = path.display();
                Failure::usage(format!(
                    "--publish '{shown}': {error}; expected an existing directory"
                ))
            })?],
            None if self.no_publish => Vec::new(),
            None => {
                let open = |root: &&Root| Root::open(Disk::real(), root.path()).ok();
                roots.iter().filter_map(open).collect()
            }
        };
        let node = share.node().map_or(0, u32::from);
        let status_in = roots.first().filter(|_| command == RunCommand::Write && !self.no_publish);
        let mut reporting = Reporting {
            run,
            reporter,
            node_status: status_in.map(|root| StatusKeeper::new(root, node, earlier)),
            publishers: Vec::new(),
            textfile: self.textfile()?,
            places,
            quiet,
            warned: AtomicBool::new(false),
        };
        let open = |place: &Root| Publisher::open(place, share.dataset(), (command, node), earlier);
        for opened in reporting.places.iter().map(open).collect::<Vec<_>>() {
            match opened {
                Ok(publisher) => reporting.publishers.push(publisher),
                Err(error) => reporting.warn("in '.seedfs'", &error),
            }
        }
        Ok(reporting)
    }
}

impl ReportArguments {
    /// Refuses what was asked for where the work leaves no reports.
    pub(super) fn refuse_with(&self, other: &str) -> Result<(), Failure> {
        let option = match (&self.publish, &self.textfile) {
            (Some(_), _) => "--publish",
            (_, Some(_)) => "--textfile",
            _ => return Ok(()),
        };
        Err(Failure::usage(format!("{option} with {other}: expected only one of them")))
    }

    fn textfile(&self) -> Result<Option<(Textfile, &Path)>, Failure> {
        let Some(path) = self.textfile.as_deref() else { return Ok(None) };
        let textfile = Textfile::open(Disk::real(), path)
            .map_err(|error| Failure::usage(format!("--textfile '{}': {error}", path.display())))?;
        Ok(Some((textfile, path)))
    }
}

impl Reporting<'_> {
    /// The name of this machine.
    pub(super) fn host(&self) -> &str {
        self.reporter.host()
    }

    /// Reports what there is to say now.
    pub(super) fn update(&self) {
        self.put(&self.reporter.report());
    }

    /// Reports how it has ended: with these files that could not be written or read.
    pub(super) fn end(&self, failures: &Findings<FileFailure>, interrupted: bool) -> RunReport {
        let path = |failure: &FileFailure| match &failure.target {
            Some(target) => format!("{target}/{}", failure.path),
            None => failure.path.clone(),
        };
        let first = failures.listed.first();
        let first = first.map(|failure| format!("{}: {}", path(failure), failure.error));
        let failed = self.run.targets.iter().filter_map(|target| {
            Some(format!("the target {} has failed: {}", target.name(), target.why_failed()?))
        });
        let failed: Vec<String> = failed.collect();
        let errors = RunErrors {
            total: failures.total + failed.len() as u64 + u64::from(interrupted),
            first: failed
                .into_iter()
                .next()
                .or(first)
                .or_else(|| interrupted.then(|| "interrupted".to_owned())),
        };
        let phase = if errors.total > 0 { Phase::Failed } else { Phase::Done };
        let last = self.reporter.last_report(phase, errors);
        self.put(&last);
        last
    }

    /// Reports that it could not go on.
    pub(super) fn fail(&self, error: &impl Display) {
        let errors = RunErrors { total: 1, first: Some(error.to_string()) };
        self.put(&self.reporter.last_report(Phase::Failed, errors));
    }

    fn put(&self, report: &RunReport) {
        if let Some(keeper) = &self.node_status
            && let Err(error) = keeper.update(report)
        {
            self.warn(&format!("'{}'", keeper.name().display()), &error);
        }
        for publisher in &self.publishers {
            if let Err(error) = publisher.publish(report) {
                self.warn(&format!("'{}'", publisher.shown()), &error);
            }
        }
        if let Some((textfile, path)) = &self.textfile
            && let Err(error) = textfile.replace(report)
        {
            self.warn(&format!("'{}'", path.display()), &error);
        }
    }

    /// Says once that others do not see how far this is.
    fn warn(&self, what: &str, error: &io::Error) {
        if !self.warned.swap(true, Ordering::Relaxed) && !self.quiet {
            let _ = writeln!(
                io::stderr(),
                "seedfs: warning: the report {what} cannot be written: {error}; the work goes on"
            );
        }
    }

    /// What all nodes have done so far, on the first of many.
    pub(super) fn conclude(&self) {
        let is_first = self.run.share.node() == Some(0);
        let first = self.places.first().filter(|_| is_first && !self.quiet);
        let Some(place) = first else { return };
        let Ok(cluster) = read_reports(place) else { return };
        if let Some(run) = cluster.run(self.run.command) {
            let _ = writeln!(io::stderr(), "all nodes: {}", totals(run));
        }
    }
}

/// What the nodes of a run have done together.
pub(super) fn totals(run: &ClusterRun) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown rounded")]
    let gb = |bytes: u128| bytes as f64 / 1e9;
    let heard = run.nodes.len();
    format!(
        "{} %, {} of {} files, {:.2} of {:.2} GB, {heard} of {} nodes, {:.2} GB/s, {:.0} files/s",
        run.percent_complete,
        run.files.done,
        run.files.total,
        gb(run.bytes.done),
        gb(run.bytes.total),
        u64::from(run.node_count).max(heard as u64),
        run.rates.bytes_per_s / 1e9,
        run.rates.files_per_s,
    )
}
