//! Script, stylesheet and icon, in the binary. Their address holds a hash of all of them, so that a new binary never meets an old
//! script and browsers may keep them for ever.

use std::fmt::Write;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// A file of the pages.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Its name.
    pub name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
}

macro_rules! asset {
    ($name:literal, $type:literal) => {
        Asset { name: $name, media_type: $type, bytes: include_bytes!(concat!("../assets/", $name)) }
    };
}

/// All of them.
pub const ASSETS: &[Asset] = &[
    asset!("malkin.css", "text/css; charset=utf-8"),
    asset!("icon.svg", "image/svg+xml"),
    asset!("app.js", "text/javascript; charset=utf-8"),
    asset!("job.js", "text/javascript; charset=utf-8"),
    asset!("result.js", "text/javascript; charset=utf-8"),
    asset!("picture.js", "text/javascript; charset=utf-8"),
];

/// Twelve hexadecimal digits of the SHA-256 of all files.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for asset in ASSETS {
        hash.update(asset.name.as_bytes());
        hash.update((asset.bytes.len() as u64).to_le_bytes());
        hash.update(asset.bytes);
    }
    let mut text = String::new();
    for byte in hash.finalize().iter().take(6) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
});

/// The version that stands in addresses.
pub fn version() -> &'static str {
    &VERSION
}

/// The file of this version and name.
pub fn find(version: &str, name: &str) -> Option<&'static Asset> {
    (version == self::version()).then(|| ASSETS.iter().find(|asset| asset.name == name)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_version_and_name_and_are_small() {
        assert_eq!(version().len(), 12);
        assert!(find(version(), "malkin.css").is_some());
        assert!(find("000000000000", "malkin.css").is_none() && find(version(), "../Cargo.toml").is_none());
        let size: usize = ASSETS.iter().map(|asset| asset.bytes.len()).sum();
        assert!(size < 100_000, "{size}");
    }

    #[test]
    fn scripts_have_no_way_to_turn_text_into_markup_or_code() {
        for asset in ASSETS.iter().filter(|asset| asset.media_type.starts_with("text/javascript")) {
            let text = std::str::from_utf8(asset.bytes).unwrap();
            for forbidden in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "new Function",
                ".style",
                "http:",
                "https:",
            ] {
                let found = text.replace("http://www.w3.org/2000/svg", "");
                assert!(!found.contains(forbidden), "{} holds {forbidden}", asset.name);
            }
        }
    }
}
