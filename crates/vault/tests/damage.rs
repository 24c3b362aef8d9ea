//! Any damage to any stored object: a restore gives the identical content or an error that names the object; never anything else.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use common::tree::Dice;
use common::{Bench, PAGE, log, page, restored_by, soak};
use farshore_objects::{Bucket, ObjectStore};
use farshore_types::{Error, ErrorKind, Result};
use farshore_vault::format::manifest::{self, Body, Custody};
use farshore_vault::format::notes::{self, FenceNote, Purpose};
use farshore_vault::names::{BACKUPS, BackupId, KEYS, ManifestName, PACKS};
use farshore_vault::testing::SeededEntropy;
use farshore_vault::{Hash, Identity, Repository, RootKey};

type Objects = BTreeMap<String, Bytes>;
type Content = BTreeMap<String, Vec<u8>>;

/// A repository with an object of every kind, and what its two backups restore to.
struct Exhibit {
    bench: Bench,
    objects: Objects,
    backups: Vec<(BackupId, Content)>,
}

fn objects(store: &dyn ObjectStore) -> Objects {
    log::objects(store).into_iter().map(|(name, bytes)| (name, bytes.into())).collect()
}

fn store_of(objects: &Objects) -> Arc<dyn ObjectStore> {
    let store = Bucket::memory();
    objects.iter().for_each(|(name, bytes)| store.put_new(name, bytes.clone()).unwrap());
    Arc::new(store)
}

fn exhibit() -> Exhibit {
    let bench = Bench::new(Arc::new(Bucket::memory()), 5);
    let mut table: Vec<u8> = (0..300).flat_map(|block| page(block, 10, block as u8)).collect();
    bench.write("table.pages", &table);
    bench.write("noise", &Dice::new(9).bytes(1000));
    bench.write("text", b"some text");
    let full = bench.backup(1000, None);
    let mut backups = vec![(full.name.id, bench.content())];
    table[PAGE * 7..PAGE * 8].copy_from_slice(&page(7, 1500, 1));
    bench.write("more", b"more text");
    std::fs::write(bench.path("table.pages"), &table).unwrap();
    let next = bench.backup(2000, Some((&full.name, 1000)));
    backups.push((next.name.id, bench.content()));
    // Objects of which a reader needs nothing, or their names only.
    let stranger = Identity::random(&SeededEntropy::new(77)).unwrap();
    bench.vault.add_recipient(&stranger.recipients()[0], &bench.entropy).unwrap();
    for _ in 0..2 {
        let dead = bench.session(Purpose::Backup, None);
        let fence = FenceNote { session: dead.id(), reason: "it was dead".into() };
        let (name, bytes) = notes::encode_fence(&fence).unwrap();
        bench.store.put_new(&name.to_string(), bytes.into()).unwrap();
        let (name, bytes) =
            notes::encode("tombstones/", dead.generation(), dead.id(), &notes::Tombstone::default()).unwrap();
        bench.store.put_new(&name.to_string(), bytes.into()).unwrap();
    }
    let objects = objects(bench.store.as_ref());
    Exhibit { bench, objects, backups }
}

impl Exhibit {
    fn restore(&self, objects: &Objects, id: &BackupId) -> Result<Content> {
        let vault = Repository::open(store_of(objects))?.unlock(&self.bench.identity)?;
        let listed = vault.repository.backups()?;
        let name = listed.iter().find(|name| name.id == *id);
        restored_by(&vault, name.ok_or_else(|| Error::missing(format!("no backup {id}")))?)
    }

    /// Restores both backups; every error must name one of `named`. Says how many restored.
    fn judge(&self, objects: &Objects, named: &[&str], what: &str) -> usize {
        let mut good = 0;
        for (id, content) in &self.backups {
            match self.restore(objects, id) {
                Ok(restored) => {
                    assert!(restored == *content, "{what}: wrong content without an error");
                    good += 1;
                }
                Err(error) => {
                    let text = error.to_string();
                    let kinds = [ErrorKind::Corrupt, ErrorKind::Missing, ErrorKind::Denied];
                    assert!(kinds.contains(&error.kind()), "{what}: {error:?}");
                    let id = id.to_string();
                    assert!(named.iter().chain([&id.as_str()]).any(|name| text.contains(name)), "{what}: {text}");
                }
            }
        }
        good
    }

    fn changed(&self, name: &str, bytes: Vec<u8>) -> Objects {
        let mut objects = self.objects.clone();
        objects.insert(name.to_string(), bytes.into());
        objects
    }

    /// The wrap that the bench's identity opens.
    fn used_wrap(&self) -> &str {
        let tag = self.bench.identity.recipients()[0].tag();
        let ours = |name: &&String| {
            self.bench
                .vault
                .repository
                .wraps()
                .unwrap()
                .iter()
                .any(|wrap| wrap.recipient == tag && wrap.to_string() == **name)
        };
        self.objects.keys().find(ours).unwrap()
    }

