//! What the exit code of a container's run means, by the conventions of Docker, shells and signals.

/// What an exit code says beyond itself, with a leading comma; empty when it says nothing more.
pub(super) fn meaning(code: i64) -> &'static str {
    match code {
        125 => ", the engine could not start it",
        126 => ", its command cannot be executed",
        127 => ", its command was not found",
        132 => ", illegal instruction",
        134 => ", aborted",
        135 => ", bus error",
        137 => ", killed (SIGKILL)",
        139 => ", segmentation fault",
        _ => "",
    }
}

/// How a run ended, as a sentence without its subject: `ended with code 127: its command was not found`.
pub fn ending(code: i64, oom_killed: bool) -> String {
    let why = match code {
        137 if oom_killed => {
            "killed by the kernel for want of memory (OOM): it reached its memory limit, or the host had none left"
        }
        _ => explained(code),
    };
    let why = match code {
        129..=192 if why.is_empty() => format!("ended by signal {}", code - 128),
        _ => why.to_owned(),
    };
    if oom_killed && code != 137 {
        format!(
            "ended with code {code}: {why}; one of its processes was killed for want of memory (OOM)"
        )
    } else {
        format!("ended with code {code}: {why}")
    }
}

fn explained(code: i64) -> &'static str {
    match code {
        0 => "in order",
        125 => "the engine could not start it",
        126 => {
            "its command cannot be executed (it may not be, or is made for another kind of machine)"
        }
        127 => "its command was not found",
        129 => "hung up (SIGHUP)",
        130 => "interrupted (SIGINT), as by ctrl-c",
        131 => "quit (SIGQUIT)",
        132 => "illegal instruction (SIGILL), as on a processor it is not made for",
        134 => "it aborted itself (SIGABRT)",
        135 => "bus error (SIGBUS)",
        136 => "arithmetic error (SIGFPE)",
        137 => {
            "killed (SIGKILL): by hand, by a stop that it did not heed in time, or for want of memory"
        }
        139 => "segmentation fault (SIGSEGV)",
        141 => "nobody read its output any more (SIGPIPE)",
        143 => "terminated (SIGTERM), as by a stop",
        128..=192 => "",
        _ => "an error of its own; its last lines may tell which",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_are_explained() {
        for (code, oom, told) in [
            (0, false, "ended with code 0: in order"),
            (
                3,
                false,
                "ended with code 3: an error of its own; its last lines may tell which",
            ),
            (127, false, "ended with code 127: its command was not found"),
            (
                137,
                false,
                "ended with code 137: killed (SIGKILL): by hand, by a stop that it did not heed in time, or for want of memory",
            ),
            (
                137,
                true,
                "ended with code 137: killed by the kernel for want of memory (OOM): it reached its memory limit, or the host had none left",
            ),
            (
                143,
                false,
                "ended with code 143: terminated (SIGTERM), as by a stop",
            ),
            (150, false, "ended with code 150: ended by signal 22"),
            (
                1,
                true,
                "ended with code 1: an error of its own; its last lines may tell which; one of its processes was killed for want of memory (OOM)",
            ),
        ] {
            assert_eq!(ending(code, oom), told);
        }
    }
}
