//! The `seedfs` command.

fn main() {}
