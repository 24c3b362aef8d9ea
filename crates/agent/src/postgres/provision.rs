//! The three ways to a [`Node`]: make one, take over a restored data directory, find one again.
//!
//! Each may be repeated after a crash at any point and then finishes what was begun; `node.json` is written last.

use std::path::Path;

use farshore_engines::postgresql::control::read_stable;
use farshore_engines::postgresql::recovery::check_major;
use farshore_types::error::ErrorContext;
use farshore_types::{Error, ErrorKind, Result};

use super::layout::{Layout, give_tree, make_private};
use super::make::{has_cluster, make_data};
use super::node::Node;
use super::record::{Founding, Record};
use super::spec::Spec;
use crate::durable::{self, Lock};
use crate::host::Host;
use crate::place::free_port;

/// Makes a node with an empty cluster: page checksums, SCRAM, a superuser with a random password. It is not started. A
/// volume that has a node already gives that node as it is, if it is of the same major version. Refused before anything
/// is made: a volume or an installation that the server's user cannot enter, a path too long for the socket.
pub fn provision(spec: &Spec, host: &Host) -> Result<Node> {
    let (layout, lock) = begin(spec, host).doing("provision", spec.volume.display())?;
    if let Some(record) = existing(spec, &layout)? {
        return Node::found(layout, record, host.clone(), lock);
    }
    make_data(spec, &layout, host).doing("provision", spec.volume.display())?;
    finish(spec, layout, host, lock)
}

/// Takes over `<volume>/data` that was restored: owner, mode 0700, and the configuration files of this node in place of
/// the source's. Everything else there stays, recovery settings too; it is not started. May be repeated. A volume that has
/// a node already gives that node as it is.
pub fn open(spec: &Spec, host: &Host) -> Result<Node> {
    let (layout, lock) = begin(spec, host).doing("open", spec.volume.display())?;
    if let Some(record) = existing(spec, &layout)? {
        return Node::found(layout, record, host.clone(), lock);
    }
    take_over(spec, &layout, host).doing("open", spec.volume.display())?;
    finish(spec, layout, host, lock)
}

/// Finds a node again, and its server if one runs, without touching it. `Missing` when the volume holds no node, `Busy`
/// while another agent has it.
pub fn adopt(volume: &Path, host: &Host) -> Result<Node> {
    let layout = Layout::new(volume);
    let missing = || Error::missing(format!("{} holds no node", volume.display()));
    if !layout.record().exists() {
        return Err(missing());
    }
    let lock = Lock::take(&layout.lock()).doing("adopt", volume.display())?;
    let record = Record::read(&layout.record())?.ok_or_else(missing)?;
    Node::found(layout, record, host.clone(), lock)
}

fn begin(spec: &Spec, host: &Host) -> Result<(Layout, Lock)> {
    spec.check(&host.engines)?;
    let layout = Layout::new(&spec.volume);
    layout.make_volume()?;
    let lock = Lock::take(&layout.lock())?;
    layout.make_rest(&host.engines)?;
    Ok((layout, lock))
}

fn existing(spec: &Spec, layout: &Layout) -> Result<Option<Record>> {
    let Some(record) = Record::read(&layout.record())? else { return Ok(None) };
    if record.major != spec.installation.major {
        let (there, asked) = (record.major, spec.installation.major);
        let what = format!("{} holds a node of PostgreSQL {there}, not {asked}", spec.volume.display());
        return Err(Error::conflict(what).hint("choose another data directory"));
    }
    Ok(Some(record))
}

fn take_over(spec: &Spec, layout: &Layout, host: &Host) -> Result<()> {
    let data = layout.data();
    if !has_cluster(&data)? {
        return Err(Error::missing(format!("{} holds no restored cluster", data.display())));
    }
    let version = std::fs::read_to_string(data.join("PG_VERSION")).doing("read", "PG_VERSION")?;
    let major: u32 = version.trim().parse().map_err(|_| Error::corrupt(format!("PG_VERSION holds {version:?}")))?;
    check_major(major.saturating_mul(10_000), spec.installation.major)?;
    read_stable(&data, &*host.clock)?;
    give_tree(&data, host.engines.owner())?;
    give_tree(&layout.tablespaces(), host.engines.owner())?;
    make_private(&data, host.engines.owner())
}

/// Chooses the port and records the node.
fn finish(spec: &Spec, layout: Layout, host: &Host, lock: Lock) -> Result<Node> {
    let port = spec.port.map_or_else(|| free_port(&spec.taken_ports, &*host.entropy), Ok)?;
    let founding = Founding { installation: spec.installation.clone(), engine_user: host.engines.name.clone(), port };
    let mut record = Record::new(founding, spec.superuser.clone(), spec.sizes.clone(), spec.extra.clone());
    record.door = spec.door.clone();
    // Refused settings are refused now, not at the first start.
    let node = Node::found(layout, record, host.clone(), lock)?;
    node.write_configuration().map_err(|error| match error.kind() {
        ErrorKind::Invalid => error.context("configure", spec.volume.display()),
        _ => error,
    })?;
    node.keep_record()?;
    durable::sync_directory(node.layout().volume())?;
    Ok(node)
}
