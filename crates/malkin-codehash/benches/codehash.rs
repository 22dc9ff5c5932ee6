//! Speed of escaping, hashing and comparing, over the golden reports (skipped with a message when they are absent).

#![expect(clippy::unwrap_used, reason = "a bench panics when its data is not as expected")]

#[expect(dead_code, reason = "shared with the golden tests, which use all of it")]
#[path = "../tests/golden/load.rs"]
mod load;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use malkin_codehash::{
    FunctionEscaper, HashPath, MinHasher, Projection, Scratch, count_equal_rows, for_each_pair_at_least,
    hash_function_in, minhash_in, pichash,
};

use load::Sample;

/// Golden reports that make up most of the instructions, all Intel.
const NAMES: [&str; 4] = ["libssl.so.3.smda.gz", "bash.smda.gz", "t32.exe.smda.gz", "libz.so.1.smda.gz"];

fn samples() -> Option<Vec<Sample>> {
    let paths = load::report_paths()?;
    let wanted = paths.iter().filter(|path| NAMES.iter().any(|name| path.ends_with(name)));
    Some(wanted.map(|path| load::sample(path)).collect())
}

fn count_instructions(samples: &[Sample]) -> u64 {
    samples
        .iter()
        .flat_map(|sample| &sample.functions)
        .map(|function| function.num_instructions() as u64)
        .sum()
}

fn escape(criterion: &mut Criterion) {
    let Some(samples) = samples() else { return };
    let mut group = criterion.benchmark_group("escape");
    group.sample_size(10).throughput(Throughput::Elements(count_instructions(&samples)));
    group.bench_function("text", |bencher| {
        let mut out = String::new();
        bencher.iter(|| {
            for sample in &samples {
                for function in &sample.functions {
                    let escaper = FunctionEscaper::new(function, &sample.context);
                    out.clear();
                    for instruction in function.code.all_instructions() {
                        black_box(escaper.push_text(&instruction, &mut out));
                    }
                }
            }
        });
    });
    group.bench_function("binary", |bencher| {
        let mut out = Vec::new();
        bencher.iter(|| {
            for sample in &samples {
                for function in &sample.functions {
                    let escaper = FunctionEscaper::new(function, &sample.context);
                    out.clear();
                    for instruction in function.code.all_instructions() {
                        escaper.push_binary(&instruction, &mut out);
                    }
                    black_box(&out);
                }
            }
        });
    });
    group.finish();
}

fn hash(criterion: &mut Criterion) {
    let Some(samples) = samples() else { return };
    let functions: u64 = samples.iter().map(|sample| sample.functions.len() as u64).sum();
    let mut group = criterion.benchmark_group("hash");
    group.sample_size(10).throughput(Throughput::Elements(functions));
    group.bench_function("pichash", |bencher| {
        bencher.iter(|| {
            for sample in &samples {
                for function in &sample.functions {
                    black_box(pichash(function, &sample.context).unwrap());
                }
            }
        });
    });
    group.bench_function("all", |bencher| {
        let hasher = MinHasher::default();
        let mut scratch = Scratch::new();
        bencher.iter(|| {
            for sample in &samples {
                for function in &sample.functions {
                    let hashes =
                        hash_function_in(function, &sample.context, &hasher, HashPath::Server, &mut scratch);
                    black_box(hashes.unwrap());
                }
            }
        });
    });
    group.finish();
}

fn minhash(criterion: &mut Criterion) {
    let Some(samples) = samples() else { return };
    let functions: u64 = samples.iter().map(|sample| sample.functions.len() as u64).sum();
    let mut group = criterion.benchmark_group("minhash");
    group.sample_size(10).throughput(Throughput::Elements(functions));
    group.bench_function("signature", |bencher| {
        let hasher = MinHasher::default();
        let mut scratch = Scratch::new();
        bencher.iter(|| {
            for sample in &samples {
                for function in &sample.functions {
                    let signature =
                        minhash_in(function, &sample.context, &hasher, HashPath::Server, &mut scratch);
                    black_box(signature.unwrap());
                }
            }
        });
    });
    group.finish();
}

/// Rows of bytes that depend on nothing but their place.
fn rows(count: usize) -> Vec<u8> {
    let mut state = 1_u64;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
    .take(count * 64)
    .collect()
}

fn compare(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compare");
    let (queries, table) = (rows(256), rows(100_000));
    group.sample_size(10).throughput(Throughput::Elements(100_000));
    group.bench_function("one against 100,000", |bencher| {
        let mut counts = Vec::new();
        bencher.iter(|| count_equal_rows(&queries[..64], black_box(&table), &mut counts));
    });
    group.throughput(Throughput::Elements(256 * 100_000));
    group.bench_function("256 against 100,000", |bencher| {
        bencher.iter(|| {
            for_each_pair_at_least(&queries, black_box(&table), 64, 33, |query, row, equal| {
                black_box((query, row, equal));
            });
        });
    });
    group.throughput(Throughput::Elements(256));
    group.bench_function("band keys", |bencher| {
        let projection = Projection::default();
        bencher.iter(|| {
            for signature in queries.chunks_exact(64) {
                for key in projection.keys(signature) {
                    black_box(key);
                }
            }
        });
    });
    group.finish();
}

criterion_group!(benches, escape, hash, minhash, compare);
criterion_main!(benches);
