//! The Authenticode signature of a PE (Microsoft, *Windows Authenticode Portable Executable Signature Format*, 2008): by which
//! certificate it is signed, and whether the file is still the one the signature was made for.
//!
//! Not here: trust. No chain of certificates is built, no signature is verified with a key and no revocation is asked for, so a name
//! is what the file says and no more. A digest that does not fit is a fact all the same: somebody changed the file, or took the
//! signature from another one.
//!
//! DER is read value by value and without regard to the order inside of sets, because signatures in use break that rule.

use der::asn1::{AnyRef, GeneralizedTime, ObjectIdentifier, UtcTime};
use der::{Decode, Reader, SliceReader, Tag, Tagged};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// Certificates that are told of; real signatures have four to eight.
const MAX_CERTIFICATES: usize = 32;
/// Parts of one value that are looked at.
const MAX_PARTS: usize = 256;
/// Attributes of a name, and characters of each.
const MAX_ATTRIBUTES: usize = 16;
const MAX_ATTRIBUTE_LENGTH: usize = 256;
/// Longest serial number, in bytes (RFC 5280 allows 20).
const MAX_SERIAL: usize = 32;

/// `SignedData` of PKCS #7.
const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
/// What Authenticode signs: a digest of the file.
const INDIRECT_DATA: &str = "1.3.6.1.4.1.311.2.1.4";

/// A certificate as the file states it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Certificate {
    /// The common name of its subject, or the whole subject if it has none.
    pub name: String,
    /// Attributes of the subject in their order: `C=US, O=Example, CN=Example`.
    pub subject: String,
    /// Attributes of whoever issued it.
    pub issuer: String,
    /// Serial number in lower-case hexadecimal digits.
    pub serial: String,
    /// First and last moment of validity (RFC 3339, UTC), empty if unreadable.
    pub not_before: String,
    /// See above.
    pub not_after: String,
}

/// Whether the digest that was signed is that of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileDigest {
    /// The file is what the signature was made for.
    Fits,
    /// It is not.
    Differs,
    /// The digest cannot be read, or its algorithm is not known.
    #[default]
    Unknown,
}

/// A signature.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Signature {
    /// The certificate it was made with; none if the signature does not hold it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<Certificate>,
    /// Algorithm of the digest of the file.
    pub algorithm: String,
    /// Whether that digest fits.
    pub file_digest: FileDigest,
    /// All certificates that come with it, the signer's included, in their order.
    pub certificates: Vec<Certificate>,
}

/// Where a PE holds what is not part of its digest, as offsets in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    /// The checksum of the header, four bytes.
    pub(crate) checksum: usize,
    /// The row of the directory that names the table of certificates, eight bytes.
    pub(crate) directory: usize,
    /// The table of certificates and its size.
    pub(crate) table: (usize, usize),
}

/// Reads the first signature of the table of certificates.
pub(crate) fn read(bytes: &[u8], places: Places) -> Result<Signature, String> {
    let table = bytes.get(places.table.0..).ok_or("the table of certificates lies outside of the file")?;
    let table = &table[..places.table.1.min(table.len())];
    // A row is length, revision and type (2: SignedData), then the data.
    let (head, rest) = table.split_first_chunk::<8>().ok_or("the table of certificates is cut short")?;
    let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    if u16::from_le_bytes([head[6], head[7]]) != 2 {
        return Err("the first certificate is no PKCS #7 signature".to_owned());
    }
    let data = &rest[..length.saturating_sub(8).min(rest.len())];
    signed_data(data, bytes, places).map_err(|error| format!("the signature is not readable: {error}"))
}

fn signed_data(data: &[u8], bytes: &[u8], places: Places) -> der::Result<Signature> {
    // Behind the value there may be padding.
    let whole = SliceReader::new(data)?.tlv_bytes()?;
    let content = parts(AnyRef::from_der(whole)?)?;
    let [kind, wrapped, ..] = content.as_slice() else { return Err(Tag::Sequence.value_error().into()) };
    expect(*kind, SIGNED_DATA)?;
    let fields = parts(AnyRef::from_der(wrapped.value())?)?;
    let [_, _, signed, rest @ ..] = fields.as_slice() else {
        return Err(Tag::Sequence.value_error().into());
    };
    let mut signature = Signature::default();
    (signature.algorithm, signature.file_digest) = file_digest(*signed, bytes, places).unwrap_or_default();
    let is_certificates = |part: &&AnyRef<'_>| part.tag() == CERTIFICATES && part.tag().is_constructed();
    let stated = rest.iter().find(is_certificates).map(|list| parts(*list)).transpose()?.unwrap_or_default();
    let signer = rest.iter().rfind(|part| part.tag() == Tag::Set).and_then(|infos| signer_of(*infos).ok());
    for one in stated.into_iter().take(MAX_CERTIFICATES) {
        let Ok((certificate, identity)) = certificate(one) else { continue };
        if signature.signer.is_none() && signer.as_ref() == Some(&identity) {
            signature.signer = Some(certificate.clone());
        }
        signature.certificates.push(certificate);
    }
    Ok(signature)
}

