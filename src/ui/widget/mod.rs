//! Small things that several panes draw: lines of text, bars, charts, headings.

pub mod bar;
pub mod chart;
pub mod line;
pub mod page;
pub mod place;
