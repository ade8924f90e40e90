//! Deaths on demand, for the tests of what happens then. Only in builds with the feature `crash`, which
//! no package has.

use core::hint::black_box;
use core::sync::atomic::{AtomicBool, Ordering};

use wasm_bindgen::JsValue;

/// The next event is the last.
static ARMED: AtomicBool = AtomicBool::new(false);

/// Dies as the name of an event says that nobody would ask for otherwise: at once, or in the next event.
pub(crate) fn on_demand(event_type: &JsValue) {
    match event_type.as_string().as_deref() {
        Some("crash:panic") => panicking(),
        Some("crash:trap") => trap(),
        Some("crash:stack") => drop(black_box(deeper(0))),
        Some("crash:event") => ARMED.store(true, Ordering::Relaxed),
        _ => {}
    }
}

/// Dies in an event, if that was asked for.
pub(crate) fn in_event() {
    if ARMED.load(Ordering::Relaxed) {
        panicking();
    }
}

#[allow(clippy::panic, reason = "what this is for")]
fn panicking() {
    panic!("on demand");
}

#[cfg(target_arch = "wasm32")]
fn trap() {
    core::arch::wasm32::unreachable();
}

#[cfg(not(target_arch = "wasm32"))]
fn trap() {
    panicking();
}

/// Until there is no more stack.
#[inline(never)]
#[allow(unconditional_recursion, reason = "what this is for")]
fn deeper(depth: u32) -> u32 {
    let frame = black_box([depth; 64]);
    deeper(depth.wrapping_add(1)).wrapping_add(frame.iter().sum())
}
