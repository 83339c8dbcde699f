//! Sentences that move about in the console and change nothing in the fleet.

use clap::Subcommand;

/// What can be said about the view itself.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Nav {
    /// Go to a pane: overview, hosts, containers, logs, images, subnets, volumes, operations, templates, settings, apps, pipelines, swarms, welcome
    Pane {
        /// Its name, or the beginning of it.
        name: String,
    },
    /// Move up
    Up {
        /// How many rows.
        #[arg(default_value_t = 1)]
        rows: usize,
    },
    /// Move down
    Down {
        /// How many rows.
        #[arg(default_value_t = 1)]
        rows: usize,
    },
    /// Move or scroll left
    Left,
    /// Move or scroll right
    Right,
    /// Move up by a page
    PageUp,
    /// Move down by a page
    PageDown,
    /// Move up by half a page
    HalfUp,
    /// Move down by half a page
    HalfDown,
    /// Go to the first row
    Top,
    /// Go to the last row; in a log, follow it again
    Bottom,
    /// Open what is under the cursor
    Open,
    /// Close the popup, else clear the filter, else go back
    Back,
    /// Go back; at the top, quit
    Quit,
    /// Quit now
    Exit,
    /// Say what can be done here
    Help,
    /// Type a sentence, with completion
    Palette {
        /// What is already typed.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        text: Vec<String>,
    },
    /// Show only rows that match: text, !text, key:value, /regex/, cpu>50
    Filter {
        /// The filter; none to type it.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        text: Vec<String>,
    },
    /// Say a sentence about what is under the cursor
    Say {
        /// The sentence, without the name.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        text: Vec<String>,
    },
    /// Compare two marked runs
    Compare,
    /// Choose from what can be done with the selection
    Menu,
    /// Mark the row, or take its mark off, and go on
    Mark,
    /// Mark all rows from the last mark to here
    MarkRange,
    /// Mark all rows shown, or unmark all if they are marked
    MarkAll,
    /// Take all marks off
    Unmark,
    /// Sort by a column; again to turn the order round
    Sort {
        /// Its name.
        column: String,
    },
    /// Choose which columns are shown
    Columns {
        /// Their names in order, with commas; none to choose from a list, `default` for the default.
        names: Option<String>,
    },
    /// Look at a demo fleet that is served from memory
    Demo,
    /// Set the setting under the cursor back to its default
    Reset,
    /// The next way to show the same rows: table, tiles
    Shape,
    /// The next way to group tiles: host, app, environment; the next category of templates
    Group,
    /// Go to the next part of the view
    Next,
    /// Go to the previous part of the view
    Previous,
    /// Go to the pane that was shown before
    Last,
    /// Ask the hosts again
    Refresh,
    /// Draw the whole screen again
    Redraw,
    /// Show or hide masked values
    Reveal,
    /// Follow the log's end, or stop following
    Follow,
    /// Wrap long lines, or not
    Wrap,
    /// Show times in front of lines: none, local, UTC, how long ago
    Timestamps,
    /// Search lines: a text, "a text as it stands", /an expression/
    Search {
        /// What; none to type it.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        text: Vec<String>,
    },
    /// Search lines, older ones first
    SearchBack {
        /// What; none to type it.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        text: Vec<String>,
    },
    /// Go to the next line with what is searched for
    NextHit,
    /// Go to the previous line with what is searched for
    PreviousHit,
    /// Highlight a text without hiding lines; again to end that, without a text for all
    Highlight {
        /// The text, or /expression/.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        text: Vec<String>,
    },
    /// Show only lines of a level and graver: trace, debug, info, warn, error, fatal, all
    Level {
        /// Its name; none for the next.
        name: Option<String>,
    },
    /// Show the values of these fields of JSON and logfmt lines
    Fields {
        /// Their names, as level msg req.id; none for whole lines.
        names: Vec<String>,
    },
    /// Go to the next marked line
    NextMark,
    /// Show the log of the instance before this container
    Earlier,
    /// Save the shown lines into a file
    Save(SaveArgs),
    /// Read the log from: 0 tail, 1 start, 2 1m, 3 5m, 4 15m, 5 30m, 6 1h
    Range {
        /// The range's number.
        #[arg(value_parser = clap::value_parser!(u8).range(0..=6))]
        number: u8,
    },
    /// Show earlier messages
    Messages,
    /// Show what the newest run says, or said
    Output,
    /// Copy the row's name to the clipboard
    Copy,
    /// Hand the terminal back to the shell until `fg`
    Suspend,
    /// Stop the operation that runs
    Cancel,
}

/// Where lines are saved.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct SaveArgs {
    /// The file.
    pub path: String,
    /// All lines that are held, not only those that are shown.
    #[arg(long)]
    pub all: bool,
    /// Replace the file if it is there.
    #[arg(long)]
    pub replace: bool,
}
