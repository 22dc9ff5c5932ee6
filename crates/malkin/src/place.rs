//! Where the data is: a data directory of this machine, or a running server (Malkin or MCRIT).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use malkin_service::{App, Clock, Settings};
use malkin_store::{SqliteStore, StoreError};

use crate::failure::Failure;
use crate::output;
use crate::remote::Remote;

/// Options that say where the data is.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// Data directory of the embedded store
    #[arg(long, value_name = "DIR", env = "MALKIN_DATA", default_value = "malkin-data")]
    pub(crate) data: PathBuf,

    /// Use a running server instead of a data directory (also understood: MCRIT_CLI_SERVER)
    #[arg(long, value_name = "URL", env = "MALKIN_SERVER")]
    pub(crate) server: Option<String>,

    /// API token of the server (also understood: MCRIT_CLI_APITOKEN)
    #[arg(long, value_name = "TOKEN", env = "MALKIN_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

/// The place itself.
pub(crate) enum Place {
    /// An opened data directory.
    Local(Arc<App>),
    /// A server.
    Remote(Remote),
}

impl Options {
    /// Opens the place.
    pub(crate) fn open(&self) -> Result<Place, Failure> {
        self.open_by(|data| open_local(data, HOLDER))
    }

    /// Opens the place for a command that changes nothing: a data directory that cannot be written is only read.
    pub(crate) fn open_to_read(&self) -> Result<Place, Failure> {
        self.open_by(|data| open_local_to_read(data, HOLDER))
    }

    fn open_by(
        &self,
        local: impl FnOnce(&Path) -> Result<(App, Arc<SqliteStore>), Failure>,
    ) -> Result<Place, Failure> {
        // The environment names MCRIT's own command line uses; an explicit option or MALKIN_SERVER goes first.
        let from_mcrit = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        match self.server.clone().or_else(|| from_mcrit("MCRIT_CLI_SERVER")) {
            Some(url) => {
                let token = self.token.clone().or_else(|| from_mcrit("MCRIT_CLI_APITOKEN"));
                Ok(Place::Remote(Remote::new(&url, token)?))
            }
            None => Ok(Place::Local(Arc::new(local(&self.data)?.0))),
        }
    }
}

/// What a second process sees of a command.
const HOLDER: &str = "a malkin command";

/// Opens a data directory; `holder` is what a second process sees of this one.
pub(crate) fn open_local(data: &Path, holder: &str) -> Result<(App, Arc<SqliteStore>), Failure> {
    open_local_with(data, holder, Settings::default())
}

/// As [`open_local`], with settings.
pub(crate) fn open_local_with(
    data: &Path,
    holder: &str,
    settings: Settings,
) -> Result<(App, Arc<SqliteStore>), Failure> {
    over(SqliteStore::open(data, holder)?, data, settings)
}

/// Opens a data directory for reading only: nothing in it is written.
pub(crate) fn open_local_read_only(
    data: &Path,
    settings: Settings,
) -> Result<(App, Arc<SqliteStore>), Failure> {
    over(SqliteStore::open_read_only(data)?, data, settings)
}

fn over(store: SqliteStore, data: &Path, settings: Settings) -> Result<(App, Arc<SqliteStore>), Failure> {
    let store = Arc::new(store);
    let shared: Arc<dyn malkin_store::Store> = store.clone();
    Ok((App::open_with(Some(data), shared, Clock::System, settings)?, store))
}

/// As [`open_local`], or for reading only if the directory cannot be written or its disk is full.
pub(crate) fn open_local_to_read(data: &Path, holder: &str) -> Result<(App, Arc<SqliteStore>), Failure> {
    match open_local(data, holder) {
        Err(Failure::Store(StoreError::NotWritable(cause))) => {
            output::note(&format!("note: opened the data directory read-only: {cause}"));
            open_local_read_only(data, Settings::default())
        }
        outcome => outcome,
    }
}
