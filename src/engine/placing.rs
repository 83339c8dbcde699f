//! Puts a file on a machine: beside the old one, found good, in its place, taken by its reader; or all as it was.

use std::{
    fmt::Write as _,
    process::Stdio,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use super::trouble::{late, trouble};
use crate::model::{Placing, Trouble, TroubleKind, printable};

/// How long a check with a reload may take.
pub(super) const DEADLINE: Duration = Duration::from_mins(1);

/// Makes names of new files differ.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// What is done around the text of a file: before it is sent, and after.
pub(super) struct Script {
    /// Where the text is sent.
    pub part: String,
    /// Whether it can be sent.
    pub begin: String,
    /// All that follows; the last line says what was done, or why it was not.
    pub end: String,
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The scripts for a file. Names with a dot in front are left out by what includes all files of a directory.
///
/// Whoever is killed in the middle leaves the old file beside the new one: the next one then checks and reloads again,
/// though nothing changed, and has something to go back to.
pub(super) fn script(placing: &Placing) -> Script {
    let to = &placing.path;
    let (dir, base) = to.rsplit_once('/').unwrap_or(("", to));
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let part = format!("{dir}/.{base}.wharf-{}-{count}", std::process::id());
    let begin = format!(
        "d={dir}; [ -n \"$d\" ] || d=/\n\
         [ -d \"$d\" ] || {{ echo \"there is no directory $d\"; exit 1; }}\n\
         [ -w \"$d\" ] || {{ echo \"$(id -un) may not write into $d\"; exit 1; }}\n\
         if [ -e {to} ]; then cp -p {to} {part}; else : >{part}; fi",
        dir = quoted(dir),
        to = quoted(to),
        part = quoted(&part),
    );
    let mut end = format!(
        "trap '' HUP PIPE\n\
         new={part}; to={to}; old={old}; none={none}\n\
         fail() {{ rm -f \"$new\"; printf '%s' \"$1\" | tr '\\n' ' '; echo; exit 1; }}\n\
         undo() {{ if [ -e \"$none\" ]; then rm -f \"$to\" \"$none\"; else mv -f \"$old\" \"$to\"; fi; }}\n\
         [ \"$(wc -c <\"$new\" | tr -d ' ')\" = {len} ] || fail 'it did not arrive whole'\n",
        part = quoted(&part),
        to = quoted(to),
        old = quoted(&format!("{dir}/.{base}.wharf-old")),
        none = quoted(&format!("{dir}/.{base}.wharf-none")),
        len = placing.text.len(),
    );
    if let Some(was) = &placing.was {
        let _ = writeln!(
            end,
            "[ \"$(sha256sum <\"$to\" | cut -d' ' -f1)\" = {was} ] || fail '{}'",
            Placing::OTHER
        );
    }
    if let Some(owner) = &placing.owner {
        let _ = writeln!(
            end,
            "said=$(chown {} \"$new\" 2>&1) || fail \"$said\"",
            quoted(owner)
        );
    }
    if let Some(mode) = placing.mode {
        let _ = writeln!(
            end,
            "said=$(chmod {mode:o} \"$new\" 2>&1) || fail \"$said\""
        );
    }
    end.push_str(
        "if [ ! -e \"$old\" ] && [ ! -e \"$none\" ] && [ -e \"$to\" ] && cmp -s \"$new\" \"$to\"; then\n\
         rm -f \"$new\"; echo wharf-file same; exit 0; fi\n",
    );
    let shell =
        |command: &str| format!("PATH=$PATH:/usr/sbin:/sbin sh -c {} 2>&1", quoted(command));
    let before = placing.check.as_ref().filter(|one| one.contains("{new}"));
    if let Some(check) = before {
        let check = shell(&check.replace("{new}", &part));
        let _ = writeln!(
            end,
            "said=$({check}) || fail \"{}: $said\"",
            Placing::UNCHECKED
        );
    }
    end.push_str(
        "if [ ! -e \"$old\" ] && [ ! -e \"$none\" ]; then\n\
         if [ -e \"$to\" ]; then ln \"$to\" \"$old\" 2>/dev/null || { cp -p \"$to\" \"$old.part\" && mv -f \"$old.part\" \"$old\"; }\n\
         else : >\"$none\"; fi; fi\n\
         sync \"$new\" 2>/dev/null\n\
         said=$(mv -f \"$new\" \"$to\" 2>&1) || fail \"$said\"\n",
    );
    if let (Some(check), None) = (&placing.check, before) {
        let check = shell(check);
        let _ = writeln!(
            end,
            "said=$({check}) || {{ undo; fail \"{}, and the old file is back: $said\"; }}",
            Placing::UNCHECKED
        );
    }
    if let Some(reload) = &placing.reload {
        let reload = shell(reload);
        let _ = writeln!(
            end,
            "said=$({reload}) || {{ undo; fail \"{}, and the old file is back: $said\"; }}",
            Placing::UNTAKEN
        );
    }
    end.push_str("rm -f \"$old\" \"$none\"\necho wharf-file written");
    Script { part, begin, end }
}

/// What the last line says: whether something was written.
pub(super) fn told(text: &str) -> Result<bool, Trouble> {
    match text.lines().last().map(str::trim) {
        Some("wharf-file same") => Ok(false),
        Some("wharf-file written") => Ok(true),
        last => Err(trouble(
            TroubleKind::Other,
            format!(
                "it is not known what was done: {}",
                printable(last.unwrap_or_default())
            ),
            "",
        )),
    }
}

/// Runs a script on this machine; what it printed, or its last words.
pub(super) async fn run_here(script: &str) -> Result<String, Trouble> {
    let run = Command::new("/bin/sh")
        .arg("-c")
        .arg(script)
        .stdin(Stdio::null())
        .output();
    let ended = timeout(DEADLINE, run).await;
    let ended = ended.map_err(|_| late("what was run here", DEADLINE))?;
    let output = ended.map_err(|error| trouble(TroubleKind::Other, error.to_string(), ""))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = text.lines().last().filter(|line| !line.is_empty());
    let last = last.or_else(|| words.lines().last()).unwrap_or("it failed");
    Err(trouble(TroubleKind::Other, printable(last.trim()), ""))
}

/// Puts a file on this machine.
pub(super) async fn place_here(placing: &Placing) -> Result<bool, Trouble> {
    let script = script(placing);
    run_here(&script.begin).await?;
    let sent = tokio::fs::write(&script.part, &placing.text).await;
    sent.map_err(|error| {
        trouble(
            TroubleKind::Other,
            format!("{}: {error}", script.part),
            "look at the path and its rights",
        )
    })?;
    told(&run_here(&script.end).await?)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::fs;

    use super::*;

    fn placing(dir: &std::path::Path, text: &str) -> Placing {
        Placing {
            path: dir.join("list.conf").display().to_string(),
            text: text.to_owned(),
            mode: Some(0o640),
            reload: Some(format!("echo reloaded >>{}/log", dir.display())),
            ..Placing::default()
        }
    }

    fn names(dir: &std::path::Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_file_is_put_once_and_only_when_it_is_found_good() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let dir = home.path();
        let file = dir.join("list.conf");
        assert!(place_here(&placing(dir, "one\n")).await.unwrap());
        assert!(!place_here(&placing(dir, "one\n")).await.unwrap());
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o640
        );
        for check in ["grep -q good {new}", "grep -q good list.conf"] {
            let bad = Placing {
                check: Some(format!(
                    "cd {}; {check} || {{ echo 'it is'; echo bad; exit 1; }}",
                    dir.display()
                )),
                ..placing(dir, "two\n")
            };
            let trouble = place_here(&bad).await.unwrap_err();
            assert!(trouble.reason.contains("it is bad"), "{trouble:?}");
            assert_eq!(fs::read_to_string(&file).unwrap(), "one\n");
            let good = Placing {
                text: format!("good {check}\n"),
                ..bad
            };
            assert!(place_here(&good).await.unwrap());
            assert!(place_here(&placing(dir, "one\n")).await.unwrap());
        }
        let sick = Placing {
            reload: Some("exit 3".to_owned()),
            ..placing(dir, "three\n")
        };
        let trouble = place_here(&sick).await.unwrap_err();
        assert!(trouble.reason.contains("reload failed"), "{trouble:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "one\n");
        let changed = Placing {
            was: Some("0".repeat(64)),
            ..placing(dir, "four\n")
        };
        let trouble = place_here(&changed).await.unwrap_err();
        assert!(trouble.reason.contains(Placing::OTHER), "{trouble:?}");
        assert_eq!(names(dir), ["list.conf", "log"]);
        assert_eq!(
            fs::read_to_string(dir.join("log")).unwrap().lines().count(),
            5
        );
    }

    #[tokio::test]
    async fn what_was_killed_before_its_reload_is_reloaded_the_next_time() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path();
        // As it is left after the new file took the place of the old one.
        fs::write(dir.join("list.conf"), "two\n").unwrap();
        fs::write(dir.join(".list.conf.wharf-old"), "one\n").unwrap();
        let sick = Placing {
            reload: Some("exit 3".to_owned()),
            ..placing(dir, "two\n")
        };
        place_here(&sick).await.unwrap_err();
        assert_eq!(fs::read_to_string(dir.join("list.conf")).unwrap(), "one\n");
        fs::rename(dir.join("list.conf"), dir.join(".list.conf.wharf-old")).unwrap();
        fs::write(dir.join("list.conf"), "two\n").unwrap();
        assert!(place_here(&placing(dir, "two\n")).await.unwrap());
        assert_eq!(names(dir), ["list.conf", "log"]);
        assert!(!place_here(&placing(dir, "two\n")).await.unwrap());
    }
}
