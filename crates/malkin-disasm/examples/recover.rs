//! Measures loading, recovery and report writing on files: `cargo run --release -p malkin-disasm --example recover -- FILE...`.
//!
//! A file name may end in `@BASE` (hex) or `@BASE/BITS` to be read as a memory buffer. With `OUT=DIR` in the environment the reports are
//! written there. The clock and the files are the example's; the library has neither.

use std::time::{Duration, Instant};

use malkin_disasm::{Limits, disassemble};
use malkin_loader::{LoadOptions, load};

#[expect(clippy::print_stdout, reason = "a measuring tool reports on the terminal")]
fn main() {
    let out = std::env::var("OUT").ok();
    let mut total = [Duration::ZERO; 3];
    let (mut functions, mut instructions, mut bytes) = (0, 0, 0);
    for argument in std::env::args().skip(1) {
        let (path, options) = parse(&argument);
        let Ok(input) = std::fs::read(&path) else {
            println!("{path}: cannot be read");
            continue;
        };
        let clock = Instant::now();
        let image = match load(&input, &options) {
            Ok(image) => image,
            Err(error) => {
                println!("{path}: {error}");
                continue;
            }
        };
        let loaded = clock.elapsed();
        let report = disassemble(&image, Limits::default(), &|| true);
        let recovered = clock.elapsed();
        let json = malkin_wire::write_report(&report);
        let written = clock.elapsed();
        let counts = report.statistics.unwrap_or_default();
        println!(
            "{path}: {} functions, {} instructions, load {loaded:.1?}, recover {:.1?}, write {:.1?}",
            counts.num_functions,
            counts.num_instructions,
            recovered.saturating_sub(loaded),
            written.saturating_sub(recovered),
        );
        if let Some(folder) = &out {
            let name = std::path::Path::new(&path).file_name().unwrap_or_default();
            let target = std::path::Path::new(folder).join(format!("{}.smda", name.to_string_lossy()));
            if let Err(error) = std::fs::write(&target, &json) {
                println!("{}: {error}", target.display());
            }
        }
        let parts = [loaded, recovered.saturating_sub(loaded), written.saturating_sub(recovered)];
        for (sum, part) in total.iter_mut().zip(parts) {
            *sum += part;
        }
        functions += counts.num_functions;
        instructions += counts.num_instructions;
        bytes += input.len();
    }
    let seconds = total.iter().sum::<Duration>().as_secs_f64();
    println!(
        "{bytes} bytes, {functions} functions, {instructions} instructions in {seconds:.3} s (load {:.3}, recover {:.3}, write {:.3}): {:.2} M instructions/s",
        total[0].as_secs_f64(),
        total[1].as_secs_f64(),
        total[2].as_secs_f64(),
        instructions as f64 / seconds / 1e6,
    );
}

fn parse(argument: &str) -> (String, LoadOptions) {
    let Some((path, place)) = argument.rsplit_once('@') else {
        return (argument.to_owned(), LoadOptions::file());
    };
    let (base, bits) = place.split_once('/').map_or((place, None), |(base, bits)| (base, bits.parse().ok()));
    let base = u64::from_str_radix(base.trim_start_matches("0x"), 16).unwrap_or(0);
    (path.to_owned(), LoadOptions::buffer(base, bits))
}
