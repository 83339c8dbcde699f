//! Which distribution a host runs, by its os-release, and what that has for an engine.

/// How a distribution takes packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// `.deb`, apt-get and dpkg.
    Debian,
    /// `.rpm`, dnf or yum.
    RedHat,
}

/// What os-release says (`man os-release`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Release {
    /// `debian`, `rocky`.
    pub id: String,
    /// What it is like: `rhel centos fedora`.
    pub like: Vec<String>,
    /// For people: `Debian GNU/Linux 12 (bookworm)`.
    pub name: String,
}

impl Release {
    /// Reads the lines of the file; values may be quoted as a shell quotes.
    pub fn parse<'l>(lines: impl Iterator<Item = &'l str>) -> Self {
        let mut release = Self::default();
        for (key, value) in lines.filter_map(|line| line.trim().split_once('=')) {
            let words = shlex::split(value).unwrap_or_default();
            let value = crate::model::printable(&words.join(" "));
            match key {
                "ID" => release.id = value.to_lowercase(),
                "ID_LIKE" => {
                    release.like = value.split_whitespace().map(str::to_lowercase).collect();
                }
                "PRETTY_NAME" => release.name = value,
                _ => {}
            }
        }
        if release.name.is_empty() {
            release.name.clone_from(&release.id);
        }
        release
    }

    /// How it takes packages; none for those that are not known.
    pub fn family(&self) -> Option<Family> {
        let is = |names: &[&str]| {
            std::iter::once(&self.id)
                .chain(&self.like)
                .any(|id| names.contains(&id.as_str()))
        };
        if is(&["debian", "ubuntu"]) {
            Some(Family::Debian)
        } else if is(&["rhel", "fedora", "centos", "rocky", "almalinux", "amzn"]) {
            Some(Family::RedHat)
        } else {
            None
        }
    }

    /// The packages that bring an engine, of which the first that is to be had is taken. (`docker` of
    /// RHEL is Podman in disguise; Amazon's is an engine.)
    pub fn engines(&self) -> &'static [&'static str] {
        match (self.family(), self.id.as_str()) {
            (Some(Family::Debian), _) => &["docker.io", "docker-ce"],
            (_, "amzn") => &["docker"],
            _ => &["docker-ce", "moby-engine"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_are_told_apart() {
        let of = |text: &str| Release::parse(text.lines());
        let debian =
            of("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian\"\nID=debian\n");
        assert_eq!(debian.name, "Debian GNU/Linux 12 (bookworm)");
        assert_eq!(debian.family(), Some(Family::Debian));
        assert_eq!(debian.engines(), ["docker.io", "docker-ce"]);
        for (text, family) in [
            ("ID=ubuntu\nID_LIKE=debian", Some(Family::Debian)),
            (
                "ID=linuxmint\nID_LIKE=\"ubuntu debian\"",
                Some(Family::Debian),
            ),
            (
                "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"",
                Some(Family::RedHat),
            ),
            ("ID=\"ol\"\nID_LIKE=\"fedora\"", Some(Family::RedHat)),
            ("ID=fedora", Some(Family::RedHat)),
            ("ID='amzn'\nID_LIKE='fedora'", Some(Family::RedHat)),
            ("ID=alpine", None),
            ("ID=arch", None),
            ("", None),
        ] {
            assert_eq!(of(text).family(), family, "{text}");
        }
        assert_eq!(of("ID=amzn\nID_LIKE=fedora").engines(), ["docker"]);
        assert_eq!(
            of("ID=rocky\nID_LIKE=rhel").engines(),
            ["docker-ce", "moby-engine"]
        );
    }
}
