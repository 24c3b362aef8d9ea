//! `farshore demo`: the main job on a real PostgreSQL. A region is backed up, copied, lost; the other one gives everything back.
//!
//! What is shown is measured, what is claimed is checked, and the exit status is 0 only if all of it matched. The parts are
//! processes of their own: the first region's platform, and a fresh one for each fork, which gets a
//! store's address and a key file. Whatever ends the demo, nothing that it started goes on, unless `--keep` asks for it.

mod acknowledged;
mod arrived;
mod checks;
mod children;

mod disaster;
mod forks;
mod kept;
mod keys;
mod north;
mod play;
mod report;
mod scene;
mod session;
mod source;
mod workload;

use std::process::ExitCode;
use std::sync::Arc;

use farshore_agent::host::Host;
use farshore_types::{Clock, Progress, Result, SystemEntropy};

use self::report::Report;
use self::scene::Scene;
use super::attach::stop_and_clean_up;
use crate::cli::DemoArgs;
use crate::{installed, output};

/// Plays it. Exit status 3 if something did not match.
pub fn run(args: &DemoArgs, as_json: bool, clock: &Arc<dyn Clock>) -> Result<ExitCode> {
    let host = Host::new(None, clock.clone(), Arc::new(SystemEntropy))?;
    let installation = installed::newest(&host, args.bin.as_deref())?;
    let stop = Arc::new(Progress::default());
    stop_and_clean_up(&stop)?;
    let folder = Scene::folder_for(args.keep.as_deref(), &host)?;
    let scene = Scene { folder, keep: args.keep.is_some(), host, installation, stop, as_json };
    let mut report = Report { version: scene.installation.version.clone(), ..Report::default() };
    let played = play::play(&scene, args.small, &mut report);
    report.seconds = clock.monotonic().as_secs_f64();
    let running = played.as_ref().ok().and_then(|kept| kept.as_deref());
    let closed = scene.close(running);
    played?;
    closed?;
    match as_json {
        true => output::json(&report.json()),
        false => output::say(&format!("\n{}", report.table())),
    }
    Ok(if report.matched() { ExitCode::SUCCESS } else { ExitCode::from(3) })
}
