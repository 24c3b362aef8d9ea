//! The Host header: only names of this server are answered.
//!
//! A page in a browser can make a name of its own point to this machine, and would then talk to us as if it were of our
//! origin (DNS rebinding). Such a request carries the page's name, so it is refused before any route is looked for.

use std::net::IpAddr;

use axum::http::{HeaderMap, StatusCode, Uri, header};

use crate::failure::Failure;

/// Characters of a foreign name that an error shows.
const SHOWN_CHARS_MAX: usize = 64;

/// Refuses a request that was meant for somebody else. `local` is the address at which the connection arrived.
pub fn check(headers: &HeaderMap, uri: &Uri, names: &[String], local: IpAddr) -> Result<(), Failure> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(Failure::new(StatusCode::BAD_REQUEST, "A request needs exactly one Host header").and_close());
    };
    let host = host.to_str().unwrap_or_default();
    let target = uri.authority().map(|authority| authority.as_str());
    match [Some(host), target].into_iter().flatten().find(|host| !is_ours(host, names, local)) {
        None => Ok(()),
        Some(foreign) => {
            let shown: String = foreign.chars().take(SHOWN_CHARS_MAX).collect();
            let message =
                format!("This server has no name {shown:?}. Use its address, or add the name to its settings.");
            Err(Failure::new(StatusCode::MISDIRECTED_REQUEST, message).and_close())
        }
    }
}

fn is_ours(host: &str, names: &[String], local: IpAddr) -> bool {
    let Some(name) = without_port(host) else { return false };
    match name.parse::<IpAddr>() {
        Ok(address) => address.to_canonical() == local.to_canonical() || address.is_loopback(),
        Err(_) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name.eq_ignore_ascii_case("localhost") || names.iter().any(|known| known.eq_ignore_ascii_case(name))
        }
    }
}

/// The name or address without port and brackets; `None` if it is malformed.
fn without_port(host: &str) -> Option<&str> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            (address, rest.strip_prefix(':').or(rest.is_empty().then_some("0"))?)
        }
        None => host.split_once(':').unwrap_or((host, "0")),
    };
    (port.parse::<u16>().is_ok() && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_and_addresses_of_this_server_are_ours() {
        let names = ["db.example.org".to_string()];
        let check = |host: &str, expect: bool| {
            assert_eq!(is_ours(host, &names, IpAddr::from([192, 0, 2, 7])), expect, "{host:?}");
        };
        for ours in ["localhost", "LOCALHOST:8321", "localhost.", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:8321"] {
            check(ours, true);
        }
        for ours in ["192.0.2.7", "192.0.2.7:8321", "[::ffff:192.0.2.7]", "db.example.org", "DB.example.org:443"] {
            check(ours, true);
        }
        for foreign in
            ["", "evil.example", "localhost.evil.example", "192.0.2.8", "0.0.0.0", "[::]", "::1", "[::1", "[x]"]
        {
            check(foreign, false);
        }
        for foreign in ["localhost:x", "localhost:99999", "127.0.0.1.evil.example", "user@localhost", "[::1]x"] {
            check(foreign, false);
        }
    }

    #[test]
    fn no_host_two_hosts_and_a_foreign_target_are_refused() {
        let ask = |hosts: &[&str], uri: &str| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, host.parse().unwrap());
            }
            check(&headers, &uri.parse().unwrap(), &[], IpAddr::from([127, 0, 0, 1])).map_err(|f| f.status().as_u16())
        };
        assert_eq!(ask(&["localhost"], "/v1/me"), Ok(()));
        assert_eq!(ask(&["localhost"], "http://localhost:8321/v1/me"), Ok(()));
        assert_eq!(ask(&[], "/v1/me"), Err(400));
        assert_eq!(ask(&["localhost", "localhost"], "/v1/me"), Err(400));
        assert_eq!(ask(&["evil.example"], "/v1/me"), Err(421));
        assert_eq!(ask(&["localhost"], "http://evil.example/v1/me"), Err(421));
    }
}
