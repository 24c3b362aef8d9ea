//! Promises about listings: what a prefix selects, and what their caller may do. Nothing is kept between checks.

use farshore_types::{Error, ErrorKind, Result};

use crate::contract::probe::{body, expect_kind, names};
use crate::store::ObjectStore;

pub(super) fn a_listing_gives_exactly_what_is_below_its_prefix(store: &dyn ObjectStore) -> Result<()> {
    let all = ["a.b/c", "a/b", "a/bc", "a/bd/e", "a/bd/f/g/h/i", "ab/c", "b", "ba"];
    for name in all {
        store.put_new(name, body(name))?;
    }
    let table: [(&str, &[&str]); 9] = [
        ("", &all),
        ("a/", &["a/b", "a/bc", "a/bd/e", "a/bd/f/g/h/i"]),
        ("a/bd/", &["a/bd/e", "a/bd/f/g/h/i"]),
        ("a/bd/f/g/h/", &["a/bd/f/g/h/i"]),
        ("a.b/", &["a.b/c"]),
        ("ab/", &["ab/c"]),
        ("b/", &[]),
        ("a/b/", &[]),
        ("nothing/here/", &[]),
    ];
    for (prefix, expect) in table {
        assert_eq!(names(store, prefix)?, expect, "below {prefix:?}");
    }
    Ok(())
}

pub(super) fn a_listing_stops_at_the_first_error_of_its_caller(store: &dyn ObjectStore) -> Result<()> {
    for name in ["a", "b/c", "b/d", "e"] {
        store.put_new(name, body(name))?;
    }
    // A passing fault of the caller is not the store's: no layer may start the listing again.
    for kind in [ErrorKind::Denied, ErrorKind::Transient] {
        let mut given = 0;
        let stopped = store.list("", &mut |_| {
            given += 1;
            match given < 2 {
                true => Ok(()),
                false => Err(Error::new(kind, "enough")),
            }
        });
        assert_eq!(given, 2, "entries given");
        assert_eq!(stopped.as_ref().map_err(Error::what), Err("enough"));
        expect_kind(stopped, kind, "the caller's own error");
    }
    Ok(())
}

pub(super) fn a_listings_caller_may_use_the_store(store: &dyn ObjectStore) -> Result<()> {
    for name in ["a/1", "a/2", "a/3"] {
        store.put_new(name, body(name))?;
    }
    store.list("a/", &mut |object| {
        assert_eq!(store.get(&object.name)?, body(&object.name));
        store.put_new(&format!("b/{}", object.name), body("seen"))?;
        assert!(!names(store, "b/")?.is_empty());
        store.delete(&object.name)
    })?;
    assert_eq!(names(store, "")?, ["b/a/1", "b/a/2", "b/a/3"]);
    Ok(())
}
