//! What the view shows and where it stands: pure state, changed by keys and by what was seen.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::list::{ListPosition, Move, neighbour};
use super::rows::{
    ListKind, NodeColumn, node_matches, range_at, range_matches, sorted, thread_matches,
};
use super::theme::Palette;
use crate::report::{ClusterNode, ClusterRun, RunCommand, ThreadReport};
use crate::watch::{Look, Watched};

/// All that is shown.
#[derive(Debug)]
pub(super) struct View {
    pub(super) targets: Vec<SeenTarget>,
    pub(super) colours: Palette,
    pub(super) input: Input,
    tab: Tab,
    pages: BTreeMap<Tab, Page>,
}

/// A target, and what was seen of it.
#[derive(Clone, Debug)]
pub(super) struct SeenTarget {
    pub(super) name: String,
    pub(super) look: Look,
}

/// A run of a target; of one that nothing is known of yet, the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tab {
    pub(super) target: usize,
    pub(super) command: Option<RunCommand>,
}

/// What keys mean at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// They move.
    Browse,
    /// They are typed into the search.
    Search(String),
    /// They close the help.
    Help,
}

/// What a key asks of whoever has the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Stay,
    Quit,
    Interrupt,
    Suspend,
}

/// Where one stands on the page of a run.
#[derive(Clone, Debug)]
pub(super) struct Page {
    focus: Option<ListKind>,
    pub(super) sort: NodeColumn,
    pub(super) is_reversed: bool,
    searched: String,
    /// The nodes as they are shown.
    order: Vec<usize>,
    /// The number of the node that is selected, which stays so wherever sorting puts it.
    node: Option<u32>,
    positions: BTreeMap<ListKind, ListPosition>,
}

/// What is typed into the search is no longer than a line.
const SEARCH_CHARS_MAX: usize = 80;

impl Default for Page {
    fn default() -> Self {
        Self {
            focus: None,
            sort: NodeColumn::State,
            is_reversed: false,
            searched: String::new(),
            order: Vec::new(),
            node: None,
            positions: BTreeMap::new(),
        }
    }
}

impl View {
    /// A view of targets, of which nothing has been seen yet.
    pub(super) fn new(targets: Vec<SeenTarget>, colours: Palette) -> Self {
        let (tab, pages) = (Tab::default(), BTreeMap::new());
        let mut view = Self { targets, colours, input: Input::Browse, tab, pages };
        view.settle();
        view
    }

    /// Takes what was seen of each target.
    pub(super) fn observe(&mut self, looks: impl IntoIterator<Item = Look>) {
        let mut is_new = false;
        for (target, look) in self.targets.iter_mut().zip(looks) {
            let before = target.look.watched.as_ref().map(Arc::as_ptr);
            is_new |= before != look.watched.as_ref().map(Arc::as_ptr);
            target.look = look;
        }
        // Sorting the nodes of a large cluster takes a while.
        if is_new {
            self.settle();
        }
    }

    /// Each run of each target.
    pub(super) fn tabs(&self) -> Vec<Tab> {
        let mut tabs = Vec::new();
        for (target, seen) in self.targets.iter().enumerate() {
            let runs = seen.watched().map_or(&[][..], |watched| &watched.cluster.runs);
            if runs.is_empty() {
                tabs.push(Tab { target, command: None });
            }
            tabs.extend(runs.iter().map(|run| Tab { target, command: Some(run.command) }));
        }
        tabs
    }

    /// The tab that is shown.
    pub(super) fn tab(&self) -> Tab {
        self.tab
    }

    /// Shows another tab.
    pub(super) fn show(&mut self, tab: Tab) {
        self.tab = tab;
        self.settle();
    }

    /// The target of a tab, and the run where there is one.
    pub(super) fn at(&self, tab: Tab) -> Option<(&SeenTarget, Option<&ClusterRun>)> {
        let target = self.targets.get(tab.target)?;
        let cluster = target.watched().map(|watched| &watched.cluster);
        Some((target, cluster.zip(tab.command).and_then(|(cluster, of)| cluster.run(of))))
    }

    /// The run that is shown.
    pub(super) fn run(&self) -> Option<&ClusterRun> {
        self.at(self.tab)?.1
    }

    /// Where one stands on the page that is shown.
    pub(super) fn page(&self) -> &Page {
        static NOWHERE: LazyLock<Page> = LazyLock::new(Page::default);
        self.pages.get(&self.tab).unwrap_or(&NOWHERE)
    }

    fn page_mut(&mut self) -> &mut Page {
        self.pages.entry(self.tab).or_default()
    }

