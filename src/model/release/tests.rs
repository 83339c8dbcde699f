//! Releases as values.
