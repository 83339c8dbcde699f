//! Sees from inside a container whether a TCP port answers, with what the image has or with a helper container.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;

use super::error::{Deed, Error, ErrorKind, Fault};
use super::exec::{self, ExecSpec};
use super::session::Session;
use super::wire::query;
use crate::model::{ContainerId, printable};

/// Looks with the first tool that is there, and says which and how it went. `$1` is the address, `$2` the port, `$3` the
/// seconds. A tool's own words come first, so that a refusal can be told from a name that nobody knows.
const SCRIPT: &str = r#"
h=$1 p=$2 s=$3
end() { echo "wharf-probe $1 $2"; exit 0; }
has() { command -v "$1" >/dev/null 2>&1; }
case $h in *:*) u="[$h]" ;; *) u=$h ;; esac
if has nc; then nc -w "$s" "$h" "$p" </dev/null 2>&1 >/dev/null; end nc $?; fi
if has bash; then
  if has timeout; then timeout "$s" bash -c ': <"/dev/tcp/$0/$1"' "$h" "$p" 2>&1; else bash -c ': <"/dev/tcp/$0/$1"' "$h" "$p" 2>&1; fi
  end bash $?
fi
if has curl; then curl -s -S -o /dev/null --connect-timeout "$s" -m "$s" "http://$u:$p/" 2>&1; end curl $?; fi
if has wget; then wget -q -T "$s" -O /dev/null "http://$u:$p/" 2>&1; end wget $?; fi
for py in python3 python; do
  if has $py; then
    $py -c 'import socket,sys
try: socket.create_connection((sys.argv[1],int(sys.argv[2])),float(sys.argv[3]))
except Exception as e: print(e); sys.exit(1)' "$h" "$p" "$s" 2>&1
    end python $?
  fi
done
end none 127
"#;

/// What is looked for.
pub(super) struct Aim<'a> {
    /// A name or an address.
    pub to: &'a str,
    /// The TCP port.
    pub port: u16,
    /// So many seconds are waited.
    pub seconds: u16,
}

impl Aim<'_> {
    fn command(&self) -> Vec<Arc<str>> {
        let (port, seconds) = (self.port.to_string(), self.seconds.to_string());
        ["sh", "-c", SCRIPT, "sh", self.to, &port, &seconds]
            .map(Arc::from)
            .to_vec()
    }
}

/// Looks from a container, or from its place on the network.
pub(super) async fn probe(
    session: &Session,
    id: &ContainerId,
    aim: &Aim<'_>,
    helper: Option<&str>,
    deed: &Deed,
) -> Result<String, Error> {
    let began = Instant::now();
    let patience = Duration::from_secs(u64::from(aim.seconds) * 2 + 30);
    let said = match helper {
        Some(image) => tokio::time::timeout(patience, beside(session, id, aim, image, deed)).await,
        None => tokio::time::timeout(patience, inside(session, id, aim, deed)).await,
    };
    let Ok(said) = said else {
        let why = format!("what looks did not end within {} s", patience.as_secs());
        return Err(deed.failed(ErrorKind::Timeout, why));
    };
    judge(&said?, began.elapsed(), deed)
}

/// What a shell in the container says.
async fn inside(
    session: &Session,
    id: &ContainerId,
    aim: &Aim<'_>,
    deed: &Deed,
) -> Result<String, Error> {
    let spec = ExecSpec {
        command: aim.command(),
        user: None,
        tty: false,
        size: None,
    };
    let lacks_shell = |why: &str| {
        [
            "executable file not found",
            "no such file or directory",
            "exit code 126",
            "exit code 127",
        ]
        .iter()
        .any(|sign| why.contains(sign))
    };
    match exec::run(session, id, spec, deed).await {
        Err(error) if lacks_shell(&error.why) => Err(toolless(deed, "no shell")),
        other => other,
    }
}

/// The refusal where nothing can look.
fn toolless(deed: &Deed, what: &str) -> Error {
    Error {
        remedy: Some(
            "say --helper IMAGE with an image of that host that has nc, as busybox".to_owned(),
        ),
        ..deed.failed(
            ErrorKind::NoShell,
            format!("its image has {what} to look with"),
        )
    }
}

/// What a helper container says that is put in the container's place. It is removed whatever comes of it.
async fn beside(
    session: &Session,
    id: &ContainerId,
    aim: &Aim<'_>,
    image: &str,
    deed: &Deed,
) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Created {
        #[serde(rename = "Id")]
        id: String,
    }
    let command = aim.command();
    let body = json!({
        "Image": image,
        "Entrypoint": command[..1],
        "Cmd": command[1..],
        "Tty": true,
        "Labels": {"wharf.helper": "probe"},
        "HostConfig": {"NetworkMode": format!("container:{}", id.as_str()), "RestartPolicy": {"Name": "no"}},
    });
    let asked = session.wire.post("/containers/create").json_body(&body);
    let created: Created = asked.json().await.map_err(|fault| {
        let missing = fault.is_missing();
        let error = deed.fault(fault);
        if missing {
            Error {
                remedy: Some("name one that the host has: `wharf image list`".to_owned()),
                ..error
            }
        } else {
            error
        }
    })?;
    let said = ran(session, &created.id, aim).await;
    let path = format!(
        "/containers/{}{}",
        created.id,
        query(&[("force", "1"), ("v", "1")])
    );
    let removed = session.wire.delete(path).status().await;
    let said = said.map_err(|fault| deed.fault(fault))?;
    removed.map_err(|fault| deed.fault(fault))?;
    Ok(said)
}

