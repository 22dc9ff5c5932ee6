//! `cargo xtask`: the house-keeping commands, one table of names, functions and help. What CI runs is what a developer runs.
//!
//! Not part of the product: it imports nothing of ours and drives cargo, Python and the built binary from outside.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks on the terminal")]

mod attack_server;
mod bench_matching;
mod bench_reference;
mod compare_escapers;
mod compare_matching;
mod compare_smda;
mod conformance;
mod deny;
mod fuzz;
mod kill_server;
mod lanes;
mod measure_memory;
mod pages;
mod process;
mod python_env;
mod server;
mod sweep_decoder;
mod tally;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What a command ends with: nothing, or one sentence about what went wrong (empty when its last line said it).
type Outcome = Result<(), String>;

/// A subcommand: its name, what runs it with the remaining arguments, one line of help.
struct Command {
    name: &'static str,
    run: fn(&[String]) -> Outcome,
    help: &'static str,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        run: test::run,
        help: "everything CI checks: [STEP...] runs only the named steps",
    },
    Command {
        name: "tidy",
        run: tidy::run,
        help: "the rules of the house: floors, purity, heads, paths in Markdown, names, data",
    },
    Command {
        name: "deny",
        run: deny::run,
        help: "licences, sources and banned crates, by cargo-deny and deny.toml",
    },
    Command {
        name: "conformance",
        run: conformance::run,
        help: "black-box scenarios against target/debug/malkin",
    },
    Command {
        name: "pages",
        run: pages::run,
        help: "what people do with the pages, in headless Chromium: [FLOW...]",
    },
    Command {
        name: "fuzz",
        run: fuzz::run,
        help: "fuzz targets: [TARGET...] [--runs N] [--seconds S], 20 s each unless said otherwise",
    },
    Command {
        name: "python-env",
        run: python_env::run,
        help: "makes target/reference-env with the pinned reference packages",
    },
    Command {
        name: "bench-reference",
        run: bench_reference::run,
        help: "hashing speed against the Python packages: [FOLDER] [--architecture NAME]",
    },
    Command {
        name: "bench-matching",
        run: bench_matching::run,
        help: "import and matching of exports against MCRIT, time, memory, matches: [FOLDER] [--samples N]",
    },
    Command {
        name: "compare-escapers",
        run: compare_escapers::run,
        help: "escapers of all architectures against SMDA on generated instructions: [--cases N] [--seed S]",
    },
    Command {
        name: "sweep-decoder",
        run: sweep_decoder::run,
        help: "x86 decoder and text against capstone on generated encodings: [--cases N] [--seed S]",
    },
    Command {
        name: "compare-matching",
        run: compare_matching::run,
        help: "all matchers against MCRIT on random corpora: [--seeds N] [--first N] [--functions N] [-v]",
    },
    Command {
        name: "kill-server",
        run: kill_server::run,
        help: "a server that is killed under load keeps what it acknowledged: [--rounds N] [--seed N] [-v]",
    },
    Command {
        name: "attack-server",
        run: attack_server::run,
        help: "what others see while a server is attacked: [--functions N] [--seconds S] [--attack NAME] [--strict]; --mixed SECONDS: what it keeps; --queued JOBS",
    },
    Command {
        name: "measure-memory",
        run: measure_memory::run,
        help: "peak memory on an export of 1 GB and on hostile files: [--megabytes N]",
    },
    Command {
        name: "compare-smda",
        run: compare_smda::run,
        help: "disassembly against SMDA, every field, time and memory: [--patched N] [--seed S] [--seconds S] [--worst N] [--keep FOLDER] [PATH...]",
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        help();
        return ExitCode::from(2);
    };
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        help();
        let asked_for_help = matches!(name.as_str(), "help" | "-h" | "--help");
        return ExitCode::from(if asked_for_help { 0 } else { 2 });
    };
    match (command.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        // An empty message: what went wrong has been said, and the last line is a count that others read.
        Err(message) if message.is_empty() => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("cargo xtask {name}: {message}");
            ExitCode::FAILURE
        }
    }
}

fn help() {
    eprintln!("usage: cargo xtask COMMAND\n");
    for command in COMMANDS {
        eprintln!("  {:<16} {}", command.name, command.help);
    }
}

/// The folder of the workspace's `Cargo.toml`: `cargo run` says where our manifest is, which stays true when the checkout moves.
fn workspace_root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.ancestors().nth(2).map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Cargo's target folder, as the environment or the default has it.
fn target_dir() -> PathBuf {
    let root = workspace_root();
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir))
}

/// The golden data beside the checkout, or `None` when it is absent.
fn shared_dir() -> Option<PathBuf> {
    let dir = workspace_root().join("../shared");
    dir.is_dir().then_some(dir)
}
