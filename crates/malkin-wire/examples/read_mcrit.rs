//! Reads `.mcrit` files sample by sample, as an import does, and counts what they hold: for measurements of time and memory.
//!
//! `cargo run --release -p malkin-report --example read_mcrit -- FILE...`

#![expect(clippy::print_stdout, reason = "an example talks on the terminal")]

use std::fs::File;

use malkin_wire::mcrit::{McritError, McritReader};

fn main() {
    for path in std::env::args().skip(1) {
        match File::open(&path).map_err(McritError::from).and_then(count) {
            Ok((samples, functions)) => println!("{path}: {samples} samples, {functions} functions"),
            Err(error) => println!("{path}: {error}"),
        }
    }
}

fn count(file: File) -> Result<(usize, usize), McritError> {
    let mut reader = McritReader::open(file)?;
    let (mut samples, mut functions) = (0, 0);
    while let Some(record) = reader.next_sample()? {
        samples += 1;
        functions += record.functions.len();
    }
    Ok((samples, functions))
}
