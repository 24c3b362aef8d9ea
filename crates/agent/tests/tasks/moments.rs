//! Recovery to a moment under load: the rows of every fork against an oracle of whole row sets. Not one may be missed.

use farshore_agent::tasks::windows::{Window, Windows};
use farshore_engines::postgresql::provision::Installation;
use farshore_types::{Position, Target, TargetKind, Timeline};
use farshore_vault::testing::SeededEntropy;

use crate::support::cluster::{Cluster, command, run};
use crate::support::forks::fork_to;
use crate::support::load::{self, Known, Load, Order, rows_of};
use crate::support::protection::Protection;
use crate::support::region::Region;
use crate::support::{clock, installation, installations, let_pass, samples, seed};

/// Which kinds of target there are, with both ways to end.
const KINDS: u64 = 8;

struct World {
    cluster: Cluster,
    region: Region,
    /// The position from which the oracle reads the log.
    from: Position,
}

impl World {
    fn new(installation: &Installation) -> World {
        World::of(Cluster::start(installation))
    }

    /// A server whose segments of log have another size than most, in MiB.
    fn with_segments_of(installation: &Installation, mebibytes: u32) -> World {
        let mut cluster = Cluster::make(installation, true);
        std::fs::remove_dir_all(&cluster.data).unwrap();
        let mut initdb = command(installation.program("initdb").unwrap());
        initdb.arg("-D").arg(&cluster.data).args(["-U", "postgres", "--auth=trust", "--no-sync", "--data-checksums"]);
        run(initdb.arg(format!("--wal-segsize={mebibytes}")));
        cluster.run(&[]);
        World::of(cluster)
    }

    fn of(cluster: Cluster) -> World {
        load::prepare(&cluster);
        let from = cluster.sql("SELECT pg_current_wal_lsn()::text").parse().unwrap();
        World { cluster, region: Region::new(), from }
    }

    fn order(&self) -> Order {
        Order::read(&self.cluster.installation, &self.cluster.data, Timeline(1), self.from)
    }

    fn window(&self) -> Window {
        Windows::read(&self.region.reopened()).unwrap().windows.pop().unwrap()
    }

    /// Forks to a target and compares; the error says all that is needed to look into a miss.
    fn check(&self, target: &Target, known: &Known, order: &Order) {
        let forked = fork_to(&self.region.reopened(), &self.cluster.installation, target.clone());
        let (found, expected) = (rows_of(&forked.opened.server), known.rows(&order.committed(target)));
        let missing: Vec<_> = expected.iter().filter(|(id, v)| found.get(id) != Some(v)).collect();
        let surplus: Vec<_> = found.iter().filter(|(id, v)| expected.get(id) != Some(v)).collect();
        assert!(missing.is_empty() && surplus.is_empty(), "{target}: missing {missing:?}, too much {surplus:?}");
        assert!(!expected.is_empty(), "{target}: nothing was compared");
        forked.check_pages();
    }
}

fn target(kind: TargetKind, inclusive: bool) -> Target {
    Target { kind, inclusive }
}

/// A random target inside the window.
fn draw(random: &SeededEntropy, order: &Order, window: &Window, kind: u64) -> Target {
    let inside = |at: Position| at >= window.reach.from && at < window.reach.to;
    let commits: Vec<_> = order.commits().filter(|(at, _, time)| inside(*at) && *time < window.reach.to_time).collect();
    let pick = |count: usize| usize::try_from(random.next() >> 1).unwrap() % count;
    let (at, xid, time) = commits[pick(commits.len())];
    let records: Vec<_> = order.records.iter().map(|(at, _)| *at).filter(|at| inside(*at)).collect();
    match kind % KINDS {
        0 => target(TargetKind::Time(time), true),
        1 => target(TargetKind::Position(at), true),
        2 => target(TargetKind::Transaction(xid), true),
        3 => target(TargetKind::Time(time.plus_micros(i64::try_from(random.next() % 9000).unwrap())), true),
        4 => target(TargetKind::Position(at), false),
        5 => target(TargetKind::Transaction(xid), false),
        6 => target(TargetKind::Time(time), false),
        _ => {
            target(TargetKind::Position(Position(records[pick(records.len())].0 + 1)), random.next().is_multiple_of(2))
        }
    }
}

#[test]
fn a_moment_just_after_a_backup_is_recovered_from_the_backup_before_it() {
    let world = World::new(&installation());
    let load = Load::start(&world.cluster.settings(), seed());
    let protection = Protection::start(world.cluster.settings(), &world.region);
    let_pass(std::time::Duration::from_secs(6));
    protection.back_up();
    load.advance(20);
    protection.await_archived_now();
    let windows = Windows::read(&world.region.reopened()).unwrap();
    let [.., before, newest] = windows.windows.as_slice() else { panic!("two backups: {windows:?}") };
    let moment = newest.reach.from_time.plus_micros(1000);
    let soon = target(TargetKind::Time(moment), true);
    assert_eq!(windows.choose(&soon).unwrap().name, before.name);
    let first = target(TargetKind::Time(before.reach.from_time.plus_micros(1000)), true);
    assert_eq!(windows.choose(&first).unwrap().name, before.name, "nothing older is there");
    let order = world.order();
    world.check(&soon, &load.known(), &order);
    load.stop();
    protection.stop().unwrap();
}

