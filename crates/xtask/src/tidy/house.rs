//! The tracked files and the crates among them, read once, so that rules need no file access and tests can make houses of their own.

use std::path::Path;
use std::process::Command;

use toml::Table;

use super::source::Source;
use crate::process;

/// Files above this size, in bytes, are golden data and not read as text.
const TEXT_LIMIT: u64 = 2 << 20;
/// Folders that a repository does not hold.
const UNTRACKED_FOLDERS: &[&str] = &[".git", "__pycache__", "malkin-data", "target"];

/// A tracked file.
#[derive(Debug)]
pub(super) struct File {
    /// Relative to the workspace root, with slashes.
    pub(super) path: String,
    /// `None` for binary and very large files.
    pub(super) text: Option<String>,
}

/// A member of the workspace.
#[derive(Debug)]
pub(super) struct Crate {
    pub(super) name: String,
    /// Path of its folder, without a slash at the end.
    pub(super) folder: String,
    pub(super) manifest: Table,
    /// `package.metadata.house.floor`.
    pub(super) floor: Option<i64>,
}

/// Everything the rules look at.
#[derive(Debug)]
pub(super) struct House {
    pub(super) files: Vec<File>,
    pub(super) crates: Vec<Crate>,
    pub(super) sources: Vec<Source>,
}

impl House {
    /// The files that git tracks or would track below `root`; where there is no git or no repository, all files that are not built.
    pub(super) fn tracked(root: &Path) -> Result<Self, String> {
        let mut git = Command::new("git");
        // A checkout that belongs to somebody else, as in a container, is still the checkout to look at.
        git.current_dir(root).args(["-c", "safe.directory=*"]);
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let paths: Vec<String> = match process::run_quietly(&mut git) {
            Ok(listed) => listed.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect(),
            Err(_) => walk(root, "")?,
        };
        let mut files = Vec::new();
        for path in &paths {
            let full = root.join(path);
            // A tracked file that was deleted in the working tree is no longer part of the house.
            let Ok(metadata) = std::fs::metadata(&full) else { continue };
            if !metadata.is_file() {
                continue;
            }
            let text = if metadata.len() <= TEXT_LIMIT {
                let bytes = std::fs::read(&full).map_err(|e| format!("cannot read {path}: {e}"))?;
                String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
            } else {
                None
            };
            files.push(File { path: path.clone(), text });
        }
        Self::of_files(files)
    }

    /// A house of texts.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let files = files
            .iter()
            .map(|(path, text)| File { path: (*path).to_owned(), text: Some((*text).to_owned()) });
        Self::of_files(files.collect()).expect("the manifests of a test are valid")
    }

    fn of_files(mut files: Vec<File>) -> Result<Self, String> {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let mut crates = Vec::new();
        for file in &files {
            let Some(folder) = file.path.strip_suffix("/Cargo.toml") else { continue };
            let text = file.text.as_deref().ok_or_else(|| format!("{} is no text", file.path))?;
            let manifest: Table = text.parse().map_err(|e| format!("{}: {e}", file.path))?;
            crates.extend(Crate::read(folder, manifest));
        }
        let sources = Source::read_all(&files)?;
        Ok(Self { files, crates, sources })
    }

    /// The crate in whose folder a file lies.
    pub(super) fn crate_of(&self, path: &str) -> Option<&Crate> {
        self.crates.iter().find(|member| {
            path.strip_prefix(member.folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// Whether a file, or a folder with files in it, is part of the house.
    pub(super) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        path.is_empty()
            || self.files.iter().any(|file| {
                file.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
    }
}

impl Crate {
    /// `None` for a manifest outside of `crates/` (the fuzz targets have a workspace of their own) or without a package.
    fn read(folder: &str, manifest: Table) -> Option<Self> {
        let name = lookup(&manifest, &["package", "name"])?.as_str()?.to_owned();
        let floor =
            lookup(&manifest, &["package", "metadata", "house", "floor"]).and_then(toml::Value::as_integer);
        folder.starts_with("crates/").then(|| Self { name, folder: folder.to_owned(), manifest, floor })
    }

    /// Path of its manifest.
    pub(super) fn manifest_path(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }
}

/// All files below a folder, built ones and git's own left out.
fn walk(root: &Path, folder: &str) -> Result<Vec<String>, String> {
    let entries = std::fs::read_dir(root.join(folder)).map_err(|e| format!("cannot list {folder}: {e}"))?;
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| format!("cannot list {folder}: {e}"))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let kind = entry.file_type().map_err(|e| format!("cannot look at {path}: {e}"))?;
        if kind.is_file() {
            paths.push(path);
        } else if kind.is_dir() && !UNTRACKED_FOLDERS.contains(&name.as_str()) {
            paths.extend(walk(root, &path)?);
        }
    }
    Ok(paths)
}

/// Whether a path ends with a dot and this extension.
pub(super) fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

/// A value deep inside of a table.
pub(super) fn lookup<'a>(table: &'a Table, path: &[&str]) -> Option<&'a toml::Value> {
    let (first, rest) = path.split_first()?;
    let value = table.get(*first)?;
    if rest.is_empty() { Some(value) } else { lookup(value.as_table()?, rest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_finds_this_file_and_nothing_built() {
        let found = walk(&crate::workspace_root().join("crates/xtask"), "").unwrap();
        assert!(found.contains(&"src/tidy/house.rs".to_owned()));
        assert!(found.iter().all(|path| !path.contains("target/")));
    }

    #[test]
    fn crates_and_floors_are_read() {
        let house = House::of(&[
            ("crates/a/Cargo.toml", "[package]\nname = \"a\"\nmetadata.house.floor = 3"),
            ("crates/a/src/lib.rs", "//! Head."),
            ("fuzz/Cargo.toml", "[package]\nname = \"fuzz\""),
        ]);
        assert_eq!(house.crates.len(), 1);
        assert_eq!(house.crate_of("crates/a/src/lib.rs").and_then(|member| member.floor), Some(3));
        assert!(house.crate_of("crates/ab/src/lib.rs").is_none());
        assert!(house.has("crates/a/") && house.has("crates/a/src/lib.rs") && !house.has("crates/a/src/lib"));
    }
}
