//! Executables and memory dumps.

use malkin_loader::{LoadOptions, detect, load};

/// Largest image a file may ask for here, in bytes: small, so that asking for the largest possible one costs little.
const MAX_IMAGE_SIZE: u64 = 1 << 20;

/// Bytes as a file and as a dump of either bitness.
pub fn load_any(data: &[u8]) {
    let _ = detect(data);
    let options = LoadOptions { max_image_size: MAX_IMAGE_SIZE, ..LoadOptions::file() };
    if let Ok(image) = load(data, &options) {
        assert!(image.data.len() as u64 <= MAX_IMAGE_SIZE.max(data.len() as u64));
    }
    if let Ok(image) = load(data, &LoadOptions::buffer(0x40_0000, None)) {
        assert_eq!(image.data, data);
    }
}
