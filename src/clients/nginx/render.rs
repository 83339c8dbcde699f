//! Renders the file that Wharf changes, for an app: a stable and a canary upstream, and their share.

use super::{Error, ErrorKind, document::none};
use crate::model::balancer::is_name;

/// What is rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blueprint {
    /// The app; its upstreams are called after it.
    pub app: String,
    /// The port of the server.
    pub port: u16,
    /// The file.
    pub file: String,
}

/// The file, to be put there by a person once, and a server that uses it.
///
/// # Errors
/// When a name cannot stand in a configuration.
pub fn render(blueprint: &Blueprint) -> Result<String, Error> {
    let Blueprint { app, port, file } = blueprint;
    if !is_name(app) || app.contains(':') {
        let why = format!("the app '{app}' cannot stand in a configuration");
        return Err(Error::new(ErrorKind::Wrong, "rendering", why));
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let variable: String = app.chars().map(plain).collect();
    let none = none();
    Ok(format!(
        "# Belongs into {file}, which nginx includes in http {{ … }}. Wharf changes servers and shares; all else stays.
upstream {app}_stable {{
{none}
}}
upstream {app}_canary {{
{none}
}}
# $request_id gives each request its chance; $remote_addr keeps a client where it is.
split_clients \"$request_id\" ${variable}_share {{ # wharf share {app}
  # 0% {app}_canary;
  * {app}_stable;
}}
map $http_x_canary ${variable}_pool {{
  1 {app}_canary;
  default ${variable}_share;
}}
# A server of yours that uses it:
# server {{
#   listen {port};
#   location / {{
#     proxy_pass http://${variable}_pool;
#     proxy_http_version 1.1;
#     proxy_set_header Connection \"\";
#     proxy_set_header Host $host;
#   }}
# }}
"
    ))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::{super::document::Document, *};
    use crate::model::Share;

    #[test]
    fn what_is_rendered_is_what_is_read() {
        let blueprint = |app: &str| Blueprint {
            app: app.to_owned(),
            port: 80,
            file: "/etc/nginx/conf.d/wharf.conf".to_owned(),
        };
        let text = render(&blueprint("shop-eu")).unwrap();
        let document = Document::read(&text);
        let names: Vec<String> = document
            .upstreams()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["shop-eu_stable", "shop-eu_canary"]);
        assert_eq!(document.share("shop-eu"), Some(Share::NONE));
        assert!(text.contains("$shop_eu_share"), "{text}");
        for app in ["a b", "a;b", "a:b"] {
            assert!(render(&blueprint(app)).is_err());
        }
    }
}
