//! Certificates as RFC 5280 describes them ("Certificate and Certificate Extensions Profile"): version 3, P-256, signed with ECDSA and
//! SHA-256. Exactly the two kinds that are needed: an authority's own, and a server's.

use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{EcdsaKeyPair, KeyPair};
use farshore_types::{Error, Result, Timestamp};

use super::der;

const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SUBJECT_KEY: &[u8] = &[0x55, 0x1d, 0x0e];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const SUBJECT_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
const CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const AUTHORITY_KEY: &[u8] = &[0x55, 0x1d, 0x23];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const SERVER_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
/// Version 3 is written as 2.
const VERSION: u8 = 2;
/// Bytes of the hash that names a key. (RFC 7093, "Additional Methods for Generating Key Identifiers", method 1.)
const KEY_NAME_BYTES: usize = 20;

/// What a certificate says.
pub struct Content<'a> {
    /// Whose it is.
    pub subject: &'a str,
    /// Who signs it.
    pub issuer: &'a str,
    /// A positive number, its first byte between 1 and 127.
    pub serial: &'a [u8],
    /// From when on it is valid.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
    /// What it is for.
    pub purpose: Purpose<'a>,
}

/// What a certificate is for.
pub enum Purpose<'a> {
    /// To sign those of servers.
    Authority,
    /// To prove that a server has one of these addresses.
    Server(&'a [Name]),
}

/// An address of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// A name of the DNS.
    Dns(String),
    /// An IP address.
    Ip(IpAddr),
}

/// The certificate of `key`, signed by `signer`: DER.
pub fn signed(content: &Content<'_>, key: &EcdsaKeyPair, signer: &EcdsaKeyPair) -> Result<Vec<u8>> {
    let algorithm = der::sequence(&[der::oid(ECDSA_WITH_SHA256)]);
    let key_type = der::sequence(&[der::oid(EC_PUBLIC_KEY), der::oid(P256)]);
    let body = der::sequence(&[
        der::explicit(0, &der::integer(&[VERSION])),
        der::integer(content.serial),
        algorithm.clone(),
        name(content.issuer),
        der::sequence(&[moment(content.not_before)?, moment(content.not_after)?]),
        name(content.subject),
        der::sequence(&[key_type, der::bits(0, key.public_key().as_ref())]),
        der::explicit(3, &der::sequence(&extensions(content, key, signer))),
    ]);
    let signature = signer.sign_digest(&digest(&SHA256, &body));
    let signature = signature.map_err(|_| Error::bug("a certificate cannot be signed"))?;
    Ok(der::sequence(&[body, algorithm, der::bits(0, signature.as_ref())]))
}

fn extensions(content: &Content<'_>, key: &EcdsaKeyPair, signer: &EcdsaKeyPair) -> Vec<Vec<u8>> {
    let subject_key = extension(SUBJECT_KEY, &der::octets(&key_name(key)));
    let authority_key = extension(AUTHORITY_KEY, &der::sequence(&[der::implicit(0, &key_name(signer))]));
    match &content.purpose {
        // Signs certificates and lists of revoked ones, and no authority below itself.
        Purpose::Authority => vec![
            critical(CONSTRAINTS, &der::sequence(&[der::yes(), der::integer(&[0])])),
            critical(KEY_USAGE, &der::bits(1, &[0b0000_0110])),
            subject_key,
            authority_key,
        ],
        Purpose::Server(names) => vec![
            critical(KEY_USAGE, &der::bits(7, &[0b1000_0000])),
            extension(EXTENDED_KEY_USAGE, &der::sequence(&[der::oid(SERVER_AUTH)])),
            extension(SUBJECT_NAMES, &der::sequence(&names.iter().map(general_name).collect::<Vec<_>>())),
            subject_key,
            authority_key,
        ],
    }
}

fn extension(id: &[u8], value: &[u8]) -> Vec<u8> {
    der::sequence(&[der::oid(id), der::octets(value)])
}

fn critical(id: &[u8], value: &[u8]) -> Vec<u8> {
    der::sequence(&[der::oid(id), der::yes(), der::octets(value)])
}

fn general_name(name: &Name) -> Vec<u8> {
    match name {
        Name::Dns(name) => der::implicit(2, name.as_bytes()),
        Name::Ip(IpAddr::V4(address)) => der::implicit(7, &address.octets()),
        Name::Ip(IpAddr::V6(address)) => der::implicit(7, &address.octets()),
    }
}

fn key_name(key: &EcdsaKeyPair) -> Vec<u8> {
    digest(&SHA256, key.public_key().as_ref()).as_ref().iter().take(KEY_NAME_BYTES).copied().collect()
}

fn name(common: &str) -> Vec<u8> {
    let part = |id: &[u8], text: &str| der::set(&der::sequence(&[der::oid(id), der::text(text)]));
    der::sequence(&[part(ORGANIZATION, "Farshore"), part(COMMON_NAME, common)])
}

/// Years up to 2049 are written with two digits. (RFC 5280, "Validity".)
fn moment(moment: Timestamp) -> Result<Vec<u8>> {
    let shown = moment.to_string();
    let (seconds, _) = shown.split_once('.').ok_or_else(|| Error::invalid(format!("{shown} is out of range")))?;
    let digits: String = seconds.chars().filter(char::is_ascii_digit).collect();
    match digits.get(2..).filter(|_| ("1970".."2050").contains(&digits.get(..4).unwrap_or_default())) {
        Some(short) => Ok(der::utc_time(&format!("{short}Z"))),
        None => Ok(der::general_time(&format!("{digits}Z"))),
    }
}
