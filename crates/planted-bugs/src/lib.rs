//! Bugs that the simulation plants, one at a time, to see that it finds them.
//!
//! The session and the hub ask [`is_planted`] only when they are built with their feature
//! `planted-bugs`, which nothing but the simulation's own test does.

use std::cell::Cell;

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bug {
    /// The original client's: subscriptions are not asked for again after a reconnect.
    LostSubscriptions,
    /// The original client's: it never gives up.
    RetriesForEver,
    /// The original client's: it tries again each second, however long that was in vain.
    RetriesEachSecond,
    /// The original's: events reach users who may not see them.
    LeakedEvents,
    /// The original client's: handlers of one execution get the events of another.
    WrongExecution,
    /// The original client's: each holder more is a message more.
    ResubscribesAtEveryRender,
    /// All clients come back at the same time.
    NoJitter,
    /// What comes twice is delivered twice.
    DeliversDuplicates,
    /// A gap is not told.
    SilentGap,
    /// An event that comes too early is delivered.
    IgnoresHoles,
    /// What waits behind the event whose handler unsubscribed is delivered.
    DeliversAfterUnsubscribe,
    /// What nobody wants is delivered.
    DeliversUnwanted,
    /// A pong's heads say nothing.
    IgnoresHeads,
    /// A dead link looks like a quiet one.
    NoPings,
    /// A ping without an answer changes nothing.
    PongNotAwaited,
    /// The numbers of a new history are taken for those of the old.
    KeepsCursorOfLostHistory,
    /// Messages are queued without a limit.
    UnboundedQueue,
    /// What waits for an answer is forgotten when the connection ends.
    LosesQueue,
    /// A message that was acknowledged stays in the queue.
    SettlesTwice,
    /// A message of one user's is sent as the next.
    SendsAsAnother,
    /// Of a message that was sent it is said that it was not.
    DisownsSentMessages,
    /// The connection's timers outlive disconnect().
    TimersAfterDisconnect,
    /// A critical event that comes again is not acknowledged again.
    DuplicatesUnacknowledged,
    /// More executions are subscribed than may be.
    UnboundedSubscriptions,
    /// An execution that is let go of and taken again is let go of.
    ReleasedInTheSameBreath,
    /// A connection that ended is still subscribed.
    SubscribersLeft,
    /// The timers of a connection that ended run on.
    TimersLeft,
    /// Who watched is still watching.
    ViewersLeft,
    /// A token that ended lets its connection be.
    ExpiryIgnored,
    /// A replay begins one event too late.
    ReplaySkipsOne,
    /// A server says that it has everything.
    AlwaysRecovered,
    /// A position in another history counts in this one.
    EpochNotCompared,
    /// A batch is in the wrong order.
    BatchReversed,
    /// A batch that is full is forgotten.
    FullBatchLost,
    /// A slow reader may have any number of frames wait.
    UnboundedOutbox,
    /// A message that comes twice is acted on twice.
    RepeatedMessageActedOn,
    /// A message is taken, and its sender never told.
    MessageNotAcknowledged,
    /// A critical event is sent once.
    CriticalEventNotKept,
    /// What a socket has taken counts as waiting.
    WrittenForgotten,
    /// A reader that was slow is not sent the rest.
    NothingAfterWritten,
    /// Another's execution is refused in other words than an unknown one.
    TellsWhatExists,
}

impl Bug {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::LostSubscriptions,
        Self::RetriesForEver,
        Self::RetriesEachSecond,
        Self::LeakedEvents,
        Self::WrongExecution,
        Self::ResubscribesAtEveryRender,
        Self::NoJitter,
        Self::DeliversDuplicates,
        Self::SilentGap,
        Self::IgnoresHoles,
        Self::DeliversAfterUnsubscribe,
        Self::DeliversUnwanted,
        Self::IgnoresHeads,
        Self::NoPings,
        Self::PongNotAwaited,
        Self::KeepsCursorOfLostHistory,
        Self::UnboundedQueue,
        Self::LosesQueue,
        Self::SettlesTwice,
        Self::SendsAsAnother,
        Self::DisownsSentMessages,
        Self::TimersAfterDisconnect,
        Self::DuplicatesUnacknowledged,
        Self::UnboundedSubscriptions,
        Self::ReleasedInTheSameBreath,
        Self::SubscribersLeft,
        Self::TimersLeft,
        Self::ViewersLeft,
        Self::ExpiryIgnored,
        Self::ReplaySkipsOne,
        Self::AlwaysRecovered,
        Self::EpochNotCompared,
        Self::BatchReversed,
        Self::FullBatchLost,
        Self::UnboundedOutbox,
        Self::RepeatedMessageActedOn,
        Self::MessageNotAcknowledged,
        Self::CriticalEventNotKept,
        Self::WrittenForgotten,
        Self::NothingAfterWritten,
        Self::TellsWhatExists,
    ];
}

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Plants a bug on this thread, or none.
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether this bug is planted on this thread.
#[must_use]
pub fn is_planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}
