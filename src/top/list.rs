//! Where one stands in a list that is longer than its place.

/// Which row is selected, and which are seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ListPosition {
    pub(super) selected: usize,
    /// The first row that is seen.
    pub(super) offset: usize,
    /// How many are seen.
    visible: usize,
}

/// A step in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Down,
    Up,
    PageDown,
    PageUp,
    First,
    Last,
}

impl ListPosition {
    /// Moves the selection, as far as there are rows.
    pub(super) fn step(&mut self, step: Move, rows: usize) {
        let page = self.visible.max(1);
        let to = match step {
            Move::Down => self.selected.saturating_add(1),
            Move::Up => self.selected.saturating_sub(1),
            Move::PageDown => self.selected.saturating_add(page),
            Move::PageUp => self.selected.saturating_sub(page),
            Move::First => 0,
            Move::Last => usize::MAX,
        };
        self.selected = to.min(rows.saturating_sub(1));
    }

    /// Keeps the selected row among those that are seen, and no place empty that could have one.
    pub(super) fn fit(&mut self, rows: usize, visible: usize) {
        self.visible = visible;
        self.selected = self.selected.min(rows.saturating_sub(1));
        let (first, last) = ((self.selected + 1).saturating_sub(visible), self.selected);
        let most = rows.saturating_sub(visible);
        self.offset = self.offset.clamp(first, last.max(first)).min(most);
    }
}

/// The one so many places on, and after the last the first.
pub(super) fn neighbour<T: Copy + PartialEq>(all: &[T], of: T, by: isize) -> Option<T> {
    let at = all.iter().position(|one| *one == of)?;
    let count = isize::try_from(all.len()).ok()?;
    let next = isize::try_from(at).ok()?.checked_add(by)?.rem_euclid(count);
    all.get(usize::try_from(next).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(mut at: ListPosition, step: Move, rows: usize) -> (usize, usize) {
        at.step(step, rows);
        at.fit(rows, 10);
        (at.selected, at.offset)
    }

    #[test]
    fn the_selected_row_is_always_seen() {
        let mut at = ListPosition::default();
        at.fit(100, 10);
        assert_eq!(moved(at, Move::PageDown, 100), (10, 1));
        assert_eq!(moved(at, Move::Last, 100), (99, 90));
        assert_eq!(moved(at, Move::Up, 100), (0, 0));
        let end = ListPosition { selected: 99, offset: 90, visible: 10 };
        assert_eq!(moved(end, Move::Up, 100), (98, 90));
        assert_eq!(moved(end, Move::PageUp, 100), (89, 89));
        assert_eq!(moved(end, Move::First, 100), (0, 0));
        assert_eq!(moved(end, Move::Down, 100), (99, 90));
    }

    #[test]
    fn a_list_that_has_become_short_or_empty_is_seen_from_its_beginning() {
        let end = ListPosition { selected: 99, offset: 90, visible: 10 };
        assert_eq!(moved(end, Move::Down, 5), (4, 0));
        assert_eq!(moved(end, Move::Down, 0), (0, 0));
        let mut none = end;
        none.fit(100, 0);
        assert_eq!(none.selected, 99);
        none.step(Move::PageUp, 100);
        assert_eq!(none.selected, 98, "a page that is not seen is a row");
    }
}
