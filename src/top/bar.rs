//! Bars that are drawn to scale.

use ratatui::text::Span;

use super::theme::{BarPart, Palette};
use crate::dataset::format_size;
use crate::report::ByteTotals;

/// The parts of a whole in so many columns, together all of them. Each part that is not nothing has
/// a column where there are enough: one wrong byte in a terabyte is seen.
fn shares<const N: usize>(parts: [u128; N], columns: usize) -> [usize; N] {
    let whole = parts.iter().fold(0_u128, |sum, part| sum.saturating_add(*part));
    let mut widths = [0; N];
    if whole == 0 || columns == 0 {
        return widths;
    }
    #[expect(clippy::cast_precision_loss, reason = "no terminal has 2^52 columns")]
    let exact = parts.map(|part| part as f64 / whole as f64 * columns as f64);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded down")]
    for (width, (exact, part)) in widths.iter_mut().zip(exact.iter().zip(parts)) {
        *width = (*exact as usize).max(usize::from(part > 0)).min(columns);
    }
    // What rounding left, or took too much of, is the largest part's.
    let largest = (0..N).max_by_key(|at| parts[*at]).unwrap_or_default();
    let others: usize = widths.iter().sum::<usize>() - widths[largest];
    widths[largest] = columns.saturating_sub(others);
    widths
}

/// What became of the expected bytes.
pub(super) fn byte_bar(bytes: ByteTotals, columns: usize, colours: Palette) -> Vec<Span<'static>> {
    let ByteTotals { expected, matched, wrong, .. } = bytes;
    let missing = expected.saturating_sub(matched).saturating_sub(wrong);
    let states = [BarPart::Matched, BarPart::Wrong, BarPart::Missing];
    // A dataset without a byte has nothing to be missing.
    let parts = if expected == 0 { [0, 0, 1] } else { [matched, wrong, missing] };
    let widths = shares(parts, columns);
    states
        .into_iter()
        .zip(widths)
        .map(|(state, width)| Span::styled(state.sign().repeat(width), colours.bytes(state)))
        .collect()
}

/// How much is done.
pub(super) fn progress_bar(percent: f64, columns: usize, colours: Palette) -> Vec<Span<'static>> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in thousandths")]
    let done = (percent.clamp(0.0, 100.0) * 1000.0) as u128;
    let [done, left] = shares([done, 100_000 - done], columns);
    vec![
        Span::styled("━".repeat(done), colours.writes()),
        Span::styled("─".repeat(left), colours.dim()),
    ]
}

/// A share as it is shown with one digit behind the point: only all of it is 100.
pub(super) fn shown_percent(percent: f64) -> f64 {
    if percent < 100.0 { percent.min(99.9) } else { percent }
}

/// A number of bytes, which may be that of many nodes.
pub(super) fn size(bytes: u128) -> String {
    format_size(u64::try_from(bytes).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_all_of_it_is_a_hundred_percent() {
        let shown = |percent| format!("{:.1}", shown_percent(percent));
        assert_eq!(shown(100.0), "100.0");
        assert_eq!(shown(99.999_999), "99.9");
        assert_eq!(shown(39.06), "39.1");
    }

    #[test]
    fn a_bar_is_as_wide_as_it_should_be_and_shows_the_smallest_part() {
        assert_eq!(shares([1, 1, 2], 8), [2, 2, 4]);
        assert_eq!(shares([1 << 40, 1, 0], 10), [9, 1, 0], "one byte of a terabyte");
        assert_eq!(shares([1, 1, 1 << 100], 10), [1, 1, 8]);
        assert_eq!(shares([0, 0, 0], 10), [0, 0, 0]);
        assert_eq!(shares([5, 5, 5], 0), [0, 0, 0]);
        assert_eq!(shares([1, 1, 1], 10).iter().sum::<usize>(), 10);
        assert_eq!(shares([u128::MAX, u128::MAX], 10).iter().sum::<usize>(), 10);
    }

    #[test]
    fn a_bar_has_another_sign_for_each_state() {
        let bytes = ByteTotals { expected: 10, matched: 5, wrong: 1, extra: 3 };
        let bar: String =
            byte_bar(bytes, 10, Palette::None).iter().map(|span| &*span.content).collect();
        assert_eq!(bar, "█████╳░░░░");
        let bar: String =
            progress_bar(99.99, 10, Palette::None).iter().map(|span| &*span.content).collect();
        assert_eq!(bar, "━━━━━━━━━─", "not done looks not done");
    }
}
