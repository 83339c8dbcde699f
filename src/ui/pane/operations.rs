//! temporary stand-in while the pane is written.
use super::{Pane, Reply};
use crate::{
    model::{ContainerId, Feed, Fleet, HostName},
    ops::target::Target,
    ui::{look::Look, nav::Nav},
};
use ratatui::{Frame, layout::Rect};
use std::collections::BTreeSet;
/// tmp
#[derive(Default)]
pub struct Operations;
impl Operations {
    /// tmp
    pub fn show(&mut self, _h: &HostName, _i: &ContainerId) {}
}
impl Pane for Operations {
    fn name(&self) -> &'static str {
        "operations"
    }
    fn title(&self, _f: &Fleet) -> String {
        "operations".into()
    }
    fn nav(&mut self, _n: &Nav, _f: &Fleet) -> Reply {
        Reply::Pass
    }
    fn settle(&mut self, _f: &Fleet, _a: Rect) {}
    fn selection(&self, _f: &Fleet) -> Vec<Target> {
        vec![]
    }
    fn wants(&self, _f: &Fleet) -> BTreeSet<Feed> {
        BTreeSet::new()
    }
    fn hints(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }
    fn view(&self, _f: &Fleet, _l: &Look, _fr: &mut Frame<'_>, _a: Rect) {}
}
