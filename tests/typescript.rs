//! The TypeScript types of options and states are a golden file, so that a reviewer sees what a
//! change does to them.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

const HEADER: &str = "\
// Generated from src/types.rs by `npm run types`. Do not edit.

import type { ConnectionError } from \"../src/errors.js\";
import type { WasmInitError } from \"./wasm-errors.js\";

";

#[test]
fn the_typescript_types_are_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("js/option-types.ts");
    let printed = format!("{HEADER}{}\n", flowmaestro_websocket::types::module());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &printed).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        golden, printed,
        "run `npm run types` and review the change of js/option-types.ts"
    );
}
