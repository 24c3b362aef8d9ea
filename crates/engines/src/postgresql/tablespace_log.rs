//! Tablespaces that are created while a log is replayed: kept inside the data directory.
//!
//! A record of CREATE TABLESPACE carries the path on the source. Replayed on the same host it would make the fork write into the
//! source's files. An empty path means "in place" (PostgreSQL documentation, "Developer Options", `allow_in_place_tablespaces`): the
//! server then makes a directory `pg_tblspc/<oid>`. So the path's first byte is set to zero, and the record's checksum made anew.
//! The layout is that of `access/xlogrecord.h` and `access/xlog_internal.h`, which is the same from 13 to 18.

use farshore_types::{Error, Position, Result};

use super::control::crc32c;

/// Bytes of a record's header; the checksum stands in its last four.
const HEADER_BYTES: usize = 24;
const CHECKSUM_AT: usize = 20;
/// Headers of pages: on a segment's first page, on all others.
const LONG_PAGE_HEADER: usize = 40;
const PAGE_HEADER: usize = 24;
/// The first record of this page is the rest of one that began before.
const CONTINUED: u16 = 1;
/// Resource manager of tablespaces, and its record of a creation.
const TABLESPACE: u8 = 5;
const CREATE: u8 = 0;
const KIND_MASK: u8 = 0xf0;
/// What may stand before a record's main data, with the bytes that follow: main data (short, long), origin, top transaction.
const SHORT_DATA: u8 = 255;
const LONG_DATA: u8 = 254;
const ORIGIN: (u8, usize) = (253, 2);
const TOP_TRANSACTION: (u8, usize) = (252, 4);
/// Largest record of a creation: header, number, a path of at most 1024 bytes.
const RECORD_BYTES_MAX: usize = 2048;

/// One segment of log, walked record by record.
struct Walk<'a> {
    bytes: &'a mut [u8],
    page: usize,
}

impl Walk<'_> {
    fn number<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..at + N)?.try_into().ok()
    }

    /// Bytes of the page header at a page's start.
    fn page_header(at: usize) -> usize {
        if at == 0 { LONG_PAGE_HEADER } else { PAGE_HEADER }
    }

    /// The next place of record bytes: behind the page header, if `at` is a page's start.
    fn settled(&self, at: usize) -> usize {
        if at.is_multiple_of(self.page) { at + Self::page_header(at) } else { at }
    }

    /// Moves on by `count` bytes of records, over page headers; may end past the segment.
    fn advance(&self, mut at: usize, mut count: usize) -> usize {
        while count > 0 {
            at = self.settled(at);
            let now = count.min(self.page - at % self.page);
            at += now;
            count -= now;
            if at >= self.bytes.len() {
                return at + count;
            }
        }
        at
    }

    /// Where each of the record's first `count` bytes stands; fewer if the segment ends before.
    fn places(&self, at: usize, count: usize) -> Vec<usize> {
        let mut places = Vec::with_capacity(count);
        let mut at = at;
        while places.len() < count {
            at = self.settled(at);
            if at >= self.bytes.len() {
                break;
            }
            places.push(at);
            at += 1;
        }
        places
    }

    /// Where the first record begins that starts in this segment.
    fn first(&self) -> Option<usize> {
        let flags = u16::from_le_bytes(self.number(2)?);
        let rest = u32::from_le_bytes(self.number(16)?) as usize;
        let start = LONG_PAGE_HEADER;
        Some(if flags & CONTINUED != 0 { self.advance(start, rest).next_multiple_of(8) } else { start })
    }
}