    fn is_needed_whole(&self, name: &str) -> bool {
        name == "format" || name.starts_with(BACKUPS) || name == self.used_wrap()
    }
}

fn hash_in(name: &str) -> Option<&str> {
    name.rsplit('-').next().filter(|hash| hash.len() == 64)
}

/// Damage that a reader does not notice must be noticed by whoever compares the hash in the name.
fn assert_noticed_by_hash(name: &str, bytes: &[u8]) {
    if let Some(hash) = hash_in(name) {
        assert_ne!(Hash::of(bytes).to_string(), hash, "{name}");
    }
}

/// Every byte of what comes first and last, and some between; every byte when soaking.
fn places(length: usize) -> Vec<usize> {
    let dice = Dice::new(length as u64);
    let edge = 230.min(length);
    match soak() {
        true => (0..length).collect(),
        false => (0..edge)
            .step_by(3)
            .chain((0..120).map(|_| dice.below(length as u64) as usize))
            .chain((length - edge..length).step_by(7))
            .collect(),
    }
}

#[test]
fn every_kind_of_object_is_on_show() {
    let exhibit = exhibit();
    let count = |folder: &str| exhibit.objects.keys().filter(|name| name.starts_with(folder)).count();
    let folders = ["format", KEYS, PACKS, BACKUPS, "sessions/", "fences/", "tombstones/"];
    let counts = folders.map(count);
    assert!(counts[2] >= 4, "{counts:?}");
    assert_eq!([counts[0], counts[1], counts[3], counts[4], counts[5], counts[6]], [1, 2, 2, 2, 2, 2]);
    assert_eq!(exhibit.judge(&exhibit.objects, &[], "no damage"), 2);
}

#[test]
fn any_flipped_bit_is_harmless_or_an_error_that_names_the_object() {
    let exhibit = exhibit();
    for (name, bytes) in &exhibit.objects {
        let mut harmless = 0;
        for at in places(bytes.len()) {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1 << (at % 8);
            assert_noticed_by_hash(name, &flipped);
            let good = exhibit.judge(&exhibit.changed(name, flipped), &[name], &format!("flip at {at} of {name}"));
            harmless += good;
            // A manifest is needed by one backup, format and wrap by both.
            let most = if name.starts_with(BACKUPS) { 1 } else { 0 };
            assert!(good <= most || !exhibit.is_needed_whole(name), "a flip at {at} of {name} went unnoticed");
        }
        if name.starts_with(PACKS) {
            assert!(harmless < places(bytes.len()).len() * 2, "{name} is needed by nothing");
        }
    }
}

#[test]
fn any_truncation_or_extension_is_harmless_or_an_error_that_names_the_object() {
    let exhibit = exhibit();
    for (name, bytes) in &exhibit.objects {
        let mut lengths = places(bytes.len());
        lengths.truncate(if soak() { usize::MAX } else { 60 });
        lengths.extend([0, bytes.len() - 1]);
        let cut = lengths.iter().map(|&length| bytes[..length].to_vec());
        let longer = [vec![0], bytes.to_vec()].map(|more| [bytes.to_vec(), more].concat());
        for changed in cut.chain(longer) {
            assert_noticed_by_hash(name, &changed);
            let what = format!("{} bytes instead of {} of {name}", changed.len(), bytes.len());
            let good = exhibit.judge(&exhibit.changed(name, changed), &[name], &what);
            assert!(good < 2 || !exhibit.is_needed_whole(name), "{what}");
        }
    }
}

#[test]
fn any_two_objects_of_a_kind_that_are_swapped_are_harmless_or_named() {
    let exhibit = exhibit();
    let kind = |name: &str| name.split('/').next().unwrap_or_default().to_string();
    for (left, left_bytes) in &exhibit.objects {
        for (right, right_bytes) in
            exhibit.objects.range::<String, _>((std::ops::Bound::Excluded(left), std::ops::Bound::Unbounded))
        {
            if kind(left) != kind(right) || left_bytes == right_bytes {
                continue;
            }
            let mut objects = exhibit.changed(left, right_bytes.to_vec());
            objects.insert(right.clone(), left_bytes.clone());
            assert_noticed_by_hash(left, right_bytes);
            let good = exhibit.judge(&objects, &[left, right], &format!("{left} and {right} swapped"));
            let needed = [left, right].iter().any(|name| exhibit.is_needed_whole(name) || name.starts_with(PACKS));
            assert!(good < 2 || !needed, "{left} {right}");
        }
    }
}

#[test]
fn any_deleted_object_is_harmless_or_named() {
    let exhibit = exhibit();
    for name in exhibit.objects.keys() {
        let mut objects = exhibit.objects.clone();
        objects.remove(name);
        // Without a wrap the identity opens nothing, and the error says so.
        let named = if name == exhibit.used_wrap() { "opens none of the 1 wrapped keys" } else { name };
        let good = exhibit.judge(&objects, &[named], &format!("{name} deleted"));
        assert!(good < 2 || !(exhibit.is_needed_whole(name) || name.starts_with(PACKS)), "{name}");
    }
}

