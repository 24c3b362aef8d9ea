//! Which role may use which route: the table of routes against the table of permissions, as text that a snapshot holds.

use std::fmt::Write;

use farshore_types::access::Role;

use crate::route::{Access, Route};

/// One line for each route: method, pattern, what it needs, and the first letters of the roles that have it
/// (`-` for the others), in the order of [`Role::ALL`].
pub fn matrix(routes: &[Route]) -> String {
    let mut text = String::new();
    for route in routes {
        let (needs, roles) = match route.access() {
            Access::Public => ("public".to_string(), "*".to_string()),
            Access::Machine => ("any token, or this machine".to_string(), "*".to_string()),
            Access::Authenticated => ("any token".to_string(), "*".to_string()),
            Access::Project(permission) => {
                let letter = |role: Role| {
                    let first = role.name().chars().next().unwrap_or('?');
                    if role.may(permission) { first } else { '-' }
                };
                (permission.to_string(), Role::ALL.map(letter).iter().collect())
            }
        };
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{:6} {} | {needs} | {roles}", route.method().word(), route.pattern());
    }
    text
}

/// Every route as `METHOD pattern`: what a test of coverage ticks off.
pub fn coverage(routes: &[Route]) -> Vec<String> {
    routes.iter().map(|route| format!("{} {}", route.method().word(), route.pattern())).collect()
}
