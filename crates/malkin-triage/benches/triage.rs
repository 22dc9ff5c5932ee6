//! Speed of YARA rules and of examining a file. The file is this program itself, so that nothing has to be fetched: machine code,
//! tables, texts and debug information of some ten megabytes.

#![expect(clippy::unwrap_used, reason = "a bench panics when its data is not as expected")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use malkin_triage::yara::Rules;
use malkin_triage::{Options, examine};

const MAX_BYTES: usize = 10_000_000;

fn program() -> Vec<u8> {
    let mut bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    bytes.truncate(MAX_BYTES);
    bytes
}

/// Numbers without an order that could be guessed from their neighbours (SplitMix64).
fn mixed(seed: u64) -> u64 {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A word that only the rule of this number has.
fn word(number: u64, at: u64) -> String {
    format!("{:x}{:x}", mixed(number * 7 + at) >> 40, mixed(number * 11 + at) >> 44)
}

/// `count` rules of the kinds that collections have: texts in both widths, texts in any case, code with wildcards, and some regular
/// expressions with a fixed part.
fn rules(count: u64) -> Rules {
    let sources = (0..count).map(|number| {
        let mut text = format!("rule r{number} {{ strings:\n");
        for at in 0..3 {
            let string = match number % 8 {
                0..=2 => format!("\"{}\" wide ascii", word(number, at)),
                3 | 4 => format!("\"Software\\\\{}\" nocase", word(number, at)),
                5 | 6 => {
                    let byte = |place: u64| mixed(number * 131 + at * 17 + place) as u8;
                    let hex =
                        (0..16).fold(String::new(), |hex, place| hex + &format!("{:02x} ", byte(place)));
                    format!("{{ 55 8b ec {hex} e8 ?? ?? ?? ?? {hex} }}")
                }
                _ => format!("/https?:\\/\\/{}[a-z0-9]{{2,8}}\\.(com|net)/", word(number, at)),
            };
            writeln!(text, "    $s{at} = {string}").unwrap();
        }
        text.push_str("  condition: 2 of them }\n");
        (format!("r{number}"), text)
    });
    let rules = Rules::compile(sources, Duration::from_mins(1));
    assert_eq!((rules.files as u64, rules.refused.len()), (count, 0), "{:?}", rules.refused.first());
    rules
}

fn yara(criterion: &mut Criterion) {
    let mut bytes = program();
    // Rule 0 hits, at the very end.
    bytes.extend([word(0, 0), word(0, 2)].concat().into_bytes());
    let mut group = criterion.benchmark_group("yara");
    group.sample_size(10).throughput(Throughput::Bytes(bytes.len() as u64));
    for count in [1, 40, 400] {
        let rules = rules(count);
        let (hits, failure) = rules.scan(&bytes);
        assert_eq!((hits.len(), hits[0].rule.as_str(), failure), (1, "r0", None));
        group.bench_function(format!("{count} rules"), |bencher| {
            bencher.iter(|| black_box(rules.scan(&bytes)));
        });
    }
}

fn facts(criterion: &mut Criterion) {
    let bytes = program();
    let mut group = criterion.benchmark_group("examine");
    group.sample_size(10).throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("without disassembly and rules", |bencher| {
        bencher.iter(|| black_box(examine(&bytes, &Options::default())));
    });
}

criterion_group!(benches, yara, facts);
criterion_main!(benches);
