//! Promises about single objects: put, whole or in pieces, read, look, delete; names at the edges. Nothing is kept between checks.

use std::ops::Range;

use bytes::Bytes;
use farshore_types::{Error, ErrorKind, Result};

use crate::contract::probe::{body, expect_kind, listed, names};
use crate::store::ObjectStore;

/// Large enough not to fit into any buffer on the way; bytes.
const LARGE_BYTES: usize = 3 * 1024 * 1024 + 17;

/// No store on this machine answers with a time further off than this; microseconds.
const CLOCK_STEP_MICROS_MAX: i64 = 1_000_000;

pub(super) fn what_was_put_can_be_read_whole_and_in_parts(store: &dyn ObjectStore) -> Result<()> {
    let large: Bytes = (0..LARGE_BYTES).map(|at| u8::try_from(at % 251).unwrap_or_default()).collect();
    for (name, content) in [("empty", Bytes::new()), ("a/one", body("x")), ("a/b/large", large)] {
        store.put_new(name, content.clone())?;
        assert!(store.get(name)? == content, "{name} reads back other bytes");
        let info = store.head(name)?;
        assert_eq!((info.name.as_str(), info.size), (name, content.len() as u64));
        let size = content.len();
        for range in [0..size, 0..0, size..size, size / 3..size / 2, size.saturating_sub(1)..size] {
            let wanted = content.slice(range.clone());
            let read = store.get_range(name, range.start as u64..range.end as u64)?;
            assert!(read == wanted, "bytes {range:?} of {name} are others");
        }
    }
    Ok(())
}

pub(super) fn a_range_beyond_the_end_is_corrupt(store: &dyn ObjectStore) -> Result<()> {
    store.put_new("ten", body("0123456789"))?;
    store.put_new("empty", Bytes::new())?;
    let beyond: [(&str, Range<u64>); 7] = [
        ("ten", 0..11),
        ("ten", 10..11),
        ("ten", 11..11),
        ("ten", 20..30),
        ("ten", 5..u64::MAX),
        ("empty", 0..1),
        ("empty", 1..1),
    ];
    for (name, range) in beyond {
        expect_kind(store.get_range(name, range.clone()), ErrorKind::Corrupt, &format!("{name} {range:?}"));
    }
    let backwards = Range { start: 5, end: 4 };
    expect_kind(store.get_range("ten", backwards), ErrorKind::Invalid, "a range that ends before it starts");
    Ok(())
}

pub(super) fn what_does_not_exist_is_missing(store: &dyn ObjectStore) -> Result<()> {
    store.put_new("a/b", body("x"))?;
    for name in ["c", "a", "a/b/c", "a/c", "a.b"] {
        expect_kind(store.get(name), ErrorKind::Missing, &format!("get {name}"));
        expect_kind(store.get_range(name, 0..1), ErrorKind::Missing, &format!("get_range {name}"));
        expect_kind(store.get_range(name, 0..0), ErrorKind::Missing, &format!("empty get_range {name}"));
        expect_kind(store.head(name), ErrorKind::Missing, &format!("head {name}"));
        store.delete(name)?;
    }
    assert_eq!(store.get("a/b")?, body("x"), "deleting what does not exist left the others alone");
    Ok(())
}

pub(super) fn a_taken_name_keeps_its_first_bytes(store: &dyn ObjectStore) -> Result<()> {
    store.put_new("p/q", body("first"))?;
    store.put_new("p/q", body("first"))?;
    for other in ["other", "firsT", "fir", "first and more", ""] {
        expect_kind(store.put_new("p/q", body(other)), ErrorKind::Conflict, other);
    }
    assert_eq!(store.get("p/q")?, body("first"));
    store.put_new("p/empty", Bytes::new())?;
    store.put_new("p/empty", Bytes::new())?;
    expect_kind(store.put_new("p/empty", body("x")), ErrorKind::Conflict, "bytes over an empty object");
    Ok(())
}

pub(super) fn names_outside_the_alphabet_are_invalid(store: &dyn ObjectStore) -> Result<()> {
    let too_long = format!("{}{}", "a/".repeat(256), "b");
    assert_eq!(too_long.len(), 513);
    let long_part = "a".repeat(256);
    let bad = [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "../a",
        "a/..",
        "a/./b",
        "A",
        "a/B",
        "a b",
        "a\\b",
        "a#1",
        "a%2fb",
        "é",
        "a\0",
        "a\n",
        "#staging/1",
        &too_long,
        &long_part,
    ];
    for name in bad {
        expect_kind(store.put_new(name, body("x")), ErrorKind::Invalid, &format!("put_new {name:?}"));
        expect_kind(store.get(name), ErrorKind::Invalid, &format!("get {name:?}"));
        expect_kind(store.get_range(name, 0..1), ErrorKind::Invalid, &format!("get_range {name:?}"));
        expect_kind(store.head(name), ErrorKind::Invalid, &format!("head {name:?}"));
        expect_kind(store.delete(name), ErrorKind::Invalid, &format!("delete {name:?}"));
    }
    for prefix in ["a", "/", "//", "../", "a//", "A/", "a/b"] {
        expect_kind(store.list(prefix, &mut |_| Ok(())), ErrorKind::Invalid, &format!("list {prefix:?}"));
    }
    assert!(listed(store, "")?.is_empty(), "a refused name left something behind");
    Ok(())
}

