//! What takes the terminal: a command in a container, a login. Without a terminal a command runs
//! between the pipes, as in a script.

use std::io::{self, IsTerminal as _};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    Session,
    act::{Ready, prepare},
    exit::{Exit, Failure},
    show::asked,
    signals::unless_asked,
};
use crate::{
    console::shell,
    engine::{Engines, ExecInput, ExecSpec},
    model::{Action, ContainerId, HostName, Outcome, Step, Stream, Subject},
    ops::{self, HostCommand, Sentence},
};

/// How many bytes are read at once.
const CHUNK: usize = 16 << 10;

/// A sentence that takes the terminal.
pub(super) async fn terminal(session: &Session, sentence: &Sentence) -> Result<Exit, Failure> {
    if let Sentence::Host(HostCommand::Login { .. }) = sentence {
        return login(session, sentence).await;
    }
    let Ready {
        plan,
        store,
        reached,
        exit,
    } = match unless_asked(Box::pin(prepare(session, sentence))).await {
        Some(ready) => ready?,
        None => return Ok(Exit::Interrupted),
    };
    if session.options.dry_run {
        return session.preview(&plan);
    }
    if !session.is_confirmed(&plan).await? {
        return Ok(Exit::Interrupted);
    }
    let Some(Step {
        host,
        subject: Subject::Container(id, _),
        action: Action::Exec { command, user },
    }) = plan.steps.first()
    else {
        return Err(Failure::Usage(format!(
            "`{}` runs nothing",
            sentence.words()
        )));
    };
    let (_fleet, engines, drained) = reached.drain();
    let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let spec = ExecSpec {
        command: command.clone(),
        user: user.clone(),
        tty: is_terminal,
        size: None,
    };
    let mut code = None;
    let work = async {
        let running = async {
            if is_terminal {
                shell::exec(&engines, host, id, spec).await
            } else {
                piped(&engines, host, id, spec).await
            }
        };
        match unless_asked(running).await {
            Some(Ok(ended)) => {
                code = ended;
                Outcome::Done {
                    detail: ended.map_or_else(String::new, |code| format!("exit code {code}")),
                }
            }
            Some(Err(detail)) => Outcome::Failed {
                done: 0,
                failed: 1,
                detail,
            },
            None => Outcome::Cancelled { done: 0 },
        }
    };
    let origin = session.origin("shell");
    let work = Box::pin(work);
    let ended = ops::recorded(&plan, &origin, sentence.reason(), &store, &|_| {}, work).await;
    store.close().await;
    drained.abort();
    match ended? {
        Outcome::Failed { detail, .. } => Err(Failure::Failed(detail)),
        Outcome::Cancelled { .. } => Ok(Exit::Interrupted),
        Outcome::Done { .. } | Outcome::Interrupted | Outcome::Running => Ok(match code {
            Some(0) => exit,
            Some(code) => Exit::Command(u8::try_from(code).unwrap_or(1)),
            None => Exit::Failed,
        }),
    }
}

/// Runs a command between our standard input, output and error. The answer is its exit code.
async fn piped(
    engines: &Engines,
    host: &HostName,
    id: &ContainerId,
    spec: ExecSpec,
) -> Result<Option<i64>, String> {
    let exec = engines.exec(host, id, spec).await;
    let mut exec = exec.map_err(|error| error.to_string())?;
    let feeding = tokio::spawn(feed(exec.input));
    let (mut out, mut err) = (tokio::io::stdout(), tokio::io::stderr());
    loop {
        let next = exec.output.next().await;
        let Some((stream, bytes)) =
            next.map_err(|error| format!("the connection to {host} was lost: {error}"))?
        else {
            break;
        };
        let written = match stream {
            Stream::Stdout => out.write_all(&bytes).await,
            Stream::Stderr => err.write_all(&bytes).await,
        };
        if written.is_err() {
            // Whoever closed the pipe has read enough; the command ends when it writes on.
            break;
        }
    }
    feeding.abort();
    let _ = out.flush().await;
    let code = exec.control.exit_code().await;
    code.map_err(|error| error.to_string())
}

/// Passes on what comes in, then the end of it.
async fn feed(mut input: ExecInput) -> io::Result<()> {
    let mut from = tokio::io::stdin();
    let mut buffer = vec![0; CHUNK];
    loop {
        match from.read(&mut buffer).await? {
            0 => return input.close().await,
            count => input.write(&buffer[..count]).await?,
        }
    }
}

/// `host login`.
async fn login(session: &Session, sentence: &Sentence) -> Result<Exit, Failure> {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Err(Failure::Usage(
            "a login needs a terminal; run it by hand".to_owned(),
        ));
    }
    let (reached, targets) = asked(session, sentence).await?;
    let (_fleet, engines, drained) = reached.drain();
    for host in targets.iter().filter_map(ops::Target::host) {
        shell::login(&engines, host)
            .await
            .map_err(Failure::Failed)?;
        super::complain(&format!("logged in to {host}"));
    }
    drained.abort();
    Ok(Exit::Done)
}
