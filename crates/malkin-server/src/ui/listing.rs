//! Pages of a listing: which rows, and where the pages before and after are.

use malkin_pages::frame::Pager;

use super::forms::encoded;
use crate::query::Query;

/// Rows of a page.
pub(super) const ROWS: u64 = 100;

/// The first row that a request wants, counted from 0.
pub(super) fn start(query: &Query) -> u64 {
    query.int("start").and_then(|start| u64::try_from(start).ok()).unwrap_or(0)
}

/// Links around a page that begins at `start` and has `shown` rows of at most `rows`. Without a total there is a next page when this one
/// is full.
pub(super) fn pager(
    query: &Query,
    path: &str,
    start: u64,
    shown: u64,
    rows: u64,
    total: Option<u64>,
) -> Pager {
    let others: String = query
        .names()
        .into_iter()
        .filter(|name| *name != "start")
        .filter_map(|name| Some(format!("{}={}&", encoded(name), encoded(query.last(name)?))))
        .collect();
    let address = |start: u64| format!("{path}?{others}start={start}");
    let to = start.saturating_add(shown);
    let has_more = total.map_or(shown == rows, |total| to < total);
    Pager {
        from: if shown == 0 { 0 } else { start.saturating_add(1) },
        to,
        total,
        before: (start > 0).then(|| address(start.saturating_sub(rows))),
        after: has_more.then(|| address(to)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_lead_to_each_other_and_keep_what_was_asked() {
        let query = Query::parse("q=a%20b&start=100");
        let page = pager(&query, "/ui/samples", start(&query), 100, 100, Some(250));
        assert_eq!((page.from, page.to), (101, 200));
        assert_eq!(page.before.as_deref(), Some("/ui/samples?q=a%20b&start=0"));
        assert_eq!(page.after.as_deref(), Some("/ui/samples?q=a%20b&start=200"));
        let last = pager(&query, "/ui/samples", 200, 50, 100, Some(250));
        assert_eq!(last.after, None);
        let empty = pager(&query, "/x", 0, 0, 100, None);
        assert_eq!((empty.from, empty.before, empty.after), (0, None, None));
    }
}
