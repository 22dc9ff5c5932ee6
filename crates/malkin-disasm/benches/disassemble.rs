//! Speed of the three stages from executable to report: mapping, recovery, writing JSON. The file is this program itself, so that
//! nothing has to be fetched. Comparison with SMDA: `cargo xtask compare-smda`.

#![expect(clippy::unwrap_used, reason = "a bench panics when its data is not as expected")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use malkin_disasm::{Limits, disassemble};
use malkin_loader::{LoadOptions, load};

fn stages(criterion: &mut Criterion) {
    let input = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let image = load(&input, &LoadOptions::file()).unwrap();
    let report = disassemble(&image, Limits::default(), &|| true);
    let instructions: usize = report.functions.iter().map(malkin_report::Function::num_instructions).sum();
    assert!(report.functions.len() > 100 && instructions > 10_000, "a program is disassembled");
    let mut group = criterion.benchmark_group("disassemble");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(input.len() as u64));
    group.bench_function("load", |bencher| {
        bencher.iter(|| load(black_box(&input), &LoadOptions::file()).unwrap());
    });
    group.throughput(Throughput::Elements(instructions as u64));
    group.bench_function("recover", |bencher| {
        bencher.iter(|| disassemble(black_box(&image), Limits::default(), &|| true));
    });
    group.bench_function("write", |bencher| {
        bencher.iter(|| malkin_wire::write_report_to(black_box(&report), &mut std::io::sink()).unwrap());
    });
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
