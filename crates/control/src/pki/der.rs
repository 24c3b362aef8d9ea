//! The few types of DER that certificates are written with (ITU-T X.690, "Distinguished encoding rules"). Writes only; values come from
//! this program, and every one has one encoding.

/// A type and its content, with the length between them.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    const LONG: usize = 0x80;
    let mut bytes = vec![tag];
    let length = content.len().to_be_bytes();
    let significant = length.iter().skip_while(|byte| **byte == 0).copied().collect::<Vec<u8>>();
    match u8::try_from(content.len()) {
        Ok(short) if usize::from(short) < LONG => bytes.push(short),
        _ => {
            // At most eight bytes of length: the sum fits.
            bytes.push(u8::try_from(LONG | significant.len()).unwrap_or(u8::MAX));
            bytes.extend(significant);
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

/// Values one after the other.
pub fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tagged(0x30, &parts.concat())
}

/// A set of one value.
pub fn set(part: &[u8]) -> Vec<u8> {
    tagged(0x31, part)
}

/// An object identifier, by the bytes of its encoding.
pub fn oid(bytes: &[u8]) -> Vec<u8> {
    tagged(0x06, bytes)
}

/// A number by its bytes, which have to be those of a positive one in as few as it needs.
pub fn integer(bytes: &[u8]) -> Vec<u8> {
    tagged(0x02, bytes)
}

/// True; false is never written, being the default.
pub fn yes() -> Vec<u8> {
    tagged(0x01, &[0xff])
}

/// Text.
pub fn text(text: &str) -> Vec<u8> {
    tagged(0x0c, text.as_bytes())
}

/// Bits, of which some at the end are unused and 0.
pub fn bits(unused: u8, bytes: &[u8]) -> Vec<u8> {
    tagged(0x03, &[&[unused], bytes].concat())
}

/// Bytes.
pub fn octets(bytes: &[u8]) -> Vec<u8> {
    tagged(0x04, bytes)
}

/// A moment of 1950 to 2049: `YYMMDDHHMMSSZ`.
pub fn utc_time(text: &str) -> Vec<u8> {
    tagged(0x17, text.as_bytes())
}

/// A moment of any other year: `YYYYMMDDHHMMSSZ`.
pub fn general_time(text: &str) -> Vec<u8> {
    tagged(0x18, text.as_bytes())
}

/// A value with a tag around it.
pub fn explicit(number: u8, part: &[u8]) -> Vec<u8> {
    tagged(0xa0 | number, part)
}

/// Content with a tag in place of its own.
pub fn implicit(number: u8, content: &[u8]) -> Vec<u8> {
    tagged(0x80 | number, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_in_as_few_bytes_as_they_need() {
        for (length, head) in [
            (0, vec![0x04, 0x00]),
            (127, vec![0x04, 0x7f]),
            (128, vec![0x04, 0x81, 0x80]),
            (255, vec![0x04, 0x81, 0xff]),
            (256, vec![0x04, 0x82, 0x01, 0x00]),
            (70_000, vec![0x04, 0x83, 0x01, 0x11, 0x70]),
        ] {
            let written = octets(&vec![7; length]);
            assert_eq!(written[..head.len()], head, "{length}");
            assert_eq!(written.len(), head.len() + length);
        }
    }
}
