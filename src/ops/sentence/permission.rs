//! What somebody has to be allowed to do for a sentence.

use super::{
    AppCommand, ContainerCommand, Danger, HostCommand, ImageCommand, PipelineCommand, Role,
    Sentence, SettingCommand, StoredCommand, VolumeCommand,
};
use crate::model::Permission;

impl Sentence {
    /// What whoever says it has to be allowed; nothing for what only looks or concerns themselves alone.
    pub fn permission(&self) -> Option<Permission> {
        if self.danger() == Danger::Reads {
            return None;
        }
        Some(match self {
            // How one's own console looks.
            Self::Setting(SettingCommand::Set { .. } | SettingCommand::Reset { .. }) => {
                return None;
            }
            Self::Host(command) => match command {
                HostCommand::Drain(_) | HostCommand::Activate(_) | HostCommand::Prune(_) => {
                    Permission::Operate
                }
                _ => Permission::Administer,
            },
            Self::App(AppCommand::Approve(_) | AppCommand::Reject(_))
            | Self::Pipeline(PipelineCommand::Approve(_) | PipelineCommand::Reject(_)) => {
                Permission::Approve
            }
            // What others would have to approve is gone past.
            Self::App(command) if command.is_emergency() => Permission::Administer,
            Self::App(AppCommand::Unlock(_)) => Permission::Administer,
            Self::App(_)
            | Self::Pipeline(_)
            | Self::Registry(_)
            | Self::Secret(_)
            | Self::SwarmConfig(_) => Permission::Deploy,
            Self::Image(
                ImageCommand::Build(_)
                | ImageCommand::Copy(_)
                | ImageCommand::Load(_)
                | ImageCommand::Pull(_)
                | ImageCommand::Commit(_),
            ) => Permission::Deploy,
            _ => Permission::Operate,
        })
    }

    /// Whether it can be said for somebody by a worker elsewhere: it takes no terminal and no files of this machine.
    pub fn can_be_queued(&self) -> bool {
        let needs_files = match self {
            Self::App(AppCommand::Deploy(args)) => !args.files.is_empty(),
            Self::App(AppCommand::Install(_) | AppCommand::Bundle(_))
            | Self::Container(ContainerCommand::Copy { .. })
            | Self::Image(ImageCommand::Build(_) | ImageCommand::Load(_))
            | Self::Host(HostCommand::Install(_) | HostCommand::Upgrade(_))
            | Self::Volume(VolumeCommand::Restore(_) | VolumeCommand::Backup(_))
            | Self::Secret(StoredCommand::Create(_))
            | Self::SwarmConfig(StoredCommand::Create(_)) => true,
            _ => false,
        };
        let is_act = matches!(self.role(), Role::Act | Role::Deploy);
        self.permission().is_some() && is_act && !needs_files
    }
}
