//! Renders what a balancer's configuration needs for an app: a stable and a canary backend with slots, and their share.

use super::super::ErrorKind;
use super::Error;
use crate::model::balancer::{NOWHERE, is_name};

/// What a free slot is called. A name, though nobody looks it up: a slot that the configuration gives an address has that
/// again after a reload, whatever `server-state-file` says of it (measured with 2.6); one with a name has its last one.
const FREE: &str = "free.invalid";

/// What is rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blueprint {
    /// The app; its backends are called after it.
    pub app: String,
    /// How many slots each backend has: twice its replicas, for old and new ones stand side by side.
    pub slots: u16,
    /// The port of the frontend.
    pub port: u16,
    /// The path of the health check.
    pub check: String,
    /// The map's file.
    pub map: String,
    /// The file with the states of servers.
    pub state: String,
    /// The admin socket.
    pub socket: String,
    /// A file of subnets whose requests go to the canary.
    pub sources: Option<String>,
}

/// The configuration, to be read by a person and put below what is there.
///
/// # Errors
/// When a name or a path cannot stand in a configuration.
pub fn render(blueprint: &Blueprint) -> Result<String, Error> {
    let Blueprint {
        app,
        slots,
        port,
        check,
        map,
        state,
        socket,
        sources,
    } = blueprint;
    let wrong = |what: &str, text: &str| {
        let why = format!("{what} '{text}' cannot stand in a configuration");
        Err(Error::new(ErrorKind::Wrong, "rendering", why))
    };
    if !is_name(app) {
        return wrong("the app", app);
    }
    let paths = [check, map, state, socket].into_iter().chain(sources);
    for path in paths {
        let is_fine = |c: char| c.is_ascii_graphic() && !"\"'\\#,()$".contains(c);
        if !path.starts_with('/') || !path.chars().all(is_fine) {
            return wrong("the path", path);
        }
    }
    let by_source = sources.as_ref().map_or_else(String::new, |file| {
        format!(
            "  use_backend {app}_canary if {{ src -f {file} }} {{ nbsrv({app}_canary) gt 0 }}\n"
        )
    });
    let backend = |which: &str, letter: char| {
        format!(
            "backend {app}_{which}\n  \
             mode http\n  \
             option httpchk GET {check}\n  \
             # What a server that dies leaves without an answer is asked of another one, if asking twice does no harm.\n  \
             option redispatch 1\n  \
             retry-on conn-failure empty-response\n  \
             http-request disable-l7-retry unless {{ method GET HEAD OPTIONS }}\n  \
             default-server check inter 500ms fall 2 rise 2\n  \
             server-template {letter} 1-{slots} {FREE}:{port} init-addr last,{ip} disabled\n",
            port = NOWHERE.port(),
            ip = NOWHERE.ip(),
        )
    };
    Ok(format!(
        "# What is in [brackets] belongs into a section that is there already.
# [global]
#   stats socket {socket} mode 660 level admin expose-fd listeners
#   server-state-file {state}
# [defaults]
#   mode http
#   load-server-state-from-file global
# The map has to be there before this is loaded: echo '{app} 0' >>{map}

frontend {app}
  bind :{port}
  mode http
  # Without it a reload breaks connections that clients keep open.
  option idle-close-on-response
  http-request set-var(txn.{variable}) str({app}),map_str_int({map},0)
  acl {app}_pick rand(100),sub(txn.{variable}) lt 0
  # A backend without a server that is up answers 503: it is never chosen.
  use_backend {app}_canary if {{ req.hdr(X-Canary) -m str 1 }} {{ nbsrv({app}_canary) gt 0 }}
{by_source}  use_backend {app}_canary if {app}_pick {{ nbsrv({app}_canary) gt 0 }}
  default_backend {app}_stable

{stable}
{canary}",
        variable = format_args!("{}_share", variable(app)),
        stable = backend("stable", 's'),
        canary = backend("canary", 'c'),
    ))
}

/// The app's name as a part of the name of a variable.
fn variable(app: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    app.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn what_would_be_more_than_a_name_is_refused() {
        let good = Blueprint {
            app: "shop-eu".to_owned(),
            slots: 4,
            port: 80,
            check: "/healthz".to_owned(),
            map: "/etc/haproxy/ops/canary.map".to_owned(),
            state: "/var/lib/haproxy/ops.state".to_owned(),
            socket: "/run/haproxy/admin.sock".to_owned(),
            sources: None,
        };
        let text = render(&good).unwrap();
        assert!(
            text.contains("server-template s 1-4 free.invalid:1 init-addr last,192.0.2.1 disabled"),
            "{text}"
        );
        assert!(
            text.contains("set-var(txn.shop_eu_share) str(shop-eu)"),
            "{text}"
        );
        for (app, check) in [
            ("a b", "/"),
            ("a\nglobal", "/"),
            ("a", "healthz"),
            ("a", "/x\n  y"),
        ] {
            let blueprint = Blueprint {
                app: app.to_owned(),
                check: check.to_owned(),
                ..good.clone()
            };
            assert!(render(&blueprint).is_err(), "{app:?} {check:?}");
        }
    }
}
