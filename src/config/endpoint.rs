//! How hosts are reached, as `wharf.toml` says it: `[ssh]`, endpoints, files of TLS.

use std::path::PathBuf;

use super::{Ssh, contexts, document::Section, file::Base};
use crate::model::{Endpoint, TlsFiles};

pub(super) fn ssh(ssh: &mut Ssh, section: &mut Section<'_, '_>, base: Base<'_>) {
    if let Some(program) = section.text("program") {
        // A bare name is looked for in PATH, as a shell does.
        ssh.program = if program.contains('/') {
            base.path(&program)
        } else {
            PathBuf::from(program)
        };
    }
    if let Some(config) = section.text("config") {
        let path = base.path(&config);
        if !path.is_file() {
            section.complain_of(
                "config",
                "names no file",
                format!("make {} or remove the key", path.display()),
            );
        }
        ssh.config = Some(path);
    }
    if let Some(duration) = section.duration("connect_timeout") {
        ssh.connect_timeout = duration;
    }
    if let Some(duration) = section.duration("keep_alive") {
        ssh.keep_alive = duration;
    }
    if let Some(logins) = section.number("logins", 1..257) {
        ssh.logins = usize::try_from(logins).unwrap_or(ssh.logins);
    }
}

/// The endpoint of a `[[host]]` with its overrides: `endpoint`, else the alias of `ssh_config` that
/// is called like the host; `user`, `port` and `socket` for ssh, `tls…` for TCP.
pub(super) fn endpoint(
    section: &mut Section<'_, '_>,
    name: Option<&str>,
    base: Base<'_>,
) -> Option<Endpoint> {
    let text = section.text("endpoint");
    let was_wrong = text.is_none() && section.item("endpoint").is_some();
    let user = section.text("user").filter(|user| {
        let is_good =
            !user.starts_with('-') && !user.contains(char::is_whitespace) && !user.is_empty();
        if !is_good {
            section.complain_of(
                "user",
                "is no login name",
                "until then the one of ssh_config counts",
            );
        }
        is_good
    });
    let port = section
        .number("port", 1..65536)
        .and_then(|port| u16::try_from(port).ok());
    let socket = section.text("socket");
    let files = tls_files(section, base);
    let endpoint = match (text, name) {
        _ if was_wrong => return None,
        (Some(text), _) => text,
        (None, Some(name)) => format!("ssh://{name}"),
        (None, None) => {
            section.complain(
                "has neither name nor endpoint",
                "write endpoint = \"ssh://…\", or remove it",
            );
            return None;
        }
    };
    let endpoint = match endpoint.parse::<Endpoint>() {
        Ok(endpoint) => endpoint,
        Err(error) => {
            section.complain_of(
                "endpoint",
                &format!("cannot be used: {error}"),
                "until then the host does not count",
            );
            return None;
        }
    };
    Some(with_overrides(
        section,
        endpoint,
        (user, port, socket),
        files,
    ))
}

type SshOverrides = (Option<String>, Option<u16>, Option<String>);

pub(super) fn with_overrides(
    section: &mut Section<'_, '_>,
    endpoint: Endpoint,
    (user, port, socket): SshOverrides,
    files: Option<TlsFiles>,
) -> Endpoint {
    let is_tcp = matches!(endpoint, Endpoint::Tcp { .. } | Endpoint::Tls { .. });
    let is_ssh = matches!(endpoint, Endpoint::Ssh { .. });
    if files.is_some() && !is_tcp {
        section.complain(
            "has certificates, but its endpoint is not TCP",
            "write tcp://host:2376, or remove them",
        );
    }
    for (key, is_there) in [
        ("user", user.is_some()),
        ("port", port.is_some()),
        ("socket", socket.is_some()),
    ] {
        if is_there && !is_ssh {
            section.complain_of(
                key,
                "has no meaning here",
                "it is for ssh:// endpoints; remove it",
            );
        }
    }
    match (endpoint, files) {
        (
            Endpoint::Ssh {
                destination,
                port: own_port,
                socket: own_socket,
            },
            _,
        ) => Endpoint::Ssh {
            destination: match (user, destination.rsplit_once('@')) {
                (Some(user), Some((_, host))) => format!("{user}@{host}"),
                (Some(user), None) => format!("{user}@{destination}"),
                (None, _) => destination,
            },
            port: port.or(own_port),
            socket: socket.or(own_socket),
        },
        (endpoint, Some(files)) => contexts::with_tls(endpoint, files),
        (endpoint, None) => endpoint,
    }
}

/// The files of `tls = "directory"` and of `tls_ca`, `tls_cert`, `tls_key`; none when no key is there.
pub(super) fn tls_files(section: &mut Section<'_, '_>, base: Base<'_>) -> Option<TlsFiles> {
    let directory = section.text("tls").map(|text| base.path(&text));
    let mut files = directory.as_deref().map(contexts::files_in);
    if directory.is_some()
        && files
            .as_ref()
            .is_some_and(|files| files.ca.is_none() && files.cert.is_none())
    {
        section.complain_of(
            "tls",
            "is a directory without ca.pem and cert.pem",
            "put the files there, as docker names them",
        );
    }
    for (key, of) in [
        (
            "tls_ca",
            (|files| &mut files.ca) as fn(&mut TlsFiles) -> &mut Option<PathBuf>,
        ),
        ("tls_cert", |files| &mut files.cert),
        ("tls_key", |files| &mut files.key),
    ] {
        if let Some(path) = section.text(key).map(|text| base.path(&text)) {
            if !path.is_file() {
                section.complain_of(
                    key,
                    "names no file",
                    format!("put {} there", path.display()),
                );
            }
            *of(files.get_or_insert_with(TlsFiles::default)) = Some(path);
        }
    }
    if let Some(verify) = section.flag("tls_verify") {
        files.get_or_insert_with(TlsFiles::default).skip_verify = !verify;
    }
    files
}
