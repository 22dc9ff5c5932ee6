//! Forms with files, as `multipart/form-data` brings them. Of repeated fields the last counts.

use std::collections::HashMap;

use bytes::Bytes;
use http::header::CONTENT_DISPOSITION;

use super::disposition;

/// Largest field that is no file, in bytes (the original's).
const MAX_FIELD: usize = 1 << 20;
/// Most parts of a form.
const MAX_PARTS: usize = 1000;

/// A field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Field {
    /// Text.
    Text(String),
    /// A file with its name.
    File(String, Bytes),
}

/// Reads a form. The error is a sentence for the client.
pub(crate) fn read(content_type: &str, body: &Bytes) -> Result<HashMap<String, Field>, String> {
    let boundary =
        multer::parse_boundary(content_type).map_err(|_| "Missing boundary in multipart.".to_owned())?;
    let mut form = multer::Multipart::with_reader(&body[..], boundary);
    // The body is in memory: nothing here waits for anybody.
    tokio::runtime::Handle::current().block_on(async {
        let mut fields = HashMap::new();
        for _ in 0..MAX_PARTS {
            let Some(field) = form.next_field().await.map_err(|error| error.to_string())? else {
                return Ok(fields);
            };
            let Some(name) = field.name().map(str::to_owned) else { continue };
            let stated = field.headers().get(CONTENT_DISPOSITION);
            let file_name = stated.and_then(|header| disposition::file_name(header.as_bytes()));
            let content = field.bytes().await.map_err(|error| error.to_string())?;
            let value = match file_name {
                Some(file_name) => Field::File(file_name, content),
                None if content.len() > MAX_FIELD => {
                    return Err("Part exceeded maximum size of 1024KB.".to_owned());
                }
                None => Field::Text(String::from_utf8_lossy(&content).into_owned()),
            };
            fields.insert(name, value);
        }
        Err(format!("Too many parts. Maximum number of parts is {MAX_PARTS}."))
    })
}
