//! Black-box scenarios: the escapers against SMDA's; then the built `malkin` serves on loopback, Python plays the client: the recorded transcripts of the MCRIT API, the genuine
//! McritClient (every method) and `mcrit client` against us and against the reference server, `.mcrit` files both ways, the transcripts of the triage API with a mock of its providers, and facts of executables against pefile and lief.
//!
//! Everything is started here with an empty data folder and stopped here. Absent golden data or an absent product are counted as skipped.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use crate::lanes::in_lanes;
use crate::server::Server;
use crate::tally::{self, Tally};
use crate::{compare_escapers, compare_matching, kill_server, process, python_env};

/// The token of the second server; the transcripts name it.
const TOKEN: &str = "golden-token";

/// What a scenario needs.
struct Bench {
    python: PathBuf,
    shared: PathBuf,
    scratch: Scratch,
}

/// A scenario: its name and what runs it.
struct Scenario {
    name: &'static str,
    run: fn(&Bench) -> Result<Tally, String>,
}

/// The longest come first, so that none is left alone at the end.
const SCENARIOS: &[Scenario] = &[
    Scenario { name: "commands", run: run_client_commands },
    Scenario { name: "matchers", run: fuzz_matchers },
    Scenario { name: "client", run: drive_genuine_client },
    Scenario { name: "exports", run: exchange_exports },
    Scenario {
        name: "kills",
        run: |bench| kill_server::short(&bench.python, &bench.shared, &bench.scratch.0.join("kills")),
    },
    Scenario { name: "methods", run: call_every_method },
    Scenario { name: "escapers", run: |_| compare_escapers::short().map(|()| Tally::one(true)) },
    Scenario { name: "replay", run: replay_transcripts },
    Scenario { name: "replay-busy", run: replay_under_load },
    Scenario { name: "contract", run: check_contract },
    Scenario { name: "triage", run: replay_triage },
    Scenario { name: "facts", run: compare_facts },
];

/// `cargo xtask conformance [SCENARIO...]`
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if let Some(unknown) =
        arguments.iter().find(|name| SCENARIOS.iter().all(|scenario| scenario.name != name.as_str()))
    {
        let known: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        return Err(format!("no scenario is called {unknown}; there are {}", known.join(", ")));
    }
    let tally = play(|name| arguments.is_empty() || arguments.iter().any(|argument| argument == name))?;
    println!("{tally}");
    if tally.failed == 0 { Ok(()) } else { Err(String::new()) }
}

/// Plays all scenarios.
pub(crate) fn play_all() -> Result<Tally, String> {
    play(|_| true)
}

fn play(chosen: impl Fn(&str) -> bool) -> Result<Tally, String> {
    let Some(shared) = crate::shared_dir() else {
        println!("SKIPPED: ../shared is absent, the black-box scenarios did not run");
        return Ok(Tally::skip());
    };
    if !crate::workspace_root().join("crates/malkin/Cargo.toml").exists() {
        println!("SKIPPED: there is no malkin binary yet, the black-box scenarios did not run");
        return Ok(Tally::skip());
    }
    process::run(process::cargo().args(["build", "--quiet", "--package", "malkin"]))?;
    let bench = Bench { python: python_env::ensure()?, shared, scratch: Scratch::new()? };
    let chosen: Vec<&Scenario> = SCENARIOS.iter().filter(|scenario| chosen(scenario.name)).collect();
    Ok(in_lanes(&chosen, |scenario| {
        println!("scenario {}", scenario.name);
        let started = Instant::now();
        let tally = (scenario.run)(&bench).unwrap_or_else(|message| {
            println!("FAIL {}: {message}", scenario.name);
            Tally::one(false)
        });
        println!("scenario {}: {tally} in {:.0} s", scenario.name, started.elapsed().as_secs_f64());
        tally
    }))
}

