//! The dataset: which files there are, what they are called and how large they are.

mod coordinates;

pub use coordinates::Coordinates;
