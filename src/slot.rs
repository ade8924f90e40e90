//! A place for what changes.

use core::cell::{Ref, RefCell, RefMut};

/// A `RefCell` that stops the program without a word when the rule of [`driver`](crate::driver) is
/// broken: the words, and where they come from, would be downloaded by everybody.
#[derive(Default)]
pub(crate) struct Slot<T>(RefCell<T>);

impl<T> Slot<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    pub(crate) fn borrow(&self) -> Ref<'_, T> {
        self.0.try_borrow().unwrap_or_else(|_| stop())
    }

    pub(crate) fn borrow_mut(&self) -> RefMut<'_, T> {
        self.0.try_borrow_mut().unwrap_or_else(|_| stop())
    }

    pub(crate) fn replace(&self, value: T) -> T {
        core::mem::replace(&mut *self.borrow_mut(), value)
    }
}

impl<T: Default> Slot<T> {
    pub(crate) fn take(&self) -> T {
        self.replace(T::default())
    }
}

#[cfg(target_arch = "wasm32")]
fn stop() -> ! {
    core::arch::wasm32::unreachable()
}

#[cfg(not(target_arch = "wasm32"))]
fn stop() -> ! {
    unreachable!("something is borrowed while something else runs")
}
