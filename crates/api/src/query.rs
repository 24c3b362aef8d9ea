//! The query of a URL as names and values, decoded as forms are.
//!
//! The URL standard ("application/x-www-form-urlencoded parsing") says how; a broken escape stands for itself.

/// Pairs of a query that are read; what follows is ignored.
const PAIRS_MAX: usize = 64;

/// The pairs, decoded, in their order.
pub fn pairs(query: &str) -> Vec<(String, String)> {
    let parts = query.split('&').filter(|part| !part.is_empty()).take(PAIRS_MAX);
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        match (first, after) {
            (b'%', [high, low, tail @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(nibble(*high) << 4 | nibble(*low));
                rest = tail;
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_as_forms_are() {
        let check = |query: &str, expect: &[(&str, &str)]| {
            let found = pairs(query);
            let found: Vec<(&str, &str)> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(found, expect, "{query}");
        };
        check("", &[]);
        check("limit=999", &[("limit", "999")]);
        check("a=1&&b&a=2", &[("a", "1"), ("b", ""), ("a", "2")]);
        check("t=a%2Bb+c%3d&x=%zz%4", &[("t", "a+b c="), ("x", "%zz%4")]);
        check("u=%c3%a4%ff", &[("u", "ä\u{fffd}")]);
    }
}
