//! Filters keep the rows that fit, and say what is wrong with them.

use super::*;
use crate::ops::{
    Filter,
    column::{ContainerRow, HostRow, OperationRow},
};

/// The containers that fit, as `name@host`, sorted.
fn fitting(filter: &str) -> Vec<String> {
    let fleet = fleet();
    let filter = Filter::parse(filter).unwrap();
    let mut found: Vec<String> = fleet
        .containers()
        .filter(|(host, container)| filter.matches(&ContainerRow { host, container }))
        .map(|(host, container)| format!("{}@{}", container.name, host.name()))
        .collect();
    found.sort();
    found
}

#[test]
fn terms_narrow_the_rows() {
    for (filter, rows) in [
        (
            "web ams",
            &["web-10@ams-2", "web-1@ams-1", "web-2@ams-1"][..],
        ),
        ("WEB !ams", &["web-1@dev-1", "web-1@fra-1"]),
        ("env:prod state:running !app:shop", &["solo@ams-2"]),
        ("host:fra-1 is:broken", &["dead@fra-1"]),
        ("health:unhealthy", &["web-2@ams-1"]),
        ("/^web-1$/ env:stage", &["web-1@fra-1"]),
        (r"/web-\d\d/", &["web-10@ams-2"]),
        ("cpu>50", &["db@ams-1"]),
        ("mem>=800M", &["db@ams-1"]),
        ("mem%>70", &["db@ams-1"]),
        ("restarts>3", &["crash@ams-2"]),
        ("exit=1", &["old@ams-1"]),
        (
            "group:edge name:web-*",
            &["web-1@ams-1", "web-1@fra-1", "web-2@ams-1"],
        ),
        ("port:8080 host:dev", &["web-1@dev-1"]),
        ("port:808", &[]),
        ("network:shop_default host:dev", &["web-1@dev-1"]),
        ("id:b3", &["solo@ams-2"]),
        ("uptime>1h host:dev", &["web-1@dev-1"]),
        ("uptime<10m", &[]),
        ("shop/app:1.4 host:dev", &["web-1@dev-1"]),
        ("\"registry.example/shop\" name:vault", &["vault@ro-1"]),
        ("!!vault", &["vault@ro-1"]),
    ] {
        let mut expected = rows.to_vec();
        expected.sort_unstable();
        assert_eq!(fitting(filter), expected, "{filter}");
    }
}

#[test]
fn nothing_asked_is_everything() {
    assert!(Filter::parse("  ").unwrap().is_empty());
    assert_eq!(fitting("").len(), 13);
}

#[test]
fn unknown_numbers_fit_no_comparison() {
    assert!(!fitting("cpu<1000").contains(&"old@ams-1".to_owned()));
    assert!(fitting("!cpu<1000").contains(&"old@ams-1".to_owned()));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (filter, what, at) in [
        ("web /api", "the closing / is missing", 4),
        ("a \"b", "the closing \" is missing", 2),
        ("web !", "after ! a term is missing", 4),
    ] {
        let error = Filter::parse(filter).unwrap_err();
        assert_eq!((error.what.as_str(), error.at), (what, at), "{filter}");
    }
    let error = Filter::parse("x /a(b/").unwrap_err();
    assert!(error.what.contains("unclosed group"), "{error}");
    assert_eq!(error.at, 2);
}

#[test]
fn a_filter_is_its_text() {
    let filter = Filter::parse(" web  !ams ").unwrap();
    assert_eq!(filter.to_string(), "web  !ams");
    assert!(Filter::parse("cpu>1").unwrap().mentions(&["cpu", "mem"]));
    assert!(!Filter::parse("cpu").unwrap().mentions(&["cpu"]));
}

#[test]
fn hosts_and_operations_are_filtered_by_their_own_keys() {
    let fleet = fleet();
    let hosts = |text: &str| {
        let filter = Filter::parse(text).unwrap();
        let rows = fleet.hosts().iter();
        rows.filter(|host| filter.matches(&HostRow::new(host)))
            .count()
    };
    assert_eq!(hosts("state:offline"), 1);
    assert_eq!(hosts("is:broken env:prod"), 2);
    assert_eq!(hosts("containers>=5"), 1);
    assert_eq!(hosts("engine:28"), 5);
    let Event::Operation(operation) = running("container stop web-1@ams-1", "web-1@ams-1", 5)
    else {
        panic!("not an operation");
    };
    let acts = |text: &str| {
        let operation = &operation;
        Filter::parse(text)
            .unwrap()
            .matches(&OperationRow { operation })
    };
    assert!(acts("operator:ann host:ams-1 outcome:running"));
    assert!(!acts("operator:bob"));
}