/// Changes every creation of a tablespace in a segment of log that begins at `start` into one in place; gives their number. `next` gives
/// the first bytes of the segment that follows, for a record whose header crosses the border. A creation that itself crosses it cannot be
/// changed: then recovery along here is refused.
pub fn keep_inside(bytes: &mut [u8], start: Position, next: &mut dyn FnMut() -> Result<Vec<u8>>) -> Result<u32> {
    let page = bytes.get(36..40).and_then(|word| word.try_into().ok()).map_or(0, u32::from_le_bytes) as usize;
    if !page.is_power_of_two() || !(1024..=65536).contains(&page) || !bytes.len().is_multiple_of(page) {
        // Not a segment of log; the server says so better than we can.
        return Ok(0);
    }
    let mut walk = Walk { bytes, page };
    let mut changed = 0;
    let Some(mut at) = walk.first() else { return Ok(0) };
    while at < walk.bytes.len() {
        at = walk.settled(at);
        let Some(length) = walk.number(at).map(u32::from_le_bytes).map(|length| length as usize) else { break };
        if length < HEADER_BYTES {
            break;
        }
        // The header's bytes 16 and 17 are the kind; most records lie within a page.
        let whole = at % walk.page + HEADER_BYTES <= walk.page;
        let kind = if whole { (walk.bytes[at + 16], walk.bytes[at + 17]) } else { split_kind(&walk, at, next)? };
        let end = walk.advance(at, length);
        if kind.1 == TABLESPACE && kind.0 & KIND_MASK == CREATE && length <= RECORD_BYTES_MAX {
            if end > walk.bytes.len() {
                let what = format!(
                    "the tablespace created at {} lies across two segments of log",
                    Position(start.0 + at as u64)
                );
                return Err(
                    Error::invalid(what).hint("restore on another host, or to a moment before, or from a newer backup")
                );
            }
            changed += u32::from(change(&mut walk, at, length));
        }
        at = end.next_multiple_of(8);
    }
    Ok(changed)
}

/// The kind of a record whose header crosses a page, or the end of the segment.
fn split_kind(walk: &Walk, at: usize, next: &mut dyn FnMut() -> Result<Vec<u8>>) -> Result<(u8, u8)> {
    let places = walk.places(at, HEADER_BYTES);
    let mut header: Vec<u8> = places.iter().map(|&place| walk.bytes[place]).collect();
    if header.len() < HEADER_BYTES {
        let following = next()?;
        header.extend(following.iter().skip(LONG_PAGE_HEADER).take(HEADER_BYTES - header.len()));
    }
    Ok(match header.as_slice() {
        [.., info, manager, _, _, _, _, _, _] if header.len() == HEADER_BYTES => (*info, *manager),
        // The log ends within this header: there is no such record yet.
        _ => (0, 0),
    })
}

/// Empties the path of one record. A record whose checksum is wrong is left as it is: the server stops there.
fn change(walk: &mut Walk, at: usize, length: usize) -> bool {
    let places = walk.places(at, length);
    let mut record: Vec<u8> = places.iter().map(|&place| walk.bytes[place]).collect();
    let stored = record.get(CHECKSUM_AT..HEADER_BYTES).and_then(|word| word.try_into().ok()).map(u32::from_le_bytes);
    let Some(path_at) = path_place(&record).filter(|_| stored == Some(checksum(&record))) else { return false };
    if record[path_at] == 0 {
        return false;
    }
    record[path_at] = 0;
    let sum = checksum(&record).to_le_bytes();
    record[CHECKSUM_AT..HEADER_BYTES].copy_from_slice(&sum);
    for (place, byte) in places.into_iter().zip(record) {
        walk.bytes[place] = byte;
    }
    true
}

/// Over the data, then over the header up to the checksum.
fn checksum(record: &[u8]) -> u32 {
    crc32c(&[&record[HEADER_BYTES..], &record[..CHECKSUM_AT]].concat())
}