#[test]
fn any_object_under_another_name_is_harmless_or_named() {
    let exhibit = exhibit();
    for (name, bytes) in &exhibit.objects {
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        for at in (last..name.len()).step_by(if soak() { 1 } else { 5 }) {
            let mut renamed = name.clone().into_bytes();
            renamed[at] = match renamed[at] {
                b'0' => b'1',
                b'-' => b'0',
                _ => b'0',
            };
            let renamed = String::from_utf8(renamed).unwrap();
            let mut objects = exhibit.objects.clone();
            objects.remove(name);
            objects.insert(renamed.clone(), bytes.clone());
            // Under a name that is none of the format it is passed over.
            let named = if name == exhibit.used_wrap() { "wrapped keys" } else { name };
            let what = format!("{name} renamed to {renamed}");
            let good = exhibit.judge(&objects, &[name, &renamed, named], &what);
            assert!(good < 2 || !(name == "format" || name.starts_with(PACKS)), "{what}");
        }
    }
}

#[test]
fn a_manifest_under_another_number_is_noticed_without_a_key() {
    let exhibit = exhibit();
    for (name, bytes) in exhibit.objects.iter().filter(|(name, _)| name.starts_with(BACKUPS)) {
        let name = ManifestName::parse(name).unwrap();
        let mut names = [name; 3];
        names[0].id.generation.0 += 1;
        names[1].id.sequence += 1;
        names[2].id.session.0[3] ^= 1;
        for renamed in names {
            let store = store_of(&BTreeMap::from([
                ("format".to_string(), exhibit.objects["format"].clone()),
                (renamed.to_string(), bytes.clone()),
            ]));
            let error = Repository::open(store).unwrap().custody(&renamed).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(error.to_string().contains(&renamed.to_string()), "{error}");
        }
    }
}

#[test]
fn a_wrong_identity_is_denied_and_told_what_to_give() {
    let exhibit = exhibit();
    let stranger = Identity::random(&SeededEntropy::new(123)).unwrap();
    let error = Repository::open(store_of(&exhibit.objects)).unwrap().unlock(&stranger).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.advice().is_some_and(|hint| hint.contains("recovery identity")), "{error}");
}

/// A manifest as somebody makes it who can write to the store but holds no key.
fn forged(exhibit: &Exhibit, root: &RootKey) -> (ManifestName, Vec<u8>) {
    let (id, _) = &exhibit.backups[1];
    let id = BackupId { sequence: 99, ..*id };
    let custody = Custody::draft("pg-1", "test", id);
    let body =
        Body { catalogs: Vec::new(), closing: Vec::new(), engine: serde_json::Value::Null, bad_pages: Vec::new() };
    manifest::seal(&id, &custody, &body, root, exhibit.bench.vault.repository.id(), &exhibit.bench.entropy).unwrap()
}

#[test]
fn a_manifest_that_was_signed_with_another_key_is_refused() {
    let exhibit = exhibit();
    let stranger = RootKey::random(&SeededEntropy::new(124)).unwrap();
    let (name, forged) = forged(&exhibit, &stranger);
    let objects = exhibit.changed(&name.to_string(), forged);
    let vault = Repository::open(store_of(&objects)).unwrap().unlock(&exhibit.bench.identity).unwrap();
    for refused in [vault.repository.custody(&name).map(|_| ()), vault.open_backup(&name).map(|_| ())] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("signature"), "{error}");
    }
}

#[test]
fn a_true_manifest_that_was_changed_and_signed_again_is_refused() {
    let exhibit = exhibit();
    let (old, bytes) = exhibit.objects.iter().find(|(name, _)| name.starts_with(BACKUPS)).unwrap();
    let signer = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let mut content = bytes[..bytes.len() - 64].to_vec();
    let at = content.windows(4).position(|four| four == b"full").unwrap();
    content[at] = b'F';
    let signed = [b"farshore manifest".as_slice(), &Hash::of(&content).0].concat();
    content.extend_from_slice(signer.sign(&signed).as_ref());
    let name = ManifestName { hash: Hash::of(&content), ..ManifestName::parse(old).unwrap() };
    let mut objects = exhibit.changed(&name.to_string(), content);
    objects.remove(old);
    assert_eq!(exhibit.judge(&objects, &[&name.to_string()], "signed again"), 1);
}

#[test]
fn a_format_that_names_a_forgers_key_does_not_open() {
    let exhibit = exhibit();
    let text = String::from_utf8(exhibit.objects["format"].to_vec()).unwrap();
    let line = text.lines().next().unwrap();
    let key = line.split("\"signing_key\":\"").nth(1).unwrap().trim_end_matches("\"}");
    let line = line.replace(key, &"ab".repeat(32));
    let format = format!("{line}\n{}\n", Hash::of(line.as_bytes()));
    let objects = exhibit.changed("format", format.into_bytes());
    assert_eq!(exhibit.judge(&objects, &["format"], "another signing key"), 0);
}
