//! Certificates: one authority for each project, which signs the certificates of its services. What one project trusts, no other does.
//!
//! The authority's key lies sealed in the project's row. Keys are drawn by the cryptographic library itself, everything else comes from
//! what was passed in. A certificate that was made and lost in a crash does no harm: nobody has its key.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use farshore_store::projects;
use farshore_types::{Error, Result, ServiceId, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber, date_time_ymd,
};
use serde::{Deserialize, Serialize};

use crate::Control;

/// Days that an authority is valid.
pub const AUTHORITY_DAYS: u32 = 3650;
/// Days that a server's certificate is valid.
pub const SERVER_DAYS: u32 = 730;
/// Certificates are valid from a little before they are made, for clients whose clocks are behind.
const BACKDATED: Duration = Duration::from_secs(3600);
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

/// What lies sealed in a project's row.
#[derive(Serialize, Deserialize)]
struct Authority {
    certificate: String,
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
    let signing =
        KeyPair::from_pem(&authority.key).map_err(|_| Error::corrupt("the key of a project's authority is no key"))?;
    let issuer = Issuer::new(authority_params(project_id), signing);
    let mut params = CertificateParams::default();
    params.distinguished_name = name(service.as_str());
    params.subject_alt_names = addresses(&control.settings.service_host)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.serial_number = Some(serial(control)?);
    let now = control.clock.now();
    params.not_before = date_time_ymd(1970, 1, 1) + since_1970(before(now));
    params.not_after = date_time_ymd(1970, 1, 1) + since_1970(after(now, SERVER_DAYS).min(authority.not_after));
    let key = new_key()?;
    let certificate =
        params.signed_by(&key, &issuer).map_err(|error| failed("sign the certificate of a server", &error))?;
    Ok(Issued { certificate: certificate.pem() + &authority.certificate, key: key.serialize_pem() })
}

/// A new authority, sealed for the row of its project.
pub(crate) fn new_authority(control: &Control, project_id: &str) -> Result<Vec<u8>> {
    let now = control.clock.now();
    let not_after = after(now, AUTHORITY_DAYS);
    let mut params = authority_params(project_id);
    params.serial_number = Some(serial(control)?);
    params.not_before = date_time_ymd(1970, 1, 1) + since_1970(before(now));
    params.not_after = date_time_ymd(1970, 1, 1) + since_1970(not_after);
    let key = new_key()?;
    let certificate =
        params.self_signed(&key).map_err(|error| failed("sign the certificate of an authority", &error))?;
    let authority = Authority { certificate: certificate.pem(), key: key.serialize_pem(), not_after };
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

/// What is the same in the authority's own certificate and wherever it signs.
fn authority_params(project_id: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name(project_id);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Farshore");
    name.push(DnType::CommonName, common);
    name
}

fn addresses(service_host: &str) -> Result<Vec<SanType>> {
    let mut addresses = vec![
        dns("localhost")?,
        SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ];
    let host = match service_host.parse() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => dns(service_host)?,
    };
    if !addresses.contains(&host) {
        addresses.push(host);
    }
    Ok(addresses)
}

fn dns(name: &str) -> Result<SanType> {
    let wrong =
        |_| Error::invalid(format!("{name:?} cannot stand in a certificate")).hint("use a DNS name or an address");
    Ok(SanType::DnsName(name.try_into().map_err(wrong)?))
}

fn serial(control: &Control) -> Result<SerialNumber> {
    let mut bytes = [0; SERIAL_BYTES];
    control.entropy.fill(&mut bytes)?;
    // Positive, and never shorter.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn new_key() -> Result<KeyPair> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| failed("make a key", &error))
}

fn before(moment: Timestamp) -> Timestamp {
    moment.plus_micros(i64::try_from(BACKDATED.as_micros()).map_or(0, i64::wrapping_neg))
}

fn after(moment: Timestamp, days: u32) -> Timestamp {
    moment.plus_micros(i64::try_from((DAY * days).as_micros()).unwrap_or(i64::MAX))
}

/// The time since 1970: the calendar that certificates are written with is the library's own.
fn since_1970(moment: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(moment.micros() / 1_000_000).unwrap_or(0))
}

fn failed(doing: &str, error: &rcgen::Error) -> Error {
    Error::bug(error.to_string()).context(doing, "with P-256")
}
