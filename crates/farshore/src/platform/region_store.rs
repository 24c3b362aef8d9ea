//! A region's store, opened once for everybody, and anew after it was gone.
//!
//! It is made once, before the region's key is ([`super::keys::region`]): from then on a folder that is not there is a mount that was
//! lost, and never an empty store. The region is down until it is back. What is wrong is shown to users without the paths of this
//! machine; the log has them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use farshore_objects::layers::{Deadline, Gate, Shutter, ShutterState};
use farshore_objects::{ObjectStore, open};
use farshore_types::{Clock, Error, ErrorKind, Result};

/// How long a store may take for one answer.
const STORE_PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take when it is only asked whether it is there.
const PROBE_PATIENCE: Duration = Duration::from_secs(2);
/// A name that no service has: whether a store answers is seen by asking for it.
const PROBE: &str = "farshore-probe/none";

/// The store of one region.
pub struct RegionStore {
    name: String,
    url: String,
    clock: Arc<dyn Clock>,
    shutter: Arc<Shutter>,
    /// `None` while it was not there since the start.
    opened: Mutex<Option<Opened>>,
    /// What the log was told last.
    told: Mutex<Option<String>>,
    /// Where it lies, as it was written and as it was found.
    paths: Vec<String>,
}

#[derive(Clone)]
struct Opened {
    /// With the patience of work.
    work: Arc<dyn ObjectStore>,
    /// With the patience of a question.
    probe: Arc<dyn ObjectStore>,
    /// The same, to be asked since when it says nothing.
    silence: Arc<Deadline>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RegionStore {
    /// Opens it; nothing is made. One that is not there keeps nobody down and is opened later. `Invalid` where no store can be.
    pub fn new(name: &str, url: &str, shutter: &Arc<Shutter>, clock: &Arc<dyn Clock>) -> Result<RegionStore> {
        let opened = match open(url) {
            Ok(store) => Some(Opened::of(store, shutter, clock)),
            Err(error) if matches!(error.kind(), ErrorKind::Missing | ErrorKind::Transient) => {
                tracing::error!(region = %name, %error, "the store of a region is gone; it is used again once it is back");
                None
            }
            Err(error) => return Err(error),
        };
        let written = url.trim_start_matches("file://").to_string();
        let found = std::fs::canonicalize(&written).ok().map(|path| path.display().to_string());
        let paths = found.into_iter().chain([written]).filter(|path| path.starts_with('/')).collect();
        Ok(RegionStore {
            name: name.to_string(),
            url: url.to_string(),
            clock: clock.clone(),
            shutter: shutter.clone(),
            opened: Mutex::new(opened),
            told: Mutex::default(),
            paths,
        })
    }

    fn now(&self) -> Result<Opened> {
        lock(&self.opened).clone().ok_or_else(|| self.gone())
    }

    fn gone(&self) -> Error {
        let what = format!("the store of region {} is not where it was", self.name);
        Error::transient(what).hint("mount it again; one that is lost for good is replaced by an empty folder")
    }

    /// Its root, with the patience of work. `Transient` while it is not there.
    pub fn work(&self) -> Result<Arc<dyn ObjectStore>> {
        Ok(self.now()?.work)
    }

    /// Whether it answers. One that was gone is opened anew once it is there again; nothing is made.
    pub fn probe(&self) -> Result<()> {
        let outcome = self.look();
        let why = outcome.as_ref().err().map(ToString::to_string);
        let mut told = lock(&self.told);
        if let Some(why) = why.as_ref().filter(|why| told.as_ref() != Some(why)) {
            tracing::info!(region = %self.name, "its store does not answer: {why}");
        }
        *told = why;
        outcome.map_err(|error| self.shown(&error))
    }

    /// A text for users: where the store lies is the operator's.
    pub fn without_path(&self, text: &str) -> String {
        self.paths.iter().fold(text.to_string(), |text, path| {
            let text = text.replace(&format!(" in {path}"), &format!(" in region {}", self.name));
            text.replace(path, &format!("of region {}", self.name))
        })
    }

    fn look(&self) -> Result<()> {
        let Ok(now) = self.now() else { return self.open_anew().map_err(|_| self.gone()) };
        let Err(failed) = answers(&now.probe) else { return Ok(()) };
        // One that hangs would hang us, too: it is opened anew only after it has said something.
        if now.silence.silent_since().is_none() && self.open_anew().is_ok() {
            return Ok(());
        }
        Err(failed)
    }

    fn open_anew(&self) -> Result<()> {
        if self.shutter.state() != ShutterState::Open {
            return Err(self.gone());
        }
        let anew = Opened::of(open(&self.url)?, &self.shutter, &self.clock);
        answers(&anew.probe)?;
        *lock(&self.opened) = Some(anew);
        Ok(())
    }

    /// What users are told.
    fn shown(&self, error: &Error) -> Error {
        let silent = self.now().ok().and_then(|now| now.silence.silent_since());
        // One that hangs is asked nothing more.
        if silent.is_some() {
            return Error::transient("its store does not answer in time");
        }
        match open(&self.url) {
            Err(error) if error.kind() == ErrorKind::Missing => Error::transient("its store is not where it was"),
            _ => Error::transient(format!("its store answers with errors ({})", error.kind().word())),
        }
    }
}

impl Opened {
    fn of(store: Arc<dyn ObjectStore>, shutter: &Arc<Shutter>, clock: &Arc<dyn Clock>) -> Opened {
        let gate: Arc<dyn ObjectStore> = Arc::new(Gate::new(store, shutter.clone()));
        let within = |patience| Arc::new(Deadline::new(gate.clone(), clock.clone(), patience));
        let silence = within(PROBE_PATIENCE);
        Opened { work: within(STORE_PATIENCE), probe: silence.clone(), silence }
    }
}

/// Nothing has that name, and only a store that answers can say so.
fn answers(store: &Arc<dyn ObjectStore>) -> Result<()> {
    match store.head(PROBE) {
        Err(error) if error.kind() != ErrorKind::Missing => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use farshore_types::SystemClock;

    use super::*;

    #[test]
    fn a_store_that_is_gone_is_never_made_anew_and_its_path_is_shown_to_nobody() {
        let home = tempfile::tempdir().unwrap();
        let (path, aside) = (home.path().join("north"), home.path().join("aside"));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let shutter = Arc::new(Shutter::new("north".parse().unwrap()));
        let url = path.display().to_string();
        let told = |store: &RegionStore| {
            let text = format!("the directory {url} has gone");
            assert_eq!(store.without_path(&text), "the directory of region north has gone");
            assert_eq!(store.without_path(&format!("no object a in {url}")), "no object a in region north");
            let error = store.probe().unwrap_err().to_string();
            assert!(error.contains("is not where it was") && !error.contains(&url), "{error}");
            assert!(!path.exists(), "nothing is made");
        };
        // Not there at the start.
        let store = RegionStore::new("north", &url, &shutter, &clock).unwrap();
        told(&store);
        assert_eq!(store.work().err().map(|error| error.kind()), Some(ErrorKind::Transient));
        fs::create_dir(&path).unwrap();
        store.probe().unwrap();
        store.work().unwrap().put_new("shop/object", "bytes".into()).unwrap();
        // Gone while it is used, and back as it was.
        fs::rename(&path, &aside).unwrap();
        told(&store);
        fs::rename(&aside, &path).unwrap();
        store.probe().unwrap();
        assert_eq!(store.work().unwrap().get("shop/object").unwrap(), "bytes");
        assert_eq!(
            RegionStore::new("north", "s3://bucket", &shutter, &clock).err().unwrap().kind(),
            ErrorKind::Invalid
        );
    }
}
