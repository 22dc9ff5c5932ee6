//! What budgets ended: requests, jobs and examinations that were cut off or refused because a budget was used up, counted for the
//! whole process by budget.
//!
//! Not here: the budgets themselves. The code that enforces one calls [`note_ended`] once for each piece of work that it ends; `/metrics`
//! shows the counters as `malkin_requests_ended_by_budget_total{budget="..."}`.

use std::sync::atomic::{AtomicU64, Ordering};

/// A budget.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Budget {
    /// Processor time of one examination, disassembly, comparison or rule.
    Cpu,
    /// Memory of the same.
    Memory,
    /// Time that passes until a piece of work has to be done.
    Time,
    /// Room for bodies of requests.
    BodyBytes,
    /// Room for answers that lie in memory as a whole.
    AnswerBytes,
    /// Answers that are written while they are sent, and answers that are being prepared.
    Streams,
    /// Listeners to events.
    Listeners,
    /// Time a client may take to read an answer.
    ReadTime,
    /// What one client may have in the queue.
    Queue,
}

/// All of them, in the order of their numbers.
const BUDGETS: [Budget; 9] = [
    Budget::Cpu,
    Budget::Memory,
    Budget::Time,
    Budget::BodyBytes,
    Budget::AnswerBytes,
    Budget::Streams,
    Budget::Listeners,
    Budget::ReadTime,
    Budget::Queue,
];

static ENDED: [AtomicU64; BUDGETS.len()] = [const { AtomicU64::new(0) }; BUDGETS.len()];

impl Budget {
    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Time => "time",
            Self::BodyBytes => "body_bytes",
            Self::AnswerBytes => "answer_bytes",
            Self::Streams => "streams",
            Self::Listeners => "listeners",
            Self::ReadTime => "read_time",
            Self::Queue => "queue",
        }
    }
}

/// Counts a piece of work that a budget ended or refused.
pub fn note_ended(budget: Budget) {
    ENDED[budget as usize].fetch_add(1, Ordering::Relaxed);
}

/// How many pieces of work each budget has ended since the process started.
pub fn ended_counts() -> [(Budget, u64); BUDGETS.len()] {
    BUDGETS.map(|budget| (budget, ENDED[budget as usize].load(Ordering::Relaxed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_budget_has_its_own_counter_and_name() {
        let count = |wanted: Budget| ended_counts().into_iter().find(|(budget, _)| *budget == wanted);
        for (at, budget) in BUDGETS.into_iter().enumerate() {
            assert_eq!(budget as usize, at);
            let before = count(budget).map_or(0, |(_, count)| count);
            note_ended(budget);
            // Other tests of this process may count as well.
            assert!(count(budget).is_some_and(|(_, after)| after > before));
        }
        let mut names = BUDGETS.map(Budget::name).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), BUDGETS.len());
    }
}
