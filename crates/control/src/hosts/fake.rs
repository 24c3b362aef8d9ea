//! Hosts that live in memory, for tests of everything above them: they keep what a store would keep, refuse what was replaced, and do
//! nothing else. Each verb can be made to fail.

mod inside;
mod machines;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use farshore_types::{Clock, Error, ErrorKind, Generation, Progress, RegionName, Result, ServiceId, TargetKind};

use super::{
    BackupReport, Change, CopyOrder, CopyView, Extension, Home, Hosts, Inhabitants, Keep, LogLine, NodeAddress,
    NodeOrder, NodeState, NodeView, Query, RestoreOrder, RestoreReport, Stock, StoredBackup,
};

use machines::Inner;

/// Bytes of every backup.
pub const BACKUP_BYTES: u64 = 24 << 20;

/// The hosts.
pub struct FakeHosts {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

impl FakeHosts {
    /// Without any node.
    pub fn new(clock: Arc<dyn Clock>) -> Arc<FakeHosts> {
        Arc::new(FakeHosts { clock, inner: Mutex::default() })
    }

    /// From now on a verb (`back_up`, `provision`, ...) fails with this kind; `None`: no more.
    pub fn fail(&self, verb: &'static str, kind: Option<ErrorKind>) {
        let mut inner = self.lock();
        match kind {
            Some(kind) => inner.failing.insert(verb, kind),
            None => inner.failing.remove(verb),
        };
    }

    /// From now on a verb is carried out and its answer is lost, as for a caller that died while it waited.
    pub fn lose_answers(&self, verb: &'static str) {
        self.lock().unanswered.insert(verb);
    }

    /// Every verb works, and answers.
    pub fn mend(&self) {
        let mut inner = self.lock();
        inner.failing.clear();
        inner.unanswered.clear();
    }

    /// A region is down, with everything on its hosts; or back, with what was there.
    pub fn down(&self, region: &RegionName) {
        self.lock().down.insert(region.clone());
    }

    /// What its store held is gone.
    pub fn empty(&self, region: &RegionName) {
        self.lock().stocks.retain(|(of, _), _| of != region);
    }

    /// It answers again.
    pub fn up(&self, region: &RegionName) {
        self.lock().down.remove(region);
    }

    /// The data of a node is gone.
    pub fn lose(&self, service: &ServiceId) {
        if let Some(node) = self.lock().nodes.get_mut(service) {
            node.state = NodeState::Lost;
        }
    }

    /// The server of a node does not answer.
    pub fn crash(&self, service: &ServiceId) {
        if let Some(node) = self.lock().nodes.get_mut(service) {
            node.state = NodeState::Crashed;
        }
    }

    /// It answers again.
    pub fn recover(&self, service: &ServiceId) {
        if let Some(node) = self.lock().nodes.get_mut(service) {
            node.state = NodeState::Ready;
        }
    }

    /// The disk of a node is full, or has room again.
    pub fn fill(&self, service: &ServiceId, full: bool) {
        let mut inner = self.lock();
        let _ = if full { inner.full.insert(service.clone()) } else { inner.full.remove(service) };
    }

    /// The server of a node crashes again and again, or does not, or nobody can say.
    pub fn crash_again_and_again(&self, service: &ServiceId, is_loop: Option<bool>) {
        let loops = &mut self.lock().crash_loops;
        let _ = match is_loop {
            Some(is_loop) => loops.insert(service.clone(), is_loop),
            None => loops.remove(service),
        };
    }

    /// The log of a node has been broken so often since its agent was started.
    pub fn break_log(&self, service: &ServiceId, breaks: u64) {
        if let Some(node) = self.lock().nodes.get_mut(service) {
            node.breaks = breaks;
        }
    }

    /// The password that the node's server would accept.
    pub fn password(&self, service: &ServiceId, user: &str) -> Option<String> {
        self.lock().nodes.get(service)?.inside.users.get(user).cloned()
    }

