//! Letters through a real mail server: encrypted or not at all, with a login, refused, and after the platform was killed.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use super::support::{World, program, refused, succeeds, wait_until};

/// A mail server of `tests/mail/sink.py`, and what it got.
struct Sink {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Sink {
    fn start(world: &World, name: &str, args: &[&str]) -> Option<Sink> {
        let Some(python) = std::env::var_os("FARSHORE_TEST_PYTHON") else {
            assert!(std::env::var_os("CI").is_none(), "no Python with aiosmtpd is here");
            return None;
        };
        let folder = world.path(name);
        fs::create_dir(&folder).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/mail/sink.py");
        let log = fs::File::create(folder.join("log")).unwrap();
        let mut command = Command::new(python);
        command.arg(script).arg(&folder).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Sink { child, port: line.trim().parse().unwrap(), folder })
    }

    /// What it has taken, in that order.
    fn letters(&self) -> Vec<String> {
        let path = |number: usize| self.folder.join(format!("{number}.eml"));
        (1..).map_while(|number| fs::read_to_string(path(number)).ok()).collect()
    }

    fn ca_file(&self) -> String {
        format!("ca_file = \"{}\"\n", self.folder.join("ca.pem").display())
    }

    fn smtp(&self, rest: &str) -> String {
        format!("[smtp]\nhost = \"localhost\"\nport = {}\nfrom = \"farshore@example.org\"\n{rest}", self.port)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn secret(world: &World, name: &str, text: &str) -> PathBuf {
    let file = world.write(name, text);
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    file
}

fn mail_test(world: &World, settings: &str) -> Command {
    let file = world.write("mail.toml", settings);
    let mut command = program();
    command.arg("mail-test").arg("--config").arg(file).args(["--to", "dora@example.org"]);
    command
}

#[test]
fn a_letter_goes_out_encrypted_and_with_a_login_or_not_at_all() {
    let world = World::new();
    let password = secret(&world, "password", "hush-hush\n");
    let login = format!("user = \"farshore\"\npassword_file = \"{}\"\n", password.display());
    for tls in ["starttls", "tls"] {
        let args = ["--tls", tls, "--login", "farshore:hush-hush"];
        let Some(sink) = Sink::start(&world, tls, &args) else { return };
        let encrypted = format!("encryption = \"{tls}\"\n");
        let good = sink.smtp(&format!("{encrypted}{login}{}", sink.ca_file()));
        let told = succeeds(&mut mail_test(&world, &good));
        assert!(told.contains(&format!("localhost:{} has accepted a letter to dora@example.org", sink.port)), "{told}");
        let letter = sink.letters().remove(0);
        assert!(letter.starts_with("X-Got: tls farshore farshore@example.org dora@example.org\r\n"), "{letter}");
        // Not a certificate that the machine trusts.
        let error = refused(&mut mail_test(&world, &sink.smtp(&format!("{encrypted}{login}"))));
        assert!(error.to_lowercase().contains("certificate") && error.contains("localhost"), "{error}");
        let wrong = secret(&world, "wrong", "guess-guess\n");
        let error = refused(&mut mail_test(&world, &good.replace(password.to_str().unwrap(), wrong.to_str().unwrap())));
        assert!(error.contains("535") && !error.contains("guess-guess"), "{error}");
        assert_eq!(sink.letters().len(), 1);
    }
    let sink = Sink::start(&world, "plain", &[]).unwrap();
    let error = refused(&mut mail_test(&world, &sink.smtp(&format!("encryption = \"starttls\"\n{}", sink.ca_file()))));
    assert!(error.contains("TLS"), "a server that cannot encrypt gets nothing: {error}");
    assert!(sink.letters().is_empty());
    let told = succeeds(mail_test(&world, &sink.smtp("")).arg("--json"));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&told).unwrap()["accepted"], true);
    let error = refused(&mut mail_test(&world, "[limits]\nlease_s = 5\n"));
    assert!(error.contains("has no [smtp]"), "{error}");
}

#[test]
fn an_invitation_reaches_whoever_is_invited_also_when_the_platform_is_killed_behind_it() {
    let world = World::new();
    let Some(sink) = Sink::start(&world, "sink", &["--refuse", "nobody@example.org"]) else { return };
    let settings = world.write("farshore.toml", &sink.smtp(""));
    let config = ["--config", settings.to_str().unwrap()];
    let up = world.up_with(&config);
    let invite = |up: &super::support::Up, email: &str| {
        let body = format!(r#"{{"user_email":"{email}","member_type":"developer"}}"#);
        let (status, text) = up.ask("POST", "/v1/project/main/invite", &body);
        assert_eq!(status, 200, "{text}");
    };
    invite(&up, "dora@example.org");
    wait_until("the invitation", || sink.letters().len() == 1);
    let letter = sink.letters().remove(0);
    for part in [
        "X-Got: plain - farshore@example.org dora@example.org\r\n",
        "From: farshore@example.org\r\n",
        "To: dora@example.org\r\n",
        "Subject: Farshore main: you are invited\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "@example.org>\r\n",
        "Invited dora@example.org with the role developer.\r\n",
        "Project: main\r\n",
    ] {
        assert!(letter.contains(part), "{part:?} is not in {letter}");
    }
    // Killed at once: the event is there, so the letter is on its way.
    invite(&up, "kim@example.org");
    assert!(!up.end(Signal::KILL));
    let up = world.up_with(&config);
    wait_until("the invitation of before", || {
        sink.letters().iter().any(|letter| letter.contains("To: kim@example.org"))
    });
    // Refused for good: the project's owner is told, and its events say so.
    invite(&up, "nobody@example.org");
    wait_until("the owner is told", || sink.letters().iter().any(|letter| letter.contains("a letter could not be")));
    let told = sink.letters().pop().unwrap();
    assert!(told.contains("To: admin@localhost\r\n") && told.contains("nobody@example.org"), "{told}");
    let events = up.get("/v1/project/main/events").1;
    assert!(events.contains("project_mail_failed") && events.contains("no such mailbox"), "{events}");
    assert!(up.end(Signal::TERM));
}