/// The tag of the certificates of a `SignedData`, `[0]`.
const CERTIFICATES: Tag = Tag::ContextSpecific { constructed: true, number: der::TagNumber(0) };

/// What tells certificates apart: issuer and serial number, as they are encoded.
type Identity<'a> = (&'a [u8], &'a [u8]);

/// The parts of a sequence or set, of whatever order.
fn parts(value: AnyRef<'_>) -> der::Result<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(value.value())?;
    let mut parts = Vec::new();
    while !reader.is_finished() && parts.len() < MAX_PARTS {
        parts.push(AnyRef::from_der(reader.tlv_bytes()?)?);
    }
    Ok(parts)
}

fn expect(value: AnyRef<'_>, wanted: &str) -> der::Result<()> {
    let stated: ObjectIdentifier = value.decode_as()?;
    if stated == ObjectIdentifier::new_unwrap(wanted) {
        Ok(())
    } else {
        Err(Tag::ObjectIdentifier.value_error().into())
    }
}

/// Issuer and serial number of the first signer.
fn signer_of(infos: AnyRef<'_>) -> der::Result<Identity<'_>> {
    let first = SliceReader::new(infos.value())?.tlv_bytes()?;
    let fields = parts(AnyRef::from_der(first)?)?;
    let [_, issuer_and_serial, ..] = fields.as_slice() else {
        return Err(Tag::Sequence.value_error().into());
    };
    let pair = parts(*issuer_and_serial)?;
    let [issuer, serial] = pair.as_slice() else { return Err(Tag::Sequence.value_error().into()) };
    Ok((issuer.value(), serial.value()))
}

/// Reads a certificate (RFC 5280, 4.1).
fn certificate(value: AnyRef<'_>) -> der::Result<(Certificate, Identity<'_>)> {
    let outer = SliceReader::new(value.value())?.tlv_bytes()?;
    let fields = parts(AnyRef::from_der(outer)?)?;
    // The version is left out in those of version 1.
    let fields =
        if fields.first().is_some_and(|first| first.tag() == CERTIFICATES) { &fields[1..] } else { &fields };
    let [serial, _, issuer, validity, subject, ..] = fields else {
        return Err(Tag::Sequence.value_error().into());
    };
    let subject_names = names(*subject)?;
    let common = subject_names.iter().rfind(|(kind, _)| kind == "CN").map(|(_, text)| text.clone());
    let subject_text = listed(&subject_names);
    let times = parts(*validity)?;
    let time = |at: usize| times.get(at).and_then(|time| moment(*time)).unwrap_or_default();
    let digits = serial.value().iter().skip_while(|byte| **byte == 0).take(MAX_SERIAL);
    let certificate = Certificate {
        name: common.unwrap_or_else(|| subject_text.clone()),
        subject: subject_text,
        issuer: listed(&names(*issuer)?),
        serial: digits.fold(String::new(), |text, byte| text + &format!("{byte:02x}")),
        not_before: time(0),
        not_after: time(1),
    };
    Ok((certificate, (issuer.value(), serial.value())))
}

fn moment(value: AnyRef<'_>) -> Option<String> {
    let time = match value.tag() {
        Tag::UtcTime => value.decode_as::<UtcTime>().ok()?.to_date_time(),
        _ => value.decode_as::<GeneralizedTime>().ok()?.to_date_time(),
    };
    Some(time.to_string())
}

/// Attributes of a name: kind and text.
fn names(name: AnyRef<'_>) -> der::Result<Vec<(String, String)>> {
    let mut names = Vec::new();
    for set in parts(name)? {
        for attribute in parts(set)? {
            let pair = parts(attribute)?;
            let [kind, value, ..] = pair.as_slice() else { continue };
            if names.len() < MAX_ATTRIBUTES {
                names.push((attribute_kind(kind.decode_as()?), text(*value)));
            }
        }
    }
    Ok(names)
}

/// Short names of RFC 4514 and of what signatures use besides; all others by their number.
fn attribute_kind(kind: ObjectIdentifier) -> String {
    let kind = kind.to_string();
    let short = match kind.as_str() {
        "2.5.4.3" => "CN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "street",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.15" => "businessCategory",
        "2.5.4.17" => "postalCode",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        "1.3.6.1.4.1.311.60.2.1.2" => "jurisdictionST",
        "1.3.6.1.4.1.311.60.2.1.3" => "jurisdictionC",
        _ => return kind,
    };
    short.to_owned()
}

fn text(value: AnyRef<'_>) -> String {
    let bytes = value.value();
    let text = if value.tag() == Tag::BmpString {
        let units = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    } else {
        String::from_utf8_lossy(bytes).into_owned()
    };
    text.chars().take(MAX_ATTRIBUTE_LENGTH).collect()
}

fn listed(names: &[(String, String)]) -> String {
    let texts = names.iter().map(|(kind, text)| format!("{kind}={}", text.replace(',', "\\,")));
    texts.collect::<Vec<_>>().join(", ")
}

/// Compares the digest that was signed with that of the file.
fn file_digest(signed: AnyRef<'_>, bytes: &[u8], places: Places) -> der::Result<(String, FileDigest)> {
    let content = parts(signed)?;
    let [kind, wrapped, ..] = content.as_slice() else { return Err(Tag::Sequence.value_error().into()) };
    expect(*kind, INDIRECT_DATA)?;
    let fields = parts(AnyRef::from_der(wrapped.value())?)?;
    let [_, info, ..] = fields.as_slice() else { return Err(Tag::Sequence.value_error().into()) };
    let info = parts(*info)?;
    let [algorithm, digest, ..] = info.as_slice() else { return Err(Tag::Sequence.value_error().into()) };
    let algorithm = parts(*algorithm)?;
    let algorithm: ObjectIdentifier =
        algorithm.first().ok_or_else(|| Tag::Sequence.value_error())?.decode_as()?;
    let algorithm = algorithm.to_string();
    let (name, ours) = match algorithm.as_str() {
        "1.2.840.113549.2.5" => ("md5", hashed::<md5::Md5>(bytes, places)),
        "1.3.14.3.2.26" => ("sha1", hashed::<Sha1>(bytes, places)),
        "2.16.840.1.101.3.4.2.1" => ("sha256", hashed::<Sha256>(bytes, places)),
        "2.16.840.1.101.3.4.2.2" => ("sha384", hashed::<Sha384>(bytes, places)),
        "2.16.840.1.101.3.4.2.3" => ("sha512", hashed::<Sha512>(bytes, places)),
        _ => return Ok((algorithm, FileDigest::Unknown)),
    };
    let told = match ours {
        Some(ours) if ours == digest.value() => FileDigest::Fits,
        Some(_) => FileDigest::Differs,
        None => FileDigest::Unknown,
    };
    Ok((name.to_owned(), told))
}

/// The digest of a PE: all of the file but for checksum, directory row and the table itself. None if these do not follow each other.
fn hashed<D: Digest>(bytes: &[u8], places: Places) -> Option<Vec<u8>> {
    let mut digest = D::new();
    digest.update(bytes.get(..places.checksum)?);
    digest.update(bytes.get(places.checksum + 4..places.directory)?);
    digest.update(bytes.get(places.directory + 8..places.table.0)?);
    digest.update(bytes.get(places.table.0.checked_add(places.table.1)?..).unwrap_or_default());
    Some(digest.finalize().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len();
        let mut out = vec![tag];
        match u8::try_from(length) {
            Ok(short) if short < 128 => out.push(short),
            Ok(long) => out.extend([0x81, long]),
            Err(_) => out.extend([0x82, (length >> 8) as u8, length as u8]),
        }
        out.extend(content);
        out
    }

    fn sequence(parts: &[&[u8]]) -> Vec<u8> {
        value(0x30, &parts.concat())
    }

    fn identifier(text: &str) -> Vec<u8> {
        value(6, ObjectIdentifier::new_unwrap(text).as_bytes())
    }

    fn name(common: &[u8], tag: u8) -> Vec<u8> {
        let country = value(0x31, &sequence(&[&identifier("2.5.4.6"), &value(0x13, b"DE")]));
        let common = value(0x31, &sequence(&[&identifier("2.5.4.3"), &value(tag, common)]));
        sequence(&[&country, &common])
    }

    fn certificate_of(issuer: &[u8], serial: u8, subject: &[u8]) -> Vec<u8> {
        let validity = sequence(&[&value(0x17, b"250102030405Z"), &value(0x18, b"20550102030405Z")]);
        let version = value(0xa0, &value(2, &[2]));
        let fields =
            sequence(&[&version, &value(2, &[0, 0xa0 + serial]), &sequence(&[]), issuer, &validity, subject]);
        sequence(&[&fields, &sequence(&[]), &value(3, &[0])])
    }

    const PLACES: Places = Places { checksum: 16, directory: 32, table: (64, 0) };

    /// 64 bytes that stand for a PE, and the table behind them, with what the caller makes of the signed digest.
    fn signed(digest: impl FnOnce(&[u8]) -> Vec<u8>) -> (Vec<u8>, Places) {
        let mut bytes: Vec<u8> = (0..64).collect();
        let hashed: Vec<u8> = [&bytes[..16], &bytes[20..32], &bytes[40..]].concat();
        let info =
            sequence(&[&sequence(&[&identifier("2.16.840.1.101.3.4.2.1")]), &value(4, &digest(&hashed))]);
        let content = sequence(&[&sequence(&[]), &info]);
        let signed = sequence(&[&identifier(INDIRECT_DATA), &value(0xa0, &content)]);
        let (root, own) = (
            name(b"Root", 0x0c),
            name(
                "\u{c4}, \u{fc}".encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>().as_slice(),
                0x1e,
            ),
        );
        let certificates = [certificate_of(&root, 1, &root), certificate_of(&root, 2, &own)].concat();
        let signer = sequence(&[&value(2, &[1]), &sequence(&[&root, &value(2, &[0, 0xa2])]), &sequence(&[])]);
        let fields = sequence(&[
            &value(2, &[1]),
            &value(0x31, &[]),
            &signed,
            &value(0xa0, &certificates),
            &value(0x31, &signer),
        ]);
        let data = sequence(&[&identifier(SIGNED_DATA), &value(0xa0, &fields)]);
        let length = data.len() as u32 + 8;
        bytes.extend(length.to_le_bytes());
        bytes.extend([0, 2, 2, 0]);
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let size = bytes.len() - 64;
        (bytes, Places { table: (64, size), ..PLACES })
    }

    #[test]
    fn the_signer_is_told_and_the_digest_compared() {
        let (mut bytes, places) = signed(|hashed| Sha256::digest(hashed).to_vec());
        let signature = read(&bytes, places).unwrap();
        let signer = signature.signer.clone().unwrap();
        assert_eq!(
            (signer.name.as_str(), signer.subject.as_str()),
            ("\u{c4}, \u{fc}", "C=DE, CN=\u{c4}\\, \u{fc}")
        );
        assert_eq!((signer.issuer.as_str(), signer.serial.as_str()), ("C=DE, CN=Root", "a2"));
        assert_eq!(signer.not_before, "2025-01-02T03:04:05Z");
        assert_eq!(signer.not_after, "2055-01-02T03:04:05Z");
        assert_eq!((signature.certificates.len(), signature.algorithm.as_str()), (2, "sha256"));
        assert_eq!(signature.file_digest, FileDigest::Fits);
        // Checksum and directory are written after signing; everything else makes it another file.
        bytes[17] ^= 1;
        bytes[33] ^= 1;
        assert_eq!(read(&bytes, places).unwrap().file_digest, FileDigest::Fits);
        bytes[50] ^= 1;
        assert_eq!(read(&bytes, places).unwrap().file_digest, FileDigest::Differs);
        bytes[50] ^= 1;
        bytes.push(0);
        assert_eq!(read(&bytes, places).unwrap().file_digest, FileDigest::Differs);
    }

    #[test]
    fn what_is_no_signature_is_refused_with_its_cause() {
        let (bytes, places) = signed(|_| vec![0; 32]);
        assert_eq!(read(&bytes, places).unwrap().file_digest, FileDigest::Differs);
        let mixed = Places { directory: bytes.len(), ..places };
        assert_eq!(read(&bytes, mixed).unwrap().file_digest, FileDigest::Unknown);
        let outside = Places { table: (1 << 40, 8), ..places };
        assert!(read(&bytes, outside).unwrap_err().contains("outside"));
        assert!(read(&bytes[..70], places).unwrap_err().contains("cut short"));
        let mut other = bytes.clone();
        other[70] = 1;
        assert!(read(&other, places).unwrap_err().contains("PKCS #7"));
        let mut broken = bytes;
        broken[75] = 0x7f;
        assert!(read(&broken, places).unwrap_err().contains("not readable"));
    }

    proptest::proptest! {
        #[test]
        fn damage_is_refused_or_read(at in 64_usize..400, byte in 0_u8..=255, cut in 64_usize..500) {
            let (mut bytes, places) = signed(|hashed| Sha256::digest(hashed).to_vec());
            let at = at.min(bytes.len() - 1);
            bytes[at] = byte;
            bytes.truncate(cut);
            if let Ok(signature) = read(&bytes, places) {
                proptest::prop_assert!(signature.certificates.len() <= MAX_CERTIFICATES);
            }
        }
    }
}
