//! The values of an app: written and read again, hashed, masked.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use super::*;

fn secret(name: &str) -> SecretName {
    SecretName::new(name).unwrap()
}

#[test]
fn a_value_keeps_secrets_by_reference_and_dollars_as_they_are() {
    let text = format!("postgres://u:{}@db/5$", Value::mark(&secret("PASSWORD")));
    let value = Value::read(&text);
    assert_eq!(value.written(), "postgres://u:${PASSWORD}@db/5$$");
    assert_eq!(
        value.secrets().map(SecretName::as_str).collect::<Vec<_>>(),
        ["PASSWORD"]
    );
    assert_eq!(Value::try_from(value.written()).unwrap(), value);
    let told = value.resolve(|name| (name.as_str() == "PASSWORD").then(|| "x".to_owned()));
    assert_eq!(told.unwrap(), "postgres://u:x@db/5$");
    assert_eq!(value.resolve(|_| None).unwrap_err(), secret("PASSWORD"));
    assert!(Value::try_from("a $ b".to_owned()).is_err());
}

#[test]
fn printing_masks_what_looks_secret() {
    let mut environment = Environment::default();
    let mut put = |name: &str, value| environment.0.insert(name.to_owned(), value);
    put("DB_PASSWORD", Value::plain("hunter2"));
    put("API_TOKEN", Value::secret(secret("TOKEN")));
    put("URL", Value::plain("https://user:hunter2@host/"));
    put("MODE", Value::plain("fast"));
    let shown = format!("{environment:?} {:?}", environment.0["URL"]);
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(
        shown.contains("${TOKEN}") && shown.contains("fast"),
        "{shown}"
    );
}

#[test]
fn names_of_images_have_parts() {
    let image =
        ImageReference::new("localhost:5000/team/web:1.2@sha256:0123456789abcdef0123456789abcdef")
            .unwrap();
    assert_eq!(image.repository(), "localhost:5000/team/web");
    assert_eq!(image.tag(), Some("1.2"));
    assert!(image.digest().unwrap().starts_with("sha256:"));
    assert_eq!(
        ImageReference::new("localhost:5000/web").unwrap().tag(),
        None
    );
    for wrong in ["", "Nginx", "nginx:", "a b", "web@sha256:12", "a//b", ":1"] {
        assert!(ImageReference::new(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn names_of_apps_and_services_follow_their_rules() {
    assert!(AppName::new("shop-2_a").is_ok());
    for wrong in ["", "Shop", "-shop", "a b", "a.b"] {
        assert!(AppName::new(wrong).is_err(), "{wrong}");
    }
    assert_eq!(AppName::nearest("My Shop.d").unwrap().as_str(), "myshopd");
    assert!(ServiceName::new("Web.1").is_ok());
    assert!(ServiceName::new("web/1").is_err());
}

fn spec() -> Spec {
    let mut spec = Spec::new(AppName::new("shop").unwrap());
    let mut service = Service {
        image: Some(ImageReference::new("nginx:1.27").unwrap()),
        ..Service::default()
    };
    service
        .environment
        .0
        .insert("A".to_owned(), Value::secret(secret("KEY")));
    service.stop_grace_period = Some(std::time::Duration::from_millis(1500));
    service.deploy.resources.limits.memory = Some(1 << 20);
    spec.services
        .insert(ServiceName::new("web").unwrap(), service);
    spec
}

#[test]
fn the_canonical_form_is_short_and_reads_back() {
    let spec = spec();
    let text = spec.canonical();
    assert_eq!(
        text,
        concat!(
            r#"{"name":"shop","services":{"web":{"image":"nginx:1.27","environment":{"A":"${KEY}"},"#,
            r#""deploy":{"resources":{"limits":{"memory":1048576}}},"stop_grace_period":1500000000}}}"#
        )
    );
    assert_eq!(serde_json::from_str::<Spec>(&text).unwrap(), spec);
    assert_eq!(spec.secrets_needed(), [secret("KEY")]);
}

#[test]
fn the_hash_is_the_same_on_every_machine_and_differs_with_the_spec() {
    let one = spec();
    let mut other = one.clone();
    assert_eq!(one.hash(), other.hash());
    assert_eq!(
        one.hash().as_str(),
        "sha256:428eb459dffe653f7ecb13afa5c9651b33f08535d6d1b4036f2b1c64ec6a3818"
    );
    assert_eq!(one.hash().short().len(), 12);
    other.services.values_mut().next().unwrap().tty = true;
    assert_ne!(one.hash(), other.hash());
    let web = |spec: &Spec| spec.services.values().next().unwrap().hash();
    assert_ne!(web(&one), web(&other));
}
