//! Small drawings shared by panes.
