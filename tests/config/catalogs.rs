//! `[[catalog]]`: where templates are, and what is said of one that cannot be read.

use wharf::model::app::Visibility;

use crate::machine::{Machine, complaints};

#[test]
fn catalogs_are_read_and_a_wrong_one_loses_only_itself() {
    let config = Machine::with(
        "[[catalog]]\nname = \"team\"\npath = \"templates\"\nvisibility = \"secret\"\n\
         [[catalog]]\nname = \"a/b\"\nurl = \"ssh://git@git.example.org/t.git\"\nreference = \"main\"\npath = \"./web\"\n\
         [[catalog]]\nname = \"a/b\"\nurl = \"ssh://git@git.example.org/t.git\"\nreference = \"next\"\n\
         [[catalog]]\nname = \"out\"\nurl = \"ssh://git@git.example.org/t.git\"\npath = \"web/../../x\"\n\
         [[catalog]]\nname = \"root\"\nurl = \"ssh://git@git.example.org/t.git\"\npath = \"/etc\"\n\
         [[catalog]]\nname = \"odd\"\npath = \"x\"\nreference = \"main\"\n\
         [[catalog]]\nname = \"nowhere\"\n\
         [[catalog]]\nurl = \"x\"\n",
    )
    .plain();
    let of = |name: &str| {
        let all = config.catalogs.iter().filter(|one| one.name == name);
        all.collect::<Vec<_>>()
    };
    assert_eq!(config.catalogs.len(), 4);
    // What cannot be read keeps it to oneself.
    assert_eq!(of("team")[0].visibility, Some(Visibility::Private));
    assert!(of("team")[0].path.ends_with(".config/wharf/templates"));
    let [main, next] = of("a/b")[..] else {
        panic!("{:?}", config.catalogs);
    };
    let kept = |one: &wharf::model::app::CatalogSource| one.repository.clone().unwrap().kept;
    // What was fetched of another branch is no copy of this one, and a name is no path.
    assert_ne!(kept(main), kept(next));
    assert_eq!(kept(main).parent(), kept(next).parent());
    assert!(
        kept(main)
            .parent()
            .unwrap()
            .ends_with(".cache/wharf/catalogs")
    );
    assert_eq!(main.path, kept(main).join("now/./web"));
    let said = complaints(&config).join("\n");
    for part in [
        "[[catalog]] team: visibility is neither public nor private",
        "[[catalog]] out: path leads out of the repository",
        "[[catalog]] root: path leads out of the repository",
        "[[catalog]] odd: reference says nothing without a url",
        "[[catalog]] nowhere needs a name, and a path or a url",
        "[[catalog]] needs a name, and a path or a url",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
