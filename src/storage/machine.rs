//! What a node status says about the machine.

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use crate::report::Machine;

/// This machine. What it does not tell stays empty: no write fails over that.
pub(super) fn this_machine() -> Machine {
    let memory = MemoryRefreshKind::nothing().with_ram();
    let wanted = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()).with_memory(memory);
    let system = System::new_with_specifics(wanted);
    let gib = |bytes: u64| {
        #[expect(clippy::cast_precision_loss, reason = "rounded to hundredths anyway")]
        let hundredths = (bytes as f64 / f64::from(1 << 30) * 100.0).round();
        hundredths / 100.0
    };
    let release = System::kernel_version().unwrap_or_default();
    Machine {
        hostname: hostname(),
        platform: format!("Linux-{}", release.split('-').next().unwrap_or_default()),
        cpu_model: system.cpus().first().map_or_else(String::new, |cpu| cpu.brand().to_owned()),
        cpu_cores: System::physical_core_count().unwrap_or(1) as u64,
        cpu_threads: system.cpus().len() as u64,
        system_memory_gb: gib(system.total_memory()),
        available_memory_gb: gib(system.available_memory()),
    }
}

/// The name of this machine.
pub(super) fn hostname() -> String {
    System::host_name().unwrap_or_else(|| "unknown".to_owned())
}
