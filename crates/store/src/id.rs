//! Names for rows: UUIDs of version 7 (RFC 9562, "UUID Version 7"), whose first 48 bits are the millisecond of their making.

use farshore_types::ids::hex;
use farshore_types::{Entropy, Result, Timestamp};

/// A new name. Those of one clock sort roughly by time; nothing relies on it.
pub fn new(now: Timestamp, entropy: &dyn Entropy) -> Result<String> {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes)?;
    let millis = now.millis().to_be_bytes();
    for (byte, milli) in bytes.iter_mut().zip(millis.iter().skip(2)) {
        *byte = *milli;
    }
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    let text = hex(&bytes);
    let parts = [text.get(..8), text.get(8..12), text.get(12..16), text.get(16..20), text.get(20..)];
    Ok(parts.map(Option::unwrap_or_default).join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ones;

    impl Entropy for Ones {
        fn fill(&self, buffer: &mut [u8]) -> Result<()> {
            buffer.fill(0xff);
            Ok(())
        }
    }

    #[test]
    fn a_name_is_a_uuid_of_version_seven_that_begins_with_its_time() {
        let now = Timestamp::from_micros(0x0123_4567_89ab * 1000);
        assert_eq!(new(now, &Ones).unwrap(), "01234567-89ab-7fff-bfff-ffffffffffff");
    }
}
