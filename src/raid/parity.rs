//! Parity: the exclusive or of the data that it stands for.

/// Adds `bytes` to a parity. What is added twice is taken out again.
///
/// The compiler makes vector instructions of this loop: it runs as fast as memory lets it.
///
/// Only as many bytes as both have are added.
pub fn xor_into(parity: &mut [u8], bytes: &[u8]) {
    for (parity, byte) in parity.iter_mut().zip(bytes) {
        *parity ^= byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_twice_is_taken_out_again() {
        let (one, other) = ([1, 2, 255, 7], [9, 2, 1, 0]);
        let mut parity = one;
        xor_into(&mut parity, &other);
        assert_eq!(parity, [8, 0, 254, 7]);
        xor_into(&mut parity, &other);
        assert_eq!(parity, one);
    }
}
