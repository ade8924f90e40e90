//! The TypeScript types are a golden file, so that a reviewer sees what a change does to them.
#![cfg(feature = "json")]

use std::path::Path;

#[test]
fn the_typescript_types_are_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../js/events.ts");
    let printed = flowmaestro_protocol::typescript::module();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &printed).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        golden, printed,
        "run `npm run types` and review the change of js/events.ts"
    );
}
