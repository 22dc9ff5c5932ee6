//! The rules in `deny.toml` and their judgement over a list of packages; pure.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::spdx;

/// What counts of a package.
#[derive(Clone, Debug)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    /// SPDX expression of the manifest.
    pub(super) license: Option<String>,
    /// `registry+URL` or `git+URL`; `None` for a package of this workspace.
    pub(super) source: Option<String>,
}

/// The part of cargo-deny's configuration that we judge ourselves.
#[derive(Debug, Default)]
pub(super) struct Policy {
    allowed: Vec<String>,
    /// Further licences for single crates.
    exceptions: BTreeMap<String, Vec<String>>,
    /// Licences of crates whose manifest does not say (or not correctly).
    clarified: BTreeMap<String, String>,
    banned: Vec<String>,
    registries: Vec<String>,
}

impl Policy {
    /// Reads the text of `deny.toml`. An empty list of allowed licences or registries is an error: it would be a mistake, not a policy.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let table: Table = text.parse().map_err(|e| format!("deny.toml: {e}"))?;
        let section = |name: &str| table.get(name).and_then(Value::as_table).cloned().unwrap_or_default();
        let (licenses, bans, sources) = (section("licenses"), section("bans"), section("sources"));
        let mut policy = Self {
            allowed: strings(licenses.get("allow")),
            registries: strings(sources.get("allow-registry")),
            banned: entries(bans.get("deny")).filter_map(|entry| crate_name(&entry)).collect(),
            ..Self::default()
        };
        for entry in entries(licenses.get("exceptions")) {
            let name = crate_name(&entry).ok_or("deny.toml: an exception names no crate")?;
            policy.exceptions.insert(name, strings(entry.get("allow")));
        }
        for entry in entries(licenses.get("clarify")) {
            let name = crate_name(&entry).ok_or("deny.toml: a clarification names no crate")?;
            let expression = entry
                .get("expression")
                .and_then(Value::as_str)
                .ok_or("deny.toml: a clarification has no expression")?;
            policy.clarified.insert(name, expression.to_owned());
        }
        if policy.allowed.is_empty() || policy.registries.is_empty() {
            return Err("deny.toml allows no licence or no registry at all".to_owned());
        }
        Ok(policy)
    }

    /// A sentence for each package that is not allowed.
    pub(super) fn problems(&self, packages: &[Package]) -> Vec<String> {
        packages
            .iter()
            .filter_map(|package| {
                self.problem(package).map(|why| format!("{} {}: {why}", package.name, package.version))
            })
            .collect()
    }

    fn problem(&self, package: &Package) -> Option<String> {
        if self.banned.contains(&package.name) {
            return Some("is banned".to_owned());
        }
        if let Some(source) = &package.source
            && !self.registries.iter().any(|registry| source.strip_prefix("registry+") == Some(registry))
        {
            return Some(format!(
                "comes from {}, not from an allowed registry",
                source.split('+').next().unwrap_or("elsewhere")
            ));
        }
        let Some(license) = self.clarified.get(&package.name).or(package.license.as_ref()) else {
            return Some("names no licence".to_owned());
        };
        let extra = self.exceptions.get(&package.name);
        let allowed =
            |name: &str| self.allowed.iter().chain(extra.into_iter().flatten()).any(|entry| entry == name);
        match spdx::satisfied(license, &allowed) {
            Ok(true) => None,
            Ok(false) => Some(format!("licence {license} is not allowed")),
            Err(why) => Some(why),
        }
    }
}

/// A sentence for each crate that is there in several versions: not forbidden, but worth a look.
pub(super) fn duplicates(packages: &[Package]) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    let several = versions.into_iter().filter(|(_, versions)| versions.len() > 1);
    several.map(|(name, versions)| format!("{name} is there in versions {}", versions.join(", "))).collect()
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|entry| entry.as_str().map(str::to_owned)).collect()
}

/// The entries of a list of tables; a bare string stands for a table that only names the crate.
fn entries(value: Option<&Value>) -> impl Iterator<Item = Table> {
    let list = value.and_then(Value::as_array).cloned().unwrap_or_default();
    list.into_iter().filter_map(|entry| match entry {
        Value::Table(table) => Some(table),
        Value::String(name) => Some(Table::from_iter([("crate".to_owned(), Value::String(name))])),
        _ => None,
    })
}

/// The crate an entry is about, without a version requirement.
fn crate_name(entry: &Table) -> Option<String> {
    let named = entry.get("crate").or_else(|| entry.get("name")).and_then(Value::as_str)?;
    named.split(['@', ':']).next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIGURATION: &str = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0"]
        exceptions = [{ crate = "tables", allow = ["Unicode-3.0"] }]
        clarify = [{ crate = "silent", expression = "MIT", license-files = [] }]
        [bans]
        deny = [{ crate = "openssl" }, "goblin@0.9"]
        [sources]
        allow-registry = ["https://github.com/rust-lang/crates.io-index"]
    "#;

    fn package(name: &str, license: Option<&str>) -> Package {
        Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: license.map(str::to_owned),
            source: Some("registry+https://github.com/rust-lang/crates.io-index".to_owned()),
        }
    }

    fn problem(package: Package) -> Option<String> {
        Policy::parse(CONFIGURATION).unwrap().problems(&[package]).pop()
    }

    #[test]
    fn permissive_packages_pass() {
        assert_eq!(problem(package("plain", Some("MIT OR GPL-3.0-only"))), None);
        assert_eq!(problem(package("tables", Some("Unicode-3.0"))), None);
        assert_eq!(problem(package("silent", None)), None);
        assert_eq!(problem(Package { source: None, ..package("ours", Some("Apache-2.0")) }), None);
    }

    #[test]
    fn planted_licences_are_found() {
        assert!(
            problem(package("copyleft", Some("GPL-3.0-only")))
                .unwrap()
                .contains("GPL-3.0-only is not allowed")
        );
        assert!(problem(package("other", Some("Unicode-3.0"))).is_some());
        assert!(problem(package("unknown", None)).unwrap().contains("names no licence"));
    }

    #[test]
    fn planted_sources_and_bans_are_found() {
        let source = Some("git+https://example.org/fork".to_owned());
        assert!(
            problem(Package { source, ..package("fork", Some("MIT")) }).unwrap().contains("comes from git")
        );
        let source = Some("registry+https://example.org/index".to_owned());
        assert!(problem(Package { source, ..package("mirror", Some("MIT")) }).is_some());
        assert!(problem(package("openssl", Some("MIT"))).unwrap().contains("banned"));
        assert!(problem(package("goblin", Some("MIT"))).unwrap().contains("banned"));
    }

    #[test]
    fn an_empty_policy_is_a_mistake() {
        assert!(Policy::parse("").is_err());
        assert!(Policy::parse("[licenses]\nallow = []\n[sources]\nallow-registry = [\"x\"]").is_err());
    }

    #[test]
    fn several_versions_are_noted() {
        let newer = Package { version: "2.0.0".to_owned(), ..package("twice", None) };
        assert_eq!(
            duplicates(&[package("twice", None), newer, package("once", None)]),
            ["twice is there in versions 1.0.0, 2.0.0"]
        );
    }
}
