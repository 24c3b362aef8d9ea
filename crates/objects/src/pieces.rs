//! Pieces of an object that is put, and what is done with them wherever that is: a piece that is empty or too long is refused. Keeps no state.

use bytes::{Bytes, BytesMut};
use farshore_types::{Error, Result};

/// Gives the bytes of an object from an offset on, as many as it likes.
pub type PieceOf<'a> = dyn FnMut(u64) -> Result<Bytes> + 'a;

/// The piece at `at` of an object of `size` bytes, which is longer than `at`: at least one byte, none beyond the end.
pub(crate) fn next(name: &str, size: u64, at: u64, piece: &mut PieceOf<'_>) -> Result<Bytes> {
    let piece = piece(at)?;
    match piece.len() as u64 {
        1.. if piece.len() as u64 <= size.saturating_sub(at) => Ok(piece),
        len => Err(Error::bug(format!("a piece of {len} bytes was given at {at} of {name}, which has {size}"))),
    }
}

/// All pieces as one. `Invalid` where they do not fit into memory.
pub(crate) fn gather(name: &str, size: u64, piece: &mut PieceOf<'_>) -> Result<Bytes> {
    let too_large = |_| Error::invalid(format!("{name} with its {size} bytes does not fit into memory"));
    let mut whole = BytesMut::with_capacity(usize::try_from(size).map_err(too_large)?);
    while (whole.len() as u64) < size {
        whole.extend_from_slice(&next(name, size, whole.len() as u64, piece)?);
    }
    Ok(whole.freeze())
}
