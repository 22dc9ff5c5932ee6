//! Forms with files, as `multipart/form-data` brings them. Of repeated fields the last counts.

use std::collections::HashMap;

use axum::body::Bytes;

/// Largest field that is no file, in bytes (the original's).
const MAX_FIELD: usize = 1 << 20;
/// Most parts of a form.
const MAX_PARTS: usize = 1000;

/// A field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Field {
    /// Text.
    Text(String),
    /// A file with its name.
    File(String, Bytes),
}

/// Reads a form. The error is a sentence for the client.
pub(super) fn read(content_type: &str, body: &Bytes) -> Result<HashMap<String, Field>, String> {
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
            let file_name = field.file_name().map(str::to_owned);
            let content = field.bytes().await.map_err(|error| error.to_string())?;
            let value = match file_name {
                Some(file_name) => Field::File(without_drive(&file_name).to_owned(), content),
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

/// Old browsers send the path of the file on the sender's machine: of a name with a drive or a host its last part counts, as in
/// the original's form parser. Other names are data, whatever they look like.
fn without_drive(name: &str) -> &str {
    let is_windows_path = name.get(1..3) == Some(":\\") || name.starts_with("\\\\");
    if is_windows_path { name.rsplit('\\').next().unwrap_or(name) } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_senders_machine_are_cut() {
        let cases = [
            (r"C:\Users\me\a.exe", "a.exe"),
            (r"\\host\share\a.exe", "a.exe"),
            (r"a\b.exe", r"a\b.exe"),
            ("../a.exe", "../a.exe"),
            ("é:\\a", "é:\\a"),
        ];
        for (name, kept) in cases {
            assert_eq!(without_drive(name), kept);
        }
    }
}
