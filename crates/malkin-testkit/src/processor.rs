//! Processor time of a thread: what a test may bound where no work is counted, because other programs on the machine do not
//! change it.

use std::time::Duration;

/// Processor time that the calling thread has used. Zero where the system does not report it (everywhere but on Linux),
/// so that a bound on a difference holds.
pub fn processor_time() -> Duration {
    // Nanoseconds on a processor, nanoseconds waiting for one, number of time slices (proc_pid_schedstat(5)).
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let used = text.split_whitespace().next().and_then(|field| field.parse().ok());
    Duration::from_nanos(used.unwrap_or(0))
}
