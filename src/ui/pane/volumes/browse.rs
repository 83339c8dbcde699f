//! The files of a volume: read-only, one directory at a time.

use std::{collections::HashMap, sync::Arc};

use ratatui::{Frame, layout::Rect};

use super::super::Reply;
use crate::{
    model::{
        Feed, FileEntry, FileKind, FileList, HostName, Payload, Resource, Timestamp, bytes,
        printable,
    },
    ops::{column::natural, target::Target},
    ui::{
        list::List,
        look::{Look, cut},
        nav::Nav,
        scroll,
    },
};

/// Cells before the name: rights, owner, size, time.
const BEFORE: usize = 48;

/// With fewer cells only the size stands before the name.
const WIDE: usize = 76;

/// A look into a volume.
pub struct Browse {
    host: HostName,
    volume: Arc<str>,
    /// The directory that is shown, without a slash at either end.
    path: String,
    files: State,
    /// The paths of what is in that directory.
    list: List<Box<str>>,
}

enum State {
    Asked,
    Failed(String),
    Here {
        files: Arc<FileList>,
        /// Bytes of all that is below each directory.
        below: HashMap<Box<str>, u64>,
    },
}

impl Browse {
    /// Asks for the files of a volume.
    pub fn new(host: HostName, volume: Arc<str>, path: &str) -> Self {
        Self {
            host,
            volume,
            path: path.to_owned(),
            files: State::Asked,
            list: List::default(),
        }
    }

    /// What it wants.
    pub fn feed(&self) -> Feed {
        Feed::Files(self.host.clone(), self.volume.clone())
    }

    /// The volume.
    pub fn target(&self) -> Target {
        Target::Resource(Resource::Volume, self.host.clone(), self.volume.clone())
    }

    /// What is shown, and where in it.
    pub fn title(&self) -> String {
        format!(
            "Files of {}@{}  /{}{}",
            self.volume,
            self.host,
            printable(&self.path),
            match &self.files {
                State::Here { files, .. } => match &files.cut {
                    Some(_) => "  not all",
                    None => "",
                },
                State::Asked | State::Failed(_) => "",
            }
        )
    }

    /// Takes in what was asked for.
    pub fn take(&mut self, payload: Payload) {
        match payload {
            Payload::Files(files) => {
                let below = sizes(&files);
                self.files = State::Here { files, below };
                self.arrange();
            }
            Payload::Failed(why) => {
                if !matches!(self.files, State::Here { .. }) {
                    self.files = State::Failed(why);
                }
            }
            Payload::Inspected(_)
            | Payload::Processes(..)
            | Payload::Changed(_)
            | Payload::Lines(_)
            | Payload::Older { .. }
            | Payload::Gap(_)
            | Payload::Ended(_)
            | Payload::Resumed(_) => {}
        }
    }

    /// Shows what is in the directory: directories first, then by name.
    fn arrange(&mut self) {
        let State::Here { files, .. } = &self.files else {
            return;
        };
        let inside = files.entries.iter();
        let mut inside: Vec<&FileEntry> = inside
            .filter(|one| !one.path.is_empty() && one.parent() == self.path)
            .collect();
        inside.sort_by(|a, b| {
            let is_file = |one: &FileEntry| one.kind != FileKind::Directory;
            is_file(a)
                .cmp(&is_file(b))
                .then_with(|| natural(a.name(), b.name()))
        });
        let paths = inside.iter().map(|one| one.path.clone());
        self.list.settle(paths.collect());
    }

    /// Goes to the directory above; false when there is none.
    pub fn up(&mut self) -> bool {
        if self.path.is_empty() {
            return false;
        }
        let left: Box<str> = self.path.as_str().into();
        self.path = match self.path.rsplit_once('/') {
            Some((parent, _)) => parent.to_owned(),
            None => String::new(),
        };
        self.list = List::default();
        self.arrange();
        self.list.go_to(&left);
        true
    }

    /// Tells how many rows the screen has for it.
    pub fn set_height(&mut self, rows: usize) {
        self.list.set_height(rows);
    }

    /// Moves, enters and leaves directories.
    pub fn nav(&mut self, nav: &Nav) -> Reply {
        match nav {
            Nav::Open | Nav::Right => self.enter(),
            Nav::Left => {
                self.up();
                Reply::Done
            }
            Nav::Copy => match self.list.current() {
                Some(path) => Reply::Copy(format!("{}@{}:/{path}", self.volume, self.host)),
                None => Reply::Done,
            },
            Nav::Mark | Nav::MarkAll | Nav::MarkRange | Nav::Filter { .. } | Nav::Sort { .. } => {
                Reply::Refuse("files are only looked at here".into())
            }
            other if self.list.nav(other) => Reply::Done,
            _ => Reply::Pass,
        }
    }

    fn enter(&mut self) -> Reply {
        let Some(path) = self.list.current().cloned() else {
            return Reply::Done;
        };
        match self.entry(&path) {
            Some(one) if one.kind == FileKind::Directory => {
                self.path = path.into();
                self.list = List::default();
                self.arrange();
                Reply::Done
            }
            Some(_) => Reply::Tell(format!(
                "wharf volume browse {}@{} --cat '/{path}' prints it",
                self.volume, self.host
            )),
            None => Reply::Done,
        }
    }

