//! What a node status says about the machine.

use serde::{Deserialize, Serialize};

/// The machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Machine {
    pub(super) hostname: String,
    pub(super) platform: String,
    pub(super) cpu_model: String,
    pub(super) cpu_cores: u64,
    pub(super) cpu_threads: u64,
    pub(super) system_memory_gb: f64,
    pub(super) available_memory_gb: f64,
}

impl Machine {
    /// This machine. What it does not tell stays empty: no write fails over that.
    pub(super) fn here() -> Self {
        use procfs::Current;

        let cpu = procfs::CpuInfo::current().ok();
        let cpu_threads = cpu.as_ref().map_or(0, procfs::CpuInfo::num_cores);
        let memory = procfs::Meminfo::current().ok();
        let gib = |bytes: u64| {
            #[expect(clippy::cast_precision_loss, reason = "rounded to hundredths anyway")]
            let hundredths = (bytes as f64 / f64::from(1 << 30) * 100.0).round();
            hundredths / 100.0
        };
        let release = procfs::sys::kernel::Version::current();
        Self {
            hostname: hostname(),
            platform: release.map_or_else(
                |_| "Linux".to_owned(),
                |version| format!("Linux-{}.{}.{}", version.major, version.minor, version.patch),
            ),
            cpu_model: cpu
                .as_ref()
                .and_then(|cpu| cpu.model_name(0).map(str::to_owned))
                .unwrap_or_default(),
            cpu_cores: cpu.as_ref().map_or(0, physical_cores).max(1),
            cpu_threads: cpu_threads as u64,
            system_memory_gb: memory.as_ref().map_or(0.0, |memory| gib(memory.mem_total)),
            available_memory_gb: memory
                .as_ref()
                .and_then(|memory| memory.mem_available)
                .map_or(0.0, gib),
        }
    }
}

/// The name of this machine.
pub(super) fn hostname() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| "unknown".to_owned())
}

/// Cores that are told apart by the socket and the core they say they are; where none says so, as
/// many as there are threads.
fn physical_cores(cpu: &procfs::CpuInfo) -> u64 {
    let mut cores: Vec<_> = (0..cpu.num_cores())
        .filter_map(|index| {
            let info = cpu.get_info(index)?;
            Some((info.get("physical id")?.to_string(), info.get("core id")?.to_string()))
        })
        .collect();
    cores.sort();
    cores.dedup();
    if cores.is_empty() { cpu.num_cores() as u64 } else { cores.len() as u64 }
}
