//! Where the data is: a data directory of this machine, or a running server (Malkin or MCRIT).

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use malkin_service::{Clock, Engine};
use malkin_store::SqliteStore;

use crate::failure::Failure;
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
    Local(Arc<Engine>),
    /// A server.
    Remote(Remote),
}

impl Options {
    /// Opens the place.
    pub(crate) fn open(&self) -> Result<Place, Failure> {
        // The environment names MCRIT's own command line uses; an explicit option or MALKIN_SERVER goes first.
        let from_mcrit = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        match self.server.clone().or_else(|| from_mcrit("MCRIT_CLI_SERVER")) {
            Some(url) => {
                let token = self.token.clone().or_else(|| from_mcrit("MCRIT_CLI_APITOKEN"));
                Ok(Place::Remote(Remote::new(&url, token)?))
            }
            None => Ok(Place::Local(Arc::new(open_local(&self.data, "a malkin command")?.0))),
        }
    }
}

/// Opens a data directory; `holder` is what a second process is told about this one.
pub(crate) fn open_local(
    data: &std::path::Path,
    holder: &str,
) -> Result<(Engine, Arc<SqliteStore>), Failure> {
    let store = Arc::new(SqliteStore::open(data, holder)?);
    let shared: Arc<dyn malkin_store::Store> = store.clone();
    Ok((Engine::open_in(data, shared, Clock::System)?, store))
}