    /// The lists that the page has.
    pub(super) fn lists(&self) -> Vec<ListKind> {
        let Some(run) = self.run() else { return Vec::new() };
        let is_many = run.node_count > 1 || run.nodes.len() > 1;
        let mut lists = Vec::new();
        lists.extend(is_many.then_some(ListKind::Nodes));
        lists.extend(run.judged.is_some().then_some(ListKind::Ranges));
        let has_threads = run.nodes.iter().any(|node| !node.report.threads.is_empty());
        lists.extend(has_threads.then_some(ListKind::Threads));
        lists
    }

    /// The list that the keys move in: the one that was chosen, or the one that says most.
    pub(super) fn focus(&self) -> Option<ListKind> {
        let lists = self.lists();
        if let Some(focus) = self.page().focus.filter(|focus| lists.contains(focus)) {
            return Some(focus);
        }
        let has_wrong = self.run().is_some_and(|run| run.wrong.total > 0);
        let says_something = |list: &&ListKind| **list != ListKind::Ranges || has_wrong;
        lists.iter().find(says_something).or(lists.first()).copied()
    }

    /// How many rows a list has.
    pub(super) fn rows(&self, list: ListKind) -> usize {
        let Some(run) = self.run() else { return 0 };
        match list {
            ListKind::Nodes => run.nodes.len(),
            ListKind::Ranges => run.wrong.ranges.len(),
            ListKind::Threads => self.threads().len(),
        }
    }

    /// The node in a row of the list.
    pub(super) fn node_at(&self, row: usize) -> Option<&ClusterNode> {
        self.run()?.nodes.get(*self.page().order.get(row)?)
    }

    /// The node whose threads are shown: the one that is selected.
    pub(super) fn selected_node(&self) -> Option<&ClusterNode> {
        self.node_at(self.position(ListKind::Nodes).selected)
    }

    /// Its threads.
    pub(super) fn threads(&self) -> &[ThreadReport] {
        self.selected_node().map_or(&[], |node| &node.report.threads)
    }

    /// Where one stands in a list.
    pub(super) fn position(&self, list: ListKind) -> ListPosition {
        self.page().positions.get(&list).copied().unwrap_or_default()
    }

    /// Tells how many rows of a list are seen, so that pages are as long as that.
    pub(super) fn fit(&mut self, list: ListKind, visible: usize) -> ListPosition {
        let rows = self.rows(list);
        let mut position = self.position(list);
        position.fit(rows, visible);
        self.page_mut().positions.insert(list, position);
        position
    }

    /// Puts everything where it belongs after something has changed.
    fn settle(&mut self) {
        let tabs = self.tabs();
        if !tabs.contains(&self.tab) {
            let of_target = tabs.iter().find(|tab| tab.target == self.tab.target);
            self.tab = of_target.or(tabs.first()).copied().unwrap_or_default();
        }
        let Page { sort, is_reversed, node, .. } = *self.page();
        let Some(run) = self.run() else { return };
        let order = sorted(&run.nodes, sort, is_reversed);
        let number = |at: &usize| run.nodes[*at].report.run.node_id;
        let selected = node.and_then(|node| order.iter().position(|at| number(at) == node));
        let page = self.page_mut();
        page.order = order;
        if let Some(selected) = selected {
            page.positions.entry(ListKind::Nodes).or_default().selected = selected;
        } else {
            // Nothing was selected yet, or it is gone.
            page.positions.entry(ListKind::Nodes).or_default().selected = 0;
            page.node = None;
        }
    }

