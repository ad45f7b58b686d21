//! What a process and all its children use, from `/proc`: seconds of CPU and octets of memory.
//!
//! CPU of children that have ended is in their parent's figures, so that the sum over a living
//! tree misses nothing. Memory is the proportional set size: shared pages are divided among
//! those that share them, else a server of sixty processes would look worse than it is.

use std::collections::HashMap;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// The kernel's clock ticks per second as `/proc` tells them: fixed on Linux, whatever the kernel's own is.
const TICKS_PER_SECOND: f64 = 100.0;
/// How often memory is looked at; each look costs CPU that the relay would like.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A process and its descendants.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let Ok(entries) = fs::read_dir("/proc") else { return vec![root] };
    for pid in entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()) {
        if let Some(parent) = fields(pid).and_then(|fields| fields.get(1)?.parse().ok()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        found.extend(children.remove(pid).unwrap_or_default());
        next += 1;
    }
    found
}

/// CPU seconds of a tree so far, in user and kernel mode together.
pub(crate) fn cpu_seconds(root: u32) -> f64 {
    let ticks = |pid: u32| -> u64 {
        let fields = fields(pid).unwrap_or_default();
        // utime, stime, cutime, cstime: proc(5) 14 to 17.
        (11..15).filter_map(|index| fields.get(index)?.parse::<u64>().ok()).sum()
    };
    tree(root).into_iter().map(ticks).sum::<u64>() as f64 / TICKS_PER_SECOND
}

/// The fields of `/proc/PID/stat` behind the name in brackets, which may contain anything.
fn fields(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

fn memory_bytes(root: u32) -> u64 {
    let pss = |pid: u32| -> Option<u64> {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = rollup.lines().find(|line| line.starts_with("Pss:"))?;
        Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
    };
    tree(root).into_iter().filter_map(pss).sum()
}

/// Runs `work` while watching a tree's memory; gives its result and the peak in octets.
pub(crate) fn with_peak_memory<T>(root: u32, work: impl FnOnce() -> T) -> (T, u64) {
    let (peak, done) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                peak.fetch_max(memory_bytes(root), Ordering::Relaxed);
                std::thread::park_timeout(LOOK_EVERY);
            }
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        watcher.thread().unpark();
        (result, peak.load(Ordering::Relaxed).max(memory_bytes(root)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen_to_work() {
        let me = std::process::id();
        assert_eq!(tree(me)[0], me);
        let ((), peak) = with_peak_memory(me, || {
            let before = cpu_seconds(me);
            while cpu_seconds(me) <= before {}
        });
        assert!(peak > 100_000, "{peak}");
    }
}
