//! Certificates: one authority for each project, which signs the certificates of its services. What one project trusts, no other does.
//!
//! The authority's key lies sealed in the project's row. Keys are drawn by the cryptographic library itself, everything else comes from
//! what was passed in. A certificate that was made and lost in a crash does no harm: nobody has its key.

mod certificate;
mod der;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use farshore_store::projects;
use farshore_types::{Error, Result, ServiceId, Timestamp};
use serde::{Deserialize, Serialize};

use self::certificate::{Content, Name, Purpose};
use crate::Control;

/// Days that an authority is valid.
pub const AUTHORITY_DAYS: u32 = 3650;
/// Days that a server's certificate is valid.
pub const SERVER_DAYS: u32 = 730;
/// Certificates are valid from a little before they are made, for clients whose clocks are behind.
const BACKDATED: Duration = Duration::from_secs(3600);
/// Bytes of the longest name. (RFC 1035, "Size limits".)
const DNS_BYTES_MAX: usize = 253;
/// One day.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Random bytes of a serial number. (RFC 5280, "Serial Number": at most 20 bytes, positive.)
const SERIAL_BYTES: usize = 16;

/// A server's certificate. Printing it does not show the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// The certificate and the authority's behind it, PEM.
    pub certificate: String,
    /// The private key, PEM: secret.
    pub key: String,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Issued certificate and key")
    }
}

/// Characters of a line of PEM. (RFC 7468, "Textual Encoding".)
const LINE_CHARS: usize = 64;

/// What lies sealed in a project's row.
#[derive(Serialize, Deserialize)]
struct Authority {
    /// PEM.
    certificate: String,
    /// PKCS#8 in base64.
    key: String,
    not_after: Timestamp,
}

/// The certificate of a project's authority, PEM.
pub fn ca_certificate(control: &Control, project_id: &str) -> Result<String> {
    Ok(authority(control, project_id)?.certificate)
}

/// A new key and certificate for a service's server, for the addresses of this machine and for the one that clients use.
pub fn server_certificate(control: &Control, project_id: &str, service: &ServiceId) -> Result<Issued> {
    let authority = authority(control, project_id)?;
    let no_key = || Error::corrupt(format!("the key of the authority of project {project_id} is no key"));
    let signer = STANDARD.decode(&authority.key).map_err(|_| no_key())?;
    let signer = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &signer).map_err(|_| no_key())?;
    let now = control.clock.now();
    let key = new_key()?;
    let content = Content {
        subject: service.as_str(),
        issuer: project_id,
        serial: &serial(control)?,
        not_before: before(now),
        not_after: after(now, SERVER_DAYS).min(authority.not_after),
        purpose: Purpose::Server(&addresses(&control.settings.service_host)?),
    };
    let certificate = pem("CERTIFICATE", &certificate::signed(&content, &key, &signer)?);
    Ok(Issued { certificate: certificate + &authority.certificate, key: pem("PRIVATE KEY", &pkcs8(&key)?) })
}

/// A new authority, sealed for the row of its project.
pub(crate) fn new_authority(control: &Control, project_id: &str) -> Result<Vec<u8>> {
    let now = control.clock.now();
    let not_after = after(now, AUTHORITY_DAYS);
    let key = new_key()?;
    let content = Content {
        subject: project_id,
        issuer: project_id,
        serial: &serial(control)?,
        not_before: before(now),
        not_after,
        purpose: Purpose::Authority,
    };
    let certificate = pem("CERTIFICATE", &certificate::signed(&content, &key, &key)?);
    let authority = Authority { certificate, key: STANDARD.encode(pkcs8(&key)?), not_after };
    let bytes = serde_json::to_vec(&authority).map_err(|_| Error::bug("an authority does not encode as JSON"))?;
    control.seal.close(&owner(project_id), &bytes, control.entropy.as_ref())
}

fn authority(control: &Control, project_id: &str) -> Result<Authority> {
    let project = control.store.read(|tx| projects::get(tx, project_id))?;
    let sealed = project.and_then(|project| project.secrets);
    let sealed = sealed.ok_or_else(|| Error::missing(format!("project {project_id} has no certificate authority")))?;
    let bytes = control.seal.open(&owner(project_id), &sealed)?;
    serde_json::from_slice(&bytes)
        .map_err(|_| Error::corrupt(format!("the authority of project {project_id} is no JSON")))
}

/// To whom the sealed bytes belong.
fn owner(project_id: &str) -> String {
    format!("project/{project_id}")
}

fn addresses(service_host: &str) -> Result<Vec<Name>> {
    let mut addresses = vec![
        Name::Dns("localhost".to_string()),
        Name::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        Name::Ip(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ];
    let host = match service_host.parse() {
        Ok(address) => Name::Ip(address),
        Err(_) => Name::Dns(service_host.to_string()),
    };
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if matches!(&host, Name::Dns(name) if name.is_empty() || name.len() > DNS_BYTES_MAX || !name.chars().all(in_name)) {
        let what = format!("{service_host:?} cannot stand in a certificate");
        return Err(Error::invalid(what).hint("use a DNS name or an address"));
    }
    if !addresses.contains(&host) {
        addresses.push(host);
    }
    Ok(addresses)
}

fn serial(control: &Control) -> Result<[u8; SERIAL_BYTES]> {
    let mut bytes = [0; SERIAL_BYTES];
    control.entropy.fill(&mut bytes)?;
    // Positive, and never shorter.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(bytes)
}

fn new_key() -> Result<EcdsaKeyPair> {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| Error::transient("no key could be made"))
}

fn pkcs8(key: &EcdsaKeyPair) -> Result<Vec<u8>> {
    Ok(key.to_pkcs8v1().map_err(|_| Error::bug("a key does not encode as PKCS#8"))?.as_ref().to_vec())
}

fn pem(label: &str, bytes: &[u8]) -> String {
    let encoded = STANDARD.encode(bytes);
    let mut text = format!("-----BEGIN {label}-----");
    for (at, c) in encoded.chars().enumerate() {
        if at % LINE_CHARS == 0 {
            text.push('\n');
        }
        text.push(c);
    }
    text + &format!("\n-----END {label}-----\n")
}

fn before(moment: Timestamp) -> Timestamp {
    moment.plus_micros(i64::try_from(BACKDATED.as_micros()).map_or(0, i64::wrapping_neg))
}

fn after(moment: Timestamp, days: u32) -> Timestamp {
    moment.plus_micros(i64::try_from((DAY * days).as_micros()).unwrap_or(i64::MAX))
}