/// All recorded transcripts, against two servers: an open one and one with a token.
fn replay_transcripts(bench: &Bench) -> Result<Tally, String> {
    let open = Server::malkin(&bench.scratch.0.join("open"), None, &[])?;
    let guarded = Server::malkin(&bench.scratch.0.join("guarded"), Some(TOKEN), &[])?;
    let mut script = Command::new(&bench.python);
    script.arg(bench.shared.join("mcrit-api/replay.py"));
    script.args(["--base-url", &open.url, "--auth-base-url", &guarded.url, "--token", TOKEN]);
    judge(&mut script, &[&open, &guarded])
}

/// The same with one worker, while a second client reads from the server: what it does must neither show nor fail.
fn replay_under_load(bench: &Bench) -> Result<Tally, String> {
    let open = Server::malkin(&bench.scratch.0.join("busy"), None, &["--workers", "1"])?;
    let guarded = Server::malkin(&bench.scratch.0.join("busy-guarded"), Some(TOKEN), &["--workers", "1"])?;
    let mut script = bench.script("replay_under_load.py");
    script.arg("--replay").arg(bench.shared.join("mcrit-api/replay.py")).args(["--load", &open.url]);
    script.args(["--base-url", &open.url, "--auth-base-url", &guarded.url, "--token", TOKEN]);
    judge(&mut script, &[&open, &guarded])
}

/// The published client library does the same with the reference server and with ours; the answers must agree.
fn drive_genuine_client(bench: &Bench) -> Result<Tally, String> {
    let ours = Server::malkin(&bench.scratch.0.join("client"), None, &[])?;
    let reference = bench.reference("mongomock")?;
    let mut script = bench.script("client_first_light.py");
    script.args(["--reference", &reference.url, "--candidate", &ours.url]);
    script.arg("--reports").arg(bench.shared.join("codehash/golden/public/smda"));
    judge(&mut script, &[&ours])
}

/// Every public method of the published client library, on the reference server and on ours.
fn call_every_method(bench: &Bench) -> Result<Tally, String> {
    let ours = Server::malkin(&bench.scratch.0.join("methods"), None, &[])?;
    let reference = bench.reference("mongomock")?;
    let mut script = bench.script("client_all_methods.py");
    script.args(["--reference", &reference.url, "--candidate", &ours.url]);
    script.arg("--reports").arg(bench.shared.join("codehash/golden/public/smda"));
    script.arg("--inputs").arg(bench.shared.join("mcrit-api/golden/inputs"));
    judge(&mut script, &[&ours])
}

/// The endpoints and fields that MCRITweb and the IDA plugin depend on, on the reference server and on ours.
fn check_contract(bench: &Bench) -> Result<Tally, String> {
    let ours = Server::malkin(&bench.scratch.0.join("contract"), None, &[])?;
    let reference = bench.reference("mongomock")?;
    let mut script = bench.script("contract_clients.py");
    script.args(["--reference", &reference.url, "--candidate", &ours.url]);
    script.arg("--reports").arg(bench.shared.join("codehash/golden/public/smda"));
    judge(&mut script, &[&ours])
}

/// The published command line `mcrit client`, on the reference server and on ours.
fn run_client_commands(bench: &Bench) -> Result<Tally, String> {
    let ours = Server::malkin(&bench.scratch.0.join("commands"), None, &[])?;
    let reference = bench.reference("mongomock")?;
    let mut script = bench.script("client_commands.py");
    script.args(["--reference", &reference.url, "--candidate", &ours.url]);
    script.arg("--reports").arg(bench.shared.join("codehash/golden/public/smda"));
    script.arg("--inputs").arg(bench.shared.join("mcrit-api/golden/inputs"));
    script.arg("--exports").arg(bench.shared.join("exports"));
    script.arg("--scratch").arg(bench.scratch.0.join("client"));
    judge(&mut script, &[&ours])
}

