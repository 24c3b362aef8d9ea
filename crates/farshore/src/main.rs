//! The binary: settings to wiring. Commands live in [`commands`], one per file; what they print goes through [`output`].

mod cli;
mod commands;
mod installed;
mod output;
mod progress;
mod source;
mod stores;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // The server runs this once per log segment: it must not cost more than starting a process.
    let args: Vec<String> = std::env::args().skip(1).take(5).collect();
    if let [command, socket, name, to] = args.as_slice()
        && command == commands::log_fetch::COMMAND
    {
        return commands::log_fetch::run(socket, name, to);
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
