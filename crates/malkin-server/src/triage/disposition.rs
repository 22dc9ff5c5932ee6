//! The file name in a `Content-Disposition` header of a form: quoted or plain (RFC 7578), or with its character set (RFC 8187),
//! as browsers, curl and Python's clients send it.

/// The name, if the header states one. The stated character set is not believed: names are UTF-8, or else Latin-1.
pub(super) fn file_name(header: &[u8]) -> Option<String> {
    let mut plain = None;
    let mut extended = None;
    for parameter in parameters(header) {
        let Some(equals) = parameter.iter().position(|byte| *byte == b'=') else { continue };
        let (name, value) = (parameter[..equals].trim_ascii(), parameter[equals + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"filename") {
            plain = Some(unquoted(value));
        } else if name.eq_ignore_ascii_case(b"filename*") {
            extended = decoded(&unquoted(value));
        }
    }
    let name = extended.or(plain)?;
    let name = String::from_utf8(name)
        .unwrap_or_else(|odd| odd.as_bytes().iter().copied().map(char::from).collect());
    Some(without_drive(&name).to_owned())
}

/// The parts between semicolons that stand outside quotes.
fn parameters(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    header.split(move |byte| {
        let ends = *byte == b';' && !quoted;
        if *byte == b'"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && *byte == b'\\' && !escaped;
        ends
    })
}

/// Without quotes; inside them a backslash before a quote or another backslash is no part of the text. Before anything else it
/// is: old browsers send paths with single ones.
fn unquoted(value: &[u8]) -> Vec<u8> {
    let Some(inner) = value.strip_prefix(b"\"") else { return value.to_vec() };
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let escaped = bytes.next_if(|next| byte == b'\\' && matches!(next, b'\\' | b'"'));
        text.push(escaped.unwrap_or(byte));
    }
    text
}

/// `utf-8'en'%e2%82%ac.bin`: what follows the second apostrophe, without its escapes.
fn decoded(value: &[u8]) -> Option<Vec<u8>> {
    let mut text = value.splitn(3, |byte| *byte == b'\'').nth(2)?;
    let mut bytes = Vec::with_capacity(text.len());
    while let Some((first, rest)) = text.split_first() {
        let digits =
            rest.get(..2).filter(|digits| *first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let byte = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        text = if byte.is_some() { &rest[2..] } else { rest };
    }
    Some(bytes)
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
    fn names_are_found_however_they_are_written() {
        let cases: [(&[u8], Option<&str>); 16] = [
            (br#"form-data; name="file"; filename="a.exe""#, Some("a.exe")),
            (br#"form-data; filename=a.exe; name="file""#, Some("a.exe")),
            (br#"form-data; name="a; filename=b""#, None),
            (br#"form-data; name="file""#, None),
            (br#"form-data; filename="""#, Some("")),
            (br#"form-data; filename="a;b.exe""#, Some("a;b.exe")),
            (br#"form-data; filename="a\"b""#, Some("a\"b")),
            (br#"form-data; filename="a%22b""#, Some("a%22b")),
            ("form-data; filename=\"é.bin\"".as_bytes(), Some("é.bin")),
            (b"form-data; filename=\"\xff.bin\"", Some("ÿ.bin")),
            (br"form-data; filename*=UTF-8''%e2%82%ac.bin", Some("€.bin")),
            (br#"form-data; filename="x"; filename*=utf-8'de'%C3%A9%zz"#, Some("é%zz")),
            (br#"form-data; filename="x"; filename*=nonsense"#, Some("x")),
            (br#"form-data; filename="C:\Users\me\a.exe""#, Some("a.exe")),
            (br#"form-data; filename="\\\\host\\share\\a.exe""#, Some("a.exe")),
            (br#"form-data; filename="../a.exe"#, Some("../a.exe")),
        ];
        for (header, name) in cases {
            assert_eq!(file_name(header).as_deref(), name, "{}", String::from_utf8_lossy(header));
        }
    }
}