    fn entry(&self, path: &str) -> Option<&FileEntry> {
        let State::Here { files, .. } = &self.files else {
            return None;
        };
        let at = files
            .entries
            .binary_search_by(|one| (*one.path).cmp(path))
            .ok()?;
        files.entries.get(at)
    }

    /// Draws it.
    pub fn view(&self, now: Timestamp, look: &Look, frame: &mut Frame<'_>, area: Rect) {
        let State::Here { files, below } = &self.files else {
            return super::super::empty(&self.emptiness(), look, frame, area);
        };
        if self.list.order().is_empty() {
            return super::super::empty(&self.emptiness(), look, frame, area);
        }
        let width = usize::from(area.width).saturating_sub(1);
        let is_wide = width >= WIDE;
        let title = match (&files.cut, is_wide) {
            (Some(why), _) => format!(" the list is not complete: {why}"),
            (None, true) => {
                format!(
                    " {:<10} {:>6} {:>6} {:>7} {:<13}  NAME",
                    "MODE", "USER", "GROUP", "SIZE", "CHANGED"
                )
            }
            (None, false) => format!(" {:>7}  NAME", "SIZE"),
        };
        let ink = match files.cut {
            Some(_) => look.theme.warn,
            None => look.theme.column,
        };
        let buffer = frame.buffer_mut();
        buffer.set_stringn(area.x, area.y, title, width, ink);
        for (y, path) in (area.y + 1..area.bottom()).zip(self.list.visible()) {
            let Some(one) = self.entry(path) else {
                continue;
            };
            let size = match one.kind {
                FileKind::Directory => below.get(path).copied().unwrap_or(0),
                FileKind::File | FileKind::Link | FileKind::Other => one.size,
            };
            let style = match one.kind {
                FileKind::Directory => look.theme.accent,
                FileKind::File => look.theme.tone(crate::ops::column::Tone::Plain),
                FileKind::Link | FileKind::Other => look.theme.faint,
            };
            let before = before(one, size, now, is_wide);
            let room = width.saturating_sub(before.len() + 1);
            let name = look.glyphs.plain(&name(one)).into_owned();
            let name = cut(&name, room, &look.glyphs).into_owned();
            buffer.set_stringn(area.x, y, &before, width, look.theme.faint);
            let x = area.x + u16::try_from(before.len()).unwrap_or(u16::MAX);
            buffer.set_stringn(x, y, name, room, style);
            if self.list.current() == Some(path) {
                let row = Rect {
                    y,
                    height: 1,
                    ..area
                };
                buffer.set_style(row, look.theme.cursor);
            }
        }
        let (offset, all) = (self.list.offset(), self.list.order().len());
        scroll::bar(offset, all, look, frame, area);
    }

    fn emptiness(&self) -> String {
        match &self.files {
            State::Asked => format!("Reading the names in {} …", self.volume),
            State::Failed(why) => format!("The files cannot be listed: {why}"),
            State::Here { .. } if self.path.is_empty() => "The volume is empty.".to_owned(),
            State::Here { .. } => format!("/{} is empty.", self.path),
        }
    }
}

/// Bytes of all that is below each directory.
fn sizes(files: &FileList) -> HashMap<Box<str>, u64> {
    let mut below: HashMap<Box<str>, u64> = HashMap::new();
    for one in files.entries.iter().filter(|one| one.size > 0) {
        let mut path = one.parent();
        while !path.is_empty() {
            match below.get_mut(path) {
                Some(size) => *size += one.size,
                None => {
                    below.insert(path.into(), one.size);
                }
            }
            path = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
    }
    below
}

/// What stands before a name.
fn before(one: &FileEntry, size: u64, now: Timestamp, is_wide: bool) -> String {
    if !is_wide {
        return format!(" {:>7}  ", bytes(size));
    }
    let this_year = now.strftime("%Y").to_string() == one.changed.strftime("%Y").to_string();
    let changed = if this_year {
        one.changed.strftime("%b %d %H:%M").to_string()
    } else {
        one.changed.strftime("%b %d  %Y").to_string()
    };
    let (user, group) = one.owner;
    let text = format!(
        " {} {user:>6} {group:>6} {:>7} {changed:<13}  ",
        mode(one),
        bytes(size)
    );
    debug_assert!(text.len() >= BEFORE);
    text
}

/// `drwxr-xr-x`.
fn mode(one: &FileEntry) -> String {
    let kind = match one.kind {
        FileKind::Directory => 'd',
        FileKind::File => '-',
        FileKind::Link => 'l',
        FileKind::Other => '?',
    };
    let mut text = String::from(kind);
    for shift in [6, 3, 0] {
        for (bit, letter) in [(4, 'r'), (2, 'w'), (1, 'x')] {
            let is_set = one.mode >> shift & bit != 0;
            text.push(if is_set { letter } else { '-' });
        }
    }
    text
}

fn name(one: &FileEntry) -> String {
    let name = printable(one.name());
    match (&one.kind, &one.link) {
        (FileKind::Directory, _) => format!("{name}/"),
        (_, Some(link)) => format!("{name} → {}", printable(link)),
        (_, None) => name,
    }
}
