//! The steps of the demo, in order.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use farshore_engines::postgresql::wire::Connection;
use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result, Timestamp, units};

use super::acknowledged::{self, Until, pace};
use super::checks::{self, Check, Truth, verified};
use super::children::farshore;
use super::disaster::{Destroyed, destroy};
use super::forks::{FORK_SERVICE, Made, Order, South, refused};
use super::keys::{Keys, store_url, text};
use super::north::{self, North, Taken};
use super::report::{ForkReport, Report};
use super::scene::Scene;
use super::session::Login;
use super::source::{self, DATABASE, Known};
use super::workload::{WRITERS, Workload};
use super::{arrived, kept};
use crate::progress;

/// Scale of pgbench: about 15 MB each.
const SCALE: u32 = 32;
const SCALE_SMALL: u32 = 2;
const VERIFY_DEADLINE: Duration = Duration::from_secs(1800);
/// The name of the restore point.
const POINT: &str = "before_the_mistake";
/// A moment that nobody has: an hour after the one that is marked.
const OUTSIDE_MICROS: i64 = 3_600_000_000;

/// How long the load runs for each purpose.
struct Spans {
    scale: u32,
    baseline: Duration,
    after_full: Duration,
    after_mark: Duration,
    after_mistake: Duration,
}

fn spans(small: bool) -> Spans {
    let seconds = Duration::from_secs;
    match small {
        true => Spans {
            scale: SCALE_SMALL,
            baseline: seconds(2),
            after_full: seconds(1),
            after_mark: seconds(1),
            after_mistake: seconds(4),
        },
        false => Spans {
            scale: SCALE,
            baseline: seconds(8),
            after_full: seconds(4),
            after_mark: seconds(2),
            after_mistake: seconds(6),
        },
    }
}

/// The moment before the mistake.
struct Mark {
    /// On the server's clock.
    moment: Timestamp,
    /// Right before and right after the restore point was asked for.
    around: (Timestamp, Timestamp),
}

/// Plays all steps; gives the folder of the fork that is left running, if any.
pub fn play(scene: &Scene, small: bool, report: &mut Report) -> Result<Option<PathBuf>> {
    source::check_programs(scene)?;
    let spans = spans(small);
    let (truth, mark, destroyed, south, keys) = first_region(scene, &spans, report)?;

    scene.step(6, "A moment that no backup reaches is refused, before anything is made.")?;
    let outside = mark.moment.plus_micros(OUTSIDE_MICROS).to_string();
    let (right, message) = refused(scene, &south, &keys.south, &outside)?;
    scene.note(&format!("error: {message}"));
    report.checks.push(Check::new("target outside the window", right, message.clone()));
    report.refusal = message;

    let orders = orders(&keys, &mark);
    scene
        .step(7, "Fresh processes fork from the second region: they get its store's address and one key file each.")?;
    let mut made = Vec::new();
    for order in &orders {
        scene.note(&format!("{}:", order.title));
        made.push(order.make(scene, &south, truth.known.bytes)?);
    }
    scene.step(8, "Everything is checked.")?;
    verify(scene, &south, &keys, report)?;
    for (order, made) in orders.iter().zip(&made) {
        let fork = check_fork(scene, order, made, &truth)?;
        report.forks.push(fork);
    }
    recovery_point(scene, report, &destroyed);
    let Some(first) = made.first().filter(|_| scene.keep) else { return Ok(None) };
    first.subject.start()?;
    kept::write_readme(scene, &south, &keys, &first.subject.volume, first.subject.port)?;
    let readme = scene.folder.join("README.txt");
    scene.say(&format!("{} says how to go on; a fork runs.", readme.display()));
    Ok(Some(first.subject.volume.clone()))
}

/// Step 1: the regions.
fn regions(scene: &Scene) -> Result<(North, Keys)> {
    scene.step(
        1,
        "Region north: `farshore up` runs a platform, a service is asked for through its API. Region south: a store that it knows.",
    )?;
    scene.copy_program()?;
    for folder in [scene.south(), scene.outside(), scene.forks()] {
        scene.make(&folder)?;
    }
    scene.note(&format!("everything lies in {}", scene.folder.display()));
    let (platform, client) = north::up(scene)?;
    let keys = Keys::keep(scene)?;
    keys.move_recovery(scene)?;
    let north = North::create(scene, platform, client)?;
    Ok((north, keys))
}

