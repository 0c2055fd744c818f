//! The `openssl` command makes the same bytes: the promise that the manual gives to everyone.

use std::process::{Command, Stdio};

use seedfs::content::{Address, Content};
use seedfs::dataset::Coordinates;

/// What `openssl enc -aes-128-ctr -K KEY -iv ADDRESS` makes of `length` zeros.
fn openssl(key: [u8; 16], first: Address, length: usize) -> Vec<u8> {
    let zeros = tempfile::NamedTempFile::new().unwrap();
    zeros.as_file().set_len(length as u64).unwrap();
    let output = Command::new("openssl")
        .args(["enc", "-aes-128-ctr", "-nopad"])
        .args(["-K", &hex::encode(key), "-iv", &hex::encode(first.to_bytes())])
        .stdin(zeros.reopen().unwrap())
        .stderr(Stdio::inherit())
        .output()
        .expect("this test needs the `openssl` command; install the package openssl");
    assert!(output.status.success(), "openssl ended with {}", output.status);
    assert_eq!(output.stdout.len(), length);
    output.stdout
}

fn assert_witnessed(seed: &str, file: Coordinates, offset: u64, length: usize) {
    let content = Content::new(seed);
    let within = (offset % 16) as usize;
    let witness = openssl(content.key(), Address::containing(file, offset), within + length);
    let mut bytes = vec![0; length];
    content.fill(file, offset, &mut bytes);
    assert!(bytes == witness[within..], "seed {seed:?}, {file:?}, offset {offset}");
}

#[test]
fn the_beginning_of_files() {
    for (generation, node, process, file) in
        [(0, 0, 0, 0), (0, 0, 1, 0), (1, 2, 3, 4), (u16::MAX, u16::MAX, u16::MAX, u32::MAX)]
    {
        let file = Coordinates { generation, node, process, file };
        assert_witnessed("42", file, 0, 100_003);
    }
}

#[test]
fn any_offset() {
    let file = Coordinates { generation: 0, node: 2, process: 1, file: 0 };
    for offset in [16, 4096, (1 << 32) - 16, 1 << 32, (1 << 36) - 48, (1 << 52) - 65_536] {
        assert_witnessed("nightly-7", file, offset, 65_536);
        assert_witnessed("nightly-7", file, offset + 7, 65_529);
    }
}

#[test]
fn any_seed() {
    for seed in ["0", "", "Grüße, 世界", &"long ".repeat(300)] {
        assert_witnessed(seed, Coordinates::default(), 0, 4096);
    }
}

/// The line of the manual, as one types it.
#[test]
fn the_line_of_the_manual() {
    let line = "openssl enc -aes-128-ctr -K 35b97e48db360a0cab85cad9f5e0afb3 \
                -iv 00000000000100000000000000000000 -in /dev/zero 2>/dev/null | head -c 32";
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    assert_eq!(
        hex::encode(output.stdout),
        "7d6090ad7130bc18f7ee32e3d80472286b96cccc535c1f8556e34d63aa85ff12"
    );
}
