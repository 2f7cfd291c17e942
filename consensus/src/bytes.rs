//! Taking numbers and arrays off the front of bytes that nobody has checked.

/// Takes the first `N` bytes off `rest`.
pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}

/// Takes a big-endian u64.
pub(crate) fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    take(rest).map(u64::from_be_bytes)
}

/// Takes a big-endian u32.
pub(crate) fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    take(rest).map(u32::from_be_bytes)
}

/// Takes one byte.
pub(crate) fn take_u8(rest: &mut &[u8]) -> Option<u8> {
    take(rest).map(|[byte]| byte)
}
