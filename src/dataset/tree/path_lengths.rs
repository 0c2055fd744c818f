//! How long the paths are, all together, without making one.
//!
//! A path is the layout's literal text and one number for each axis. So the lengths of many paths
//! are a multiple of the text's and, axis by axis, the digits of the numbers that it runs through.
//! In the order in which files are counted an axis stands still for as many files as the axes below
//! it have, then goes on by one, and at its end begins anew:
//!
//! ```text
//!   process   0 0 0 1 1 1 2 2 2 0 0 0 1 …     3 processes of 3 files
//!             └─┬─┘
//!             stride: one digit sum is that of whole cycles, whole steps, and a rest of one step
//! ```
//!
//! Extensions change from file to file, in cycles of all of them.

use super::dimensions::{Axis, Dimensions};
use super::extensions::Extensions;
use super::layout::{LayoutPart, Placeholder};
use super::namespace::Namespace;

impl Namespace {
    /// The lengths in bytes of the paths of the first `files` files, in the order of
    /// [`Dataset::file`](crate::dataset::Dataset::file), added up; slashes count, the one in front
    /// of a path does not.
    #[must_use]
    pub fn path_bytes(&self, files: u64) -> u128 {
        path_bytes(self, files.min(self.file_count()))
    }
}

fn path_bytes(namespace: &Namespace, files: u64) -> u128 {
    let generations = namespace.generations();
    let dimensions = namespace.dimensions();
    if !generations.differ_in_files() {
        let number = |number: Placeholder, files: u64| {
            axis_bytes(&dimensions, number.axis, number.width, files)
        };
        return parts_bytes(namespace, files, number);
    }
    // Each generation is a box of its own. There are few, or this would be worth a table.
    let mut sum = 0;
    let mut left = files;
    for (position, generation) in (0..).zip(generations.all()) {
        let files = generations.numbers_at(generation);
        let of_one = Dimensions { generations: 1, files, ..dimensions };
        let files_now = left.min(namespace.process_count() * of_one.files_of_process());
        sum += parts_bytes(namespace, files_now, |number, files_now| match number.axis {
            Axis::Generation => {
                let width = number.width.max(1);
                let digits = digits_below(position + 1, width) - digits_below(position, width);
                digits * u128::from(files_now)
            }
            axis => axis_bytes(&of_one, axis, number.width, files_now),
        });
        left -= files_now;
        if left == 0 {
            break;
        }
    }
    sum
}

/// The literal text, the slashes and the numbers, each as long as `number` says.
fn parts_bytes(
    namespace: &Namespace,
    files: u64,
    number: impl Fn(Placeholder, u64) -> u128,
) -> u128 {
    let components = namespace.layout().components();
    let slashes = (components.len() - 1) as u128;
    let sum = |part: &LayoutPart| match part {
        LayoutPart::Literal(text) => text.len() as u128 * u128::from(files),
        LayoutPart::Number(placeholder) => number(*placeholder, files),
        LayoutPart::Extension => extension_bytes(namespace.extensions(), files),
    };
    slashes * u128::from(files) + components.iter().flatten().map(sum).sum::<u128>()
}

/// The extensions in the paths of the first `files` files.
fn extension_bytes(extensions: &Extensions, files: u64) -> u128 {
    let cycle = u64::from(extensions.files_of_number());
    u128::from(files / cycle) * u128::from(extensions.bytes_of_first(cycle))
        + u128::from(extensions.bytes_of_first(files % cycle))
}

