//! Reading and writing of the golden reports, in bytes a second, and the graph measures of their functions.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use malkin_report::cfg;

fn reports(criterion: &mut Criterion) {
    // Says so itself when the folder is absent.
    let Some(folder) = malkin_testkit::shared("codehash/golden/public/smda") else { return };
    let names = malkin_testkit::files_in(folder, ".smda.gz");
    let texts: Vec<Vec<u8>> = names.iter().map(malkin_testkit::gunzip_file).collect();
    let bytes: usize = texts.iter().map(Vec::len).sum();
    let read = || texts.iter().filter_map(|text| malkin_wire::read_report(text).ok()).collect::<Vec<_>>();
    let parsed = read();

    let mut group = criterion.benchmark_group("report");
    group.sample_size(10).throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("read", |bench| {
        bench.iter(|| texts.iter().for_each(|text| drop(black_box(malkin_wire::read_report(text)))));
    });
    group.bench_function("write", |bench| {
        bench.iter(|| parsed.iter().for_each(|report| drop(black_box(malkin_wire::write_report(report)))));
    });
    group.finish();

    let functions: Vec<_> = parsed.iter().flat_map(|report| &report.functions).collect();
    let mut group = criterion.benchmark_group("graph");
    group.sample_size(10).throughput(Throughput::Elements(functions.len() as u64));
    group.bench_function("nesting depth", |bench| {
        bench.iter(|| functions.iter().map(|function| cfg::nesting_depth(function)).sum::<u64>());
    });
    group.bench_function("components", |bench| {
        bench.iter(|| {
            functions
                .iter()
                .map(|one| cfg::strongly_connected_components(&one.blockrefs).len())
                .sum::<usize>()
        });
    });
    group.finish();
}

criterion_group!(benches, reports);
criterion_main!(benches);
