//! Names out of tables that may all refer to one text: how much of them is kept, whatever a file states.

/// Longest name that is kept whole, in bytes; mangled ones grow long.
const MAX_NAME: usize = 4096;
/// Text of all names of one table, in bytes; the largest libraries have a few million. A text counts each time it is named, and
/// whole: it was read to its end.
const MAX_TEXT: usize = 16 << 20;

/// How much is left for the names of one table.
pub(crate) struct Names(usize);

impl Names {
    /// For a table.
    pub(crate) fn new() -> Self {
        Self(MAX_TEXT)
    }

    /// A name as text, its start if it is too long; `None` when the table has used up its room.
    pub(crate) fn take(&mut self, name: &[u8]) -> Option<String> {
        self.0 = self.0.checked_sub(name.len().saturating_add(1))?;
        Some(String::from_utf8_lossy(name.get(..MAX_NAME).unwrap_or(name)).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_when_their_room_is_used_up() {
        let mut names = Names::new();
        assert_eq!(names.take(b"start").as_deref(), Some("start"));
        assert_eq!(names.take(&[b'a'; 2 * MAX_NAME]).map(|name| name.len()), Some(MAX_NAME));
        let long = vec![b'b'; 1 << 20];
        assert_eq!(std::iter::from_fn(|| names.take(&long)).count(), 15);
    }
}
