//! What a program prints, of which only the end is kept.

/// Bytes kept of each of the two outputs.
pub const KEPT_BYTES_MAX: usize = 64 << 10;
/// Bytes of it that stand in an error.
const SHOWN_BYTES_MAX: usize = 2 << 10;

/// The last bytes of an output.
#[derive(Debug, Default)]
pub struct Tail {
    bytes: Vec<u8>,
}

impl Tail {
    /// Appends; forgets the oldest when there are too many.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // Moved only when twice too long, so that many small pieces cost little.
        if self.bytes.len() > 2 * KEPT_BYTES_MAX {
            self.cut();
        }
    }

    /// At most [`KEPT_BYTES_MAX`] bytes.
    pub fn finish(mut self) -> Vec<u8> {
        self.cut();
        self.bytes
    }

    fn cut(&mut self) {
        let excess = self.bytes.len().saturating_sub(KEPT_BYTES_MAX);
        self.bytes.drain(..excess);
    }
}

/// The end of an output as one line for an error: no control characters, bounded.
pub fn shown(bytes: &[u8]) -> String {
    let end = bytes.get(bytes.len().saturating_sub(SHOWN_BYTES_MAX)..).unwrap_or_default();
    let text = String::from_utf8_lossy(end);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines.collect::<Vec<_>>().join("; ");
    line.chars().filter(|character| !character.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept_however_it_arrives() {
        for piece in [1, 7, 4096, 3 * KEPT_BYTES_MAX] {
            let all: Vec<u8> = (0..5 * KEPT_BYTES_MAX).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let mut tail = Tail::default();
            for piece in all.chunks(piece) {
                tail.push(piece);
            }
            assert_eq!(tail.finish(), all[all.len() - KEPT_BYTES_MAX..], "{piece}");
        }
    }

    #[test]
    fn an_error_shows_one_line_without_control_characters() {
        assert_eq!(shown(b"a\n\n  b\x1b[0m\r\n"), "a; b[0m");
        assert!(shown(&[b'x'; 100_000]).len() <= SHOWN_BYTES_MAX);
    }
}
