//! Bech32 text of keys, as age writes them (BIP 173, without its limit of 90 characters).

use farshore_types::{Error, Result};

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

fn polymod(values: impl Iterator<Item = u8>) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    values.fold(1, |sum, value| {
        let top = sum >> 25;
        let next = (sum & 0x1ff_ffff) << 5 ^ u32::from(value);
        GENERATOR.iter().enumerate().fold(next, |sum, (bit, word)| if top >> bit & 1 == 1 { sum ^ word } else { sum })
    })
}

fn expanded(prefix: &str) -> impl Iterator<Item = u8> + '_ {
    prefix.bytes().map(|c| c >> 5).chain([0]).chain(prefix.bytes().map(|c| c & 31))
}

fn regroup(data: &[u8], from: u32, to: u32, pad: bool) -> Option<Vec<u8>> {
    let (mut sum, mut bits, mut out) = (0u32, 0, Vec::new());
    for &value in data {
        sum = sum << from | u32::from(value);
        bits += from;
        while bits >= to {
            bits -= to;
            out.push((sum >> bits & ((1 << to) - 1)) as u8);
        }
        sum &= (1 << bits) - 1;
    }
    if pad && bits > 0 {
        out.push((sum << (to - bits) & ((1 << to) - 1)) as u8);
    } else if !pad && (bits >= from || sum != 0) {
        return None;
    }
    Some(out)
}

/// Lower-case Bech32 text of some bytes.
pub fn encode(prefix: &str, data: &[u8]) -> String {
    let values = regroup(data, 8, 5, true).unwrap_or_default();
    let sum = polymod(expanded(prefix).chain(values.iter().copied()).chain([0; 6])) ^ 1;
    let check = (0..6).map(|at| (sum >> (5 * (5 - at)) & 31) as u8);
    let text = values.iter().copied().chain(check).map(|value| char::from(ALPHABET[usize::from(value)]));
    format!("{prefix}1{}", text.collect::<String>())
}

/// The 32 bytes of a Bech32 text with this prefix; all upper or all lower case. The error does not repeat the text: it may be
/// a secret.
pub fn decode(prefix: &str, text: &str) -> Result<[u8; 32]> {
    let wrong = || Error::invalid(format!("a key that should start with {prefix}1 is mistyped"));
    if text.chars().any(|c| c.is_ascii_lowercase()) && text.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(wrong());
    }
    let text = text.to_ascii_lowercase();
    let data = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('1')).ok_or_else(wrong)?;
    let value = |c: u8| ALPHABET.iter().position(|&letter| letter == c).map(|at| at as u8);
    let values: Vec<u8> = data.bytes().map(value).collect::<Option<_>>().ok_or_else(wrong)?;
    if values.len() < 6 || polymod(expanded(prefix).chain(values.iter().copied())) != 1 {
        return Err(wrong());
    }
    let bytes = regroup(&values[..values.len() - 6], 5, 8, false).ok_or_else(wrong)?;
    bytes.try_into().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_keys_of_the_age_documentation_read_back() {
        // The recipient printed in age(1), "Recipients and identities".
        let text = "age1gde3ncmahlqd9gg50tanl99r960llztrhfapnmx853s4tjum03uqfssgdh";
        let bytes = decode("age", text).unwrap();
        assert_eq!(encode("age", &bytes), text);
        assert!(decode("age", &text.replace('g', "q")).is_err());
        assert!(decode("age", &text.to_uppercase()).is_ok());
        assert!(decode("age", &text.replacen('a', "A", 1)).is_err());
    }
}
