//! Where the time of the work goes: stages of jobs and requests, counted for the whole process and for the job a thread runs.
//!
//! A stage inside another takes its time from it, so that times add up to that of the work. What has no stage is `other` of a job.
//! What threads of the CPU pool do is part of the stage that waits for them: these are times that pass, not processor time.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A stage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Reading reports and stored records.
    Read,
    /// Disassembling executables.
    Disassemble,
    /// PicHashes, block hashes and signatures.
    Hash,
    /// Changing the store and the index.
    Store,
    /// Looking up and scoring.
    Compare,
    /// Writing results.
    Write,
    /// Facts, strings and rules of files that are triaged, and rules that are tried.
    Examine,
    /// Asking providers.
    LookUp,
}

/// All of them, in the order of their numbers.
const STAGES: [Stage; 8] = [
    Stage::Read,
    Stage::Disassemble,
    Stage::Hash,
    Stage::Store,
    Stage::Compare,
    Stage::Write,
    Stage::Examine,
    Stage::LookUp,
];

impl Stage {
    /// Its name in metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Disassemble => "disassemble",
            Self::Hash => "hash",
            Self::Store => "store",
            Self::Compare => "compare",
            Self::Write => "write",
            Self::Examine => "examine",
            Self::LookUp => "look_up",
        }
    }
}

/// What a stage has taken, since the process started or in one job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StageTime {
    /// Which.
    pub stage: Stage,
    /// How often it ended.
    pub times: u64,
    /// How long it took altogether.
    pub took: Duration,
}

type Sums = [(u64, Duration); STAGES.len()];

/// Of the whole process: how often, and microseconds.
static TOTALS: [(AtomicU64, AtomicU64); STAGES.len()] =
    [const { (AtomicU64::new(0), AtomicU64::new(0)) }; STAGES.len()];

#[derive(Default)]
struct Present {
    /// Stages that are running, the innermost last, and what ran within each of them.
    inside: Vec<Duration>,
    sums: Sums,
}

thread_local! {
    static PRESENT: RefCell<Present> = RefCell::default();
}

/// Does something as a stage.
pub(crate) fn timed<T>(stage: Stage, work: impl FnOnce() -> T) -> T {
    /// Counts also when the work panics.
    struct Running(Stage, Instant);
    impl Drop for Running {
        fn drop(&mut self) {
            let whole = self.1.elapsed();
            let own = PRESENT.with_borrow_mut(|present| {
                let own = whole.saturating_sub(present.inside.pop().unwrap_or_default());
                if let Some(outer) = present.inside.last_mut() {
                    *outer += whole;
                }
                let sum = &mut present.sums[self.0 as usize];
                *sum = (sum.0 + 1, sum.1 + own);
                own
            });
            let (times, micros) = &TOTALS[self.0 as usize];
            times.fetch_add(1, Ordering::Relaxed);
            micros.fetch_add(own.as_micros() as u64, Ordering::Relaxed);
        }
    }
    PRESENT.with_borrow_mut(|present| present.inside.push(Duration::ZERO));
    let _running = Running(stage, Instant::now());
    work()
}

/// Does something and returns the time its stages took on this thread.
pub(crate) fn gathered<T>(work: impl FnOnce() -> T) -> (T, Vec<StageTime>) {
    PRESENT.with_borrow_mut(|present| present.sums = Sums::default());
    let value = work();
    let sums = PRESENT.with_borrow_mut(|present| std::mem::take(&mut present.sums));
    (value, told(sums))
}

/// What the stages took since the process started.
pub fn stage_times() -> Vec<StageTime> {
    let read = |(times, micros): &(AtomicU64, AtomicU64)| {
        (times.load(Ordering::Relaxed), Duration::from_micros(micros.load(Ordering::Relaxed)))
    };
    STAGES
        .into_iter()
        .zip(&TOTALS)
        .map(|(stage, total)| {
            let (times, took) = read(total);
            StageTime { stage, times, took }
        })
        .collect()
}

fn told(sums: Sums) -> Vec<StageTime> {
    let used = STAGES.into_iter().zip(sums).filter(|(_, (times, _))| *times > 0);
    used.map(|(stage, (times, took))| StageTime { stage, times, took }).collect()
}

/// For a log: `read 12 ms, compare 3 ms`.
pub(crate) fn to_text(times: &[StageTime]) -> String {
    let parts = times.iter().map(|time| format!("{} {} ms", time.stage.name(), time.took.as_millis()));
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_have_their_place_and_add_up() {
        for (number, stage) in STAGES.into_iter().enumerate() {
            assert_eq!(stage as usize, number);
        }
        let pause = Duration::from_millis(20);
        let before = stage_times();
        let started = Instant::now();
        let (value, times) = gathered(|| {
            timed(Stage::Compare, || {
                std::thread::sleep(pause);
                timed(Stage::Read, || std::thread::sleep(pause));
                timed(Stage::Read, || std::thread::sleep(pause));
            });
            7
        });
        let whole = started.elapsed();
        assert_eq!(value, 7);
        let [read, compare] = &times[..] else { panic!("{times:?}") };
        assert_eq!(
            (read.stage, read.times, compare.stage, compare.times),
            (Stage::Read, 2, Stage::Compare, 1)
        );
        assert!(read.took >= 2 * pause && compare.took >= pause, "{times:?}");
        assert!(read.took + compare.took <= whole, "{times:?} in {whole:?}");
        assert!(to_text(&times).starts_with("read "), "{}", to_text(&times));
        let after = stage_times();
        assert!(after[0].times >= before[0].times + 2 && after[0].took >= before[0].took + pause);
        assert!(gathered(|| ()).1.is_empty());
        let _ = std::panic::catch_unwind(|| timed(Stage::Store, || panic!("work")));
        assert!(PRESENT.with_borrow(|present| present.inside.is_empty()));
    }
}
