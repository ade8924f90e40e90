//! How much memory another process has, where the system tells (Linux: proc_pid_status(5)).

use std::fs;

const KIB: u64 = 1024;

/// What a process holds in memory now, in bytes.
pub(crate) fn resident(pid: u32) -> Option<u64> {
    field(pid, "VmRSS:")
}

/// The most that a process held since [`forget_peak`], in bytes.
pub(crate) fn peak(pid: u32) -> Option<u64> {
    field(pid, "VmHWM:")
}

/// Lets the peak begin anew (proc_pid_clear_refs(5)).
pub(crate) fn forget_peak(pid: u32) -> Option<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").ok()
}

fn field(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * KIB)
}
