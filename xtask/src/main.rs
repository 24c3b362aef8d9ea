//! The workspace's own tools, started as `cargo xtask <command>`.
//!
//! They read the sources and print; nothing here is part of the shipped binary, and no crate may depend on this one.

mod bench;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask tidy\n       cargo xtask bench [--small] [--only CASE] [--rounds N] [--farshore PROGRAM] [--dir FOLDER]";

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => run_tidy(root),
        ["bench", options @ ..] => told(bench::run(root, options)),
        ["bench-step", step @ ..] => told(bench::step(step)),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn told(outcome: farshore_types::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints one line per finding; fails when one of them is an error.
fn run_tidy(root: &Path) -> ExitCode {
    match tidy::check(root) {
        Ok(findings) => {
            for finding in &findings {
                println!("{finding}");
            }
            let errors = findings.iter().filter(|finding| finding.is_error()).count();
            eprintln!("tidy: {errors} errors, {} warnings", findings.len() - errors);
            if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(reason) => {
            eprintln!("tidy: {reason}");
            ExitCode::from(2)
        }
    }
}
