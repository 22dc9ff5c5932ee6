//! `malkin`: one binary for the server, its workers and every command. This file only chooses; each command has a file.

#![forbid(unsafe_code)]

mod command;
mod document;
mod failure;
mod files;
mod input;
mod output;
mod place;
mod quantity;
mod recognise;
mod remote;
mod shown;

use std::process::ExitCode;

use clap::Parser;

use crate::command::Command;

/// Reports are many small allocations freed at once, by several threads: measured faster than the system's allocator (see
/// `docs/benchmarks.md`). The feature `override` gives it to SQLite and zstd too: the system's allocator reserves 64 MiB of address
/// space for each thread that calls them, which ended a server that was limited to 2 GiB of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Find out where code has been seen before.
///
/// Without a command, Malkin starts the server (`malkin serve`).
#[derive(Parser, Debug)]
#[command(name = "malkin", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    serve: command::serve::Options,
}

fn main() -> ExitCode {
    output::start_log();
    survive_size_limits();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return ExitCode::from(output::usage(error)),
    };
    let command = arguments.command.unwrap_or(Command::Serve(arguments.serve));
    match command.run() {
        Ok(code) => code,
        Err(failure) => {
            output::error(&failure);
            ExitCode::FAILURE
        }
    }
}

/// A write beyond the file-size limit of the process (`ulimit -f`) ends it by a signal, unless that is handled: then the
/// write fails like one to a full disk.
fn survive_size_limits() {
    #[cfg(unix)]
    {
        let reached = std::sync::Arc::default();
        if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, reached) {
            tracing::warn!(%error, "the file-size limit of this process, if there is one, will end it");
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Arguments::command().debug_assert();
    }
}
