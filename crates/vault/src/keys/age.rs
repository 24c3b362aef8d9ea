//! The age file format, as far as wraps need it: one X25519 stanza, content of at most one chunk.
//!
//! Written after "The age file encryption format" (C2SP, age-encryption.org/v1), headings "Header" and "Payload", on the
//! primitives of aws-lc-rs. The `age` program opens these files and its files open here.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use farshore_types::{Entropy, Error, Result};

use crate::primitives::derive;

const VERSION_LINE: &str = "age-encryption.org/v1";
const X25519_LABEL: &[u8] = b"age-encryption.org/v1/X25519";
/// One chunk of the payload; a wrap is far smaller.
const CHUNK_BYTES: usize = 64 << 10;
/// Most stanzas read in a header.
const STANZAS_MAX: usize = 64;

fn bug(what: &'static str) -> impl Fn(aws_lc_rs::error::Unspecified) -> Error {
    move |_| Error::bug(what)
}

fn chacha(key: &[u8]) -> Result<LessSafeKey> {
    Ok(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).map_err(bug("ChaCha20-Poly1305 refused a key"))?))
}

fn shared_key(secret: &[u8; 32], peer: &[u8; 32], salt: &[u8]) -> Result<[u8; 32]> {
    let refused = || Error::invalid("an X25519 key is not usable");
    let secret = PrivateKey::from_private_key(&X25519, secret).map_err(|_| refused())?;
    agree(&secret, UnparsedPublicKey::new(&X25519, peer), refused(), |shared| derive(shared, salt, &[X25519_LABEL]))
}

fn public_of(secret: &[u8; 32]) -> Result<[u8; 32]> {
    let key = PrivateKey::from_private_key(&X25519, secret).map_err(|_| Error::bug("X25519 refused a secret"))?;
    let public = key.compute_public_key().map_err(bug("X25519 has no public key"))?;
    public.as_ref().try_into().map_err(|_| Error::bug("X25519 public key of another length"))
}

fn mac(file_key: &[u8], header: &str) -> Result<[u8; 32]> {
    let key: [u8; 32] = derive(file_key, &[], &[b"header"])?;
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), header.as_bytes());
    tag.as_ref().try_into().map_err(|_| Error::bug("HMAC-SHA-256 of another length"))
}

/// The nonce of the only, last chunk.
fn last_chunk() -> Nonce {
    let mut bytes = [0; 12];
    bytes[11] = 1;
    Nonce::assume_unique_for_key(bytes)
}

/// An age file of `plain` for one recipient.
pub fn encrypt(plain: &[u8], recipient: &[u8; 32], entropy: &dyn Entropy) -> Result<Vec<u8>> {
    if plain.len() > CHUNK_BYTES {
        return Err(Error::bug("a wrap is larger than one chunk"));
    }
    let (mut file_key, mut ephemeral, mut nonce) = ([0; 16], [0; 32], [0; 16]);
    entropy.fill(&mut file_key)?;
    entropy.fill(&mut ephemeral)?;
    entropy.fill(&mut nonce)?;
    let share = public_of(&ephemeral)?;
    let wrap_key = shared_key(&ephemeral, recipient, &[share, *recipient].concat())?;
    let mut body = file_key.to_vec();
    let zero = Nonce::assume_unique_for_key([0; 12]);
    chacha(&wrap_key)?
        .seal_in_place_append_tag(zero, Aad::empty(), &mut body)
        .map_err(bug("cannot seal a file key"))?;
    let header = format!("{VERSION_LINE}\n-> X25519 {}\n{}\n---", BASE64.encode(share), BASE64.encode(&body));
    let mut file = format!("{header} {}\n", BASE64.encode(mac(&file_key, &header)?)).into_bytes();
    file.extend_from_slice(&nonce);
    let payload_key: [u8; 32] = derive(&file_key, &nonce, &[b"payload"])?;
    let mut payload = plain.to_vec();
    chacha(&payload_key)?
        .seal_in_place_append_tag(last_chunk(), Aad::empty(), &mut payload)
        .map_err(bug("cannot seal a wrap"))?;
    file.extend_from_slice(&payload);
    Ok(file)
}

struct Header<'a> {
    /// Ephemeral share and sealed file key of each X25519 stanza.
    stanzas: Vec<([u8; 32], [u8; 32])>,
    /// Everything that the MAC covers.
    covered: &'a str,
    mac: [u8; 32],
    payload: &'a [u8],
}

fn bytes_of<const N: usize>(text: &str) -> Option<[u8; N]> {
    let bytes = BASE64.decode(text).ok()?;
    bytes.try_into().ok()
}

fn parse(file: &[u8]) -> Option<Header<'_>> {
    let mut stanzas = Vec::new();
    let mut at = 0;
    let mut line = || {
        let end = at + file.get(at..)?.iter().position(|&c| c == b'\n')?;
        let text = std::str::from_utf8(&file[at..end]).ok()?;
        let start = std::mem::replace(&mut at, end + 1);
        Some((start, text))
    };
    if line()?.1 != VERSION_LINE {
        return None;
    }
    for _ in 0..STANZAS_MAX {
        let (start, text) = line()?;
        if let Some(sum) = text.strip_prefix("--- ") {
            let covered = std::str::from_utf8(&file[..start + 3]).ok()?;
            return Some(Header { stanzas, covered, mac: bytes_of(sum)?, payload: &file[at..] });
        }
        let kind = text.strip_prefix("-> ")?;
        let mut body = String::new();
        // A stanza's body ends with the first line of fewer than 64 characters.
        loop {
            let text = line()?.1;
            body.push_str(text);
            if text.len() < 64 {
                break;
            }
        }
        if let Some(share) = kind.strip_prefix("X25519 ") {
            stanzas.push((bytes_of(share)?, bytes_of(&body)?));
        }
    }
    None
}

/// The content of an age file; `None` if it is not for this key. Damage is `Corrupt`.
pub fn decrypt(file: &[u8], secret: &[u8; 32], public: &[u8; 32]) -> Result<Option<Vec<u8>>> {
    let header = parse(file).ok_or_else(|| Error::corrupt("it is not an age file with X25519 recipients"))?;
    for (share, mut sealed) in header.stanzas {
        let Ok(wrap_key) = shared_key(secret, &share, &[share, *public].concat()) else { continue };
        let zero = Nonce::assume_unique_for_key([0; 12]);
        let Ok(file_key) = chacha(&wrap_key)?.open_in_place(zero, Aad::empty(), &mut sealed) else { continue };
        let sum = mac(file_key, header.covered)?;
        if aws_lc_rs::constant_time::verify_slices_are_equal(&sum, &header.mac).is_err() {
            return Err(Error::corrupt("its header fails authentication"));
        }
        let (nonce, body) = header.payload.split_at_checked(16).ok_or_else(|| Error::corrupt("it is too short"))?;
        let payload_key: [u8; 32] = derive(file_key, nonce, &[b"payload"])?;
        let mut body = body.to_vec();
        let plain = chacha(&payload_key)?
            .open_in_place(last_chunk(), Aad::empty(), &mut body)
            .map_err(|_| Error::corrupt("its content fails authentication"))?;
        return Ok(Some(plain.to_vec()));
    }
    Ok(None)
}