/// Where the path begins: behind the data header and the tablespace's number.
fn path_place(record: &[u8]) -> Option<usize> {
    let mut at = HEADER_BYTES;
    loop {
        match *record.get(at)? {
            SHORT_DATA => return Some(at + 2 + 4).filter(|&path| path < record.len()),
            LONG_DATA => return Some(at + 5 + 4).filter(|&path| path < record.len()),
            id if id == ORIGIN.0 => at += 1 + ORIGIN.1,
            id if id == TOP_TRANSACTION.0 => at += 1 + TOP_TRANSACTION.1,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 8192;

    fn record(manager: u8, info: u8, data: &[u8]) -> Vec<u8> {
        let mut record = vec![0; HEADER_BYTES];
        record.extend_from_slice(&[SHORT_DATA, data.len() as u8]);
        record.extend_from_slice(data);
        let length = record.len() as u32;
        record[..4].copy_from_slice(&length.to_le_bytes());
        (record[16], record[17]) = (info, manager);
        let sum = checksum(&record).to_le_bytes();
        record[CHECKSUM_AT..HEADER_BYTES].copy_from_slice(&sum);
        record
    }

    /// Lays records into pages, as the server does.
    fn segment(pages: usize, records: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = vec![0; pages * PAGE];
        bytes[36..40].copy_from_slice(&(PAGE as u32).to_le_bytes());
        let mut at = LONG_PAGE_HEADER;
        for record in records {
            for byte in record {
                at = if at.is_multiple_of(PAGE) { at + PAGE_HEADER } else { at };
                if at < bytes.len() {
                    bytes[at] = *byte;
                }
                at += 1;
            }
            at = at.next_multiple_of(8);
        }
        bytes
    }

    fn creation() -> Vec<u8> {
        record(TABLESPACE, CREATE, b"\x10\x40\0\0/srv/space\0")
    }

    fn no_next() -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    #[test]
    fn a_creation_loses_its_path_and_nothing_else_changes() {
        for filler in [0usize, 100, 8100, 8130, 8140, 8150, 16_300] {
            let other = |count: usize| record(10, 0, &vec![7; count.min(200)]);
            let mut before: Vec<Vec<u8>> = (0..filler / 232).map(|_| other(200)).collect();
            before.push(other(filler % 232 % 200));
            let place = before.len();
            let mut records = before;
            records.extend([creation(), other(50), record(TABLESPACE, 0x10, b"\x10\x40\0\0")]);
            let mut bytes = segment(4, &records);
            assert_eq!(keep_inside(&mut bytes, Position(0), &mut no_next).unwrap(), 1, "{filler}");
            let mut expected = records;
            expected[place] = record(TABLESPACE, CREATE, b"\x10\x40\0\0\0srv/space\0");
            assert!(bytes == segment(4, &expected), "{filler}");
            assert_eq!(keep_inside(&mut bytes, Position(0), &mut no_next).unwrap(), 0);
        }
    }

    #[test]
    fn a_creation_across_two_segments_is_refused_and_one_that_only_looks_so_is_not() {
        // 34 records of 232 bytes and one of 248 end 16 bytes before the end of the page.
        let mut fill: Vec<Vec<u8>> = vec![record(10, 0, &[7; 206]); 34];
        fill.push(record(10, 0, &[7; 222]));
        assert_eq!(fill.iter().map(Vec::len).sum::<usize>(), PAGE - LONG_PAGE_HEADER - 16);
        for (record, refused) in [(creation(), true), (record(10, 0, &[1; 20]), false)] {
            let records = [&fill[..], std::slice::from_ref(&record)].concat();
            let mut bytes = segment(1, &records);
            let rest = [vec![0; LONG_PAGE_HEADER], record[16..].to_vec()].concat();
            let outcome = keep_inside(&mut bytes, Position(0), &mut || Ok(rest.clone()));
            assert_eq!(outcome.is_err(), refused);
        }
    }

    #[test]
    fn what_is_not_log_is_left_alone() {
        for mut bytes in [vec![], vec![0; 100], vec![0xff; PAGE], vec![0; PAGE]] {
            let before = bytes.clone();
            assert_eq!(keep_inside(&mut bytes, Position(0), &mut no_next).unwrap(), 0);
            assert_eq!(bytes, before);
        }
    }
}
