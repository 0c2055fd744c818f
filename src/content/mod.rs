//! Content: every byte is a pure function of a seed and an address.