#[test]
fn what_was_acknowledged_before_the_end_of_a_window_lies_inside_it_also_where_no_log_follows_the_backup() {
    let mut cluster = Cluster::make(&installation(), true);
    // The oracle reads the log from its beginning, and every backup ends a segment.
    cluster.run(&["wal_keep_size=2GB"]);
    let world = World::of(cluster);
    let load = Load::start(&world.cluster.settings(), seed());
    for _ in 0..samples(5, 40) {
        load.advance(20);
        world.region.back_up(&world.cluster);
    }
    load.advance(20);
    let (known, order) = (load.stop(), world.order());
    let windows = Windows::read(&world.region.reopened()).unwrap();
    for window in &windows.windows {
        let reach = window.reach;
        let early = known.acknowledged_before(reach.to_time);
        let lost = order.commits().find(|(at, xid, _)| *at >= reach.to && early.contains(xid));
        assert_eq!(lost, None, "acknowledged before {}, and not before {}", reach.to_time, reach.to);
        assert!(reach.to_time < reach.from_time, "no moment after the backup is sure: {reach:?}");
    }
    let newest = windows.windows.last().unwrap().reach;
    let error = windows.choose(&target(TargetKind::Time(newest.from_time), true)).unwrap_err().to_string();
    assert!(error.contains("to the end of a backup"), "{error}");
    assert_eq!(windows.choose(&Target::latest()).unwrap().reach, newest);
}

fn random_targets(installation: &Installation, count: usize, seed: u64) {
    println!("seed {seed}");
    let world = World::new(installation);
    let load = Load::start(&world.cluster.settings(), seed);
    let protection = Protection::start(world.cluster.settings(), &world.region);
    let random = SeededEntropy::new(seed);
    load.advance(200);
    for number in 0..count {
        load.advance(20);
        protection.await_archived_now();
        // In this order: of what lies in the window all is in the log that is read, and of that all is known.
        let (window, order) = (world.window(), world.order());
        let known = load.known();
        // Half of the kinds in a short run, all in a long one.
        let kind = if count < usize::try_from(KINDS).unwrap() { random.next() } else { number as u64 };
        let target = draw(&random, &order, &window, kind);
        println!("{target}");
        world.check(&target, &known, &order);
        if number % 10 == 5 {
            protection.back_up();
        }
    }
    load.stop();
    protection.stop().unwrap();
}

#[test]
fn random_targets_under_load_hold_exactly_their_rows() {
    random_targets(&installation(), samples(3, 50), seed());
}

#[test]
fn random_targets_under_load_on_the_next_major_hold_exactly_their_rows() {
    for installation in installations().iter().skip(1) {
        random_targets(installation, samples(1, 8), seed());
    }
}

#[test]
fn the_microsecond_before_and_after_a_commit_a_named_point_and_the_idle_tail() {
    let world = World::new(&installation());
    let load = Load::start(&world.cluster.settings(), seed());
    let protection = Protection::start(world.cluster.settings(), &world.region);
    load.advance(60);
    world.cluster.sql("SELECT pg_create_restore_point('before_the_release')");
    load.advance(60);
    let known = load.stop();
    let last_told = known.acknowledged.iter().map(|(_, at)| *at).max().unwrap();
    // Nothing is written any more; yet moments go by, and each of them can be recovered.
    let_pass(std::time::Duration::from_millis(400));
    let idle = clock().now();
    protection.await_archived(idle);
    let (order, window) = (world.order(), world.window());
    let commits: Vec<_> = order.commits().filter(|(at, ..)| *at >= window.reach.from).collect();
    let (_, _, time) = commits[commits.len() / 2];
    let mut targets = vec![
        target(TargetKind::Time(time.plus_micros(-1)), true),
        target(TargetKind::Time(time), true),
        target(TargetKind::Name("before_the_release".to_string()), true),
        target(TargetKind::Time(idle), true),
    ];
    if samples(0, 1) == 1 {
        targets.push(target(TargetKind::Time(time.plus_micros(1)), true));
        targets.push(target(TargetKind::Time(time), false));
        targets.push(target(TargetKind::Position(window.reach.to), true));
        targets.push(target(TargetKind::Time(last_told), true));
        targets.push(Target::latest());
    }
    assert!(window.reach.to_time >= idle);
    for target in &targets {
        println!("{target}");
        world.check(target, &known, &order);
    }
    let all = known.rows(&order.commits().map(|(_, xid, _)| xid).collect::<Vec<_>>());
    assert_eq!(rows_of(&world.cluster.settings()), all, "the oracle itself is wrong");
    protection.stop().unwrap();
}

#[test]
fn segments_of_one_and_of_sixty_four_mebibytes_are_archived_and_recovered_to_a_moment() {
    for mebibytes in [1, 64] {
        let world = World::with_segments_of(&installation(), mebibytes);
        let protection = Protection::start(world.cluster.settings(), &world.region);
        let load = Load::start(&world.cluster.settings(), seed());
        load.advance(60);
        world.cluster.sql("CREATE TABLE much AS SELECT repeat(md5(i::text), 20) FROM generate_series(1, 60000) AS i");
        world.cluster.sql("SELECT pg_switch_wal()");
        load.advance(60);
        let known = load.stop();
        assert_eq!(protection.await_archived_now().breaks, 0);
        protection.back_up();
        protection.stop().unwrap();
        let (order, windows) = (world.order(), Windows::read(&world.region.reopened()).unwrap());
        let oldest = windows.windows.first().unwrap();
        let commits: Vec<_> = order.commits().filter(|(at, ..)| *at >= oldest.reach.from).collect();
        let (at, _, time) = commits[commits.len() * 3 / 4];
        for kind in [TargetKind::Time(time), TargetKind::Position(at), TargetKind::Latest] {
            world.check(&target(kind, true), &known, &order);
        }
    }
}
