//! Reading on, without a mount: what is made ahead is never anything else than what the file shows.

use proptest::prelude::*;
use seedfs::content::StopCheck;
use seedfs::dataset::Inode;
use seedfs::fs::{Filesystem, ReadRequest};

use crate::common::unmounted;

const SIZE: usize = 3 << 20;
const REQUEST: usize = 128 << 10;

fn request(inode: Inode, at: usize) -> ReadRequest {
    ReadRequest { inode, handle: 0, offset: at as u64, size: REQUEST }
}

fn filesystem() -> Filesystem {
    unmounted::filesystem(&format!("size = {SIZE}"))
}

fn file(filesystem: &Filesystem) -> Inode {
    unmounted::resolve(filesystem, "node_0/process_0")
}

#[derive(Clone, Debug)]
enum Step {
    /// Reads so many requests on from where the last one ended.
    Stream(usize),
    Seek(usize),
    Write(usize, u8),
    Truncate(usize),
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_usize..12).prop_map(Step::Stream),
        2 => (0..SIZE).prop_map(Step::Seek),
        2 => (0..SIZE, any::<u8>()).prop_map(|(at, byte)| Step::Write(at, byte)),
        1 => (0..=SIZE).prop_map(Step::Truncate),
        1 => Just(Step::Close),
    ];
    prop::collection::vec(step, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_stream_shows_what_the_file_has(steps in steps()) {
        let filesystem = filesystem();
        let inode = file(&filesystem);
        let mut model = vec![0; SIZE];
        filesystem.read(inode, 0, 0, &mut model).unwrap();
        let mut buffer = Vec::new();
        let mut at = 0;
        for step in &steps {
            match step {
                Step::Stream(requests) => {
                    for _ in 0..*requests {
                        let right = model.get(at..).unwrap_or_default();
                        let right = &right[..right.len().min(REQUEST)];
                        let mut read = 0;
                        let (request, never) = (request(inode, at), StopCheck::NEVER);
                        filesystem.serve_read(request, &mut buffer, never, |outcome| {
                            let bytes = outcome.unwrap();
                            read = bytes.len();
                            assert!(bytes == right, "at {at}");
                        });
                        at += read;
                    }
                }
                Step::Seek(to) => at = *to,
                Step::Write(to, byte) => {
                    let to = (*to).min(model.len());
                    filesystem.write(inode, to as u64, &[*byte]).unwrap();
                    model.resize(model.len().max(to + 1), 0);
                    model[to] = *byte;
                }
                Step::Truncate(size) => {
                    let set = seedfs::fs::SetAttributes {
                        size_bytes: Some(*size as u64),
                        ..seedfs::fs::SetAttributes::default()
                    };
                    filesystem.set_attributes(inode, &set).unwrap();
                    model.resize(*size, 0);
                }
                Step::Close => filesystem.release(inode, 0),
            }
        }
    }
}

#[test]
fn streams_side_by_side_are_all_right() {
    let filesystem = filesystem();
    let inode = file(&filesystem);
    let mut right = vec![0; SIZE];
    filesystem.read(inode, 0, 0, &mut right).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut buffer = Vec::new();
                for at in (0..SIZE).step_by(REQUEST) {
                    filesystem.serve_read(
                        request(inode, at),
                        &mut buffer,
                        StopCheck::NEVER,
                        |outcome| {
                            assert!(outcome.unwrap() == &right[at..at + REQUEST]);
                        },
                    );
                }
            });
        }
    });
    assert_eq!(filesystem.usage().kept_bytes, 0);
}
