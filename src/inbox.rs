//! The way in for all that happens outside: frames, timers, the page's signs of life.

use alloc::rc::Weak;

use wasm_bindgen::prelude::*;

use crate::driver::Driver;

/// An object whose method is called for each frame, thousands of times a second: cheaper than a
/// closure, which counts its calls.
#[wasm_bindgen(skip_typescript)]
pub struct Inbox {
    driver: Weak<Driver>,
}

impl Inbox {
    pub(crate) fn new(driver: Weak<Driver>) -> Self {
        Self { driver }
    }
}

#[wasm_bindgen]
impl Inbox {
    /// Takes in a frame, as `decoder.js` numbers its kinds, or one of the rest; nothing, once the
    /// client is gone. Returns whether that was enough: an unread frame may have to be read.
    #[wasm_bindgen(skip_typescript)]
    pub fn report(&self, number: u32, kind: u32, payload: JsValue, detail: f64) -> bool {
        let driver = self.driver.upgrade();
        driver.is_none_or(|driver| driver.receive(number, kind, payload, detail))
    }
}
