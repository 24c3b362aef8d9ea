//! Sealed objects: header, plain part, frames (docs/format.md, section 4).
//!
//! A [`Sealer`] appends frames to one object in memory; an [`Opener`] opens them. Each object has its own key, derived from the
//! root key, a random salt and the header, so no nonce is ever used twice under a key. An object that was swapped,
//! renamed, truncated or flipped fails here with `Corrupt`, naming the object.

mod header;
mod opener;
mod sealer;

pub use self::header::{
    FRAME_HEADER_BYTES, FRAME_RAW_BYTES_MAX, FRAMES_MAX, FrameHeader, FrameKind, HEADER_BYTES, ObjectKind, Place,
    TAG_BYTES, VERSION,
};
pub use self::opener::{EachFrame, Opener, Opening, Unsqueeze};
pub use self::sealer::{Sealer, Squeeze};

#[cfg(test)]
mod tests {
    use farshore_types::{Entropy, Generation, RepositoryId, Result, SessionId};

    use super::*;
    use crate::keys::RootKey;
    use crate::testing::SeededEntropy;

    fn place() -> Place {
        let (session, repository) = (SessionId([1; 16]), RepositoryId([2; 16]));
        Place { kind: ObjectKind::Pack, number: 3, generation: Generation(4), session, repository }
    }

    fn sealed(root: &RootKey) -> Vec<u8> {
        let mut squeeze = Squeeze::new(1).unwrap();
        let mut sealer = Sealer::new(root, &place(), b"plain", &SeededEntropy::new(7), Vec::new()).unwrap();
        sealer.add(FrameKind::Content, &[b'a'; 5000], false, &mut squeeze).unwrap();
        sealer.add(FrameKind::Content, b"", false, &mut squeeze).unwrap();
        sealer.add(FrameKind::Index, b"xyz", true, &mut squeeze).unwrap();
        sealer.finish()
    }

    fn open(root: &RootKey, place: &Place, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        let opening = Opening::parse("packs/x", bytes)?;
        let opener = opening.open("packs/x", place, root)?;
        let mut frames = Vec::new();
        opener.all(bytes, opening.frames_at, &mut Unsqueeze::new()?, &mut |_, _, raw| {
            frames.push(raw.to_vec());
            Ok(())
        })?;
        Ok(frames)
    }

    #[test]
    fn frames_open_to_what_was_sealed() {
        let root = RootKey::random(&SeededEntropy::new(1)).unwrap();
        let frames = open(&root, &place(), &sealed(&root)).unwrap();
        assert_eq!(frames, [vec![b'a'; 5000], vec![], b"xyz".to_vec()]);
    }

    #[test]
    fn frames_of_one_kind_open_behind_what_is_there_and_others_are_refused() {
        let root = RootKey::random(&SeededEntropy::new(1)).unwrap();
        let mut squeeze = Squeeze::for_log(1).unwrap();
        let mut noise = vec![0; 5000];
        SeededEntropy::new(3).fill(&mut noise).unwrap();
        let mut sealer = Sealer::new(&root, &place(), b"", &SeededEntropy::new(7), Vec::new()).unwrap();
        let packed = sealer.add(FrameKind::Log, &[b'a'; 3000], false, &mut squeeze).unwrap();
        let stored = sealer.add(FrameKind::Log, &noise, true, &mut squeeze).unwrap();
        assert!(packed.compressed && !stored.compressed);
        let bytes = sealer.finish();
        let opening = Opening::parse("journal/x", &bytes).unwrap();
        let opener = opening.open("journal/x", &place(), &root).unwrap();
        let mut out = b"before".to_vec();
        opener.append_all(&bytes, opening.frames_at, FrameKind::Log, &mut out).unwrap();
        assert!(out == [&b"before"[..], &[b'a'; 3000], &noise].concat());
        assert!(opener.append_all(&bytes, opening.frames_at, FrameKind::Content, &mut Vec::new()).is_err());
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_detected() {
        let root = RootKey::random(&SeededEntropy::new(1)).unwrap();
        let bytes = sealed(&root);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            assert!(open(&root, &place(), &flipped).is_err(), "flip at {at}");
            assert!(open(&root, &place(), &bytes[..at]).is_err(), "cut at {at}");
        }
        let mut longer = bytes;
        longer.push(0);
        assert!(open(&root, &place(), &longer).is_err());
    }

    #[test]
    fn an_object_under_another_place_or_key_does_not_open() {
        let root = RootKey::random(&SeededEntropy::new(1)).unwrap();
        let bytes = sealed(&root);
        let other = RootKey::random(&SeededEntropy::new(2)).unwrap();
        assert!(open(&other, &place(), &bytes).is_err());
        let places = [
            Place { kind: ObjectKind::Journal, ..place() },
            Place { number: 4, ..place() },
            Place { generation: Generation(5), ..place() },
            Place { session: SessionId([9; 16]), ..place() },
            Place { repository: RepositoryId([9; 16]), ..place() },
        ];
        for place in places {
            assert!(open(&root, &place, &bytes).is_err(), "{place:?}");
        }
    }
}