/// Steps 1 to 5: the life and the end of the first region.
fn first_region(scene: &Scene, spans: &Spans, report: &mut Report) -> Result<(Truth, Mark, Destroyed, South, Keys)> {
    let (north, keys) = regions(scene)?;
    let login = source::login(scene, &north)?;
    let known = fill(scene, spans, &north, &login)?;
    report.database_bytes = known.bytes;

    scene.step(
        3,
        &format!(
            "{WRITERS} writers start with service_uri; each acknowledged commit is logged outside of both regions."
        ),
    )?;
    let log = scene.outside().join("acknowledged.log");
    let workload = Workload::start(login.clone(), spans.scale, &log, scene.clock().clone())?;
    let south = South { store: store_url(&scene.south_store()), service: north.service.clone() };
    backups(scene, spans, &north, (&south, &workload, &log), report)?;

    scene.step(5, "A moment is marked; then the mistake, more commits, and the end of region north.")?;
    let mark = mark(scene, &north)?;
    scene.pause(spans.after_mark)?;
    mistake(scene, &login, &mark)?;
    scene.pause(spans.after_mistake)?;
    arrived::await_moment(scene, &south, &north, mark.moment)?;
    workload.check()?;
    let destroyed = destroy(scene, &north, &workload)?;
    scene.note(&format!(
        "{}: farshore up with its copier and {} processes of the server were killed; {} is gone with database, store, keys, data",
        destroyed.at,
        destroyed.processes,
        scene.north().display()
    ));
    let unanswered = workload.end()?;
    Ok((Truth { commits: acknowledged::read(&log)?, unanswered, known }, mark, destroyed, south, keys))
}

/// Step 2: the data.
fn fill(scene: &Scene, spans: &Spans, north: &North, login: &Login) -> Result<Known> {
    scene.step(2, "Data comes in with service_uri; what only a superuser can make, over the node's socket.")?;
    source::fill(scene, north, login, spans.scale)?;
    let known = source::ask(scene, &source::superuser(north, DATABASE)?)?;
    scene.note(&source::describe(&known));
    let taken = north.backup(scene, "backup", false)?;
    scene.note(&format!("a backup is asked for: it adds {}", checks::size_text(taken.new, taken.seconds)));
    Ok(known)
}

/// Step 4: backups under load, and their copies.
fn backups(
    scene: &Scene,
    spans: &Spans,
    north: &North,
    (south, workload, log): (&South, &Workload, &Path),
    report: &mut Report,
) -> Result<()> {
    let began = scene.clock().now();
    scene.pause(spans.baseline)?;
    let full_began = scene.clock().now();
    scene.step(
        4,
        "Two backups are asked for under load, a full and an incremental one, and the log within seconds; all copied to region south.",
    )?;
    scene.note(
        "the first is full by the platform's own rule: the chain has outgrown the full backup of the empty service",
    );
    north.copy_to_south(scene)?;
    let full = north.backup(scene, "full backup", true)?;
    let full_ended = scene.clock().now();
    scene.pause(spans.after_full)?;
    let incremental = north.backup(scene, "incremental backup", false)?;
    workload.check()?;
    let commits = acknowledged::read(log)?;
    (report.before, report.during) = (pace(&commits, began, full_began), pace(&commits, full_began, full_ended));
    say_backups(scene, report, &full, &incremental);
    arrived::await_backup(scene, south, north, incremental.sequence)?;
    (report.full, report.incremental) = (Some(full), Some(incremental));
    Ok(())
}

fn say_backups(scene: &Scene, report: &Report, full: &Taken, incremental: &Taken) {
    let size = |backup: &Taken| checks::size_text(backup.new, backup.seconds);
    scene.note(&format!("full: {} of data became {}", units::bytes(full.raw), size(full)));
    scene.note(&format!("incremental: {}", size(incremental)));
    if let (Some(before), Some(during)) = (report.before, report.during) {
        scene.note(&format!(
            "load: {:.0} commits/s and p99 {:.1} ms before, {:.0} commits/s and p99 {:.1} ms during the full backup",
            before.per_second, before.p99_ms, during.per_second, during.p99_ms
        ));
    }
}