/// What either program exports, the other imports, without losing a field.
fn exchange_exports(bench: &Bench) -> Result<Tally, String> {
    let ours = Server::malkin(&bench.scratch.0.join("exports"), None, &[])?;
    // Its memory storage imports many times as fast as the emulation of MongoDB and keeps the same fields.
    let reference = bench.reference("memory")?;
    let mut script = bench.script("compare_exports.py");
    script.args(["--reference", &reference.url, "--candidate", &ours.url]);
    script.arg("--malkin").arg(crate::target_dir().join("debug/malkin"));
    script.arg("--reports").arg(bench.shared.join("codehash/golden/public/smda"));
    script.arg("--exports").arg(bench.shared.join("exports"));
    script.arg("--scratch").arg(bench.scratch.0.join("files"));
    judge(&mut script, &[&ours])
}

/// All matchers on a few small random corpora; `cargo xtask compare-matching` does the same at length.
fn fuzz_matchers(bench: &Bench) -> Result<Tally, String> {
    let arguments = ["--seeds", "4", "--functions", "1000"].map(str::to_owned);
    compare_matching::compare(&bench.python, &bench.shared, &bench.scratch.0.join("matchers"), &arguments)
}

/// What `malkin triage` tells of executables against pefile and lief, on wheels that pip fetches.
fn compare_facts(bench: &Bench) -> Result<Tally, String> {
    let mut script = bench.script("compare_facts.py");
    script.arg("--malkin").arg(crate::target_dir().join("debug/malkin"));
    script.arg("--folder").arg(crate::target_dir().join("facts-wheels"));
    script.arg("--golden").arg(bench.shared.join("disasm/golden/public"));
    judge(&mut script, &[])
}

/// The transcripts of the triage API: its runner starts a server for each, with a mock of the providers.
fn replay_triage(bench: &Bench) -> Result<Tally, String> {
    let malkin = crate::target_dir().join("debug/malkin");
    let malkin = malkin.display();
    let start = format!(
        "sh -c '[ -s {{db}} ] && {malkin} import {{db}} --data {{db}}.malkin; exec {malkin} serve --listen 127.0.0.1:{{port}} --data {{db}}.malkin'"
    );
    let triage = bench.shared.join("triage");
    let mut script = Command::new(&bench.python);
    script.arg(triage.join("replay.py")).arg("--golden").arg(triage.join("golden/public"));
    script.args(["--cmd", &start]).current_dir(&bench.scratch.0);
    let (output, success) = process::run_and_read(&mut script)?;
    let tally = output.lines().rev().find_map(tally::read_triage).unwrap_or_default();
    if tally.passed == 0 || (tally.failed == 0) != success {
        return Err("the runner of the triage transcripts did not say how it ended".to_owned());
    }
    Ok(tally)
}

/// Runs a scenario's script and reads its closing line. After a failure the servers' last words are shown.
fn judge(script: &mut Command, servers: &[&Server]) -> Result<Tally, String> {
    let tally = tally::of(script)?;
    if tally.failed > 0 {
        for line in servers.iter().flat_map(|server| server.last_lines(10)) {
            println!("  server: {line}");
        }
    }
    Ok(tally)
}

impl Bench {
    /// The genuine MCRIT, empty, on a port of its own, with one of its storages.
    fn reference(&self, storage: &str) -> Result<Server, String> {
        let port = free_port()?;
        let mut start = Command::new(&self.python);
        start.arg(self.shared.join("mcrit-api/ref_server.py")).args(["--quiet", "--port", &port.to_string()]);
        start.args(["--backend", storage]);
        start.current_dir(&self.scratch.0);
        Server::start_at(&mut start, &format!("http://127.0.0.1:{port}"), "serving mcrit")
    }

    fn script(&self, name: &str) -> Command {
        python_env::script(&self.python, name)
    }
}

/// A loopback port that was free a moment ago, for the reference server, which cannot choose one itself.
fn free_port() -> Result<u16, String> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| format!("no loopback port is free: {e}"))?;
    listener
        .local_addr()
        .map(|address| address.port())
        .map_err(|e| format!("a bound socket has no address: {e}"))
}

/// A folder below the target folder for the data of the servers, removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, String> {
        let folder = crate::target_dir().join(format!("conformance-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Only disk space is at stake, and only below the target folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
