use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::Direction;

/// Why bytes are no longer handed on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The sender has ended its stream.
    Ended,
    /// The rule said so.
    Cut,
}

/// Hands bytes on in one direction, as the rule for it says.
pub(crate) async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    rule: Direction,
) -> io::Result<Stopped> {
    let mut passed = 0;
    let mut buffer = [0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        let Some(bytes) = buffer.get(..length).filter(|bytes| !bytes.is_empty()) else {
            return end(to, rule, passed).await;
        };
        let until = |limit: Option<u64>| limit.map_or(u64::MAX, |limit| limit - passed.min(limit));
        let allowed = until(rule.cut_after).min(until(rule.silent_after));
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX).min(length);
        write_segments(
            &mut to,
            bytes.get(..allowed).unwrap_or_default(),
            rule.segment,
        )
        .await?;
        passed += allowed as u64;
        if rule.cut_after.is_some_and(|limit| passed >= limit) {
            return Ok(Stopped::Cut);
        }
    }
}

/// A stream that has gone silent does not end either.
async fn end(mut to: impl AsyncWrite + Unpin, rule: Direction, passed: u64) -> io::Result<Stopped> {
    if rule.silent_after.is_some_and(|limit| passed >= limit) {
        std::future::pending::<()>().await;
    }
    to.shutdown().await?;
    Ok(Stopped::Ended)
}

async fn write_segments(
    to: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    segment: Option<usize>,
) -> io::Result<()> {
    let Some(segment) = segment else {
        return to.write_all(bytes).await;
    };
    for part in bytes.chunks(segment.max(1)) {
        to.write_all(part).await?;
        to.flush().await?;
        // The reader may run in between, and so sees what has come so far.
        tokio::task::yield_now().await;
    }
    Ok(())
}
