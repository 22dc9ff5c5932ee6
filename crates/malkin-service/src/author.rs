//! In whose name this thread works: the holder of a named token, for whom jobs are queued. Set for the length of a request, because
//! it concerns every use case and none of them looks at it.

use std::cell::RefCell;

thread_local! {
    static CURRENT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Does something in the name of `author`; an empty name is nobody's.
pub fn working_for<T>(author: &str, work: impl FnOnce() -> T) -> T {
    /// Puts the former name back, also when the work panics.
    struct Former(String);
    impl Drop for Former {
        fn drop(&mut self) {
            CURRENT.with_borrow_mut(|current| *current = std::mem::take(&mut self.0));
        }
    }
    let _former = Former(CURRENT.replace(author.to_owned()));
    work()
}

/// The present name.
pub(crate) fn current() -> String {
    CURRENT.with_borrow(Clone::clone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_last_as_long_as_the_work() {
        assert_eq!(current(), "");
        working_for("a", || {
            assert_eq!(current(), "a");
            working_for("b", || assert_eq!(current(), "b"));
            let panicked = std::panic::catch_unwind(|| working_for("c", || panic!("work")));
            assert!(panicked.is_err());
            assert_eq!(current(), "a");
        });
        assert_eq!(current(), "");
    }
}
