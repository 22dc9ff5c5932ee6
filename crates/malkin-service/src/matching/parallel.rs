//! One question on several cores: units of a scan are taken in turn by threads of the CPU pool, while the thread that asked
//! keeps the caller informed, passes on a request to stop, and ensures that neither time nor memory run out.
//!
//! The pool is bounded (a thread for each core, shared by all questions of the process), so many questions at once do not
//! starve the threads that serve requests.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use malkin_matching::{Control, Hits, MatchError, PartialHits, Progress, QueryPlan, Workspace};
use malkin_report::{Ceiling, Partial};

use super::arguments::MatchArguments;
use crate::ended::{Budget, note_ended};
use crate::stage::{Stage, timed};

/// Questions with fewer units are answered by the thread that asks.
const WORTH_SHARING: usize = 64;
/// Units taken at once: enough work for some milliseconds, few enough that all threads end together.
const PIECE: usize = 16;
/// How often progress is reported to the caller, who may stop the work.
const TICK: Duration = Duration::from_millis(20);

/// What a question may use up, and what happens then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    time: Duration,
    may_be_partial: bool,
}

impl Limits {
    /// Those of the client, within the ceiling of the server.
    pub(super) fn of(ceiling: Duration, arguments: &MatchArguments) -> Self {
        let time = arguments.time().map_or(ceiling, |time| time.min(ceiling));
        Self { time, may_be_partial: arguments.may_be_partial() }
    }
}

/// Works on all units and puts the parts together; on as many as time and memory allow, if a part of the result will do.
pub(super) fn scan<'a>(
    scan: QueryPlan<'a>,
    limits: Limits,
    control: &mut dyn Control,
) -> Result<Hits<'a>, MatchError> {
    timed(Stage::Compare, || score(scan, limits, control))
}

fn score<'a>(scan: QueryPlan<'a>, limits: Limits, control: &mut dyn Control) -> Result<Hits<'a>, MatchError> {
    let total = scan.num_units();
    let threads = rayon::current_num_threads().min(total / WORTH_SHARING);
    let piece = scan.worthwhile_piece(PIECE, total.div_ceil(threads.max(1)));
    let shared = Shared {
        scan: &scan,
        piece,
        deadline: Instant::now().checked_add(limits.time),
        next: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
        bytes: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
    };
    let (parts, failure) = if threads < 2 {
        let (parts, outcome) = shared.work(&mut |progress| {
            let progress = Progress { done: progress.done, total: total.max(progress.total) };
            control.checkpoint(progress)
        });
        (parts, outcome.err())
    } else {
        let (sender, receiver) = sync_channel(threads);
        rayon::in_place_scope(|scope| {
            for _ in 0..threads {
                let (sender, shared) = (sender.clone(), &shared);
                scope.spawn(move |_| {
                    // Nobody listens any more only if everything is over.
                    let _ = sender.send(shared.work(&mut |_| ControlFlow::Continue(())));
                });
            }
            drop(sender);
            gather(&receiver, threads, &shared, control)
        })
    };
    let done = shared.done.load(Ordering::Relaxed);
    let ceiling = match failure {
        None => return Ok(scan.finish(parts)),
        Some(Stop::Caller) => return Err(MatchError::Cancelled),
        Some(Stop::Error(error)) => return Err(error),
        Some(Stop::Ceiling(ceiling)) => ceiling,
    };
    note_ended(match ceiling {
        Ceiling::Time => Budget::Time,
        Ceiling::Memory => Budget::Memory,
    });
    if limits.may_be_partial {
        let partial = Partial { ceiling, done: done as u64, total: total as u64 };
        return Ok(scan.finish(parts).cut_off(partial));
    }
    Err(match ceiling {
        Ceiling::Time => MatchError::TimeExceeded { seconds: limits.time.as_secs() },
        Ceiling::Memory => MatchError::BudgetExceeded { limit: scan.max_memory() },
    })
}

/// Why work ended before all of it was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stop {
    /// Whoever asked, or another thread, wants no more.
    Caller,
    Ceiling(Ceiling),
    Error(MatchError),
}

/// Waits for all threads. What stopped the first of them counts, unless that was only a wish to stop.
fn gather(
    receiver: &Receiver<(Vec<PartialHits>, Result<(), Stop>)>,
    threads: usize,
    shared: &Shared<'_, '_>,
    control: &mut dyn Control,
) -> (Vec<PartialHits>, Option<Stop>) {
    let (mut parts, mut ended, mut failure) = (Vec::new(), 0, None);
    while ended < threads {
        match receiver.recv_timeout(TICK) {
            Ok((mut some, outcome)) => {
                parts.append(&mut some);
                ended += 1;
                if let Err(stop) = outcome
                    && failure.is_none_or(|known| known == Stop::Caller)
                {
                    failure = Some(stop);
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                let done = shared.done.load(Ordering::Relaxed);
                if control.checkpoint(Progress { done, total: shared.scan.num_units() }).is_break() {
                    shared.stop.store(true, Ordering::Relaxed);
                }
            }
            // A thread that panicked sends nothing; the scope passes its panic on.
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    (parts, failure)
}

/// A question that several threads work on.
struct Shared<'s, 'a> {
    scan: &'s QueryPlan<'a>,
    piece: usize,
    /// None if it lies beyond the range of the clock.
    deadline: Option<Instant>,
    next: AtomicUsize,
    /// Units that are finished.
    done: AtomicUsize,
    /// Memory of all parts.
    bytes: AtomicUsize,
    stop: AtomicBool,
}

impl Shared<'_, '_> {
    /// Takes pieces until there are none, or until something stops it. Parts that are finished are kept in either case.
    fn work(
        &self,
        control: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> (Vec<PartialHits>, Result<(), Stop>) {
        let mut parts = Vec::new();
        let outcome = self.work_into(&mut parts, control);
        if outcome.is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
        (parts, outcome)
    }

    fn work_into(
        &self,
        parts: &mut Vec<PartialHits>,
        control: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<(), Stop> {
        let total = self.scan.num_units();
        let mut workspace = Workspace::new();
        loop {
            let from = self.next.fetch_add(self.piece, Ordering::Relaxed);
            if from >= total {
                return Ok(());
            }
            let mut late = false;
            let mut checkpoint = |progress| {
                late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
                if late || self.stop.load(Ordering::Relaxed) {
                    return ControlFlow::Break(());
                }
                control(progress)
            };
            let part = self.scan.run(from..from + self.piece, &mut workspace, &mut checkpoint);
            let part = part.map_err(|error| match error {
                MatchError::Cancelled if late => Stop::Ceiling(Ceiling::Time),
                MatchError::Cancelled => Stop::Caller,
                MatchError::BudgetExceeded { .. } => Stop::Ceiling(Ceiling::Memory),
                other => Stop::Error(other),
            })?;
            let bytes = self.bytes.fetch_add(part.bytes(), Ordering::Relaxed) + part.bytes();
            if bytes > self.scan.max_memory() {
                return Err(Stop::Ceiling(Ceiling::Memory));
            }
            parts.push(part);
            self.done.fetch_add(self.piece.min(total - from), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
