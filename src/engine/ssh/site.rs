//! What the site's `ssh_config` says of a host, and the few rules we put before it.

use std::path::Path;

use super::settings::Settings;

/// What `ssh -G` tells of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// The name or address it is reached at.
    pub hostname: String,
    /// Its port.
    pub port: u16,
    /// The account.
    pub user: String,
    /// The jump hosts, or the proxy command; hosts with the same one share a bastion.
    pub proxy: Option<String>,
    /// The proxy is a chain of jump hosts.
    pub jumps: bool,
    /// The control socket of the person's own masters, when the configuration names one.
    pub control: Option<String>,
}

impl Site {
    /// Reads the output of `ssh -G`.
    pub fn parse(text: &str) -> Self {
        let mut site = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once(' ')) {
            let named = || (value != "none").then(|| value.to_owned());
            match key {
                "hostname" => value.clone_into(&mut site.hostname),
                "port" => site.port = value.parse().unwrap_or(22),
                "user" => value.clone_into(&mut site.user),
                "proxyjump" | "proxycommand" => {
                    site.proxy = named();
                    site.jumps = key == "proxyjump" && site.proxy.is_some();
                }
                "controlpath" => site.control = named(),
                _ => {}
            }
        }
        site
    }

    /// `host`, or `host:port` where the port is not ssh's own.
    pub fn address(&self) -> String {
        match self.port {
            22 => self.hostname.clone(),
            port => format!("{}:{port}", self.hostname),
        }
    }
}

/// For ssh without a person. ssh passes `-F` on to the ssh of a jump host but no `-o`; so what must
/// hold for every hop is written here, before the site's own files (the first value wins).
///
/// `DEBUG1` makes ssh say which hop it is at and which key it saw: without that, an unknown host key
/// under `BatchMode` is one line that names neither host nor fingerprint.
pub fn batch_config(settings: &Settings) -> String {
    config(settings, "    BatchMode yes\n    LogLevel DEBUG1\n")
}

/// For ssh with a person, who may be asked.
pub fn login_config(settings: &Settings) -> String {
    config(settings, "    LogLevel INFO\n")
}

fn config(settings: &Settings, rules: &str) -> String {
    let keepalive = settings.keepalive.as_secs().max(1);
    let connect = settings.connect_timeout.as_secs().max(1);
    let user = settings
        .config
        .as_deref()
        .map_or_else(|| "~/.ssh/config".to_owned(), quoted);
    format!(
        "# Written by Wharf for one run.\nHost *\n{rules}    ConnectTimeout {connect}\n    \
         ServerAliveInterval {keepalive}\n    ServerAliveCountMax 3\n\
         Include {user}\nInclude /etc/ssh/ssh_config\n"
    )
}

/// A path as `Include` reads it: first taken out of its quotes, then matched as a pattern.
fn quoted(path: &Path) -> String {
    let mut text = String::from("\"");
    for c in path.display().to_string().chars() {
        match c {
            '*' | '?' | '[' | ']' => text.extend(['\\', c]),
            '\\' => text.push_str(r"\\\\"),
            '"' => text.push_str(r#"\""#),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, time::Duration};

    use super::*;

    #[test]
    fn reads_what_ssh_makes_of_its_configuration() {
        let site = Site::parse(
            "host ams-1\nuser alice\nhostname 10.0.0.7\nport 2222\ncontrolpath /home/a/.ssh/cm-1\n\
             proxyjump bastion\nidentityfile ~/.ssh/id_rsa\n",
        );
        assert_eq!(site.address(), "10.0.0.7:2222");
        assert_eq!(site.user, "alice");
        assert_eq!((site.proxy.as_deref(), site.jumps), (Some("bastion"), true));
        assert_eq!(site.control.as_deref(), Some("/home/a/.ssh/cm-1"));
        let plain = Site::parse("hostname h\nport 22\ncontrolpath none\n");
        assert_eq!((plain.proxy.as_ref(), plain.control.as_ref()), (None, None));
        assert_eq!(plain.address(), "h");
    }

    #[test]
    fn our_rules_come_first() {
        let settings = Settings {
            config: Some(PathBuf::from("/home/a b/ssh[1]")),
            connect_timeout: Duration::from_secs(5),
            ..Settings::default()
        };
        assert_eq!(
            batch_config(&settings),
            "# Written by Wharf for one run.\nHost *\n    BatchMode yes\n    LogLevel DEBUG1\n    \
             ConnectTimeout 5\n    ServerAliveInterval 5\n    ServerAliveCountMax 3\n\
             Include \"/home/a b/ssh\\[1\\]\"\nInclude /etc/ssh/ssh_config\n"
        );
        assert!(!login_config(&settings).contains("BatchMode"));
    }
}
