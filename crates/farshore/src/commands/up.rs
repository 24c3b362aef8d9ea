//! `farshore up`: a whole platform on this machine, in the foreground, until a signal comes. Databases run on.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use farshore_api::TlsFiles;
use farshore_control::bootstrap::FIRST_PROJECT;
use farshore_types::{Clock, Error, Result};
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::UpArgs;
use crate::output;
use crate::platform::{self, Config, Listen, Place, Platform};

/// Runs until a signal comes.
pub fn run(args: &UpArgs, as_json: bool, clock: &Arc<dyn Clock>) -> Result<ExitCode> {
    let place = Place::of(args.data.as_deref())?;
    let listen = listen(args);
    platform::must_be_protected(&listen)?;
    let config = Config::read(args.config.as_deref(), &place)?;
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(|error| Error::io(error, "listen for", "signals"))?;
    let host = platform::host(clock)?;
    let secure = listen.tls.is_some();
    let platform = Platform::start(&place, &config, listen, &host)?;
    let url = url(platform.address(), secure, &config.names);
    place.tell_address(&url)?;
    announce(&place, &url, as_json);
    signals.forever().next();
    // The second signal ends the process at once, which loses nothing but time.
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next()
            && let Err(error) = signal_hook::low_level::emulate_default_handler(signal)
        {
            tracing::error!(%error, "the second signal did not end the process");
        }
    });
    place.forget_address()?;
    platform.stop();
    if !as_json {
        output::say("Stopped. Databases run on; the next `farshore up` finds them, `farshore down` stops them.");
    }
    Ok(ExitCode::SUCCESS)
}

fn listen(args: &UpArgs) -> Listen {
    let files = args.tls_cert.clone().zip(args.tls_key.clone());
    let tls = files.map(|(certificates, key)| TlsFiles { certificates, key });
    Listen { address: args.listen, tls, insecure: args.insecure }
}

/// How clients reach the API: by a name if there is one that its certificate could hold, else by the address.
fn url(address: SocketAddr, secure: bool, names: &[String]) -> String {
    let scheme = if secure { "https" } else { "http" };
    match names.first() {
        Some(name) if secure || address.ip().is_unspecified() => format!("{scheme}://{name}:{}", address.port()),
        _ if address.ip().is_unspecified() => format!("{scheme}://localhost:{}", address.port()),
        _ => format!("{scheme}://{address}"),
    }
}

/// Says that the platform is ready, and how to go on.
fn announce(place: &Place, url: &str, as_json: bool) {
    let token = place.admin_token();
    let recovery = Some(place.recovery_key()).filter(|path| path.exists());
    if as_json {
        output::json(&json!({
            "url": url,
            "data": place.root(),
            "project": FIRST_PROJECT,
            "user": platform::ADMINISTRATOR,
            "token_file": token,
            "recovery_key": recovery,
        }));
        return;
    }
    output::say(&format!("Farshore is ready at {url}; its data is in {}.", place.root().display()));
    output::say(&format!("  export AIVEN_WEB_URL={url}"));
    output::say(&format!("  export AIVEN_AUTH_TOKEN=\"$(cat '{}')\"", token.display()));
    output::say(&format!("  export AIVEN_PROJECT={FIRST_PROJECT}"));
    if let Some(recovery) = recovery {
        output::say("The recovery key opens every backup, also when this machine is gone. Move it away from here now:");
        output::say(&format!("  {}", recovery.display()));
    }
    output::say("Ctrl-C stops the platform; databases run on.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_one_that_clients_can_use() {
        let names = ["db.example.org".to_string()];
        for (address, secure, names, expect) in [
            ("127.0.0.1:8321", false, &[][..], "http://127.0.0.1:8321"),
            ("127.0.0.1:8321", false, &names[..], "http://127.0.0.1:8321"),
            ("[::1]:80", false, &[], "http://[::1]:80"),
            ("0.0.0.0:80", false, &[], "http://localhost:80"),
            ("0.0.0.0:80", false, &names, "http://db.example.org:80"),
            ("192.0.2.1:443", true, &names, "https://db.example.org:443"),
        ] {
            assert_eq!(url(address.parse().unwrap(), secure, names), expect);
        }
    }
}
