//! Syncs per message: a short run under strace, of which only the counts mean anything.

use std::fs;
use std::path::Path;

/// The calls that put something on stable storage.
const CALLS: [&str; 5] = ["fsync", "fdatasync", "sync_file_range", "syncfs", "msync"];

/// What to put before a relay's command so that its syncs are written to `log`.
pub(crate) fn wrap(log: &Path) -> Vec<String> {
    let trace = format!("trace={}", CALLS.join(","));
    let log = log.display().to_string();
    ["strace", "-f", "--seccomp-bpf", "-qq", "-e", &trace, "-o", &log].map(str::to_owned).to_vec()
}

/// How many calls a log holds.
pub(crate) fn count(log: &Path) -> u64 {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().filter(|line| is_call(line)).count() as u64
}

/// A call that was interrupted by another thread's has two lines, of which the first counts.
fn is_call(line: &str) -> bool {
    let call = line.split_once(' ').map_or("", |(_, call)| call.trim_start());
    CALLS.iter().any(|name| call.strip_prefix(*name).is_some_and(|rest| rest.starts_with('(')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_counts_once() {
        for (line, counts) in [
            ("123 fdatasync(7) = 0", true),
            ("123  fsync(7 <unfinished ...>", true),
            ("123 <... fsync resumed>) = 0", false),
            ("123 --- SIGCHLD ---", false),
            ("123 +++ exited with 0 +++", false),
        ] {
            assert_eq!(is_call(line), counts, "{line}");
        }
    }
}
