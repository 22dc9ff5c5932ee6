//! The figures of the house against their targets: how long files and functions are, how much is commented and tested. They inform, they do not
//! fail.

use std::collections::BTreeSet;

use super::house::House;
use super::manifests;
use super::source::{LineCounts, Source};

/// Highest floor of the libraries, where comments carry the knowledge.
const LIBRARY_FLOORS: i64 = 3;

/// One line for each figure, with its target.
pub(super) fn of(house: &House) -> Vec<String> {
    let production: Vec<&Source> = house.sources.iter().filter(|source| !source.is_test).collect();
    let mut files: Vec<usize> = production.iter().map(|source| all_lines(house, &source.path)).collect();
    let mut functions: Vec<usize> =
        production.iter().flat_map(|source| source.function_lengths.iter().copied()).collect();
    let share_on = |floors: std::ops::RangeInclusive<i64>| {
        let on = |source: &&Source| floor_of(house, source).is_some_and(|floor| floors.contains(&floor));
        comment_share(sum(house.sources.iter().filter(on)))
    };
    let all = sum(house.sources.iter());
    let each = house.crates.iter().filter(|member| member.floor.is_some_and(|floor| floor <= LIBRARY_FLOORS));
    let each = each.map(|member| {
        let of = |source: &&Source| house.crate_of(&source.path).is_some_and(|own| own.name == member.name);
        let counts = sum(house.sources.iter().filter(of));
        format!("{} {:.0}", member.name.trim_start_matches("malkin-"), comment_share(counts))
    });
    vec![
        format!(
            "lines a file: median {} (<= 200), p90 {} (<= 500)",
            percentile(&mut files, 50),
            percentile(&mut files, 90)
        ),
        format!(
            "lines a function: median {}, p90 {} (<= 30)",
            percentile(&mut functions, 50),
            percentile(&mut functions, 90)
        ),
        format!(
            "comments: {:.1} % on floors 0-3 (15-25 %), {:.1} above (about 10)",
            share_on(0..=3),
            share_on(4..=6)
        ),
        format!("comments by crate, %: {}", each.collect::<Vec<_>>().join(", ")),
        format!("lines of tests a line of code: {:.2} (>= 0.7)", ratio(all.tests, all.code)),
        format!(
            "direct outside dependencies: {} (<= 60), on floors 0-2 {} (<= 15)",
            outside(house, 6).len(),
            outside(house, 2).len()
        ),
        format!(
            "floors in use: {} (<= 7)",
            house.crates.iter().filter_map(|member| member.floor).collect::<BTreeSet<_>>().len()
        ),
    ]
}

fn floor_of(house: &House, source: &Source) -> Option<i64> {
    house.crate_of(&source.path)?.floor
}

fn all_lines(house: &House, path: &str) -> usize {
    let text = house.files.iter().find(|file| file.path == path).and_then(|file| file.text.as_deref());
    text.map_or(0, |text| text.lines().count())
}

fn sum<'a>(sources: impl Iterator<Item = &'a Source>) -> LineCounts {
    sources.map(|source| source.lines).fold(LineCounts::default(), |total, counts| LineCounts {
        code: total.code + counts.code,
        comments: total.comments + counts.comments,
        tests: total.tests + counts.tests,
    })
}

/// In percent of the lines of production code and comments.
fn comment_share(counts: LineCounts) -> f64 {
    100.0 * ratio(counts.comments, counts.comments + counts.code)
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Names of the outside packages that crates up to a floor depend on, tests left out.
fn outside(house: &House, floor: i64) -> BTreeSet<String> {
    let members = house.crates.iter().filter(|member| member.floor.is_some_and(|own| own <= floor));
    let names = members
        .flat_map(manifests::dependencies)
        .filter(|dependency| !dependency.for_tests)
        .map(|dependency| dependency.name);
    names.filter(|name| house.crates.iter().all(|member| member.name != *name)).collect()
}

/// The value below which `percent` of the values lie; 0 of nothing.
fn percentile(values: &mut [usize], percent: usize) -> usize {
    values.sort_unstable();
    let index = (values.len() * percent / 100).min(values.len().saturating_sub(1));
    values.get(index).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occur() {
        let mut values: Vec<usize> = (1..=10).rev().collect();
        assert_eq!((percentile(&mut values, 50), percentile(&mut values, 90)), (6, 10));
        assert_eq!(percentile(&mut [], 90), 0);
    }

    #[test]
    fn a_small_house_is_measured() {
        let code = "//! A.\nfn f() { x.unwrap(); }\n#[cfg(test)]\nmod tests { fn g() { y.unwrap(); } }\n";
        let manifest = "[package]\nname = \"a\"\nmetadata.house.floor = 1\n[dependencies]\nserde.workspace = true\n[dev-dependencies]\nproptest.workspace = true";
        let lines = of(&House::of(&[("crates/a/Cargo.toml", manifest), ("crates/a/src/lib.rs", code)]));
        assert!(lines.contains(&"comments by crate, %: a 50".to_owned()), "{lines:?}");
        assert!(lines.contains(&"lines of tests a line of code: 2.00 (>= 0.7)".to_owned()), "{lines:?}");
        assert!(
            lines.contains(&"direct outside dependencies: 1 (<= 60), on floors 0-2 1 (<= 15)".to_owned()),
            "{lines:?}"
        );
    }
}
