//! The terminal: taken, drawn to, and given back whatever ends the view.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGCONT, SIGTSTP};
use signal_hook::{flag, low_level};

use super::page;
use super::view::{Asked, View};
use crate::storage::StopFlag;
use crate::watch::Watcher;

/// How often ages and what was read are drawn anew; keys are not waited for so long.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 250_000_000 };

/// Has the terminal until it is dropped. A panic gives it back before it says anything.
struct Screen {
    terminal: DefaultTerminal,
}

impl Screen {
    fn take() -> io::Result<Self> {
        Ok(Self { terminal: ratatui::try_init()? })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // There is nothing else to be done about it: the terminal is gone.
        let _ = ratatui::try_restore();
    }
}

/// Signals of a shell that suspends the view and brings it back.
struct ShellSignals {
    suspend: Arc<AtomicBool>,
    resumed: Arc<AtomicBool>,
}

impl ShellSignals {
    fn new() -> io::Result<Self> {
        let signals = Self { suspend: Arc::default(), resumed: Arc::default() };
        flag::register(SIGTSTP, Arc::clone(&signals.suspend))?;
        flag::register(SIGCONT, Arc::clone(&signals.resumed))?;
        Ok(signals)
    }
}

/// Shows the view until a key ends it, or `stop` is set.
pub(super) fn show(view: &mut View, watchers: &[Watcher], stop: &StopFlag) -> io::Result<()> {
    let signals = ShellSignals::new()?;
    let mut screen = Screen::take()?;
    while !stop.is_set() {
        if signals.suspend.swap(false, Ordering::Relaxed) {
            screen = suspended(screen)?;
            signals.resumed.store(false, Ordering::Relaxed);
        }
        // Somebody else may have had the terminal while the view was stopped.
        if signals.resumed.swap(false, Ordering::Relaxed) {
            drop(screen);
            screen = Screen::take()?;
        }
        view.observe(watchers.iter().map(Watcher::look));
        screen.terminal.draw(|frame| page::draw(frame.area(), frame.buffer_mut(), view))?;
        if !wait_for_input()? {
            return Ok(());
        }
        while event::poll(Duration::ZERO)? {
            let asked = match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => view.press(key),
                _ => Asked::Stay,
            };
            match asked {
                Asked::Stay => {}
                Asked::Quit => return Ok(()),
                Asked::Interrupt => {
                    stop.set();
                    return Ok(());
                }
                Asked::Suspend => signals.suspend.store(true, Ordering::Relaxed),
            }
        }
    }
    Ok(())
}

/// Waits until something is typed, a signal comes, or it is time to draw again; says whether the
/// terminal is still there. Events would be read without end from one that is gone.
fn wait_for_input() -> io::Result<bool> {
    let stdout = io::stdout();
    let mut terminal = [PollFd::new(&stdout, PollFlags::IN)];
    match poll(&mut terminal, Some(&TICK)) {
        // A signal, as that of another size.
        Err(Errno::INTR) => return Ok(true),
        polled => polled?,
    };
    Ok(!terminal[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL))
}

/// Gives the terminal back, stops as a program does that knows nothing of the signal, and takes the
/// terminal again when it goes on.
fn suspended(screen: Screen) -> io::Result<Screen> {
    drop(screen);
    low_level::emulate_default_handler(SIGTSTP)?;
    Screen::take()
}
