//! TLS with certificates that sign themselves, for `localhost` and a hundred years. Made with
//! `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=localhost
//! -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE`.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use farshore_api::TlsFiles;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::client::Client;
use crate::site::{settings, start};

fn files(name: &str) -> TlsFiles {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http/tls");
    TlsFiles { certificates: folder.join(format!("{name}.crt")), key: folder.join(format!("{name}.key")) }
}

fn trusting(files: &TlsFiles) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&files.certificates).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

#[test]
fn a_client_that_trusts_the_certificate_is_served_and_plain_http_is_not() {
    let files = files("server");
    let config = trusting(&files);
    let mut settings = settings();
    settings.tls = Some(files);
    settings.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let server = start(settings).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], server.address().port()));
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
    let (good, stranger) = (files("server"), files("stranger"));
    let check = |certificates: &Path, key: &Path, part: &str| {
        let mut settings = settings();
        settings.tls = Some(TlsFiles { certificates: certificates.to_path_buf(), key: key.to_path_buf() });
        let error = start(settings).err().unwrap().to_string();
        assert!(error.contains(part) && !error.contains("BEGIN"), "{error}");
    };
    check(Path::new("/absent.crt"), &good.key, "/absent.crt");
    check(&good.key, &good.key, "no certificate");
    check(&good.certificates, &good.certificates, "no private key");
    check(&good.certificates, &stranger.key, "does not fit the certificate");
}
