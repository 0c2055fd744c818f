//! The view in a terminal: `seedfs top`.
//!
//! It draws what [`watch`](crate::watch) has seen, and computes nothing of its own. The state
//! (`view`) is pure: keys and what was seen change it, and drawing (`page`) makes a buffer of it,
//! in a terminal or as text. So tests press keys and look at the buffer, at any size.
//!
//! ```text
//!   Watcher, one for each target ─→ Look ─┐
//!                                         ├─→ View ─→ page: title, head, rates, tables
//!   terminal ─→ keys ─────────────────────┘             └─→ terminal, or text
//! ```
//!
//! Nothing here waits for a target, and what is drawn is bounded by the terminal: of a list only
//! the rows that are seen are made. What others have written is shown without what a terminal would
//! obey.

mod bar;
mod head;
mod list;
mod page;
mod rates;
mod rows;
mod tables;
mod terminal;
#[cfg(test)]
mod tests;
mod theme;
mod view;

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crate::storage::StopFlag;
use crate::watch::{Look, Target, Watcher};

pub use theme::Palette;
use view::{SeenTarget, View};

/// How long the text of one look waits for targets.
const TEXT_WITHIN: Duration = Duration::from_secs(5);

/// The fewest columns that a text can have.
pub const TEXT_COLUMNS_MIN: u16 = 40;

/// One look as text, and whether all targets answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextLook {
    /// A page for each run of each target, with an empty line between them.
    pub text: String,
    /// Whether each target has been seen.
    pub complete: bool,
}

/// Shows the targets in the terminal until a key ends it. Ctrl-C sets `stop`, and `stop` ends it.
///
/// # Errors
///
/// Those of the terminal, and where the system has no threads to look at the targets.
pub fn run(
    targets: Vec<Target>,
    interval: Duration,
    colours: Palette,
    stop: &StopFlag,
) -> io::Result<()> {
    let (mut view, watchers) = watch(targets, interval, colours)?;
    terminal::show(&mut view, &watchers, stop)
}

/// Looks once, and waits for answers 5 seconds at the most. The text is `columns` wide.
///
/// # Errors
///
/// Where the system has no threads to look at the targets.
pub fn look_once(targets: Vec<Target>, columns: u16) -> io::Result<TextLook> {
    let (mut view, watchers) = watch(targets, Duration::from_secs(3600), Palette::None)?;
    let begun = Instant::now();
    let mut looks: Vec<Look>;
    loop {
        looks = watchers.iter().map(Watcher::look).collect();
        let all = looks.iter().all(|look| look.watched.is_some());
        if all || begun.elapsed() > TEXT_WITHIN {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let is_seen = |look: &Look| look.watched.as_ref().is_some_and(|seen| seen.absent.is_none());
    let complete = looks.iter().all(is_seen);
    view.observe(looks);
    let columns = columns.max(TEXT_COLUMNS_MIN);
    let pages = view.tabs().into_iter().map(|tab| page::text(&mut view, tab, columns));
    Ok(TextLook { text: pages.collect::<Vec<_>>().join("\n"), complete })
}

fn watch(
    targets: Vec<Target>,
    interval: Duration,
    colours: Palette,
) -> io::Result<(View, Vec<Watcher>)> {
    let seen = targets
        .iter()
        .map(|target| SeenTarget { name: target.name().to_owned(), look: Look::default() });
    let view = View::new(seen.collect(), colours);
    let watchers = targets.into_iter().map(|target| Watcher::start(target, interval));
    Ok((view, watchers.collect::<io::Result<_>>()?))
}
