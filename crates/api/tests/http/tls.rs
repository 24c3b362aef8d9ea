//! TLS with a certificate of our own making.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use farshore_api::TlsFiles;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::client::Client;
use crate::site::{settings, start};

fn write(folder: &Path) -> (TlsFiles, RootCertStore) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
    let files = TlsFiles { certificates: folder.join("cert.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.certificates, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    (files, roots)
}

#[test]
fn a_client_that_trusts_the_certificate_is_served_and_plain_http_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (files, roots) = write(folder.path());
    let mut settings = settings();
    settings.tls = Some(files);
    settings.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let server = start(settings).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], server.address().port()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let connection = ClientConnection::new(config, ServerName::try_from("localhost").unwrap()).unwrap();
    let stream = StreamOwned::new(connection, TcpStream::connect(address).unwrap());
    let mut client = Client::over(stream);
    for _ in 0..2 {
        let reply = client.ask("GET", "/v1/project/main/echo/x", &[("authorization", "good")], b"");
        assert_eq!(reply.status, 200);
    }
    let mut plain = Client::connect(address);
    plain.send(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let alert = 21;
    let mut first = [0];
    assert!(plain.raw(&mut first) == 0 || first == [alert], "no HTTP is spoken: {first:?}");
}

#[test]
fn files_that_are_wrong_or_do_not_belong_together_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let (good, _) = write(folder.path());
    let (stranger, _) = write(other.path());
    let check = |certificates: &Path, key: &Path, part: &str| {
        let mut settings = settings();
        settings.tls = Some(TlsFiles { certificates: certificates.to_path_buf(), key: key.to_path_buf() });
        let error = start(settings).err().unwrap().to_string();
        assert!(error.contains(part) && !error.contains("BEGIN"), "{error}");
    };
    check(&folder.path().join("absent"), &good.key, "absent");
    check(&good.key, &good.key, "no certificate");
    check(&good.certificates, &good.certificates, "no private key");
    check(&good.certificates, &stranger.key, "does not fit the certificate");
}
