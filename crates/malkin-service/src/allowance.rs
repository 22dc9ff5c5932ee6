//! What one examination, disassembly or report may use, with a clock: processor time of its thread, time that passes, memory. Parsers of the
//! lower floors charge to a [`Budget`], which asks here at intervals.
//!
//! Not here: the counters (`ended`), how many files are examined at once (`triage::limits`).

use std::time::{Duration, Instant};

use malkin_report::{Budget, Ended};

use crate::ended::{self, note_ended};

/// What a piece of work may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Allowance {
    /// Processor time of the thread that does it.
    pub(crate) processor: Duration,
    /// Time that passes.
    pub(crate) passed: Duration,
    /// Bytes of memory, as far as parsers count them.
    pub(crate) memory: u64,
}

impl Allowance {
    /// As much processor time as passes.
    pub(crate) fn time(time: Duration) -> Self {
        Self { processor: time, passed: time, memory: MEMORY }
    }

    /// For the functions of a report of `size` bytes: reading and hashing a mebibyte takes a tenth of a second, even in a
    /// development build, and what is read takes less than four times its text.
    pub(crate) fn report(size: usize) -> Self {
        let size = size as u64;
        let memory = MEMORY.saturating_add(size.saturating_mul(4));
        Self { memory, ..Self::time(REPORT_TIME + Duration::from_secs(size >> 20)) }
    }
}

/// Time that reading a small report may take, and hashing it as well.
const REPORT_TIME: Duration = Duration::from_secs(10);

/// Memory of one piece of work, beside the file itself and its image.
pub(crate) const MEMORY: u64 = 512 << 20;

/// Does a piece of work on a file of `size` bytes within an allowance, for as long as it is `wanted`. What ends it early is counted.
pub(crate) fn within<T>(
    allowance: Allowance,
    size: usize,
    wanted: &dyn Fn() -> bool,
    work: impl FnOnce(&Budget<'_>) -> T,
) -> T {
    let (started, used) = (Instant::now(), processor_time());
    let stop = || {
        if !wanted() {
            Some(Ended::Cancelled)
        } else if started.elapsed() >= allowance.passed {
            Some(Ended::Deadline)
        } else if processor_time().saturating_sub(used) >= allowance.processor {
            Some(Ended::ProcessorTime)
        } else {
            None
        }
    };
    let budget = Budget::for_size(size).with_memory(allowance.memory).stopped_by(&stop);
    let value = work(&budget);
    match budget.ended() {
        Some(Ended::Work | Ended::ProcessorTime) => note_ended(ended::Budget::Cpu),
        Some(Ended::Memory) => note_ended(ended::Budget::Memory),
        Some(Ended::Deadline) => note_ended(ended::Budget::Time),
        Some(Ended::Cancelled) | None => {}
    }
    value
}

/// Processor time this thread has used.
#[cfg(unix)]
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// Where the system does not say, the time that passes is the bound.
#[cfg(not(unix))]
fn processor_time() -> Duration {
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: u64 = 1 << 20;

    fn ended(allowance: Allowance, wanted: bool) -> Option<Ended> {
        within(allowance, 0, &|| wanted, |budget| {
            // An empty file has 64 steps.
            while budget.work(STEP) {}
            budget.ended()
        })
    }

    #[test]
    fn each_part_of_an_allowance_ends_the_work() {
        let all = Allowance::time(Duration::from_mins(1));
        assert_eq!(ended(all, true), Some(Ended::Work));
        assert_eq!(ended(all, false), Some(Ended::Cancelled));
        assert_eq!(ended(Allowance { passed: Duration::ZERO, ..all }, true), Some(Ended::Deadline));
        #[cfg(unix)]
        assert_eq!(ended(Allowance { processor: Duration::ZERO, ..all }, true), Some(Ended::ProcessorTime));
        let memory = within(Allowance { memory: 10, ..all }, 0, &|| true, |budget| {
            budget.hold(11);
            budget.ended()
        });
        assert_eq!(memory, Some(Ended::Memory));
    }

    #[cfg(unix)]
    #[test]
    fn the_processor_time_of_a_thread_grows_while_it_works() {
        let before = processor_time();
        let mut sum = 0_u64;
        for number in 0..3_000_000_u64 {
            sum = std::hint::black_box(sum.wrapping_add(number));
        }
        assert!(processor_time() > before);
    }
}
