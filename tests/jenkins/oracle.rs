//! Independent clients of Jenkins, from PyPI, on the stub: what it answers is understood by others than Wharf.

use std::{path::Path, process::Command};

use crate::stub::{Jenkins, PASSWORD, TOKEN, USER};

#[test]
fn independent_clients_take_the_stub_for_a_jenkins() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jenkins");
    let python = here.join(".venv/bin/python");
    assert!(
        python.exists(),
        "{} is not there; run tests/lab/install.sh",
        python.display()
    );
    let jenkins = Jenkins::start();
    let said = Command::new(python)
        .arg(here.join("oracle.py"))
        .args([&jenkins.url, USER, PASSWORD, TOKEN])
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&said.stdout);
    let err = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{out}{err}");
    assert_eq!(
        out.lines().collect::<Vec<_>>(),
        ["python_jenkins", "api4jenkins"],
        "{err}"
    );
}