/// The digits of one axis in the paths of the first `files` files.
fn axis_bytes(dimensions: &Dimensions, axis: Axis, width: usize, files: u64) -> u128 {
    // The files that pass before the number of the axis goes on by one.
    let stride = match axis {
        Axis::Extension => 1,
        Axis::File => dimensions.extensions.into(),
        Axis::Process => dimensions.files_of_process(),
        Axis::Node => dimensions.files_of_process() * u64::from(dimensions.processes),
        Axis::Generation => {
            let of_node = dimensions.files_of_process() * u64::from(dimensions.processes);
            of_node * u64::from(dimensions.nodes)
        }
    };
    let radix = dimensions.along(axis);
    // The number of all files is below 2^61, so this is too.
    let cycle = stride * radix;
    let (cycles, within) = (files / cycle, files % cycle);
    let (steps, rest) = (within / stride, within % stride);
    let below = |count: u64| digits_below(count, width.max(1));
    let of_one = if rest == 0 { 0 } else { below(steps + 1) - below(steps) };
    u128::from(stride) * (u128::from(cycles) * below(radix) + below(steps))
        + u128::from(rest) * of_one
}

/// The lengths of the numbers 0 up to `count`, it left out, padded to `width` digits.
fn digits_below(count: u64, width: usize) -> u128 {
    let mut sum = width as u128 * u128::from(count);
    // Each digit more is one that the numbers from its power of ten on have.
    let mut power = u32::try_from(width).ok().and_then(|width| 10_u64.checked_pow(width));
    while let Some(least) = power.filter(|least| *least < count) {
        sum += u128::from(count - least);
        power = least.checked_mul(10);
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dataset::{DatasetConfig, OptionValue};

    #[test]
    fn numbers_have_their_digits() {
        for width in 1..5 {
            let mut sum = 0;
            for count in 0..12_000_u64 {
                assert_eq!(digits_below(count, width), sum, "{count} numbers, {width} wide");
                sum += format!("{count:0width$}").len() as u128;
            }
        }
        // 2^64 - 1 numbers: no power of ten overflows.
        assert!(digits_below(u64::MAX, 1) > u128::from(u64::MAX) * 19);
    }

    proptest! {
        #[test]
        fn the_paths_are_as_long_as_they_are(
            (iterations, nodes, processes, files) in (1_u64..4, 1_u64..13, 1_u64..13, 1_u64..120),
            extensions in prop::sample::subsequence(vec!["a", "bin", "json.gz"], 0..=3),
            widths in prop::array::uniform4(0_usize..5),
            order in Just([0, 1, 2, 3]).prop_shuffle(),
            slash in any::<[bool; 3]>(),
            new_files in prop::sample::select(vec!["0", "30", "250"]),
        ) {
            let axes = ["iteration", "node", "process", "file"];
            let mut layout = String::from("d\u{e4}\\");
            for (place, axis) in order.into_iter().enumerate() {
                let separator = if place > 0 && slash[place - 1] { "/" } else { "_" };
                let placeholder = format!("{separator}{{{}:0{}}}", axes[axis], widths[axis]);
                layout += &placeholder;
            }
            if !extensions.is_empty() {
                layout += "~{ext}";
            }
            let typed = DatasetConfig {
                iterations: Some(iterations.into()),
                nodes: Some(nodes.into()),
                processes: Some(processes.into()),
                files: Some(files.into()),
                new_files: Some(new_files.into()),
                content: (!extensions.is_empty()).then(|| {
                    let random = |name: &&str| ((*name).to_owned(), "random".to_owned());
                    OptionValue::Table(extensions.iter().map(random).collect())
                }),
                layout: Some(layout.replace(":00}", "}").as_str().into()),
                ..DatasetConfig::default()
            };
            // Not all orders can have generations of different numbers of files.
            let dataset = typed.validate();
            prop_assume!(dataset.is_ok());
            let dataset = dataset.unwrap();
            let mut sum = 0;
            for index in 0..dataset.file_count() {
                prop_assert_eq!(dataset.namespace().path_bytes(index), sum, "{} files", index);
                let file = dataset.file(crate::dataset::DatasetPart::ALL, index);
                sum += dataset.namespace().path_of(file).unwrap().len() as u128;
            }
            prop_assert_eq!(dataset.namespace().path_bytes(u64::MAX), sum);
        }
    }
}