async fn ran(session: &Session, id: &str, aim: &Aim<'_>) -> Result<String, Fault> {
    let wire = &session.wire;
    wire.post(format!("/containers/{id}/start"))
        .status()
        .await?;
    let limit = Duration::from_secs(u64::from(aim.seconds) * 2 + 20);
    wire.post(format!("/containers/{id}/wait"))
        .within(limit)
        .bytes()
        .await?;
    let path = format!(
        "/containers/{id}/logs{}",
        query(&[("stdout", "1"), ("stderr", "1")])
    );
    let said = wire.get(path).bytes().await?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// What the script's words mean.
fn judge(said: &str, took: Duration, deed: &Deed) -> Result<String, Error> {
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let verdict = lines
        .iter()
        .rev()
        .find_map(|line| line.strip_prefix("wharf-probe "));
    let Some((tool, code)) = verdict.and_then(|verdict| verdict.split_once(' ')) else {
        let said = printable(lines.last().copied().unwrap_or("nothing"));
        return Err(deed.failed(
            ErrorKind::Engine,
            format!("what looks was not understood: {said}"),
        ));
    };
    if tool == "none" {
        return Err(toolless(deed, "neither nc, bash, curl, wget nor python"));
    }
    let own = lines
        .iter()
        .rev()
        .find(|line| !line.starts_with("wharf-probe "));
    let own = own.map_or_else(String::new, |line| printable(line));
    if answers(tool, code, &own) {
        return Ok(format!(
            "it answers (seen with {tool}, {} ms)",
            took.as_millis()
        ));
    }
    let why = if own.is_empty() {
        format!("no answer (seen with {tool})")
    } else {
        format!("no answer: {own} (seen with {tool})")
    };
    Err(deed.failed(ErrorKind::Engine, why))
}

/// Whether a tool reached the port. Those that speak HTTP fail at what is none, and have reached it then.
fn answers(tool: &str, code: &str, own: &str) -> bool {
    match (tool, code) {
        (_, "0") => true,
        // Only these mean that there is no connection: no such name, none, none in time. (28 is also said when a
        // connected one is silent, which its words tell.)
        ("curl", "28") => own.contains("bytes received"),
        ("curl", code) => !matches!(code, "5" | "6" | "7" | "45" | "127"),
        ("wget", "8") => true,
        ("wget", _) => own.contains("server returned error") || own.contains("HTTP/"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::model::HostName;

    fn judged(said: &str) -> Result<String, String> {
        let deed = Deed::on(&HostName::new("ams-1"), "probe db:5432", "web");
        judge(said, Duration::from_millis(3), &deed).map_err(|error| error.reason())
    }

    #[test]
    fn what_tools_say_is_understood() {
        assert_eq!(
            judged("wharf-probe nc 0\n").unwrap(),
            "it answers (seen with nc, 3 ms)"
        );
        let refused =
            judged("nc: can't connect to remote host: Connection refused\r\nwharf-probe nc 1\r\n");
        assert_eq!(
            refused.unwrap_err(),
            "no answer: nc: can't connect to remote host: Connection refused (seen with nc)"
        );
        assert!(judged("curl: (52) Empty reply from server\nwharf-probe curl 52").is_ok());
        assert!(judged("curl: (7) Failed to connect\nwharf-probe curl 7").is_err());
        let silent = "curl: (28) Operation timed out after 5001 milliseconds with 0 bytes received\nwharf-probe curl 28";
        assert!(judged(silent).is_ok());
        assert!(
            judged("curl: (28) Connection timed out after 5001 ms\nwharf-probe curl 28").is_err()
        );
        assert!(
            judged("wget: server returned error: HTTP/1.0 404 Not Found\nwharf-probe wget 1")
                .is_ok()
        );
        assert!(judged("wget: can't connect to remote host\nwharf-probe wget 1").is_err());
        assert_eq!(
            judged("wharf-probe bash 124").unwrap_err(),
            "no answer (seen with bash)"
        );
        let none = judged("wharf-probe none 127").unwrap_err();
        assert!(
            none.contains("neither nc") && none.contains("--helper"),
            "{none}"
        );
        assert!(
            judged("OCI runtime: odd")
                .unwrap_err()
                .contains("not understood")
        );
    }
}
