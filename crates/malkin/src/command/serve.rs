//! `malkin serve`: REST API and workers in one process on the embedded store.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use malkin_server::{BLOCKING_THREADS, DEFAULT_BODY_LIMIT, DEFAULT_CONNECTIONS_PER_ADDRESS, Host, Settings};
use malkin_service::{
    App, Ceiling, DEFAULT_CEILING, DEFAULT_MATCH_TIME, INSPECTION_INTERVAL, Inspector, IntelSettings,
    Keeping, Workers,
};

use crate::failure::Failure;
use crate::{input, output, place, quantity};

/// Options of the server.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Options {
    /// Address to listen on; port 0 picks a free port [default: 127.0.0.1:8000, or the port in PORT]
    #[arg(long, value_name = "ADDRESS", env = "MALKIN_LISTEN")]
    listen: Option<SocketAddr>,

    /// Data directory of the embedded store
    #[arg(long, value_name = "DIR", env = "MALKIN_DATA", default_value = "malkin-data")]
    data: PathBuf,

    /// Serve the API only, without the pages at /ui/
    #[arg(long, env = "MALKIN_NO_UI")]
    no_ui: bool,

    /// Open the data directory read-only; refuse changes and jobs
    #[arg(long, env = "MALKIN_READ_ONLY")]
    read_only: bool,

    /// Admin token, sent by clients in the header `apitoken`; see also `malkin token`
    #[arg(long, value_name = "TOKEN", env = "MALKIN_TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// Folder of YARA rules to run on triaged files
    #[arg(long, value_name = "DIR", env = "MALKIN_RULES")]
    rules: Option<PathBuf>,

    /// Number of jobs to run in parallel, not counting workers reserved for short jobs [default: CPU cores minus one, at least 1]
    #[arg(long, value_name = "N", env = "MALKIN_WORKERS", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,

    /// Time limit for a comparison, in seconds
    #[arg(long, value_name = "SECONDS", env = "MALKIN_MATCH_TIME", default_value_t = DEFAULT_MATCH_TIME.as_secs())]
    match_time: u64,

    /// Delete finished jobs and their results after this time without access: a number with s, m, h, d or w
    #[arg(long, value_name = "TIME", env = "MALKIN_KEEP_RESULTS", default_value = "30d", value_parser = quantity::duration)]
    keep_results: Duration,

    /// Delete the least recently used results beyond this total size: a number with KiB, MiB, GiB or TiB
    #[arg(long, value_name = "SIZE", env = "MALKIN_MAX_RESULTS", default_value = "10GiB", value_parser = quantity::size)]
    max_results: u64,

    /// Maximum number of queued jobs per client (token or address); more are refused with 429
    #[arg(long, value_name = "N", env = "MALKIN_MAX_QUEUED", default_value_t = DEFAULT_CEILING.jobs,
          value_parser = clap::value_parser!(u64).range(1..))]
    max_queued: u64,

    /// Maximum size of the queued files of one client; a single file is always accepted
    #[arg(long, value_name = "SIZE", env = "MALKIN_MAX_QUEUED_FILES", default_value = "4GiB", value_parser = quantity::size)]
    max_queued_files: u64,

    /// Requests per second for each token or address; bursts up to twice that [default: no limit]
    #[arg(long, value_name = "N", env = "MALKIN_RATE_LIMIT", value_parser = clap::value_parser!(u32).range(1..))]
    rate_limit: Option<u32>,

    /// Maximum number of connections from one address; all clients of a proxy share its address
    #[arg(long, value_name = "N", env = "MALKIN_CONNECTIONS_PER_ADDRESS", default_value_t = DEFAULT_CONNECTIONS_PER_ADDRESS,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=4096))]
    connections_per_address: usize,

    /// Accept requests for this host name, in addition to loopback and the listen address; repeat it or separate names with commas
    #[arg(long, value_name = "NAME", env = "MALKIN_HOST_NAME", value_delimiter = ',')]
    host_name: Vec<Host>,

    /// Maximum size of a request body in MiB
    #[arg(long, value_name = "MIB", env = "MALKIN_MAX_BODY", default_value_t = DEFAULT_BODY_LIMIT >> 20,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=16_384))]
    max_body: usize,
}

/// A thread that has nothing to do for so long ends, and the allocator gives back the pages it kept for it. Starting one takes
/// some ten microseconds, so a short time costs nothing, and memory is back seconds after a burst.
const THREAD_REST: Duration = Duration::from_secs(2);

/// How often the allocator is made to give back pages that nothing uses.
const PURGE_PAUSE: Duration = Duration::from_secs(5);

/// Makes the allocator give back what a burst left, for ever. It does so a second after pages became free, but only while somebody
/// allocates or a thread ends; in a server that is idle after a burst nobody does, and it kept 130 MiB. So a thread is used that
/// ends soon afterwards.
async fn give_memory_back() {
    loop {
        tokio::time::sleep(PURGE_PAUSE).await;
        // Nothing to do if it fails: the runtime is being shut down.
        let _ = tokio::task::spawn_blocking(|| drop(std::hint::black_box(vec![0_u8; 64]))).await;
    }
}

