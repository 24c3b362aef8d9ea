//! TLS from PEM files: certificate chain and key, read once at start.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Where the server's certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by those that lead to its root; PEM.
    pub certificates: PathBuf,
    /// Its private key; PEM (PKCS#8, PKCS#1 or SEC1).
    pub key: PathBuf,
}

/// Reads the files. Fails if they are no PEM or do not belong together.
pub fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor> {
    let certificates = read(&files.certificates)?;
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&certificates)
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| wrong(&files.certificates, &error))?;
    if certificates.is_empty() {
        return Err(wrong(&files.certificates, &"no certificate"));
    }
    // The text of a parser's error about a key could quote the key, so only the file is named.
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?).map_err(|_| wrong(&files.key, &"no private key"))?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::bug(format!("the TLS library offers no version: {error}")))?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| wrong(&files.key, &format!("it does not fit the certificate: {error}")))?;
    let mut config = config;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).doing("read", path.display())
}

fn wrong(path: &Path, what: &dyn std::fmt::Display) -> Error {
    Error::invalid(format!("{}: {what}", path.display())).hint("give --tls-cert and --tls-key as PEM files")
}
