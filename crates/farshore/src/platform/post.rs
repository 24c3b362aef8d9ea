//! Hands letters to a mail server over SMTP, one connection for each.

use std::time::Duration;

use farshore_control::notifications::{Letter, Post};
use farshore_types::error::ErrorContext;
use farshore_types::{Error, Result};
use lettre::address::Address;
use lettre::message::{Mailbox, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport};

use super::config::{Encryption, Mail};
use crate::password_file;

/// How long the server may take for each of its answers.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// No such mailbox, no such host, not an address, moved away, no mail there, switched off. (RFC 3463, "Enumerated status codes"; RFC 7505.)
const NO_MAILBOX: [&str; 6] = ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"];
/// Bytes of certificates that are read.
const CA_BYTES_MAX: u64 = 4 << 20;

/// A mail server.
pub struct Smtp {
    mail: Mail,
}

impl Smtp {
    /// Connects to nothing yet.
    pub fn new(mail: Mail) -> Smtp {
        Smtp { mail }
    }

    /// Password and certificates are read anew for each letter: they may be renewed while the platform runs.
    fn transport(&self) -> Result<SmtpTransport> {
        let mail = &self.mail;
        let builder = SmtpTransport::builder_dangerous(&mail.host).port(mail.port).timeout(Some(ANSWER_MAX));
        let builder = match mail.encryption {
            Encryption::None => builder.tls(Tls::None),
            Encryption::StartTls => builder.tls(Tls::Required(self.trusted()?)),
            Encryption::Tls => builder.tls(Tls::Wrapper(self.trusted()?)),
        };
        let builder = match &mail.login {
            Some((user, file)) => builder.credentials(Credentials::new(user.clone(), password_file::read(file)?)),
            None => builder,
        };
        Ok(builder.build())
    }

    /// What the machine trusts, or only the certificates of one file.
    fn trusted(&self) -> Result<TlsParameters> {
        let builder = TlsParameters::builder(self.mail.host.clone());
        let Some(file) = &self.mail.ca_file else {
            return builder.build().map_err(|error| Error::transient(format!("no TLS: {error}")));
        };
        let size = std::fs::metadata(file).doing("look at", file.display())?.len();
        if size > CA_BYTES_MAX {
            return Err(Error::transient(format!(
                "{} has {size} bytes, at most {CA_BYTES_MAX} are read",
                file.display()
            )));
        }
        let pem = std::fs::read(file).doing("read", file.display())?;
        let unusable =
            |error| Error::transient(format!("the certificates in {} are not usable: {error}", file.display()));
        let roots = Certificate::from_pem(&pem).map_err(unusable)?;
        let builder = builder.certificate_store(CertificateStore::None).add_root_certificate(roots);
        builder.build().map_err(unusable)
    }
}

impl Post for Smtp {
    fn send(&self, id: &str, letter: &Letter) -> Result<()> {
        let message = message(&self.mail.from, id, letter)?;
        let server = format!("{}:{}", self.mail.host, self.mail.port);
        // A file that is missing or wrong now may be right at the next try.
        let transport = self.transport().map_err(|error| Error::transient(error.to_string()))?;
        transport.send(&message).map(drop).map_err(|error| {
            let text = format!("the mail server {server}: {}", chain(&error));
            match error.is_permanent() && is_about_recipient(&text) {
                true => Error::invalid(text),
                false => Error::transient(text),
            }
        })
    }
}

/// Only what is said about the address itself is final; a server that refuses us, our sender, or everybody may be set up better tomorrow.
fn is_about_recipient(text: &str) -> bool {
    text.split_whitespace().any(|word| NO_MAILBOX.contains(&word))
}

fn message(from: &str, id: &str, letter: &Letter) -> Result<Message> {
    let mailbox = |address: &str| {
        let parsed = address.parse::<Address>();
        parsed
            .map(|address| Mailbox::new(None, address))
            .map_err(|error| Error::invalid(format!("{address:?}: {error}")))
    };
    let sender = mailbox(from)?;
    let domain = sender.email.domain().to_string();
    Message::builder()
        .from(sender)
        .to(mailbox(&letter.to)?)
        .subject(&letter.subject)
        .message_id(Some(format!("<{id}@{domain}>")))
        // Out-of-office answers are not for a program. (RFC 3834, "The Auto-Submitted header field".)
        .header(AutoSubmitted)
        .header(header::ContentType::TEXT_PLAIN)
        .body(letter.text.clone())
        .map_err(|error| Error::invalid(format!("a letter cannot be made: {error}")))
}

/// The error with its causes: the first alone says too little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let words = next.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = next.source();
    }
    text
}

#[derive(Clone)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> std::result::Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(AutoSubmitted)
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-generated".to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_mailbox_that_is_not_there_is_final() {
        for (text, expect) in [
            ("permanent error (550): 5.1.1 no such mailbox", true),
            ("permanent error (556): 5.1.10 takes no mail", true),
            ("permanent error (550): 5.7.1 relaying denied", false),
            ("permanent error (554): your address 5.1.1.7 is on a list", false),
            ("permanent error (553): sender is not allowed", false),
            ("permanent error (535): 5.7.8 no such user", false),
        ] {
            assert_eq!(is_about_recipient(text), expect, "{text}");
        }
    }
}
