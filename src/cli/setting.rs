//! `setting list`: what the console can be told about itself, as a table, JSON or names.

use super::{
    Session,
    exit::{Exit, Failure},
    json::SettingJson,
    list::Listing,
    output::Out,
};
use crate::ops::{
    SettingCommand,
    column::{SettingRow, SettingRows},
};

/// Lists the settings that fit.
pub(super) fn list(session: &Session, command: &SettingCommand) -> Result<Exit, Failure> {
    let SettingCommand::List(args) = command else {
        return Ok(Exit::Usage);
    };
    let listing = Listing::<SettingRows>::read(args, session.options.output, &[])?;
    let fleet = super::reach::empty_fleet(&session.config);
    let rows = fleet.settings.iter().map(|setting| SettingRow { setting });
    let rows = listing.arrange(rows.filter(|row| listing.fits(row)));
    let json = |out: &mut Out| out.array(rows.iter().map(|row| SettingJson::of(row.setting)));
    let name = |row: &SettingRow<'_>| row.setting.key.name().to_owned();
    listing.write(session, &fleet, &rows, json, name)?;
    Ok(Exit::Done)
}
