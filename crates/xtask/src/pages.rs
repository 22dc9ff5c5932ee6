//! `cargo xtask pages`: what people do with the pages, in a real browser (`conformance/pages/flows.mjs`). Two servers of ours with the
//! same corpus, an open one and one that asks for tokens; headless Chromium drives both.
//!
//! playwright-core and axe-core come from npm into the target folder. Chromium and Node come from the system; where they are not
//! there, they are installed by apt if that is allowed, and the flows are counted as skipped if not. `--pictures FOLDER` makes the
//! pictures of the documentation instead.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;
use crate::server::Server;
use crate::tally::{self, Tally};

/// Names under which systems have Chromium.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// The token of the server that asks for one.
const TOKEN: &str = "token-of-the-flows";
/// A program that the flows upload: small, made by a compiler, in every clone.
const PROGRAM: &str = "fixtures/golden/disasm/golden/public/eh_gcc64_O2_cet_s.bin.gz";
/// Its report, which a flow gives hostile names.
const REPORT: &str = "fixtures/golden/disasm/golden/public/sw_gcc32_O2.smda.gz";

/// `cargo xtask pages [--pictures FOLDER] [FLOW...]`
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let tally = play(arguments)?;
    println!("{tally}");
    if tally.failed == 0 { Ok(()) } else { Err(String::new()) }
}

/// Plays all flows.
pub(crate) fn play_all() -> Result<Tally, String> {
    play(&[])
}

fn play(flows: &[String]) -> Result<Tally, String> {
    let Some(browser) = browser() else {
        println!(
            "SKIPPED: there is no Chromium or no Node, and apt may not install them: the pages were not tried"
        );
        return Ok(Tally::skip());
    };
    let scripts = match scripts() {
        Ok(scripts) => scripts,
        Err(message) => {
            println!("SKIPPED: npm gives no playwright-core, the pages were not tried: {message}");
            return Ok(Tally::skip());
        }
    };
    process::run(process::cargo().args(["build", "--quiet", "--package", "malkin"]))?;
    let scratch = Scratch::new()?;
    let malkin = crate::target_dir().join("debug/malkin");
    let root = crate::workspace_root();
    let exports = exports(&root)?;
    for (data, files) in [("open", &exports[..]), ("closed", &exports[..1])] {
        let mut import = Command::new(&malkin);
        process::run_quietly(import.args(["import", "--data"]).arg(scratch.0.join(data)).args(files))?;
    }
    // In a bare clone the exports are few: reports make a corpus of them.
    let reports = reports(&root)?;
    let mut submit = Command::new(&malkin);
    submit.args(["submit", "--family", "golden", "--data"]).arg(scratch.0.join("open")).args(&reports);
    process::run_quietly(&mut submit)?;
    let (program, report) =
        (unpacked(&root.join(PROGRAM), &scratch.0)?, unpacked(&root.join(REPORT), &scratch.0)?);
    let open = Server::malkin(&scratch.0.join("open"), None, &[])?;
    let closed = Server::malkin(&scratch.0.join("closed"), Some(TOKEN), &[])?;
    let mut node = Command::new("node");
    node.arg(scripts.join("flows.mjs")).args([
        "--open",
        &open.url,
        "--closed",
        &closed.url,
        "--token",
        TOKEN,
    ]);
    node.arg("--chromium").arg(browser).arg("--file").arg(program).arg("--report").arg(report);
    node.arg("--export").arg(exports.last().ok_or("no exports")?).args(flows);
    tally::of(&mut node)
}

/// Chromium, if it and Node are there or can be installed.
fn browser() -> Option<PathBuf> {
    let found = || BROWSERS.into_iter().find(|name| process::exists(name, &["--version"])).map(PathBuf::from);
    let named = std::env::var_os("MALKIN_CHROMIUM").map(PathBuf::from);
    let has_node = || process::exists("node", &["--version"]) && process::exists("npm", &["--version"]);
    if named.is_none() && found().is_none() || !has_node() {
        println!("installing chromium and nodejs (once)");
        let mut apt = Command::new("apt-get");
        apt.args(["install", "--yes", "--no-install-recommends", "chromium", "nodejs", "npm"]);
        // Whether it worked shows in what is there afterwards.
        let _ = process::run_quietly(apt.env("DEBIAN_FRONTEND", "noninteractive"));
    }
    let browser = named.or_else(found)?;
    let path =
        process::run_quietly(Command::new("sh").arg("-c").arg("command -v \"$0\"").arg(&browser)).ok()?;
    has_node().then(|| PathBuf::from(path.trim()))
}

/// The scripts beside the packages they import.
fn scripts() -> Result<PathBuf, String> {
    let folder = crate::target_dir().join("pages-env");
    let ours = crate::workspace_root().join("conformance/pages");
    std::fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    let read =
        |name: &str| std::fs::read_to_string(ours.join(name)).map_err(|e| format!("cannot read {name}: {e}"));
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).map_err(|e| format!("cannot write {name}: {e}"))
    };
    write("flows.mjs", &read("flows.mjs")?)?;
    let wanted = read("package.json")?;
    let known = std::fs::read_to_string(folder.join("complete")).unwrap_or_default();
    if known != wanted {
        write("package.json", &wanted)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&folder);
        process::run_quietly(&mut npm)?;
        write("complete", &wanted)?;
    }
    Ok(folder)
}

/// `.mcrit` files to fill the corpus with, in the order of their names.
fn exports(root: &Path) -> Result<Vec<PathBuf>, String> {
    let folder = crate::shared_dir().map(|shared| shared.join("exports")).filter(|folder| folder.is_dir());
    let folder = folder.unwrap_or_else(|| root.join("fixtures/golden/exports"));
    files_in(&folder, ".mcrit")
}

/// Reports with functions that every clone has, without that of the program that the flows upload.
fn reports(root: &Path) -> Result<Vec<PathBuf>, String> {
    let mut reports = files_in(&root.join("fixtures/golden/disasm/golden/public"), ".smda.gz")?;
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let uploaded = name(Path::new(PROGRAM)).replace(".bin.gz", ".smda.gz");
    reports.retain(|report| name(report).contains("gcc") && name(report) != uploaded);
    Ok(reports)
}

fn files_in(folder: &Path, suffix: &str) -> Result<Vec<PathBuf>, String> {
    let read = std::fs::read_dir(folder).map_err(|e| format!("cannot list {}: {e}", folder.display()))?;
    let mut files: Vec<PathBuf> = read.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.to_string_lossy().ends_with(suffix));
    files.sort();
    if files.is_empty() { Err(format!("{} holds no {suffix}", folder.display())) } else { Ok(files) }
}

/// The content of a gzip file in the scratch folder.
fn unpacked(file: &Path, scratch: &Path) -> Result<PathBuf, String> {
    let name = file.file_stem().ok_or("a file without a name")?;
    let output = Command::new("gzip").args(["--decompress", "--stdout"]).arg(file).output();
    let output = output.map_err(|e| format!("cannot start gzip: {e}"))?;
    let path = scratch.join(name);
    std::fs::write(&path, output.stdout).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    Ok(path)
}

/// A folder below the target folder that goes away.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, String> {
        let path = crate::target_dir().join(format!("pages-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|e| format!("cannot make {}: {e}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Only disk space is at stake, and only below the target folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