    /// What a node was told last.
    pub fn order(&self, service: &ServiceId) -> Option<NodeOrder> {
        self.lock().nodes.get(service).map(|node| node.order.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, verb: &'static str) -> Result<MutexGuard<'_, Inner>> {
        let inner = self.lock();
        match inner.failing.get(verb) {
            Some(kind) => Err(Error::new(*kind, format!("{verb} fails as a test asked"))),
            None => Ok(inner),
        }
    }
}

impl Hosts for FakeHosts {
    fn versions(&self, _: &RegionName, service_type: &str) -> Result<Vec<u32>> {
        drop(self.begin("versions")?);
        if service_type == "pg" { Ok(vec![17, 16]) } else { Err(Error::missing(format!("no {service_type} here"))) }
    }

    fn extensions(&self, region: &RegionName, service_type: &str) -> Result<Vec<(u32, Vec<Extension>)>> {
        let hstore = Extension { name: "hstore".to_string(), versions: vec!["1.4".to_string(), "1.8".to_string()] };
        let majors = self.versions(region, service_type)?;
        Ok(majors.into_iter().map(|major| (major, vec![hstore.clone()])).collect())
    }

    fn provision(&self, order: &NodeOrder) -> Result<NodeAddress> {
        let mut inner = self.begin("provision")?;
        inner.fence(&order.service, order.generation)?;
        let address = inner.place(order, None, self.clock.now());
        inner.answer("provision", address)
    }

    fn restore(&self, order: &NodeOrder, restore: &RestoreOrder, progress: &Progress) -> Result<RestoreReport> {
        self.check_restore(restore)?;
        let mut inner = self.begin("restore")?;
        inner.fence(&order.service, order.generation)?;
        let kept = inner.stocks.get(&(restore.region.clone(), restore.source.clone())).cloned().unwrap_or_default();
        progress.expect_bytes(BACKUP_BYTES);
        progress.add_bytes(BACKUP_BYTES);
        let newest = kept.stock.backups.last().map(|backup| backup.name.clone());
        let backup = restore.backup.clone().or(newest).unwrap_or_default();
        let address = inner.place(order, Some(kept.inside), self.clock.now());
        let (bytes, seconds) = (BACKUP_BYTES, (0.1, 0.1));
        inner.answer("restore", RestoreReport { address, backup, window_end: self.clock.now(), bytes, seconds })
    }

    fn check_restore(&self, restore: &RestoreOrder) -> Result<()> {
        let inner = self.begin("check_restore")?;
        inner.must_be_up(&restore.region)?;
        let kept = inner.stocks.get(&(restore.region.clone(), restore.source.clone()));
        let stock = kept.map(|kept| &kept.stock).filter(|stock| !stock.backups.is_empty());
        let stock = stock.ok_or_else(|| Error::conflict("No valid backups for service"))?;
        if let Some(name) = restore.backup.as_ref().filter(|name| !stock.backups.iter().any(|one| one.name == **name)) {
            return Err(Error::invalid(format!("recovery_basebackup_name: backup {name} does not exist")));
        }
        match restore.target.kind {
            TargetKind::Time(moment) if !stock.windows.iter().any(|(from, to)| (*from..=*to).contains(&moment)) => {
                Err(Error::invalid(format!("recovery_target_time: {moment} is in no window")))
            }
            _ => Ok(()),
        }
    }

    /// Forgets requests at once, as an agent that is started anew after each.
    fn back_up(
        &self,
        service: &ServiceId,
        generation: Generation,
        _: &str,
        progress: &Progress,
    ) -> Result<BackupReport> {
        let mut inner = self.begin("back_up")?;
        inner.node_must_be_up(service)?;
        inner.fence(service, generation)?;
        progress.expect_bytes(BACKUP_BYTES);
        progress.add_bytes(BACKUP_BYTES);
        let now = self.clock.now();
        let node = inner.ready(service)?;
        let (key, inside) = ((node.order.home.stored_in.clone(), service.clone()), node.inside.clone());
        let kept = inner.stocks.entry(key).or_default();
        let sequence = u32::try_from(kept.stock.backups.len()).unwrap_or(u32::MAX) + 1;
        let name = format!("backup-{sequence}");
        let full = sequence == 1;
        kept.stock.backups.push(StoredBackup {
            name: name.clone(),
            sequence,
            taken_at: now,
            raw_bytes: BACKUP_BYTES,
            stored_bytes: BACKUP_BYTES / 4,
            full,
            flags: Vec::new(),
        });
        let begin = kept.stock.windows.first().map_or(now, |(begin, _)| *begin);
        (kept.stock.windows, kept.inside) = (vec![(begin, now)], inside);
        let (raw_bytes, new_bytes) = (BACKUP_BYTES, BACKUP_BYTES / 4);
        inner.answer("back_up", BackupReport { name, raw_bytes, new_bytes, bad_pages: 0 })
    }

    fn stop(&self, service: &ServiceId, generation: Generation) -> Result<()> {
        let mut inner = self.begin("stop")?;
        inner.fence(service, generation)?;
        if let Some(node) = inner.nodes.get_mut(service) {
            node.state = NodeState::Stopped;
        }
        Ok(())
    }

    fn restart(&self, service: &ServiceId, generation: Generation) -> Result<()> {
        let mut inner = self.begin("restart")?;
        inner.fence(service, generation)?;
        inner.ready(service).map(drop)
    }

    fn remove(&self, service: &ServiceId, generation: Generation) -> Result<()> {
        let mut inner = self.begin("remove")?;
        inner.node_must_be_up(service)?;
        inner.fence(service, generation)?;
        inner.nodes.remove(service);
        inner.answer("remove", ())
    }

    fn catch_up(&self, _: &ServiceId) -> Result<()> {
        self.begin("catch_up").map(drop)
    }

    fn view(&self, service: &ServiceId) -> Result<NodeView> {
        let inner = self.begin("view")?;
        inner.node_must_be_up(service)?;
        let node = inner.nodes.get(service);
        let figures = [("cpu_percent", 12.5), ("memory_bytes", 4e8), ("connections", 3.0), ("load_average", 0.25)];
        Ok(NodeView {
            state: node.map_or(NodeState::Absent, |node| node.state),
            archived_to: node.map(|_| self.clock.now()),
            at_risk_s: Some(0.5),
            breaks: node.map_or(0, |node| node.breaks),
            disk_full: inner.full.contains(service),
            crash_loop: inner.crash_loops.get(service).copied(),
            trouble: None,
            disk_bytes: node.map(|_| BACKUP_BYTES),
            figures: figures.into_iter().map(|(name, value)| (name.to_string(), value)).collect(),
        })
    }

    fn change(&self, service: &ServiceId, change: &Change) -> Result<()> {
        let mut inner = self.begin("change")?;
        inner.ready(service)?.inside.change(change.clone())?;
        inner.answer("change", ())
    }

    fn inhabitants(&self, service: &ServiceId) -> Result<Inhabitants> {
        let mut inner = self.begin("inhabitants")?;
        Ok(inner.ready(service)?.inside.inhabitants())
    }

    fn queries(&self, service: &ServiceId, limit: usize) -> Result<Vec<Query>> {
        let mut inner = self.begin("queries")?;
        inner.ready(service)?;
        let text = |text: &str| serde_json::Value::from(text);
        let query = [("query", text("select 1")), ("usename", text("avnadmin"))];
        let query: Query = query.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
        Ok(vec![query].into_iter().take(limit).collect())
    }

    fn log(&self, service: &ServiceId, limit: usize) -> Result<Vec<LogLine>> {
        let inner = self.begin("log")?;
        let node = inner.nodes.get(service).ok_or_else(|| Error::missing(format!("no node of service {service}")))?;
        let lines = node.log.clone();
        let skipped = lines.len().saturating_sub(limit);
        Ok(lines.into_iter().skip(skipped).collect())
    }

    fn stock(&self, region: &RegionName, service: &ServiceId) -> Result<Stock> {
        let inner = self.begin("stock")?;
        inner.must_be_up(region)?;
        let kept = inner.stocks.get(&(region.clone(), service.clone()));
        Ok(kept.map(|kept| kept.stock.clone()).unwrap_or_default())
    }

    fn expire(&self, region: &RegionName, service: &ServiceId, keep: Keep) -> Result<u64> {
        let mut inner = self.begin("expire")?;
        let Some(kept) = inner.stocks.get_mut(&(region.clone(), service.clone())) else { return Ok(0) };
        let backups = &mut kept.stock.backups;
        let gone = match keep {
            Keep::Days(_) => 0,
            Keep::Count(count) => backups.len().saturating_sub(usize::try_from(count.max(1)).unwrap_or(usize::MAX)),
        };
        backups.drain(..gone);
        Ok(u64::try_from(gone).unwrap_or(u64::MAX))
    }

    fn shred(&self, region: &RegionName, service: &ServiceId) -> Result<()> {
        let mut inner = self.begin("shred")?;
        inner.must_be_up(region)?;
        inner.stocks.remove(&(region.clone(), service.clone()));
        Ok(())
    }

    fn probe(&self, region: &RegionName) -> Result<()> {
        self.begin("probe")?.must_be_up(region)
    }

    fn nodes(&self) -> Result<Vec<(ServiceId, RegionName)>> {
        let inner = self.begin("nodes")?;
        Ok(inner.nodes.iter().map(|(id, node)| (id.clone(), node.order.home.region.clone())).collect())
    }

    fn settle(&self, service: &ServiceId, generation: Generation, home: &Home) -> Result<()> {
        let mut inner = self.begin("settle")?;
        inner.fence(service, generation)?;
        inner.nodes.retain(|id, node| id != service || node.order.home.region == home.region);
        inner.answer("settle", ())
    }

    fn copy(&self, order: &CopyOrder) -> Result<()> {
        let mut inner = self.begin("copy")?;
        inner.must_be_up(&order.to)?;
        inner.copies.insert((order.to.clone(), order.service.clone()), order.clone());
        Ok(())
    }

    fn end_copy(&self, service: &ServiceId, region: &RegionName) -> Result<()> {
        self.begin("end_copy")?.copies.remove(&(region.clone(), service.clone()));
        Ok(())
    }

    fn copy_view(&self, service: &ServiceId, region: &RegionName) -> Result<Option<CopyView>> {
        let mut inner = self.begin("copy_view")?;
        inner.must_be_up(region)?;
        let Some(order) = inner.copies.get(&(region.clone(), service.clone())).cloned() else { return Ok(None) };
        if let Err(error) = inner.must_be_up(&order.from) {
            return Ok(Some(CopyView { paused: Some(error.to_string()), ..CopyView::default() }));
        }
        // What the first region holds now is copied in no time.
        let kept = inner.stocks.get(&(order.from, order.service)).cloned().unwrap_or_default();
        let complete = kept.stock.windows.last().map(|(_, to)| *to);
        inner.stocks.insert((region.clone(), service.clone()), kept);
        Ok(Some(CopyView { complete, followed: true, compared: true, ..CopyView::default() }))
    }
}
