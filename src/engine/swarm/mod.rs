//! Swarms, through their managers: what there is, what is done to it, deploys as services.

mod act;
mod list;
mod read;
mod stack;
mod stored;

pub(super) use act::act;
pub(super) use list::swarm;

use super::error::{Deed, Error, ErrorKind, Fault};

/// What is said of a host that is no manager, and what to do.
fn no_manager(deed: &Deed) -> Error {
    Error {
        remedy: Some(
            "name a manager of the Swarm; `swarm list` lists them, and `docker swarm init` makes one"
                .to_owned(),
        ),
        ..deed.failed(ErrorKind::Conflict, format!("{} is no Swarm manager", deed.host))
    }
}

/// The error of a request to a manager.
fn failed(deed: &Deed, fault: Fault) -> Error {
    match &fault {
        Fault::Refused {
            status: 503 | 406,
            message,
        } if message.contains("not a swarm manager") => no_manager(deed),
        Fault::Refused { message, .. } if is_out_of_sequence(message) => Error {
            remedy: Some("look at what it is now, and say again what is wanted".to_owned()),
            ..deed.failed(
                ErrorKind::Conflict,
                "somebody else changed it at the same moment",
            )
        },
        Fault::Refused {
            status: 400 | 409 | 500,
            message,
        } if is_in_use(message) => deed.failed(ErrorKind::Conflict, clean(message)),
        Fault::Refused { status, message } if message.contains("rpc error") => {
            deed.fault(Fault::Refused {
                status: *status,
                message: clean(message),
            })
        }
        Fault::Refused { .. }
        | Fault::Way(_)
        | Fault::Busy(_)
        | Fault::Late(_)
        | Fault::Cut(_)
        | Fault::Garbled(_) => deed.fault(fault),
    }
}

/// Whether an update was refused because it was made from an older version.
fn is_out_of_sequence(message: &str) -> bool {
    message.contains("update out of sequence")
}

fn is_in_use(message: &str) -> bool {
    message.contains("is in use by")
        || message.contains("already exists")
        || message.contains("conflicts with an existing")
}

/// What a manager says, without the words of the protocol that brought it.
fn clean(message: &str) -> String {
    match message.split_once("desc = ") {
        Some((_, text)) => text.to_owned(),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HostName;

    #[test]
    fn refusals_are_told_with_what_to_do() {
        let deed = Deed::on(&HostName::new("ams-1"), "scale", "web");
        let refused = |status, message: &str| {
            let message = message.to_owned();
            failed(&deed, Fault::Refused { status, message })
        };
        let error = refused(
            503,
            "This node is not a swarm manager. Use \"docker swarm init\" …",
        );
        assert_eq!(error.why, "ams-1 is no Swarm manager");
        assert!(
            error
                .remedy
                .is_some_and(|remedy| remedy.contains("swarm list"))
        );
        let error = refused(
            500,
            "rpc error: code = Unknown desc = update out of sequence",
        );
        assert_eq!(error.kind, ErrorKind::Conflict);
        assert_eq!(error.why, "somebody else changed it at the same moment");
        let error = refused(
            400,
            "rpc error: code = InvalidArgument desc = secret 'a' is in use by the following service: web",
        );
        assert_eq!(
            error.why,
            "secret 'a' is in use by the following service: web"
        );
        assert_eq!(error.kind, ErrorKind::Conflict);
        let error = refused(404, "service web not found");
        assert_eq!(error.kind, ErrorKind::NotFound);
    }
}