/// Only a superuser makes restore points.
fn mark(scene: &Scene, north: &North) -> Result<Mark> {
    let mut connection = Connection::connect(&source::superuser(north, DATABASE)?, scene.clock().clone())?;
    let sql = format!(
        "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS moment, \
         pg_create_restore_point('{POINT}') AS position"
    );
    let before = scene.clock().now();
    let answer = connection.query(&sql)?;
    let around = (before, scene.clock().now());
    connection.close();
    let micros = answer.value(0, "moment").and_then(|text| text.parse().ok());
    let moment = micros.map(Timestamp::from_micros).ok_or_else(|| Error::bug("the server did not tell the time"))?;
    let position = answer.value(0, "position").unwrap_or_default();
    scene.note(&format!("marked: {moment}, restore point {POINT} at {position}"));
    if moment < around.0 || moment > around.1 {
        let what = format!("the server's clock says {moment}, ours {} to {}", around.0, around.1);
        return Err(Error::bug(what));
    }
    Ok(Mark { moment, around })
}

fn mistake(scene: &Scene, login: &Login, mark: &Mark) -> Result<()> {
    login.open()?.run("DROP TABLE invoices")?;
    let later = scene.clock().now().seconds_since(mark.moment);
    scene.note(&format!("{later:.1} s later somebody types DROP TABLE invoices; the writers go on"));
    Ok(())
}

fn orders<'a>(keys: &'a Keys, mark: &Mark) -> Vec<Order<'a>> {
    let args = |args: &[&str]| args.iter().map(|arg| arg.to_string()).collect();
    vec![
        Order {
            name: "moment",
            title: "fork to the marked moment",
            args: args(&["--at", &mark.moment.to_string(), "--new-service", FORK_SERVICE]),
            key: &keys.south,
            until: Until::Moment { from: mark.moment, to: mark.moment },
            before_mistake: true,
        },
        Order {
            name: "newest",
            title: "fork to the newest moment",
            args: Vec::new(),
            key: &keys.south,
            until: Until::Newest,
            before_mistake: false,
        },
        Order {
            name: "recovery",
            title: "fork to the restore point with the recovery key alone",
            args: args(&["--point", POINT]),
            key: &keys.recovery,
            until: Until::Moment { from: mark.around.0, to: mark.around.1 },
            before_mistake: true,
        },
    ]
}

/// Decrypts everything that the second region holds, and looks at every page in it.
fn verify(scene: &Scene, south: &South, keys: &Keys, report: &mut Report) -> Result<()> {
    let key = text(&keys.south)?;
    for service in [south.service.as_str(), FORK_SERVICE] {
        let shown = progress::show(&format!("verify {service}"), Arc::default(), scene.clock().clone());
        let args = ["vault", "verify", "--store", &south.store, "--identity", key, "--service", service];
        let (answer, code) = farshore(scene, &args, VERIFY_DEADLINE)?;
        drop(shown);
        let check = verified(service, &answer, code);
        say_check(scene, &check);
        report.checks.push(check);
    }
    Ok(())
}

fn check_fork(scene: &Scene, order: &Order<'_>, made: &Made<'_>, truth: &Truth) -> Result<ForkReport> {
    scene.go_on()?;
    scene.note(&format!("{}:", order.title));
    let (compared, mut found) = made.subject.check(truth).doing("check the", order.title)?;
    found.push(made.subject.check_at_rest()?);
    scene.note(&format!("  {}", compared.ends()));
    found.iter().for_each(|check| say_check(scene, check));
    let command = made.command.clone();
    Ok(ForkReport { title: order.title, open_seconds: made.open_seconds, compared, checks: found, command })
}

fn say_check(scene: &Scene, check: &Check) {
    let word = if check.passed { "ok" } else { "WRONG" };
    scene.note(&format!("  {word}: {}: {}", check.name, check.found));
}

/// Step 9.
fn recovery_point(scene: &Scene, report: &mut Report, destroyed: &Destroyed) {
    let newest = report.forks.iter().find(|fork| fork.title.contains("newest"));
    let Some(compared) = newest.map(|fork| &fork.compared) else { return };
    let last = compared.last.as_ref().map_or(Timestamp::default(), |commit| commit.acknowledged);
    (report.lost_commits, report.lost_seconds) = (compared.absent, destroyed.at.seconds_since(last));
    scene.say(&format!(
        "9. With region north {} acknowledged commits were lost, those of the last {:.1} seconds.",
        report.lost_commits, report.lost_seconds
    ));
}
