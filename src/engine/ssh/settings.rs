//! What of the ssh transport can be set.

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

/// How hosts are reached over ssh; the defaults are the measured ones.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The person's `ssh_config`, instead of `~/.ssh/config`.
    pub config: Option<PathBuf>,
    /// Where the local sockets live; made with mode 0700. Each process has a directory of its own
    /// in it. Short: a control socket's path must stay under 90 bytes.
    pub runtime_dir: PathBuf,
    /// The ssh program.
    pub program: PathBuf,
    /// Logins made at the same time, in all.
    pub concurrent_logins: usize,
    /// Logins made at the same time through the same jump host (sshd's `MaxStartups` begins to drop at 10).
    pub per_jump: usize,
    /// How long one hop may take to answer at its port (ssh's `ConnectTimeout`).
    pub connect_timeout: Duration,
    /// How long a whole login may take, all hops and authentication included.
    pub login_timeout: Duration,
    /// How often a silent host is asked whether it lives; it is lost after three unanswered ones.
    pub keepalive: Duration,
    /// Use the person's own live `ControlMaster` to a host, when there is one.
    pub share_masters: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            config: None,
            runtime_dir: default_runtime_dir(),
            program: PathBuf::from("ssh"),
            concurrent_logins: 8,
            per_jump: 4,
            connect_timeout: Duration::from_secs(5),
            login_timeout: Duration::from_secs(25),
            keepalive: Duration::from_secs(5),
            share_masters: true,
        }
    }
}

/// `/run/user/UID/wharf` where the system has made that directory, else `/tmp/wharf-UID`.
/// (`config` knows `$XDG_RUNTIME_DIR` and sets it.)
fn default_runtime_dir() -> PathBuf {
    let uid = rustix::process::geteuid().as_raw();
    let own = PathBuf::from(format!("/run/user/{uid}"));
    if owner(&own) == Some(uid) {
        own.join("wharf")
    } else {
        PathBuf::from(format!("/tmp/wharf-{uid}"))
    }
}

fn owner(path: &Path) -> Option<u32> {
    std::fs::metadata(path).ok().map(|meta| meta.uid())
}
