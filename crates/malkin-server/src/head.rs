//! What the head of a request may say about its body.
//!
//! hyper reads `Transfer-Encoding` as long as `chunked` stands at its end, and would hand on a compressed body as it is.

use http::{HeaderMap, StatusCode, header};

use crate::answer::Answer;

/// Refuses encodings of the transfer that are not undone here (RFC 9112 section 6.1).
pub(crate) fn check_encoding(headers: &HeaderMap) -> Result<(), Answer> {
    let mut encodings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let (first, second) = (encodings.next(), encodings.next());
    if first.is_none_or(|first| first.as_bytes().eq_ignore_ascii_case(b"chunked")) && second.is_none() {
        return Ok(());
    }
    let why = "The only Transfer-Encoding that this server understands is chunked.";
    Err(Answer::framework(StatusCode::NOT_IMPLEMENTED, "501 Not Implemented", Some(why)))
}

/// Whether the client sends its body only once it is asked to; `Expect` names nothing else (RFC 9110 section 10.1.1).
pub(crate) fn waits_to_send(headers: &HeaderMap) -> bool {
    headers.contains_key(header::EXPECT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_chunks_are_read() {
        let check = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::TRANSFER_ENCODING, value.parse().unwrap());
            }
            check_encoding(&headers).map_err(|answer| answer.status.as_u16())
        };
        assert_eq!((check(&[]), check(&["chunked"]), check(&["Chunked"])), (Ok(()), Ok(()), Ok(())));
        for values in
            [&["gzip, chunked"][..], &["gzip", "chunked"], &["identity"], &["chunked", "chunked"], &[""]]
        {
            assert_eq!(check(values), Err(501), "{values:?}");
        }
    }
}
