//! Memory for disassemblies and archives: how many large files may be disassembled, and how many archives opened, at the same time.
//!
//! A file of one MiB can be made of so many small functions that their report takes hundreds of MiB. So each large file takes room
//! by its size before it is disassembled, and waits while there is none. The smallest is next, but whoever has waited for long comes
//! first. Small files wait for nobody: the seats of `triage::limits` and the number of workers bound those.
//!
//! Not here: what one disassembly may use (`allowance`), seats of triage (`triage::limits`).

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::allowance::MEMORY;
use crate::ended::{Budget, note_ended};

/// Files up to this size need no room, in bytes.
const SMALL: usize = 64 << 10;
/// Memory that a disassembly takes for each byte of the file, at most: measured 700 for functions of seven bytes that call each other.
const PER_BYTE: u64 = 768;
/// Part of the memory of the process that disassemblies may take together: one in so many bytes.
const PART: u64 = 3;
/// The same for the content of archives. Members of an archive that is open are disassembled, so the two never share: an archive
/// that held what its own members wait for would wait for itself.
const ARCHIVE_PART: u64 = 6;
/// While a member is unpacked, its bytes are there twice when its buffer grows.
const COPIES: u64 = 2;
/// Room where the system does not say how much memory there is, in bytes.
const USUAL: u64 = 2 << 30;
/// Least room, in bytes.
const LEAST: u64 = 256 << 20;
/// Who has waited so long comes before all that have not.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often one who waits looks whether it is still wanted.
const GLANCE: Duration = Duration::from_millis(100);

/// Room that all disassemblies of this process share.
static ROOM: LazyLock<Room> = LazyLock::new(|| Room::new(share(PART)));
/// Room that all archives of this process share.
static ARCHIVES: LazyLock<Room> = LazyLock::new(|| Room::new(share(ARCHIVE_PART)));

fn share(part: u64) -> u64 {
    memory().map_or(USUAL, |bytes| (bytes / part).max(LEAST))
}

/// Memory in bytes that is given out and taken back.
struct Room {
    size: u64,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    taken: u64,
    next_number: u64,
    waiting: Vec<Waiting>,
}

#[derive(Clone, Copy)]
struct Waiting {
    number: u64,
    since: Instant,
    bytes: u64,
}

/// Room that is taken; it is given back when this is dropped.
struct Taken<'a>(&'a Room, u64);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.state.lock().taken -= self.1;
        self.0.freed.notify_all();
    }
}

impl Room {
    fn new(size: u64) -> Self {
        Self { size, state: Mutex::default(), freed: Condvar::new() }
    }

    /// Takes room for so many bytes, or for all there is. Waits until `until`, for as long as it is `wanted`; none after that.
    fn take(&self, bytes: u64, until: Instant, wanted: &dyn Fn() -> bool) -> Option<Taken<'_>> {
        let bytes = bytes.min(self.size);
        let mut state = self.state.lock();
        let number = state.next_number;
        state.next_number += 1;
        state.waiting.push(Waiting { number, since: Instant::now(), bytes });
        let mut is_given = false;
        while wanted() && Instant::now() < until {
            let next = state.waiting.iter().min_by_key(|waiting| {
                let is_patient = waiting.since.elapsed() < PATIENCE;
                (is_patient, if is_patient { waiting.bytes } else { 0 }, waiting.number)
            });
            if next.is_some_and(|next| next.number == number) && state.taken + bytes <= self.size {
                state.taken += bytes;
                is_given = true;
                break;
            }
            self.freed.wait_for(&mut state, GLANCE);
        }
        state.waiting.retain(|waiting| waiting.number != number);
        drop(state);
        // The next in line may find room as well.
        self.freed.notify_all();
        is_given.then(|| Taken(self, bytes))
    }
}

/// Memory for a disassembly and its report, given back when this is dropped. Small files hold none.
pub(crate) struct Held {
    _taken: Option<Taken<'static>>,
}

/// Waits until there is memory for the members of an archive of `size` bytes, for as long as they are held. None if there is none
/// for `time`.
pub(crate) fn take_for_archive(size: usize, time: Duration) -> Option<Held> {
    let now = Instant::now();
    let until = now.checked_add(time).unwrap_or(now);
    let taken = ARCHIVES.take(COPIES * malkin_triage::archive::most_unpacked(size), until, &|| true);
    if taken.is_none() {
        note_ended(Budget::Memory);
    }
    Some(Held { _taken: Some(taken?) })
}

/// Waits until there is memory for the disassembly of a file of `size` bytes. None if there is none for `time`, or the work is no
/// longer `wanted`.
pub(crate) fn take(size: usize, time: Duration, wanted: &dyn Fn() -> bool) -> Option<Held> {
    if size <= SMALL {
        return Some(Held { _taken: None });
    }
    let now = Instant::now();
    let until = now.checked_add(time).unwrap_or(now);
    let taken = ROOM.take(MEMORY.min(PER_BYTE.saturating_mul(size as u64)), until, wanted);
    if taken.is_none() && wanted() {
        note_ended(Budget::Memory);
    }
    Some(Held { _taken: Some(taken?) })
}

/// Memory that this process may have: that of the machine, its control group, or its address space, whatever is least. Unknown
/// where the system has no such files.
fn memory() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let machine = number_after(&read("/proc/meminfo"), "MemTotal:").map(|kib| kib.saturating_mul(1024));
    let group = read("/sys/fs/cgroup/memory.max").trim().parse().ok();
    let space = number_after(&read("/proc/self/limits"), "Max address space");
    [machine, group, space].into_iter().flatten().min()
}

/// The number that follows a name at the beginning of a line.
fn number_after(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn later() -> Instant {
        Instant::now() + Duration::from_mins(1)
    }

    #[test]
    fn a_crowd_never_takes_more_than_there_is_and_all_get_their_turn() {
        let room = Room::new(1000);
        let (taken, done) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for bytes in [1, 300, 400, 500, 600, 999, 1000, 5000].repeat(4) {
                let (room, taken, done) = (&room, &taken, &done);
                scope.spawn(move || {
                    let _held = room.take(bytes, later(), &|| true).unwrap();
                    let now = taken.fetch_add(bytes.min(1000), Ordering::SeqCst) + bytes.min(1000);
                    assert!(now <= 1000, "{now}");
                    std::thread::yield_now();
                    taken.fetch_sub(bytes.min(1000), Ordering::SeqCst);
                    done.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(done.into_inner(), 32);
        let state = room.state.lock();
        assert!(state.taken == 0 && state.waiting.is_empty());
    }

    #[test]
    fn nobody_waits_for_ever_or_unwanted() {
        let room = Room::new(1000);
        let held = room.take(800, later(), &|| true);
        assert!(held.is_some());
        assert!(room.take(300, Instant::now(), &|| true).is_none());
        assert!(room.take(300, later(), &|| false).is_none());
        assert!(room.take(200, later(), &|| true).is_some(), "those who gave up are not in line");
        drop(held);
        assert!(room.take(1000, later(), &|| true).is_some());
    }

    #[test]
    fn limits_are_read_as_the_system_writes_them() {
        assert_eq!(number_after("MemTotal:       24690000 kB\nMemFree: 1 kB", "MemTotal:"), Some(24_690_000));
        let limits =
            "Limit  Soft Limit  Hard Limit  Units\nMax address space   2147483648  unlimited  bytes\n";
        assert_eq!(number_after(limits, "Max address space"), Some(2 << 30));
        assert_eq!(
            number_after("Max address space   unlimited  unlimited  bytes", "Max address space"),
            None
        );
    }
}
