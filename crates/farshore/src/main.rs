//! The binary: settings to wiring. Commands live in [`commands`], one per file; what they print goes through [`output`].

mod cli;
mod client;
mod commands;
mod installed;
mod output;
mod password_file;
mod platform;
mod progress;
mod source;
mod stores;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // The server runs this once per log segment: it must not cost more than starting a process. It is not left to the parser of
    // the other commands either, whose exit status the server would take for the end of the log.
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|command| command == commands::log_fetch::COMMAND) {
        return commands::log_fetch::run(&args.take(commands::log_fetch::ARGUMENTS + 1).collect::<Vec<_>>());
    }
    let cli = cli::Cli::parse();
    start_log(cli.verbose);
    match commands::run(&cli) {
        Ok(code) => code,
        Err(error) => output::failure(&error, cli.json),
    }
}

/// Log lines go to standard error; `-v` shows more of them.
fn start_log(verbose: bool) {
    let level = if verbose { tracing::Level::INFO } else { tracing::Level::WARN };
    let colours = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt().with_max_level(level).with_target(false).with_ansi(colours);
    lines.with_writer(std::io::stderr).init();
}
