//! Writes a data directory in the present formats, to be zipped into `fixtures/compat` when a format changes:
//! `cargo run -p malkin-service --example compat -- DIR REPORT...`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use malkin_service::{App, Clock};
use malkin_store::SqliteStore;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = arguments.next().ok_or("usage: compat DIR REPORT...")?;
    write(&folder, &arguments.collect::<Vec<_>>())
}

fn write(folder: &Path, reports: &[PathBuf]) -> Result<(), Box<dyn std::error::Error>> {
    let store = Arc::new(SqliteStore::open(folder, "an example")?);
    let app = App::open_in(folder, store, Clock::System)?;
    for report in reports {
        app.submit_report(&std::fs::read(report)?, "")?;
    }
    // Without this a small index is not worth a file.
    app.corpus.index().compact();
    Ok(())
}
