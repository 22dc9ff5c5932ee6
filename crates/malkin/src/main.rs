//! `malkin`: one binary for the server, its workers and every command. This file only chooses; each command has a file.

#![forbid(unsafe_code)]

mod command;
mod corpus;
mod document;
mod failure;
mod files;
mod input;
mod output;
mod place;
mod recognise;
mod remote;
mod shown;

use std::process::ExitCode;

use clap::Parser;

use crate::command::Command;

/// Reports are many small allocations freed at once, by several threads: measured faster than the system's allocator (see
/// `docs/benchmarks.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Where has this code been seen before?
///
/// Without a command the server starts (`malkin serve`).
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Arguments::command().debug_assert();
    }
}
