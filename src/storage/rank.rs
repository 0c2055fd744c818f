//! Which node of how many this process is, from the environment that the cluster's engine sets.

use std::collections::BTreeSet;
use std::fs;

/// The number of this process, and of how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rank {
    /// Counted from 0.
    pub node: u32,
    /// How many there are, where the engine says so.
    pub count: Option<u32>,
    /// Who says so: the engine, and its variables.
    pub engine: &'static str,
}

/// Why there is no rank.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RankError {
    /// None of the engines that are known.
    #[error(
        "no known engine has started this process; expected a number, or `auto` under \
         Open MPI (OMPI_COMM_WORLD_RANK), PMI (PMI_RANK), Slurm's srun (SLURM_PROCID), pbsdsh \
         (PBS_NODENUM) or a Kubernetes indexed job (JOB_COMPLETION_INDEX)"
    )]
    None,
    /// A variable that is no number.
    #[error("the variable {0} is '{1}'; expected a whole number")]
    NoNumber(&'static str, String),
}

/// An engine: its name, the variable of the rank, those of the count.
type Engine = (&'static str, &'static str, &'static [&'static str]);

/// The innermost first. `mpirun` inside a Slurm job starts its ranks through a daemon for each
/// machine, whose `SLURM_PROCID` they all inherit: what MPI says is about the rank itself.
const ENGINES: [Engine; 5] = [
    ("Open MPI (OMPI_COMM_WORLD_RANK)", "OMPI_COMM_WORLD_RANK", &["OMPI_COMM_WORLD_SIZE"]),
    ("PMI (PMI_RANK)", "PMI_RANK", &["PMI_SIZE"]),
    ("Slurm (SLURM_PROCID)", "SLURM_PROCID", &["SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"]),
    ("PBS (PBS_NODENUM)", "PBS_NODENUM", &["PBS_NUM_NODES"]),
    ("Kubernetes (JOB_COMPLETION_INDEX)", "JOB_COMPLETION_INDEX", &[]),
];

/// For engines that do not tell the count; a job's manifest sets it.
const COUNT: &str = "SEEDFS_NODE_COUNT";
/// One line for each task of a PBS job: the names of its machines.
const PBS_NODEFILE: &str = "PBS_NODEFILE";

/// Asks the environment, of which `variable` reads one.
///
/// # Errors
///
/// Where no engine is found, or one that says nonsense.
pub fn find_rank(variable: impl Fn(&str) -> Option<String>) -> Result<Rank, RankError> {
    let number = |name: &'static str| -> Result<Option<u32>, RankError> {
        variable(name)
            .map(|text| text.trim().parse().map_err(|_| RankError::NoNumber(name, text)))
            .transpose()
    };
    for (engine, rank, counts) in ENGINES {
        let Some(node) = number(rank)? else { continue };
        let mut count = number(COUNT)?;
        for name in counts {
            if count.is_none() {
                count = number(name)?;
            }
        }
        if count.is_none() && rank == "PBS_NODENUM" {
            count = variable(PBS_NODEFILE).and_then(|path| machines(&path));
        }
        return Ok(Rank { node, count, engine });
    }
    Err(RankError::None)
}

/// Engines by the variables of their jobs: what the engine is called, and how its variables make
/// the job's name. All ranks of one job have the same; a job inside another one comes first.
const JOBS: [(&str, &str, Option<&str>); 4] = [
    ("pmix", "PMIX_NAMESPACE", None),
    ("slurm", "SLURM_JOB_ID", Some("SLURM_STEP_ID")),
    ("pbs", "PBS_JOBID", None),
    ("pmi", "PMI_JOBID", None),
];

/// The job that this process is of, like `slurm 123.0`, where an engine has started it. `variable`
/// reads a variable of the environment.
#[must_use]
pub fn find_job(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    JOBS.into_iter().find_map(|(engine, job, step)| {
        let job = variable(job)?;
        let step = step.and_then(&variable).map(|step| format!(".{step}")).unwrap_or_default();
        Some(format!("{engine} {job}{step}").chars().take(200).collect())
    })
}

/// How many different machines a node file names.
fn machines(path: &str) -> Option<u32> {
    let text = fs::read_to_string(path).ok()?;
    let names: BTreeSet<&str> = text.lines().map(str::trim).filter(|n| !n.is_empty()).collect();
    u32::try_from(names.len()).ok().filter(|count| *count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(variables: &[(&str, &str)]) -> Result<Rank, RankError> {
        find_rank(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn each_engine_is_understood() {
        for (variables, node, count, engine) in [
            (
                &[("OMPI_COMM_WORLD_RANK", "2"), ("OMPI_COMM_WORLD_SIZE", "3")][..],
                2,
                Some(3),
                "Open",
            ),
            (&[("PMI_RANK", "0"), ("PMI_SIZE", "8")], 0, Some(8), "PMI"),
            (&[("SLURM_PROCID", "7"), ("SLURM_NTASKS", "9")], 7, Some(9), "Slurm"),
            (&[("PBS_NODENUM", "1"), ("PBS_NUM_NODES", "4")], 1, Some(4), "PBS"),
            (&[("JOB_COMPLETION_INDEX", "5")], 5, None, "Kubernetes"),
            (
                &[("JOB_COMPLETION_INDEX", "5"), ("SEEDFS_NODE_COUNT", "6")],
                5,
                Some(6),
                "Kubernetes",
            ),
        ] {
            let rank = rank(variables).unwrap();
            assert_eq!((rank.node, rank.count), (node, count), "{variables:?}");
            assert!(rank.engine.starts_with(engine), "{rank:?}");
        }
    }

    #[test]
    fn a_job_is_named_by_its_engine() {
        let job = |variables: &[(&str, &str)]| {
            find_job(|name| {
                variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let slurm = [("SLURM_JOB_ID", "123"), ("SLURM_STEP_ID", "0")];
        assert_eq!(job(&slurm).as_deref(), Some("slurm 123.0"));
        assert_eq!(job(&slurm[..1]).as_deref(), Some("slurm 123"));
        let mpi = [slurm[0], ("PMIX_NAMESPACE", "prterun-n1-7@1")];
        assert_eq!(job(&mpi).as_deref(), Some("pmix prterun-n1-7@1"));
        assert_eq!(job(&[]), None);
    }

    #[test]
    fn mpi_inside_slurm_is_mpi() {
        let rank = rank(&[
            ("SLURM_PROCID", "0"),
            ("SLURM_NTASKS", "1"),
            ("OMPI_COMM_WORLD_RANK", "3"),
            ("OMPI_COMM_WORLD_SIZE", "4"),
        ]);
        assert_eq!(rank.map(|rank| (rank.node, rank.count)), Ok((3, Some(4))));
    }

    #[test]
    fn nonsense_and_nothing_are_refused() {
        assert_eq!(rank(&[]), Err(RankError::None));
        let wrong = Err(RankError::NoNumber("PMI_RANK", "x".to_owned()));
        assert_eq!(rank(&[("PMI_RANK", "x")]), wrong);
    }

    #[test]
    fn pbs_counts_machines_not_lines() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "a\na\nb\n\nc\nb\n").unwrap();
        let path = file.path().to_str().unwrap();
        let rank = rank(&[("PBS_NODENUM", "0"), ("PBS_NODEFILE", path)]).unwrap();
        assert_eq!(rank.count, Some(3));
    }
}
