//! Speaks with Docker hosts: connects, lists, follows, feeds and acts.

pub mod ssh;
