//! Scratch space of one test: a folder that goes away, a port nobody listens on.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

/// An empty folder that is removed, with its content, when the value is dropped.
#[derive(Debug)]
pub struct TestDir(tempfile::TempDir);

impl TestDir {
    /// A new empty folder below the system's temporary folder.
    #[expect(clippy::new_without_default, reason = "making a folder is an effect, not a default value")]
    pub fn new() -> Self {
        Self(
            tempfile::Builder::new()
                .prefix("malkin-test-")
                .tempdir()
                .expect("a temporary folder can be made"),
        )
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A path inside the folder; nothing is created.
    pub fn join(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.path().join(relative)
    }

    /// Writes a file, with the folders above it, and returns its path.
    pub fn write(&self, relative: impl AsRef<Path>, content: &[u8]) -> PathBuf {
        let path = self.join(relative);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("a folder can be made in a temporary folder");
        }
        std::fs::write(&path, content).unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
        path
    }
}

/// A loopback TCP port that was free a moment ago. Somebody else may take it meanwhile: prefer a server that binds port 0 and says which.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port can be bound");
    listener.local_addr().expect("a bound socket has an address").port()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_goes_away_with_its_content() {
        let dir = TestDir::new();
        let file = dir.write("deep/er/file", b"x");
        assert!(file.is_file());
        let path = dir.path().to_path_buf();
        drop(dir);
        assert!(!path.exists());
    }

    #[test]
    fn a_free_port_can_be_bound() {
        let port = free_port();
        assert_ne!(port, 0);
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }
}