    /// Does what a key says.
    pub(super) fn press(&mut self, key: KeyEvent) -> Asked {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            match key.code {
                KeyCode::Char('c') => return Asked::Interrupt,
                KeyCode::Char('z') => return Asked::Suspend,
                _ => {}
            }
            return Asked::Stay;
        }
        match std::mem::replace(&mut self.input, Input::Browse) {
            Input::Help => Asked::Stay,
            Input::Search(typed) => {
                self.type_search(typed, key.code);
                Asked::Stay
            }
            Input::Browse => self.browse(key.code),
        }
    }

    fn browse(&mut self, code: KeyCode) -> Asked {
        match code {
            KeyCode::Char('q') | KeyCode::F(10) => return Asked::Quit,
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.input = Input::Help,
            KeyCode::Char('/') | KeyCode::F(3) => self.input = Input::Search(String::new()),
            KeyCode::Char('n') => self.search(1, Toward::Next),
            KeyCode::Char('N') => self.search(1, Toward::Previous),
            KeyCode::Char('s') | KeyCode::F(6) => self.sort(NodeColumn::next_sortable, false),
            KeyCode::Char('S' | 'I') => self.sort(|column| column, true),
            KeyCode::Tab => self.next_tab(1),
            KeyCode::BackTab => self.next_tab(-1),
            KeyCode::Right | KeyCode::Char('l') => self.next_list(1),
            KeyCode::Left => self.next_list(-1),
            KeyCode::Down | KeyCode::Char('j') => self.step(Move::Down),
            KeyCode::Up | KeyCode::Char('k') => self.step(Move::Up),
            KeyCode::PageDown | KeyCode::Char(' ') => self.step(Move::PageDown),
            KeyCode::PageUp => self.step(Move::PageUp),
            KeyCode::Home | KeyCode::Char('g') => self.step(Move::First),
            KeyCode::End | KeyCode::Char('G') => self.step(Move::Last),
            KeyCode::Esc => self.page_mut().searched.clear(),
            _ => {}
        }
        Asked::Stay
    }

    fn step(&mut self, step: Move) {
        let Some(focus) = self.focus() else { return };
        let rows = self.rows(focus);
        let mut position = self.position(focus);
        position.step(step, rows);
        self.select(focus, position);
    }

    fn select(&mut self, list: ListKind, position: ListPosition) {
        self.page_mut().positions.insert(list, position);
        if list == ListKind::Nodes {
            let node = self.selected_node().map(|node| node.report.run.node_id);
            self.page_mut().node = node;
            // Those of another node now.
            self.page_mut().positions.remove(&ListKind::Threads);
        }
    }

    fn sort(&mut self, next: impl Fn(NodeColumn) -> NodeColumn, turns: bool) {
        let page = self.page_mut();
        page.sort = next(page.sort);
        page.is_reversed = turns && !page.is_reversed;
        self.settle();
    }

    fn next_tab(&mut self, by: isize) {
        let tabs = self.tabs();
        let tab = neighbour(&tabs, self.tab, by).unwrap_or(self.tab);
        self.show(tab);
    }

    fn next_list(&mut self, by: isize) {
        let lists = self.lists();
        let next = self.focus().and_then(|focus| neighbour(&lists, focus, by));
        self.page_mut().focus = next;
    }

    fn type_search(&mut self, mut typed: String, code: KeyCode) {
        match code {
            KeyCode::Esc => return,
            KeyCode::Enter => {
                self.page_mut().searched = typed.to_lowercase();
                self.search(0, Toward::Next);
                return;
            }
            KeyCode::Backspace if typed.is_empty() => return,
            KeyCode::Backspace => drop(typed.pop()),
            KeyCode::Char(c) if typed.chars().count() < SEARCH_CHARS_MAX => typed.push(c),
            _ => {}
        }
        // What is typed is found at once.
        self.page_mut().searched = typed.to_lowercase();
        self.search(0, Toward::Next);
        self.input = Input::Search(typed);
    }

    /// Selects the next row with the text that was searched for, `from` rows after the selected
    /// one, and from the other end on; stays where there is none.
    fn search(&mut self, from: usize, toward: Toward) {
        let Some(focus) = self.focus() else { return };
        let rows = self.rows(focus);
        let searched = self.page().searched.clone();
        if searched.is_empty() {
            return;
        }
        let mut position = self.position(focus);
        let start = position.selected;
        let nth = |step: usize| match toward {
            Toward::Next => (start + step) % rows,
            Toward::Previous => (start + rows - step % rows) % rows,
        };
        let found = (from..rows + from).map(nth).find(|row| self.matches(focus, *row, &searched));
        if let Some(row) = found {
            position.selected = row;
            self.select(focus, position);
        }
    }

    /// Whether what was searched for is in no row.
    pub(super) fn finds_nothing(&self) -> bool {
        let searched = &self.page().searched;
        self.focus().is_some_and(|focus| {
            !searched.is_empty()
                && !(0..self.rows(focus)).any(|row| self.matches(focus, row, searched))
        })
    }

    fn matches(&self, list: ListKind, row: usize, text: &str) -> bool {
        let Some(run) = self.run() else { return false };
        match list {
            ListKind::Nodes => self.node_at(row).is_some_and(|node| node_matches(node, text)),
            ListKind::Ranges => range_at(run, row).is_some_and(|range| range_matches(range, text)),
            ListKind::Threads => {
                self.threads().get(row).is_some_and(|thread| thread_matches(thread, text))
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Toward {
    Next,
    Previous,
}

impl SeenTarget {
    /// What was read last.
    pub(super) fn watched(&self) -> Option<&Watched> {
        self.look.watched.as_deref()
    }
}
