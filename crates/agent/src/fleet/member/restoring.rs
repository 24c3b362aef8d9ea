//! Makes a node from a backup. If we die before it is said to be done, the same restore, asked for again, makes it anew.

use farshore_types::{Error, ErrorKind, Progress, Result};

use super::{Member, SUPERUSER, State};
use crate::fleet::certificate::Certificate;
use crate::fleet::order::Order;
use crate::fleet::report::{Recovered, Restore};
use crate::fleet::{locales, stock};
use crate::postgres;
use crate::tasks::fork::{self, Fork, Left};

impl Member {
    /// See [`super::Fleet::restore`].
    pub fn restore(
        &self,
        order: &Order,
        certificate: &Certificate<'_>,
        restore: &Restore,
        progress: &Progress,
    ) -> Result<Recovered> {
        let mut state = self.take(order.generation)?;
        state.order = order.clone();
        if let Some(node) = &state.node {
            let what = format!("service {} has a node on port {} already", self.service, node.port());
            return Err(Error::conflict(what).hint("remove it first"));
        }
        let spec = self.spec(&state)?;
        let port = spec.port.map_or_else(|| crate::place::free_port(&spec.taken_ports, &*state.host.entropy), Ok)?;
        let host = state.host.clone();
        let fork = Fork {
            vault: stock::open(&self.ground, &restore.region, &restore.source)?,
            backup: restore.backup.clone(),
            target: stock::goal(&self.ground, restore)?,
            volume: self.volume.clone(),
            installation: spec.installation,
            port,
            superuser: SUPERUSER.to_string(),
            binary: self.ground.binary.clone(),
            workers: self.ground.workers,
            // It recovers with modest sizes; those of the order count from its next start.
            left: Left::Stopped,
            host: &host,
        };
        let opened = match fork.run(progress) {
            // It was open already, and whoever made it died before that was recorded: nobody else has seen it, so it is made anew.
            Err(error) if error.kind() == ErrorKind::Conflict && fork::is_unfinished(&self.volume)? => {
                self.clear(&state.host)?;
                fork.run(progress)?
            }
            outcome => outcome?,
        };
        state.node = Some(postgres::adopt(&self.volume, &state.host)?);
        // Data that can be used are worth more than settings: what is wrong with those is shown until they are corrected.
        let (address, _) = self.run(&mut state, certificate, true)?;
        self.tell_locales(&state);
        Ok(Recovered {
            address,
            backup: opened.window.name.id.to_string(),
            reached: (opened.timeline, opened.reached),
            window_end: opened.window.reach.to_time,
            work: (opened.restored_bytes, opened.segments, opened.seconds.0, opened.seconds.1),
        })
    }

    /// Says what this host's locales mean for its databases. Never a reason to give a restore up: the server runs, most of it can be used.
    fn tell_locales(&self, state: &State) {
        let Some(node) = &state.node else { return };
        match locales::troubles(node, &self.ground.host.clock) {
            Ok(troubles) => troubles.into_iter().for_each(|trouble| {
                tracing::warn!(service = %self.service, "{trouble}");
                self.tell(trouble);
            }),
            Err(error) => tracing::info!(service = %self.service, %error, "its databases' locales were not looked at"),
        }
    }
}
