//! The locks around the hub and the queues. A test puts others in their place, which let it choose the
//! order in which threads go on.

#[cfg(not(feature = "shuttle"))]
pub(crate) use parking_lot::Mutex;
#[cfg(feature = "shuttle")]
pub(crate) use shuttle_parking_lot::Mutex;
