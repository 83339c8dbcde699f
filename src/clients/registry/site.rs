//! Where a registry is: by TLS, or without it where that is said, or where it is on this machine.

use reqwest::Url;
use tokio::sync::OnceCell;

use crate::{
    clients::{Error, ErrorKind},
    model::registry::RegistrySpec,
};

/// The address of a registry, found when it is first asked.
#[derive(Debug)]
pub(super) struct Site {
    host: String,
    /// Whether TLS is used; none to find out.
    secure: Option<bool>,
    found: OnceCell<Url>,
}

impl Site {
    /// Of that host, as it is configured.
    pub fn of(host: &str, spec: Option<&RegistrySpec>) -> Self {
        let secure = match spec {
            Some(spec) => Some(!spec.plain),
            None if is_loopback(host) => None,
            None => Some(true),
        };
        Self {
            host: host.to_owned(),
            secure,
            found: OnceCell::new(),
        }
    }

    /// Its address. One on this machine is asked by TLS first and without it then, as docker does.
    pub async fn base(&self, http: &reqwest::Client, doing: &str) -> Result<&Url, Error> {
        let find = async || match self.secure {
            Some(secure) => self.url(secure, doing),
            None => {
                let secure = self.url(true, doing)?;
                match http.get(secure.clone()).send().await {
                    Ok(_) => Ok(secure),
                    Err(_) => self.url(false, doing),
                }
            }
        };
        self.found.get_or_try_init(find).await
    }

    fn url(&self, secure: bool, doing: &str) -> Result<Url, Error> {
        let scheme = if secure { "https" } else { "http" };
        let text = format!("{scheme}://{}/", self.host);
        Url::parse(&text).map_err(|error| {
            let why = format!("'{}' is no host: {error}", self.host);
            Error::new(ErrorKind::Wrong, doing, why)
        })
    }
}

/// Whether a host is this machine.
fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_address = name
        .parse::<std::net::Ipv4Addr>()
        .is_ok_and(|address| address.is_loopback());
    is_address || name == "localhost" || host.starts_with("[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_however_it_is_written() {
        for host in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:5000",
            "127.1.2.3",
            "[::1]:5000",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "registry.example.org",
            "10.0.0.1:5000",
            "localhost.example.org",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
