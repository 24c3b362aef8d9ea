//! `[smtp]`: the mail server, and what can be checked of it before any letter is sent.

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::faults::Fault;
use super::raw::{Encryption, Smtp};

/// The port on which encryption begins with the first byte. (RFC 8314, "Implicit TLS for SMTP Submission".)
const TLS_PORT: u16 = 465;

/// How letters are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The mail server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The sender.
    pub from: String,
    /// As whom to log in, and the file with the password, which is read for each letter.
    pub login: Option<(String, PathBuf)>,
    /// How the connection is encrypted.
    pub encryption: Encryption,
    /// Certificates that are trusted, in place of those that the machine trusts.
    pub ca_file: Option<PathBuf>,
}

impl Mail {
    /// Encrypted unless the server is on this machine, or it is asked not to be; a password is never sent without.
    pub(super) fn of(raw: Smtp) -> Result<Mail, Fault> {
        let port = u16::try_from(raw.port.0).unwrap_or(u16::MAX);
        let here = is_here(&raw.host.0);
        let usual = match port {
            TLS_PORT => Encryption::Tls,
            _ if here => Encryption::None,
            _ => Encryption::StartTls,
        };
        let encryption = raw.encryption.as_ref().map_or(usual, |asked| *asked.get_ref());
        if let (Some(user), Encryption::None, false) = (&raw.user, encryption, here) {
            let message =
                "the password would be sent without encryption, allowed is encryption = \"starttls\" or \"tls\"";
            return Err(Fault { span: user.span(), message: message.to_string() });
        }
        if let Some((file, Err(error))) = raw.ca_file.as_ref().map(|file| (file, std::fs::metadata(file.get_ref()))) {
            let message = format!("{} cannot be read: {error}", file.get_ref().display());
            return Err(Fault { span: file.span(), message });
        }
        let login = login(&raw)?;
        let ca_file = raw.ca_file.map(toml::Spanned::into_inner);
        Ok(Mail { host: raw.host.0, port, from: raw.from.0, login, encryption, ca_file })
    }
}

/// Whether what is sent there does not leave the machine.
fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn login(raw: &Smtp) -> Result<Option<(String, PathBuf)>, Fault> {
    let fault = |span: std::ops::Range<usize>, message: String| Err(Fault { span, message });
    match (&raw.user, &raw.password_file) {
        (None, None) => Ok(None),
        (Some(user), None) => fault(user.span(), "a user needs a password_file".to_string()),
        (None, Some(file)) => fault(file.span(), "a password_file needs a user".to_string()),
        (Some(user), Some(file)) => match std::fs::metadata(file.get_ref()) {
            Err(error) => fault(file.span(), format!("{} cannot be read: {error}", file.get_ref().display())),
            Ok(status) if status.permissions().mode() & 0o077 != 0 => {
                let path = file.get_ref().display();
                fault(file.span(), format!("others can read {path}, allowed is mode 0600"))
            }
            Ok(_) => Ok(Some((user.get_ref().0.clone(), file.get_ref().clone()))),
        },
    }
}
