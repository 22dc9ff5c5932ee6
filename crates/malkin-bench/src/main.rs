//! `malkin-bench`: reproducible measurements on this machine. Figures go to stdout as JSON.
//!
//! A tool for developers, not part of the product: `cargo run --release -p malkin-bench -- COMMAND`. Micro-benchmarks of single crates
//! are in their `benches/` folders; comparisons with the reference are commands of `cargo xtask`.

#![forbid(unsafe_code)]

mod answers;
mod banding;
mod client;
mod corpus;
mod data;
mod failure;
mod figures;
mod generator;
mod load;

use std::process::ExitCode;

use clap::Parser;

/// The allocator of the product, so that time and memory are those of the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measure Malkin on this machine.
#[derive(Parser, Debug)]
#[command(name = "malkin-bench", version, max_term_width = 100)]
enum Command {
    /// Fill a data directory with a corpus made from a seed, or from real executables.
    Corpus(corpus::Options),
    /// Measure start, look-ups and matching on a data directory.
    Answers(answers::Options),
    /// Read, match and submit on a running server.
    Load(load::Options),
    /// Measure which pairs of similar signatures the bands of the index lead to.
    Banding(banding::Options),
}

fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Corpus(options) => corpus::run(&options),
        Command::Answers(options) => answers::run(&options),
        Command::Load(options) => load::run(&options),
        Command::Banding(options) => banding::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            figures::note(format_args!("error: {failure}"));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Command::command().debug_assert();
    }
}
