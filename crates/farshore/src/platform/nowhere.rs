//! Hosts for commands that change only what is remembered, beside a platform that may be running: every verb is refused.

use farshore_control::hosts::{
    BackupReport, Change, CopyOrder, CopyView, Home, Hosts, Inhabitants, Keep, LogLine, NodeAddress, NodeOrder,
    NodeView, RestoreOrder, RestoreReport, Stock,
};
use farshore_types::{Error, Generation, Progress, RegionName, Result, ServiceId};

/// No hosts.
pub struct Nowhere;

fn refused<T>() -> Result<T> {
    Err(Error::bug("this command reaches no hosts"))
}

impl Hosts for Nowhere {
    fn versions(&self, _: &RegionName, _: &str) -> Result<Vec<u32>> {
        refused()
    }
    fn provision(&self, _: &NodeOrder) -> Result<NodeAddress> {
        refused()
    }
    fn restore(&self, _: &NodeOrder, _: &RestoreOrder, _: &Progress) -> Result<RestoreReport> {
        refused()
    }
    fn check_restore(&self, _: &RestoreOrder) -> Result<()> {
        refused()
    }
    fn back_up(&self, _: &ServiceId, _: Generation, _: &str, _: &Progress) -> Result<BackupReport> {
        refused()
    }
    fn stop(&self, _: &ServiceId, _: Generation) -> Result<()> {
        refused()
    }
    fn restart(&self, _: &ServiceId, _: Generation) -> Result<()> {
        refused()
    }
    fn remove(&self, _: &ServiceId, _: Generation) -> Result<()> {
        refused()
    }
    fn view(&self, _: &ServiceId) -> Result<NodeView> {
        refused()
    }

    fn catch_up(&self, _: &ServiceId) -> Result<()> {
        refused()
    }
    fn change(&self, _: &ServiceId, _: &Change) -> Result<()> {
        refused()
    }
    fn inhabitants(&self, _: &ServiceId) -> Result<Inhabitants> {
        refused()
    }
    fn log(&self, _: &ServiceId, _: usize) -> Result<Vec<LogLine>> {
        refused()
    }
    fn stock(&self, _: &RegionName, _: &ServiceId) -> Result<Stock> {
        refused()
    }
    fn expire(&self, _: &RegionName, _: &ServiceId, _: Keep) -> Result<u64> {
        refused()
    }
    fn shred(&self, _: &RegionName, _: &ServiceId) -> Result<()> {
        refused()
    }
    fn probe(&self, _: &RegionName) -> Result<()> {
        refused()
    }
    fn nodes(&self) -> Result<Vec<(ServiceId, RegionName)>> {
        refused()
    }
    fn settle(&self, _: &ServiceId, _: Generation, _: &Home) -> Result<()> {
        refused()
    }
    fn copy(&self, _: &CopyOrder) -> Result<()> {
        refused()
    }
    fn end_copy(&self, _: &ServiceId, _: &RegionName) -> Result<()> {
        refused()
    }
    fn copy_view(&self, _: &ServiceId, _: &RegionName) -> Result<Option<CopyView>> {
        refused()
    }
}
