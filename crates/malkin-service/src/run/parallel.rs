//! One question on several cores: units of a scan are taken in turn by threads of the CPU pool, while the thread that asked
//! keeps the caller informed and passes a wish to stop on.
//!
//! The pool is bounded (a thread for each core, shared by all questions of the process), so many questions at once do not
//! starve whoever serves requests.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use malkin_matching::{Control, MatchError, Progress, Scan, Scored, Workspace};

/// Questions with fewer units are answered by the thread that asks.
const WORTH_SHARING: usize = 64;
/// Units taken at once: enough work for some milliseconds, few enough that all threads end together.
const PIECE: usize = 16;
/// How often the caller is told of the progress and asked whether to go on.
const TICK: Duration = Duration::from_millis(20);

/// Works on all units and puts the parts together.
pub(super) fn scan<'a>(scan: Scan<'a>, control: &mut dyn Control) -> Result<Scored<'a>, MatchError> {
    let total = scan.num_units();
    let threads = rayon::current_num_threads().min(total / WORTH_SHARING);
    if threads < 2 {
        let part = scan.run(0..total, &mut Workspace::new(), control)?;
        return Ok(scan.finish(vec![part]));
    }
    let shared =
        Shared { next: AtomicUsize::new(0), done: AtomicUsize::new(0), stop: AtomicBool::new(false) };
    let piece = scan.worthwhile_piece(PIECE, total.div_ceil(threads));
    let (sender, receiver) = sync_channel(threads);
    let outcome = rayon::in_place_scope(|scope| {
        for _ in 0..threads {
            let (sender, shared, scan) = (sender.clone(), &shared, &scan);
            scope.spawn(move |_| {
                let mut workspace = Workspace::new();
                let mut parts = Vec::new();
                let mut outcome = Ok(());
                loop {
                    let from = shared.next.fetch_add(piece, Ordering::Relaxed);
                    if from >= total {
                        break;
                    }
                    match scan.run(from..from + piece, &mut workspace, &mut shared.control()) {
                        Ok(part) => parts.push(part),
                        Err(error) => {
                            shared.stop.store(true, Ordering::Relaxed);
                            outcome = Err(error);
                            break;
                        }
                    }
                    shared.done.fetch_add(piece.min(total - from), Ordering::Relaxed);
                }
                // Nobody listens any more only if everything is over.
                let _ = sender.send(outcome.map(|()| parts));
            });
        }
        drop(sender);
        gather(&receiver, threads, total, &shared, control)
    });
    Ok(scan.finish(outcome?))
}

/// Waits for all threads; the first error that is not a wish to stop is the one that counts.
fn gather<T>(
    receiver: &std::sync::mpsc::Receiver<Result<Vec<T>, MatchError>>,
    threads: usize,
    total: usize,
    shared: &Shared,
    control: &mut dyn Control,
) -> Result<Vec<T>, MatchError> {
    let (mut parts, mut ended, mut failure) = (Vec::new(), 0, None);
    while ended < threads {
        match receiver.recv_timeout(TICK) {
            Ok(Ok(mut some)) => {
                parts.append(&mut some);
                ended += 1;
            }
            Ok(Err(error)) => {
                ended += 1;
                if failure.is_none_or(|known| known == MatchError::Cancelled) {
                    failure = Some(error);
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                let done = shared.done.load(Ordering::Relaxed);
                if control.checkpoint(Progress { done, total }).is_break() {
                    shared.stop.store(true, Ordering::Relaxed);
                }
            }
            // A thread that panicked sends nothing; the scope passes its panic on.
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    failure.map_or(Ok(parts), Err)
}

struct Shared {
    next: AtomicUsize,
    done: AtomicUsize,
    stop: AtomicBool,
}

impl Shared {
    fn control(&self) -> impl Control {
        |_: Progress| {
            if self.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
}