/// Serves until interrupted.
pub(crate) fn run(options: Options) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(THREAD_REST)
        .build()?;
    runtime.spawn(give_memory_back());
    runtime.block_on(serve(options))
}

/// The loopback address and MCRIT's port, or the one that the original triage service reads from `PORT`.
fn default_address(port: Option<&str>) -> Result<SocketAddr, Failure> {
    let port = match port.filter(|port| !port.is_empty()) {
        None => 8000,
        Some(port) => port.parse().map_err(|_| Failure::Other(format!("PORT is not a port: {port:?}")))?,
    };
    Ok(SocketAddr::from(([127, 0, 0, 1], port)))
}

/// Warns where access is wider than one may expect.
fn warn_of_access(options: &Options, app: &App, address: SocketAddr) {
    let has_token = !options.token.as_deref().unwrap_or_default().is_empty();
    let is_local = address.ip().is_loopback();
    if !has_token && !app.tokens.are_required() && !is_local {
        output::note(&format!(
            "warning: {address} is reachable from other machines, and without --token or `malkin token add` it gives every client full access"
        ));
    }
    if !has_token && app.tokens.are_required() && app.tokens.all().is_empty() {
        output::note(
            "warning: all tokens are revoked, so every request is refused; create one with `malkin token add`, or open the server to every client with `malkin token disable`",
        );
    }
    if !is_local && options.host_name.is_empty() {
        output::note(
            "only requests to IP addresses and localhost are answered; allow host names with --host-name",
        );
    }
}

async fn serve(options: Options) -> Result<ExitCode, Failure> {
    // hyper cannot write the date of an answer then, and panics.
    if std::time::SystemTime::now() < std::time::UNIX_EPOCH {
        return Err(Failure::Other("the system clock is before 1970; set it first".to_owned()));
    }
    let listen = options.listen.map_or_else(|| default_address(std::env::var("PORT").ok().as_deref()), Ok)?;
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .map_err(|error| Failure::Other(format!("cannot listen on {listen}: {error}")))?;
    let address = listener.local_addr()?;
    let holder = format!("a server at http://{address}");
    let data = options.data.clone();
    let read_only = options.read_only;
    let mut configured = malkin_service::Settings {
        match_time: Duration::from_secs(options.match_time),
        queue_ceiling: Ceiling { jobs: options.max_queued, file_bytes: options.max_queued_files },
        intel: IntelSettings::from_named(|name| std::env::var(name).ok()),
        rules: None,
    };
    if let Some(folder) = &options.rules {
        let rules = input::rules(folder)?;
        output::note(&format!("{} rule files, {} skipped", rules.files, rules.refused.len()));
        configured.rules = Some(rules);
    }
    let open = move || {
        if read_only {
            place::open_local_read_only(&data, configured)
        } else {
            place::open_local_with(&data, &holder, configured)
        }
    };
    let (app, store) = tokio::task::spawn_blocking(open)
        .await
        .map_err(|error| Failure::Other(format!("cannot open the store: {error}")))??;
    warn_of_access(&options, &app, address);
    let app = Arc::new(app);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let wanted = options.workers.map_or_else(|| cores.saturating_sub(1).max(1), usize::from);
    // Jobs are rows of the store: without writing none can be queued.
    let count = if read_only { 0 } else { wanted };
    let inspector = Inspector::start(store, INSPECTION_INTERVAL)?;
    let keeping = Keeping { results_for: options.keep_results, max_result_bytes: options.max_results };
    let workers = Workers::start(&app.jobs, count, keeping)?;
    let settings = Settings {
        token: options.token,
        body_limit: options.max_body << 20,
        rate_limit: options.rate_limit,
        connections_per_address: options.connections_per_address,
        host_names: options.host_name,
        has_pages: !options.no_ui,
        // The variable in which the original triage service finds its records: setting it makes Malkin its replacement.
        stands_in_for_triage: std::env::var_os("DB_PATH").is_some_and(|path| !path.is_empty()),
    };
    let counts = app.corpus.counts()?;
    output::line(&format!("malkin {} listens on http://{address}", env!("CARGO_PKG_VERSION")))?;
    output::note(&format!(
        "data in {}: {} samples, {} functions; {count} workers; stop with Ctrl-C",
        options.data.display(),
        counts.samples,
        counts.functions
    ));
    let served = malkin_server::serve(listener, Arc::clone(&app), settings, interrupted()).await;
    tokio::task::spawn_blocking(move || {
        inspector.stop();
        workers.stop();
    })
    .await
    .map_err(|error| Failure::Other(format!("cannot stop the workers: {error}")))?;
    served?;
    Ok(ExitCode::SUCCESS)
}

/// Completes on Ctrl-C or, where it exists, the signal service managers send.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a handler the process simply ends on the signal; nothing acknowledged is lost.
    let _ = tokio::signal::ctrl_c().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_moves_the_default_and_nothing_else() {
        assert_eq!(default_address(None).unwrap().to_string(), "127.0.0.1:8000");
        assert_eq!(default_address(Some("")).unwrap().to_string(), "127.0.0.1:8000");
        assert_eq!(default_address(Some("9001")).unwrap().to_string(), "127.0.0.1:9001");
        assert!(default_address(Some("http")).is_err());
    }
}