pub(super) fn the_longest_names_work(store: &dyn ObjectStore) -> Result<()> {
    let longest_part = format!("p/{}", "a".repeat(255));
    let deepest = format!("{}bc", "d/".repeat(200));
    for name in [longest_part.as_str(), deepest.as_str(), ".a", "..a", "a..", "-", "_", "0", "a.b-c_d"] {
        store.put_new(name, body(name))?;
        assert_eq!(store.get(name)?, body(name));
    }
    assert_eq!(listed(store, "")?.len(), 9);
    Ok(())
}

pub(super) fn a_deleted_object_is_gone_and_its_name_is_free(store: &dyn ObjectStore) -> Result<()> {
    store.put_new("a/b", body("one"))?;
    store.put_new("a/c", body("stays"))?;
    store.delete("a/b")?;
    store.delete("a/b")?;
    expect_kind(store.get("a/b"), ErrorKind::Missing, "a deleted object");
    assert_eq!(names(store, "")?, ["a/c"]);
    store.put_new("a/b", body("two"))?;
    assert_eq!(store.get("a/b")?, body("two"));
    Ok(())
}

pub(super) fn modified_tells_ages(store: &dyn ObjectStore) -> Result<()> {
    let mut before = None;
    for name in ["first", "second", "third"] {
        store.put_new(name, body(name))?;
        let modified = store.head(name)?.modified;
        let step = before.map_or(0, |before: farshore_types::Timestamp| modified.micros() - before.micros());
        assert!(step >= -CLOCK_STEP_MICROS_MAX, "{name} is {step} microseconds younger than the one before");
        before = Some(modified);
    }
    for object in listed(store, "")? {
        assert_eq!(store.head(&object.name)?, object, "a listing and a look say the same");
    }
    Ok(())
}

/// Gives `content` in pieces of at most `most` bytes.
fn by(content: &Bytes, most: usize) -> impl FnMut(u64) -> Result<Bytes> {
    move |at| {
        let at = usize::try_from(at).unwrap_or_default();
        Ok(content.slice(at..content.len().min(at.saturating_add(most))))
    }
}

pub(super) fn pieces_make_one_object(store: &dyn ObjectStore) -> Result<()> {
    let large: Bytes = (0..LARGE_BYTES).map(|at| u8::try_from(at % 249).unwrap_or_default()).collect();
    let table = [
        ("empty", Bytes::new(), 1),
        ("one", body("x"), 1),
        ("letters", body("0123456789"), 3),
        ("whole", large.clone(), LARGE_BYTES),
        ("parts/large", large, 1_000_001),
    ];
    for (name, content, most) in table {
        let size = content.len() as u64;
        // The second time it is there already, with the same bytes.
        for _ in 0..2 {
            store.put_pieces(name, size, &mut by(&content, most))?;
        }
        assert!(store.get(name)? == content, "{name} reads back other bytes");
        store.put_new(name, content)?;
    }
    Ok(())
}

pub(super) fn pieces_never_replace_an_object(store: &dyn ObjectStore) -> Result<()> {
    store.put_new("p/q", body("first"))?;
    for other in ["other", "firsT", "fir", "first and more", ""] {
        let put = store.put_pieces("p/q", other.len() as u64, &mut by(&body(other), 2));
        expect_kind(put, ErrorKind::Conflict, other);
    }
    assert_eq!(store.get("p/q")?, body("first"));
    expect_kind(store.put_pieces("p//q", 1, &mut by(&body("x"), 1)), ErrorKind::Invalid, "pieces under a bad name");
    Ok(())
}

pub(super) fn pieces_that_end_early_put_nothing(store: &dyn ObjectStore) -> Result<()> {
    for kind in [ErrorKind::Corrupt, ErrorKind::Missing, ErrorKind::Transient] {
        for good in [0, 4, 8] {
            let content = body("0123456789");
            let mut piece = by(&content, 4);
            let mut failing = |at| match at < good {
                true => piece(at),
                false => Err(Error::new(kind, "the source is not well")),
            };
            let error = store.put_pieces("a/b", 10, &mut failing).err();
            let error = error.ok_or_else(|| Error::bug("pieces that ended early were put"))?;
            assert_eq!(error.kind(), kind, "after {good} bytes: {error}");
            assert!(error.to_string().contains("the source is not well"), "the caller's own error is lost: {error}");
        }
    }
    for (given, what) in [("", "an empty piece"), ("0123456789 ", "a piece beyond the end")] {
        let put = store.put_pieces("a/b", 10, &mut |_| Ok(body(given)));
        expect_kind(put, ErrorKind::Bug, what);
    }
    assert!(listed(store, "")?.is_empty(), "a put that failed left an object");
    store.put_pieces("a/b", 10, &mut by(&body("0123456789"), 4))?;
    Ok(())
}

pub(super) fn pieces_may_come_from_the_same_store(store: &dyn ObjectStore) -> Result<()> {
    store.put_new("from", body("0123456789"))?;
    store.put_pieces("to", 10, &mut |at| store.get_range("from", at..10.min(at + 4)))?;
    assert_eq!(store.get("to")?, body("0123456789"));
    Ok(())
}
