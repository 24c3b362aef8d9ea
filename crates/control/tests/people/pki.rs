//! Certificates, judged by clients that know nothing of us.

use std::io::{Read, Write};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use farshore_control::pki::{self, Issued};
use farshore_control::projects::{self, NewProject};
use farshore_types::{ServiceId, Timestamp};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use crate::support::{ADMIN, Platform, platform, project_id};

#[derive(Debug)]
struct At(Timestamp);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_micros(u64::try_from(self.0.micros()).unwrap())))
    }
}

fn service() -> ServiceId {
    "db-0123456789abcdef".parse().unwrap()
}

fn issued(platform: &Platform, project: &str) -> (String, Issued) {
    let id = project_id(&platform.control, project);
    let authority = pki::ca_certificate(&platform.control, &id).unwrap();
    (authority, pki::server_certificate(&platform.control, &id, &service()).unwrap())
}

/// Shakes hands as a client that trusts one authority, with a server; the bytes stay in memory.
fn shake_hands(authority: &str, issued: &Issued, host: &str, now: Timestamp) -> Result<(), rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let client = ClientConfig::builder_with_details(provider.clone(), Arc::new(At(now)))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let chain = CertificateDer::pem_slice_iter(issued.certificate.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    let name = ServerName::try_from(host.to_string()).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name)?;
    let mut server = ServerConnection::new(Arc::new(server))?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut bytes = Vec::new();
        server.write_tls(&mut bytes).unwrap();
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    client.writer().write_all(b"hello").unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    server.read_tls(&mut bytes.as_slice()).unwrap();
    server.process_new_packets()?;
    let mut heard = [0; 5];
    server.reader().read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"hello");
    Ok(())
}

#[test]
fn a_client_that_trusts_the_project_connects_by_every_address_and_to_no_other_project() {
    let platform = platform();
    let now = platform.control.clock.now();
    let (authority, server) = issued(&platform, "main");
    for host in ["localhost", "127.0.0.1", "::1", "db.example.org"] {
        shake_hands(&authority, &server, host, now).unwrap_or_else(|error| panic!("{host}: {error}"));
    }
    assert!(shake_hands(&authority, &server, "other.example.org", now).is_err());
    projects::create(&platform.control, ADMIN, &NewProject { name: "lab".to_string(), ..NewProject::default() })
        .unwrap();
    let (foreign, _) = issued(&platform, "lab");
    assert!(shake_hands(&foreign, &server, "localhost", now).is_err());
}

#[test]
fn a_certificate_lasts_two_years_and_its_authority_ten() {
    let platform = platform();
    let now = platform.control.clock.now();
    let day = |days: i64| now.plus_micros(days * 24 * 3600 * 1_000_000);
    let (authority, server) = issued(&platform, "main");
    let works = |server: &Issued, moment: Timestamp| shake_hands(&authority, server, "localhost", moment).is_ok();
    assert!(works(&server, now.plus_micros(-3_500_000_000)) && works(&server, day(729)));
    assert!(!works(&server, day(731)) && !works(&server, day(-1)));
    platform.clock.pass(3649 * 24 * 3600);
    let (same, late) = issued(&platform, "main");
    assert_eq!(same, authority);
    // Never longer than whoever signed it.
    assert!(works(&late, day(3649)) && !works(&late, day(3651)));
}

#[test]
fn no_two_certificates_share_a_key_or_a_serial_number_and_printing_one_shows_no_key() {
    let platform = platform();
    let ((_, one), (_, two)) = (issued(&platform, "main"), issued(&platform, "main"));
    assert_ne!(one.key, two.key);
    assert_ne!(one.certificate, two.certificate);
    assert!(one.key.starts_with("-----BEGIN PRIVATE KEY-----"));
    assert!(!format!("{one:?}").contains("BEGIN"));
}

#[test]
fn openssl_accepts_the_chain() {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("skipped: no openssl on this machine");
        return;
    }
    let platform = platform();
    let (authority, server) = issued(&platform, "main");
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let seconds = (platform.control.clock.now().micros() / 1_000_000).to_string();
    let output = Command::new("openssl")
        .args(["verify", "-x509_strict", "-purpose", "sslserver", "-verify_ip", "127.0.0.1", "-attime", &seconds])
        .arg("-CAfile")
        .arg(write("ca.pem", &authority))
        .arg(write("server.pem", &server.certificate))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
